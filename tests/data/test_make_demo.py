"""The synthetic scene: what its files promise, and that the faults asked for are there."""

import importlib
import json
import os
import subprocess
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

DATA = Path(__file__).parents[2] / "data"
SMALL = ["--size", "160x90", "--frames", "5", "--min-area", "12"]
EXACT = ["--drop-out", "0", "--duplicates", "0", "--spurious", "0", "--jitter", "0"]


@pytest.fixture(scope="module")
def demo():
    """The module make_demo, imported as the script would be: its folder first on the path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DATA)
        yield importlib.import_module("make_demo")


@pytest.fixture
def make(demo, tmp_path):
    """Return a function that makes a small scene with more flags and returns its folder."""

    def make(name, *flags):
        assert demo.main(["--out", str(tmp_path / name), *SMALL, *flags]) == 0
        return tmp_path / name

    return make


def read_json(folder, name):
    """Return the content of a JSON file of a scene."""
    return json.loads((folder / name).read_text())


def read_masks(folder):
    """Return {frame: [(identity, record, (h, w) mask), ...]}."""
    truth = read_json(folder, "truth.json")
    return {
        frame: [
            (identity, record, np.load(folder / record["segmentation"]))
            for identity, record in zip(truth[frame], records, strict=True)
        ]
        for frame, records in read_json(folder, "sk_masks.json").items()
    }


def by_identity(folder):
    """Return one {identity: [mask, ...]} a frame, without the masks that are no object."""
    frames = []
    for items in read_masks(folder).values():
        found = defaultdict(list)
        for identity, _, mask in items:
            if identity is not None:
                found[identity].append(mask)
        frames.append(dict(found))
    return frames


def contents(folder):
    """Return {path: bytes} of every file below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def touches_border(mask):
    """Return whether a mask reaches the edge of the picture."""
    return mask[[0, -1]].any() or mask[:, [0, -1]].any()


def test_same_arguments_give_the_same_bytes_in_another_process(make, tmp_path):
    here = contents(make("here"))
    command = [sys.executable, str(DATA / "make_demo.py"), "--out", "there", *SMALL]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert here == contents(tmp_path / "there")
    assert here != contents(make("other", "--seed", "1"))


def test_more_frames_leave_the_first_ones_as_they_were(make):
    short, long = contents(make("short", "--frames", "3")), contents(make("long"))
    shared = {path for path in short if path.endswith((".npy", ".png"))}
    assert len(shared) > 3
    assert {path: short[path] for path in shared} == {path: long[path] for path in shared}


def test_layout(make):
    folder = make("scene", "--spurious", "5")
    assert {path.name for path in folder.iterdir()} == {
        "frames",
        "numpy_masks",
        "sk_masks.json",
        "truth.json",
    }
    names = [f"{frame:04d}.png" for frame in range(5)]
    masks = read_masks(folder)
    assert list(masks) == list(read_json(folder, "truth.json")) == names
    for frame, items in masks.items():
        picture = cv2.imread(str(folder / "frames" / frame))
        assert picture.shape == (90, 160, 3)
        assert picture.std() > 10  # not blank
        stem = frame.removesuffix(".png")
        paths = [record["segmentation"] for _, record, _ in items]
        assert paths == [f"numpy_masks/{stem}/{index}.npy" for index in range(len(items))]
        assert len(list((folder / "numpy_masks" / stem).iterdir())) == len(items)
    identities = {identity for items in masks.values() for identity, _, _ in items}
    assert None in identities
    assert all(isinstance(i, int) and i >= 100 for i in identities - {None})


def test_records_agree_with_pixels(make):
    items = [item for frame in read_masks(make("scene")).values() for item in frame]
    assert len(items) > 50
    for _, record, mask in items:
        assert (mask.dtype, mask.shape) == (np.bool_, (90, 160))
        rows, columns = np.nonzero(mask)
        size = [np.ptp(columns) + 1, np.ptp(rows) + 1]
        assert record["area"] == len(rows)
        assert record["bbox"] == [columns.min(), rows.min(), *size]
        assert 0 <= record["predicted_iou"] <= 1
        assert 0 <= record["stability_score"] <= 1


