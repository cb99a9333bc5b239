"""Pictures of known experiments, pixel by pixel, on a machine without a display."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence
from scipy import ndimage

import mark_label
import vis
from consistency.draw import colours, render

SHAPE = (40, 70)
OUTPUTS = ["masks", "rle", "none"]


def box(x, y, width, height):
    """A mask with one rectangle."""
    mask = np.zeros(SHAPE, bool)
    mask[y : y + height, x : x + width] = True
    return mask


# A large object (label 1) with a small one on it (2), and a third (3); in the second frame the
# segmenter lists them in another order and finds one of them twice; the third frame is empty.
SEQUENCE = {
    "0": [box(2, 2, 40, 30), box(10, 10, 12, 12), box(50, 5, 10, 20)],
    "1": [box(11, 10, 12, 12), box(51, 5, 10, 20), box(51, 5, 10, 19), box(3, 2, 40, 30)],
    "2": [],
    "10": [box(4, 2, 40, 30), box(12, 10, 12, 12)],
}
LABELS = {"0": [1, 3, 2], "1": [3, 2, None, 1], "2": [], "10": [1, 3]}


def write_data(folder, sequence=SEQUENCE):
    for name, masks in sequence.items():
        (folder / "numpy_masks" / name).mkdir(parents=True)
        for i, mask in enumerate(masks):
            np.save(folder / "numpy_masks" / name / f"{i}.npy", mask)
    return folder


def picture(name, labels):
    """RGB picture of a frame, painted the slow way: large masks first, outlines of hidden ones."""
    image = np.zeros((*SHAPE, 3), np.uint8)
    seen = np.zeros(SHAPE, int)
    pairs = [p for p in zip(SEQUENCE[name], labels, strict=True) if p[1] is not None]
    pairs.sort(key=lambda p: -p[0].sum())
    for mask, label in pairs:
        image[mask] = colours.colours([label])[0]
        seen[mask] = label
    for mask, label in pairs:
        if (seen == label).sum() < mask.sum() / 2:
            image[mask & ~ndimage.binary_erosion(mask)] = colours.colours([label])[0]
    return image


@pytest.fixture
def data(tmp_path):
    return write_data(tmp_path / "data")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mark(output="none", *more):
    code = mark_label.main(
        ["--exp-name", "tiny", "--quiet", "--memory", "2", "--output", output, *more]
    )
    assert code == 0


def look(*arguments):
    """Draw without captions: what is compared are the pictures alone."""
    return vis.main(["--exp-name", "tiny", "--quiet", "--overwrite", "--no-captions", *arguments])


def gif_frames(path="vis_consistent/tiny.gif"):
    with Image.open(path) as image:
        return [np.asarray(f.convert("RGB")) for f in ImageSequence.Iterator(image)]


def gif_durations(data: bytes) -> list[int]:
    """Durations of all frames in 1/100 s, read from the graphic control extensions."""
    starts = [i for i in range(len(data)) if data[i : i + 3] == b"!\xf9\x04"]
    return [struct.unpack_from("<H", data, i + 4)[0] for i in starts]


@pytest.mark.parametrize("output", OUTPUTS)
def test_gif_shows_every_label_in_its_colour(data, here, output):
    mark(output)
    assert look() == 0
    shown = gif_frames()
    assert len(shown) == len(SEQUENCE)
    for image, name in zip(shown, SEQUENCE, strict=True):
        np.testing.assert_array_equal(image, picture(name, LABELS[name]))
    assert list(Path("vis_consistent").iterdir()) == [Path("vis_consistent/tiny.gif")]


@pytest.mark.parametrize("output", OUTPUTS)
def test_before_shows_all_masks_numbered_anew_in_every_frame(data, here, output):
    mark(output)
    assert look("--before") == 0
    for image, name in zip(gif_frames(), SEQUENCE, strict=True):
        np.testing.assert_array_equal(image, picture(name, range(1, len(SEQUENCE[name]) + 1)))


def test_side_by_side_shows_input_and_result(data, here):
    mark()
    assert look("--side-by-side") == 0
    for image, name in zip(gif_frames(), SEQUENCE, strict=True):
        before = picture(name, range(1, len(SEQUENCE[name]) + 1))
        np.testing.assert_array_equal(image[:, : SHAPE[1]], before)
        np.testing.assert_array_equal(image[:, -SHAPE[1] :], picture(name, LABELS[name]))


def test_scale_picks_pixels(data, here):
    mark()
    assert look("--scale", "0.5") == 0
    expected = render.scaled(picture("0", LABELS["0"]), 0.5)
    assert expected.shape[:2] == (20, 35)
    np.testing.assert_array_equal(gif_frames()[0], expected)


def test_identical_frames_are_not_merged_and_durations_keep_the_pace(data, here, tmp_path):
    still = {str(t): SEQUENCE["0"] for t in range(8)}
    write_data(tmp_path / "still", still)
    mark("none", "--data-path", "still")
    assert look("--fps", "24") == 0
    durations = gif_durations(Path("vis_consistent/tiny.gif").read_bytes())
    assert len(durations) == 8
    assert sum(durations) == 33  # 8 / 24 s
    assert set(durations) == {4, 5}


def test_gif_has_one_palette_of_all_labels(data, here):
    mark()
    assert look() == 0
    content = Path("vis_consistent/tiny.gif").read_bytes()
    table = np.frombuffer(content[13 : 13 + 768], np.uint8).reshape(256, 3)
    used = {tuple(c) for c in table.tolist()}
    assert used == {tuple(c) for c in colours.colours(range(4)).tolist()}
    with Image.open("vis_consistent/tiny.gif") as image:
        assert image.info["loop"] == 0


def test_sequence_with_more_labels_than_a_palette_holds(here, tmp_path):
    count = 300
    shape = (30, 30)
    masks = np.zeros((count, *shape), bool)
    for i in range(count):
        masks[i, i // 10, 3 * (i % 10) : 3 * (i % 10) + 2] = True
    (tmp_path / "many" / "numpy_masks").mkdir(parents=True)
    np.save("many/numpy_masks/0.npy", masks)
    mark("none", "--data-path", "many")
    assert look() == 0
    (image,) = gif_frames()
    assert (image[masks.any(axis=0)].sum(axis=1) > 0).all()
    assert len({tuple(c) for c in image.reshape(-1, 3).tolist()}) == 256


def test_runs_without_a_display(data, here):
    mark()
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    script = Path(vis.__file__)
    formats = ["gif", "mp4", "png", "html", "timeline", "contact"]
    done = subprocess.run(
        [sys.executable, script, "--exp-name", "tiny", "--format", *formats],
        env=environment | {"MPLBACKEND": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("vis_consistent/tiny.gif: 4 frames\n")
    assert len(list(Path("vis_consistent").iterdir())) == len(formats)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--exp-name", "none"], "no such experiment; run mark_label.py first"),
        (["--fps", "60"], "at most 50 frames per second"),
        (["--scale", "1000"], "at most 65535 pixels"),
    ],
)
def test_errors_are_one_line(data, here, capsys, arguments, message):
    mark()
    assert look(*arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(Path().glob("vis_consistent/*"))


def test_one_of_many_sequences_is_drawn(here, capsys):
    for name in "ab":
        write_data(here / "many" / name)
    mark("none", "--data-path", "many")
    assert look() == 2
    assert "holds 2 sequences; draw one at a time, as in --exp-name tiny/a" in (
        capsys.readouterr().err
    )
    assert vis.main(["--exp-name", "tiny/b", "--quiet", "--no-captions"]) == 0
    np.testing.assert_array_equal(
        gif_frames("vis_consistent/tiny/b.gif")[0], picture("0", LABELS["0"])
    )


def test_before_needs_the_input(data, here, capsys):
    mark("rle")
    data.rename("elsewhere")
    assert look() == 0
    assert look("--before") == 2
    assert "input of experiment 'tiny' is gone" in capsys.readouterr().err


def test_nothing_to_draw_is_an_error(here, capsys):
    write_data(here / "void", {"0": [], "1": []})
    mark("none", "--data-path", "void")
    assert look() == 2
    assert "no frame has a mask" in capsys.readouterr().err
