"""What validate warns of: allowed, and rarely meant.  Each beside data that is free of it."""

import numpy as np
import pytest
import samples
import sequences
from sequences import mask

from consistency import validate


def said(folder, capsys, *flags: str) -> list[str]:
    assert validate.main([str(folder), "--quiet", *flags]) == 0
    return capsys.readouterr().out.split("warnings: ")[1].splitlines()


def frames(change=lambda t, m: m, names=None, times=range(4)):
    return [[{"segmentation": change(t, mask(k, t))} for k in samples.present(t)] for t in times]


def two_pieces(t, pixels):
    return pixels | np.roll(pixels, 25, axis=1)


def at_a_corner(t, pixels):
    found = np.zeros_like(pixels)
    found[2:4, 2 + t : 4 + t] = found[4:6, 4 + t : 6 + t] = True
    return found


WRONG = {
    "pieces": (frames(two_pieces), None, "9 of 9 masks consist of several pieces, first in frame"),
    "repeats": (frames(times=(0, 0, 2, 2)), None, "2 frames have the masks of the frame before"),
    "quarter": (frames(at_a_corner), None, "all masks lie between x = 2 and 9, y = 2 and 6"),
    "gaps": (frames(), ["1.png", "2.png", "5.png", "6.png"], "1 gaps, first between '2.png' and"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_disappoints_is_told(name, tmp_path, capsys):
    content, names, message = WRONG[name]
    lines = said(sequences.write_native(tmp_path / "data", content, names), capsys)
    assert lines[0] == "1"
    assert message in lines[1]


def test_plain_data_is_free_of_it(tmp_path, capsys):
    assert said(sequences.disjoint(tmp_path / "data"), capsys) == ["0"]
    every_fourth = ["0.png", "4.png", "8.png", "12.png"]
    folder = sequences.write_native(tmp_path / "fourth", frames(), every_fourth)
    assert said(folder, capsys) == ["0"]


def test_swapped_sizes_are_named(tmp_path, capsys):
    content = frames()
    content[2] = [{"segmentation": record["segmentation"].T} for record in content[2]]
    assert validate.main([str(sequences.write_native(tmp_path / "d", content)), "--quiet"]) == 2
    assert "frame '0002.png': masks of 53 × 37 pixels, but 37 × 53 in frame '0000.png'; " in (
        text := capsys.readouterr().out
    )
    assert "height and width are swapped\n" in text


def pictures(folder, change):
    for t in range(4):
        for i, record in enumerate(frames(times=[t])[0]):
            samples.save(folder / f"f{t}" / f"{i}.png", change(record["segmentation"]))
    return folder


def arrays(folder, change):
    for t in range(4):
        for i, record in enumerate(frames(times=[t])[0]):
            path = folder / "numpy_masks" / str(t) / f"{i}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, change(record["segmentation"]))
    return folder


def stacks(folder, change):
    (folder / "numpy_masks").mkdir(parents=True)
    for t in range(4):
        stack = np.stack([change(record["segmentation"]) for record in frames(times=[t])[0]])
        np.save(folder / "numpy_masks" / f"{t}.npy", np.asfortranarray(stack) if t == 3 else stack)
    return folder


def blurred(pixels):
    """A mask whose edges a program has made soft."""
    found = pixels.astype(np.uint8) * 255
    found[np.roll(found, 1, axis=0) != found] //= 2
    return found


@pytest.mark.parametrize("write", [pictures, arrays, stacks])
def test_values_other_than_those_of_a_mask_are_told(write, tmp_path, capsys):
    # Images of several values are found by name alone.
    flags = ["--input-format", "png"] if write is pictures else []
    lines = said(write(tmp_path / "blurred", blurred), capsys, *flags)
    assert lines[0] == "1"
    assert "9 of 9 masks have several values beside 0, first in frame" in lines[1]
    black_and_white = write(tmp_path / "plain", lambda pixels: pixels.astype(np.uint8) * 255)
    assert said(black_and_white, capsys) == ["0"]
    assert said(write(tmp_path / "bool", lambda pixels: pixels), capsys) == ["0"]


def test_several_values_in_an_archive_are_told_when_it_is_read(tmp_path, capsys):
    masks = np.stack([blurred(record["segmentation"]) for f in frames() for record in f])
    np.savez(tmp_path / "x.npz", masks=masks, frame_indices=[0, 0, 1, 2, 2, 2, 3, 3, 3])
    assert validate.main([str(tmp_path / "x.npz"), "--quiet"]) == 0
    assert "9 masks have several values beside 0; each counts as" in capsys.readouterr().err