def test_rle_holds_the_masks_of_the_files(make):
    in_files = read_masks(make("npy"))
    folder = make("rle", "--masks", "rle")
    assert not (folder / "numpy_masks").exists()
    assert read_json(folder, "truth.json") == {
        frame: [identity for identity, _, _ in items] for frame, items in in_files.items()
    }
    for frame, records in read_json(folder, "sk_masks.json").items():
        for record, (_, _, mask) in zip(records, in_files[frame], strict=True):
            column_major = []
            for run, count in enumerate(record["segmentation"]["counts"]):
                column_major += [run % 2 == 1] * count
            height, width = record["segmentation"]["size"]
            assert (mask == np.reshape(column_major, (width, height)).T).all()


def test_parts_lie_in_their_wholes(make):
    parts = 0
    for found in by_identity(make("scene", *EXACT)):
        for identity, (mask,) in found.items():
            whole = identity // 100 * 100
            if identity != whole and whole in found:
                parts += 1
                assert not (mask & ~found[whole][0]).any()
                assert mask.sum() < found[whole][0].sum()
    assert parts > 30


def test_inexact_parts_lie_nearly_in_their_wholes(make):
    flags = ["--drop-out", "0", "--duplicates", "0"]
    inside = [
        (mask & found[identity // 100 * 100][0]).sum() / mask.sum()
        for found in by_identity(make("scene", *flags, "--jitter", "1.2"))
        for identity, (mask,) in found.items()
        if identity % 100 and identity // 100 * 100 in found
    ]
    assert min(inside) < 1  # edges are inexact
    assert np.mean(inside) > 0.95


def test_only_the_visible_region_is_found(make):
    boxes_overlap = False
    for items in read_masks(make("scene", *EXACT)).values():
        wholes = [(record["bbox"], mask) for identity, record, mask in items if identity % 100 == 0]
        assert sum(mask.astype(int) for _, mask in wholes).max() == 1  # nothing shows through
        for k, ((x, y, w, h), _) in enumerate(wholes):
            for (x2, y2, w2, h2), _ in wholes[:k]:
                boxes_overlap |= x < x2 + w2 and x2 < x + w and y < y2 + h2 and y2 < y + h
    assert boxes_overlap


def test_identities_return_with_the_camera(make):
    # A round trip of the camera is 2 * 0.4 / 0.2 = 4 frames; nothing else moves.
    frames = by_identity(make("scene", *EXACT, "--camera-speed", "0.2", "--object-speed", "0"))
    away = (frames[0].keys() & frames[4].keys()) - frames[2].keys()
    assert len(away) >= 3
    assert frames[0].keys() == frames[4].keys()
    for identity, (mask,) in frames[0].items():
        assert (mask == frames[4][identity][0]).all()


def test_identities_return_from_behind_others(make):
    frames = by_identity(make("scene", *EXACT, "--frames", "40"))
    behind = set()
    for identity in {identity for found in frames for identity in found}:
        seen = [frame for frame, found in enumerate(frames) if identity in found]
        for last, first in pairwise(seen):
            masks = frames[last][identity] + frames[first][identity]
            if first - last > 2 and not any(touches_border(mask) for mask in masks):
                behind.add(identity)
    assert behind


def test_drop_outs_remove_masks_and_change_no_other(make):
    def found(rate):
        folder = make(f"rate{rate}", *SMALL, "--frames", "10", "--drop-out", rate)
        return {
            (frame, identity, mask.tobytes())
            for frame, items in read_masks(folder).items()
            for identity, _, mask in items
            if identity is not None
        }

    full, half = found("0"), found("0.5")
    assert half < full
    assert len(full) > 200
    assert 0.4 < len(half) / len(full) < 0.6
    assert not found("1")


def test_every_mask_may_have_a_near_duplicate(make):
    flags = ["--drop-out", "0", "--jitter", "1.2", "--spurious", "0"]
    pairs = [
        masks
        for found in by_identity(make("twice", *flags, "--duplicates", "1"))
        for masks in found.values()
        if len(masks) == 2
    ]
    assert len(pairs) > 100
    ious = [(a & b).sum() / (a | b).sum() for a, b in pairs]
    assert min(ious) > 0.5
    assert np.mean(ious) < 1
    once = by_identity(make("once", *flags, "--duplicates", "0"))
    assert {len(masks) for found in once for masks in found.values()} == {1}


def test_small_masks_are_not_found(make):
    def areas(limit):
        masks = read_masks(make(limit, "--min-area", limit))
        return [record["area"] for items in masks.values() for _, record, _ in items]

    assert min(areas("12")) < 60 <= min(areas("60"))


def test_order_is_random(make):
    orders = [[i for i, _, _ in items] for items in read_masks(make("scene", *EXACT)).values()]
    assert all(order != sorted(order) for order in orders)
    kept = [i for i in orders[0] if i in orders[1]], [i for i in orders[1] if i in orders[0]]
    assert kept[0] != kept[1]


def test_a_setting_is_a_set_of_defaults(make):
    hard = contents(make("hard", "--setting", "hard"))
    given = ["--camera-speed", "0.04", "--drop-out", "0.2", "--duplicates", "0"]
    assert hard == contents(make("given", *given))
    assert hard != contents(make("easy"))
    assert hard != contents(make("other", "--setting", "hard", "--drop-out", "0"))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--size", "960"], "'960' is no size; give WIDTHxHEIGHT in pixels"),
        (["--size", "0x90"], "'0x90' is no size"),
        (["--size", "160x9000"], "'160x9000' is no size"),
        (["--frames", "0"], "argument --frames: '0' is not a whole number from 1 to"),
        (["--frames", "2.5"], "'2.5' is not a whole number"),
        (["--objects", "0"], "argument --objects: '0' is not"),
        (["--seed", "-1"], "argument --seed: '-1' is not"),
        (["--drop-out", "1.5"], "argument --drop-out: '1.5' is not a number from 0 to 1.0"),
        (["--jitter", "nan"], "argument --jitter: 'nan' is not a number"),
        (["--masks", "png"], "argument --masks: invalid choice: 'png'"),
        (["--setting", "medium"], "argument --setting: invalid choice: 'medium'"),
        (["--frame", "3"], "unrecognized arguments: --frame 3"),
    ],
)
def test_bad_arguments(demo, tmp_path, capsys, flags, message):
    with pytest.raises(SystemExit) as stop:
        demo.main(["--out", str(tmp_path / "scene"), *flags])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not any(tmp_path.iterdir())


