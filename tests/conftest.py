"""Small data sets on disk, and experiments made of them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import sequences
from hypothesis import settings

import mark_label
from consistency.masks import compiled

pytest_plugins = ["backend_fixtures", "viewer_fixtures"]

# A busy machine is no failure: times are measured in running_time/, not asserted here.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture(params=["numpy", "compiled"], scope="module")
def inner_loops(request):
    """The tests that use it run without what is compiled, and with it."""
    native = compiled.native
    if request.param == "compiled" and native is None:
        pytest.skip("the inner loops are not compiled: python setup.py build_ext --inplace")
    compiled.native = native if request.param == "compiled" else None
    yield
    compiled.native = native


def write_dataset(folder: Path, frames: Sequence[Sequence[np.ndarray]], **extra: list) -> Path:
    """Write the native layout; ``extra`` holds, for a record key, its values [frame][mask]."""
    content = {}
    for t, masks in enumerate(frames):
        records = []
        for i, mask in enumerate(masks):
            path = folder / "numpy_masks" / str(t) / f"{i}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, mask)
            record = {"segmentation": f"numpy_masks/{t}/{i}.npy", "area": int((mask != 0).sum())}
            records.append(record | {key: values[t][i] for key, values in extra.items()})
        content[f"{t}.png"] = records
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sk_masks.json").write_text(json.dumps(content))
    return folder


def ascii_frames(*pictures: str) -> list[list[np.ndarray]]:
    """Turn drawings into frames: each letter is one mask; its letter order is the mask order."""
    frames = []
    for picture in pictures:
        rows = [list(line.strip()) for line in picture.strip().splitlines()]
        pixels = np.array(rows)
        frames.append([pixels == letter for letter in sorted(set(pixels.flat) - {"."})])
    return frames


def squares(*boxes: tuple[int, int, int], shape: tuple[int, int] = (40, 60)) -> list[np.ndarray]:
    """Masks (h, w) of squares given as x, y, side."""
    masks = []
    for x, y, side in boxes:
        mask = np.zeros(shape, bool)
        mask[y : y + side, x : x + side] = True
        masks.append(mask)
    return masks


def labels_of(folder: Path) -> dict[str, list[int]]:
    """Labels {frame: [label of each kept mask in the order of the input]} of an experiment."""
    content = json.loads((folder / f"{folder.name}.json").read_text())
    return {frame: [record["label"] for record in records] for frame, records in content.items()}


@pytest.fixture
def mark(tmp_path: Path) -> Callable[..., Path]:
    """Run mark_label.py in this process; returns the experiment's folder."""

    def run(data: Path, *flags: str, name: str = "exp") -> Path:
        where = ["--data-path", str(data), "--experiments", str(tmp_path / "experiments")]
        code = mark_label.main([*where, "--exp-name", name, "--overwrite", "--quiet", *flags])
        assert code == 0
        return tmp_path / "experiments" / name

    return run


def refusal(capsys: pytest.CaptureFixture, command: Callable[[], int]) -> str:
    """Return the one line on stderr of a command that refuses, while it parses or later."""
    try:
        code = command()
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    out, err = capsys.readouterr()
    assert not out or out.endswith("failed\n")  # of several sequences: how many
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    return err


@pytest.fixture
def fails(tmp_path: Path, capsys: pytest.CaptureFixture) -> Callable[..., str]:
    """Run mark_label.py on bad input; returns its one line on stderr."""

    def run(data: Path, *flags: str) -> str:
        experiments = tmp_path / "experiments"
        where = ["--data-path", str(data), "--experiments", str(experiments), "--exp-name", "bad"]
        message = refusal(capsys, lambda: mark_label.main([*where, *flags]))
        assert not list(experiments.glob("*")), "something half-written is left"
        return message

    return run


@pytest.fixture
def disjoint(tmp_path: Path) -> Path:
    """A data set whose masks do not overlap."""
    return sequences.disjoint(tmp_path / "data")


@pytest.fixture
def overlapping(tmp_path: Path) -> Path:
    """A data set with masks that overlap."""
    return sequences.overlapping(tmp_path / "data")


@pytest.fixture
def refuse(tmp_path, capsys):
    """Return a function that runs the tool and returns its one line of error."""

    def run(path, *flags: str) -> str:
        out = tmp_path / "experiments"
        arguments = ["--data-path", str(path), "--experiments", str(out), *flags]
        message = refusal(capsys, lambda: mark_label.main(arguments))
        assert not list(out.glob("*"))
        return message

    return run
