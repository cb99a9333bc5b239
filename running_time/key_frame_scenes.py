"""Sequences with images and the true masks of their objects, for key_frames.py."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from paint import Painter
from pycocotools import mask as coco
from segmenter import SETTINGS
from world import PARTS_PER_OBJECT, make_world

from consistency.dataset import Dataset, Frame, Layout
from consistency.formats import open_dataset, read_masks
from consistency.formats.buffer import Buffer

IMAGES, MASKS = "JPEGImages", "Annotations"  # as DAVIS calls them
DEMO_FRAMES, DEMO_SIZE, DEMO_OBJECTS, DEMO_SEED = 41, (540, 960), 24, 0

Masks = dict[int, np.ndarray]  # {identity: bool (h, w)}


@dataclass(frozen=True)
class Scene:
    """A sequence.

    Attributes
    ----------
    name : of the sequence.
    images : folder of its images.
    truth : the masks of each frame.
    dataset : the same as run lengths in memory, in the order of ``identities``.
    identities : of each frame.
    """

    name: str
    images: Path
    truth: list[Masks]
    dataset: Dataset
    identities: list[list[int]]

    def until(self, frames: int) -> "Scene":
        """Return the first frames."""
        dataset = Dataset(self.dataset.layout, self.dataset.frames[:frames])
        return Scene(self.name, self.images, self.truth[:frames], dataset, self.identities[:frames])


def scene(name: str, images: Path, frames: Iterable[tuple[str, Masks]]) -> Scene:
    """Return a sequence with masks in memory."""
    named = list(frames)
    truth = [masks for _, masks in named]
    listed = tuple(
        Frame(frame, tuple({"segmentation": _run_lengths(m)} for m in masks.values()))
        for frame, masks in named
    )
    identities = [list(masks) for masks in truth]
    return Scene(name, images, truth, Dataset(Layout(Path(), "native"), listed), identities)


def _run_lengths(mask: np.ndarray) -> dict:
    found = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(mask.shape), "counts": found["counts"].decode()}


def find(folders: Iterable[Path]) -> list[Scene]:
    """Read the sequences in some folders; FileNotFoundError where there is none."""
    found = []
    for folder in folders:
        inside = [folder, *sorted(p for p in folder.iterdir() if p.is_dir())]
        chosen = [p for p in inside if (p / IMAGES).is_dir() and (p / MASKS).is_dir()]
        if not chosen:
            raise FileNotFoundError(
                f"{folder}: no sequence; give folders with {IMAGES}/ and {MASKS}/ in them"
            )
        found += [scene(p.name, p / IMAGES, _label_images(p / MASKS)) for p in chosen]
    return found


def _label_images(folder: Path) -> Iterator[tuple[str, Masks]]:
    dataset = open_dataset(folder)
    for frame in dataset.frames:
        masks = read_masks(dataset.layout, frame, Buffer())
        names = frame.identities or range(masks.count)
        yield frame.name, {name: masks.unpack(i).copy() for i, name in enumerate(names)}


def demo(folder: Path) -> Scene:
    """Paint the synthetic scene into ``folder``; every object is one mask, exact to the pixel."""
    world = make_world(DEMO_SEED, DEMO_OBJECTS, DEMO_SIZE[1] / DEMO_SIZE[0], 0.006)
    painter = Painter(world, DEMO_SEED, DEMO_SIZE, SETTINGS["easy"].camera_speed)

    def frames() -> Iterator[tuple[str, Masks]]:
        for t in range(DEMO_FRAMES):
            picture, owners = painter.paint(t)
            cv2.imwrite(str(folder / f"{t:04d}.png"), picture[..., ::-1])
            objects = owners // PARTS_PER_OBJECT
            yield f"{t:04d}.png", {n: objects == n for n in np.unique(objects).tolist() if n}

    return scene("demo", folder, frames())