def fails(demo, capsys, out, *flags):
    """Return the message of a call that must end with exit code 2, checked to be one line."""
    capsys.readouterr()
    assert demo.main(["--out", str(out), *SMALL, *flags]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_an_existing_scene_is_replaced_only_on_demand(demo, make, capsys):
    folder = make("scene")
    before = contents(folder)
    assert "is not empty; choose another --out or add --overwrite" in fails(demo, capsys, folder)
    assert contents(folder) == before
    make("scene", "--overwrite", "--frames", "2")
    assert len(read_json(folder, "truth.json")) == 2
    assert not (folder / "numpy_masks" / "0002").exists()


def test_an_empty_folder_is_used(make, tmp_path):
    (tmp_path / "scene").mkdir()
    assert len(read_json(make("scene"), "truth.json")) == 5


def test_overwrite_spares_what_is_no_scene(demo, make, capsys):
    folder = make("scene")
    (folder / "thesis.txt").write_text("mine")
    before = contents(folder)
    assert "holds thesis.txt" in fails(demo, capsys, folder, "--overwrite")
    assert contents(folder) == before


def test_out_must_be_a_folder_in_a_folder(demo, tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("mine")
    assert "is a file" in fails(demo, capsys, file, "--overwrite")
    assert f"cannot write {file / 'scene'}" in fails(demo, capsys, file / "scene")
    assert contents(tmp_path) == {"file": b"mine"}


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_broken_run_leaves_the_old_scene_and_nothing_else(
    demo, make, tmp_path, monkeypatch, capsys, error
):
    before = contents(make("scene"))
    write_frame = demo.write_frame

    def break_at_third(folder, stem, *rest):
        if stem == "0002":
            assert folder.is_relative_to(tmp_path)  # beside its place, where a rename suffices
            raise error
        return write_frame(folder, stem, *rest)

    monkeypatch.setattr(demo, "write_frame", break_at_third)
    command = ["--out", str(tmp_path / "scene"), *SMALL, "--overwrite", "--seed", "1"]
    if isinstance(error, OSError):
        assert demo.main(command) == 2
        assert "disk full" in capsys.readouterr().err
    else:
        with pytest.raises(KeyboardInterrupt):
            demo.main(command)
    assert [path.name for path in tmp_path.iterdir()] == ["scene"]
    assert contents(tmp_path / "scene") == before
