"""Small labelled sequences for the tests of formats, and how to read one back."""

import json
from pathlib import Path

import numpy as np
from pycocotools import mask as coco

import mark_label
from consistency.dataset import Dataset, Frame, Layout
from consistency.formats import open_dataset, read_masks
from consistency.formats.buffer import Buffer

HEIGHT, WIDTH = 37, 53

#   frame    0    1    2    3         objects walk to the right by a pixel a frame; b is away in
#   a        *    *    *    *         frame 1, c comes late
#   b        *         *    *
#   c                  *    *
OBJECTS = {"a": (0, 1, 2, 3), "b": (0, 2, 3), "c": (2, 3)}
CORNERS = {"a": (3, 2, 9, 14), "b": (20, 5, 8, 11), "c": (10, 30, 16, 9)}  # y, x, height, width


def mask(name: str, t: int, grow: int = 0) -> np.ndarray:
    """Pixels of an object: a box with a hole, bool (HEIGHT, WIDTH)."""
    y, x, height, width = CORNERS[name]
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    pixels[y - grow : y + height + grow, x + t - grow : x + t + width + grow] = True
    pixels[y + 2 : y + 4, x + t + 2 : x + t + 4] = False
    return pixels


def run_lengths(pixels: np.ndarray) -> dict:
    """COCO run lengths as a JSON holds them."""
    rle = coco.encode(np.asfortranarray(pixels.astype(np.uint8)))
    return {"size": list(pixels.shape), "counts": rle["counts"].decode()}


def write_native(folder: Path, frames: list[list[dict]], names=None) -> Path:
    """Write sk_masks.json; a frame is a list of records with pixels as "segmentation"."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {}
    for t, records in enumerate(frames):
        name = names[t] if names else f"{t:04d}.png"
        content[name] = [r | {"segmentation": run_lengths(r["segmentation"])} for r in records]
    (folder / "sk_masks.json").write_text(json.dumps(content))
    return folder


def in_memory(masks: list[list[np.ndarray]]) -> tuple[tuple[Frame, ...], Layout]:
    """Frames of run lengths, named 0, 1, 2, ..., that need no file, and how they are read."""
    records = [tuple({"segmentation": run_lengths(m)} for m in frame) for frame in masks]
    frames = tuple(Frame(str(t), each) for t, each in enumerate(records))
    return frames, Layout(Path(), "native")


def disjoint(folder: Path) -> Path:
    """Native data of OBJECTS; masks do not touch."""
    frames = [
        [{"segmentation": mask(k, t), "score": 0.5} for k in OBJECTS if t in OBJECTS[k]]
        for t in range(4)
    ]
    return write_native(folder, frames)


def overlapping(folder: Path) -> Path:
    """As ``disjoint``, with a large mask "a" that b and c reach into and one inside of it."""
    frames = []
    for t in range(4):
        inner = np.zeros((HEIGHT, WIDTH), bool)
        inner[8:11, 8 + t : 12 + t] = True
        masks = [mask("a", t, 2), inner]
        masks += [mask(k, t, 3) for k in "bc" if t in OBJECTS[k]]
        scores = [0.9, 0.2, 0.5, 0.6]
        frames.append(
            [{"segmentation": m, "score": s} for m, s in zip(masks, scores, strict=False)]
        )
    return write_native(folder, frames)


def mark(data: Path, experiments: Path, *flags: str) -> Path:
    """Run mark_label.py on ``data``; returns the experiment's folder."""
    arguments = ["--data-path", str(data), "--experiments", str(experiments), "--quiet"]
    code = mark_label.main([*arguments, "--exp-name", "exp", "--overwrite", *flags])
    assert code == 0
    return experiments / "exp"


def pixels_of(dataset: Dataset) -> list[dict[int, np.ndarray]]:
    """Masks of each frame by identity, {identity: bool (h, w)}."""
    frames = []
    for frame in dataset.frames:
        packed = read_masks(dataset.layout, frame, Buffer())
        assert packed.count == len(frame.records) == len(frame.identities or ())
        frames.append({v: packed.unpack(i) for i, v in enumerate(frame.identities or ())})
    return frames


def assert_same(found: list[dict], expected: list[dict]) -> None:
    """Compare what ``pixels_of`` returns; frames without masks count."""
    assert [sorted(frame) for frame in found] == [sorted(frame) for frame in expected]
    for ours, theirs in zip(found, expected, strict=True):
        for key in ours:
            np.testing.assert_array_equal(ours[key], theirs[key])


def labelled(experiment: Path) -> list[dict[int, np.ndarray]]:
    """Masks of an experiment by label, from its run lengths."""
    return pixels_of(open_dataset(experiment / f"{experiment.name}.json"))
