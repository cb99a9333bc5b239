#!/usr/bin/env python3
"""Give true masks the faults of a segmenter that sees each frame alone.

    faults.py SOURCE DEST [--level 1.0] [--seed 0]

SOURCE and DEST hold a data set in data/ and truth.json: {frame: [identity or null of each mask]}.
DEST gets run lengths in the native layout.  At level 1, for each mask and frame:

    missing    6 %    it is not there
    absent   1.5 %    it is not there for 2-6 frames
    cut        4 %    two pieces; the larger one keeps the identity, the other has none
    merged     4 %    one mask with a neighbour, without identity; in half of the cases the smaller
                      of the two is there as well, as a part
    moved     60 %    its border, by a pixel or two
    nothing    3 %    another mask that is no object, for 1-3 frames

--level multiplies all rates.  A mask without identity is not scored itself, but it costs what it
steals from a label.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import numpy as np
from pycocotools import mask as coco

from consistency.cli.common import run_cli
from consistency.dataset import Dataset, Frame, Layout
from consistency.formats import open_dataset, read_masks, rle
from consistency.formats.buffer import Buffer
from consistency.formats.source import NATIVE_JSON, load_json
from consistency.metrics.ground_truth import identified

MISSING, ABSENT, CUT, MERGED, MOVED, NOTHING = 0.06, 0.015, 0.04, 0.04, 0.6, 0.03
ABSENCE = 1, 6  # further frames of an absence, the last number not included
LIFE = 1, 4  # frames that a mask of nothing is there
LEAST_CUT = 64  # pixels; a smaller mask is never cut
SHARE = 0.2, 0.5  # of a mask that one piece of two has
REACH = 2  # pixels between the boxes of neighbours
RADIUS, RADIUS_SHARE = 2, 0.04  # a border moves by at most this many pixels, or share of the size
PART_STAYS = 0.5


@dataclass(frozen=True, eq=False)
class Mask:
    """A mask that is not empty.

    Attributes
    ----------
    runs : COCO run lengths, {"size": [height, width], "counts": text}.
    area : pixels.
    box : x, y, width, height in pixels.
    identity : the object that it shows; None for none.
    """

    runs: dict
    area: int
    box: tuple[int, int, int, int]
    identity: int | None

    def pixels(self) -> np.ndarray:
        """Return uint8 (height, width), 0 or 1."""
        return coco.decode({"size": self.runs["size"], "counts": self.runs["counts"].encode()})

    def record(self) -> dict:
        """Return it as the native layout has it."""
        return {"segmentation": self.runs, "area": self.area, "bbox": list(self.box)}


def mask_of(pixels: np.ndarray, identity: int | None) -> Mask:
    """Encode uint8 (height, width) with at least one pixel that is not 0."""
    runs = coco.encode(np.asfortranarray(pixels))
    box = tuple(int(v) for v in coco.toBbox(runs))
    text = {"size": [int(v) for v in runs["size"]], "counts": runs["counts"].decode()}
    return Mask(text, int(coco.area(runs)), box, identity)


def read_frames(dataset: Dataset) -> Iterator[list[Mask]]:
    """Yield the masks of each frame, without the empty ones."""
    buffer = Buffer()
    for frame in dataset.frames:
        masks = read_masks(dataset.layout, frame, buffer)
        boxes, areas = masks.boxes_and_centroids()[0].tolist(), masks.areas().tolist()
        identities = frame.identities or (None,) * masks.count
        yield [
            Mask(rle.encode(masks, k, boxes[k]), areas[k], tuple(boxes[k]), identities[k])
            for k in range(masks.count)
            if areas[k]
        ]


@dataclass(eq=False)
class Segmenter:
    """What goes wrong, frame after frame.

    Attributes
    ----------
    level : factor of all rates.
    rng : decides everything.
    counts : how often each fault has come about so far.
    """

    level: float
    rng: np.random.Generator
    counts: Counter = field(default_factory=Counter)
    _away: Counter = field(default_factory=Counter)  # {identity: frames still to be absent}

    def segment(self, masks: Sequence[Mask]) -> Iterator[Mask]:
        """Yield what a segmenter sees of one frame; to be called in the order of time."""
        free = [k for k, mask in enumerate(masks) if self._seen(mask)]
        done: set[int] = set()
        for k in free:
            if k in done:
                continue
            done.add(k)
            chance = self.rng.random()
            other = None
            if chance < MERGED * self.level:
                other = self._neighbour(masks, k, [j for j in free if j not in done])
            if other is not None:
                done.add(other)
                yield from self._merged(masks[k], masks[other])
            elif chance > 1 - CUT * self.level and masks[k].area > LEAST_CUT:
                self.counts["cut"] += 1
                yield from cut(masks[k], self.rng)
            elif self.rng.random() < min(MOVED * self.level, 1):
                self.counts["moved"] += 1
                yield border_moved(masks[k], self.rng)
            else:
                yield masks[k]

    def _seen(self, mask: Mask) -> bool:
        """Whether a mask is there; begins and continues absences."""
        who = mask.identity
        if self._away[who] > 0:
            self._away[who] -= 1
            self.counts["absent"] += 1
            return False
        if who is not None and self.rng.random() < ABSENT * self.level:
            self._away[who] = int(self.rng.integers(*ABSENCE))
            self.counts["absence"] += 1
            self.counts["absent"] += 1
            return False
        if self.rng.random() < MISSING * self.level:
            self.counts["missing"] += 1
            return False
        return True

    def _neighbour(self, masks: Sequence[Mask], k: int, free: list[int]) -> int | None:
        """Return one of ``free`` whose box touches that of ``k``; None where there is none."""
        near = [j for j in free if touch(masks[k].box, masks[j].box)]
        return int(self.rng.choice(near)) if near else None

    def _merged(self, one: Mask, other: Mask) -> Iterator[Mask]:
        self.counts["merged"] += 1
        yield mask_of(one.pixels() | other.pixels(), None)
        if self.rng.random() < PART_STAYS:
            yield min(one, other, key=lambda mask: mask.area)


def touch(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two boxes (x, y, width, height) are less than REACH pixels apart."""
    return all(
        other[a] < one[a] + one[a + 2] + REACH and one[a] < other[a] + other[a + 2] + REACH
        for a in (0, 1)
    )


def cut(mask: Mask, rng: np.random.Generator) -> tuple[Mask, Mask]:
    """Cut a mask along a line; the larger piece has the identity, the other none."""
    y, x = np.nonzero(mask.pixels())
    angle = rng.uniform(0, np.pi)
    side = (x - x.mean()) * np.cos(angle) + (y - y.mean()) * np.sin(angle)
    first = side > np.quantile(side, rng.uniform(*SHARE))
    pieces = []
    for some in (first, ~first):
        piece = np.zeros(mask.runs["size"], np.uint8)
        piece[y[some], x[some]] = 1
        pieces.append(mask_of(piece, None))
    large, small = sorted(pieces, key=lambda piece: -piece.area)
    return replace(large, identity=mask.identity), small


def border_moved(mask: Mask, rng: np.random.Generator) -> Mask:
    """Make a mask thinner or thicker; as it was where nothing would be left."""
    most = min(RADIUS, int(RADIUS_SHARE * np.sqrt(mask.area)))
    radius = int(rng.integers(1, max(most, 1) + 1))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    change = cv2.erode if rng.random() < 0.5 else cv2.dilate
    pixels = change(mask.pixels(), kernel)
    return mask_of(pixels, mask.identity) if pixels.any() else mask


def masks_of_nothing(
    frames: Sequence[Sequence[Mask]], level: float, rng: np.random.Generator
) -> list[list[Mask]]:
    """Return ellipses as large as true masks, for each frame those that are there."""
    found: list[list[Mask]] = [[] for _ in frames]
    sizes = [mask.area for masks in frames for mask in masks]
    if not sizes:
        return found
    height, width = next(mask.runs["size"] for masks in frames for mask in masks)
    # Each is there for two frames in the mean: half of the rate begin.
    rate = min(NOTHING * level / 2, 1)
    for t, masks in enumerate(frames):
        for _ in range(rng.binomial(max(len(masks), 1), rate)):
            radius = np.sqrt(float(rng.choice(sizes)) / np.pi)
            centre = int(rng.integers(width)), int(rng.integers(height))
            axes = [max(1, int(radius * v)) for v in rng.uniform(0.6, 1.6, 2)]
            canvas = np.zeros((height, width), np.uint8)
            cv2.ellipse(canvas, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
            for later in found[t : t + int(rng.integers(*LIFE))]:
                later.append(mask_of(canvas, None))
    return found


def add_faults(dataset: Dataset, level: float, seed: int) -> tuple[Dataset, Counter]:
    """Return a data set with faults, in memory, and how often each came about.

    Parameters
    ----------
    dataset : its frames have identities.
    level : factor of all rates, 0 for no faults.
    seed : decides everything; the same seed gives the same masks.
    """
    rng = np.random.default_rng(seed)
    frames = list(read_frames(dataset))
    segmenter = Segmenter(level, rng)
    result = []
    for frame, masks, more in zip(
        dataset.frames, frames, masks_of_nothing(frames, level, rng), strict=True
    ):
        segmenter.counts["nothing"] += len(more)
        seen = [*segmenter.segment(masks), *more]
        seen = [seen[k] for k in rng.permutation(len(seen))]
        records = tuple(mask.record() for mask in seen)
        result.append(Frame(frame.name, records, identities=tuple(m.identity for m in seen)))
    return Dataset(Layout(Path(), "native", "F"), tuple(result)), segmenter.counts


def open_sequence(folder: Path) -> Dataset:
    """Open data/ with the identities of truth.json; ValueError or OSError if one does not fit."""
    file = folder / "truth.json"
    if not file.is_file():
        raise FileNotFoundError(f"{file}: not found; the folder needs data/ and truth.json")
    return identified(open_dataset(folder / "data"), load_json(file), file)


def write(dataset: Dataset, folder: Path) -> None:
    """Write data/ and truth.json; FileExistsError if there is a data/ already."""
    data = folder / "data"
    if data.exists():
        raise FileExistsError(f"{data}: is there already; give a new folder or remove it")
    data.mkdir(parents=True)
    records = {frame.name: frame.records for frame in dataset.frames}
    truth = {frame.name: frame.identities for frame in dataset.frames}
    (data / NATIVE_JSON).write_text(json.dumps(records))
    (folder / "truth.json").write_text(json.dumps(truth))


def _work(args: argparse.Namespace) -> int:
    before = open_sequence(args.source)
    after, counts = add_faults(before, args.level, args.seed)
    write(after, args.dest)
    faults = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    print(f"{args.dest}: {before.masks} masks became {after.masks}; {faults}")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("source", type=Path, help="folder with data/ and truth.json")
    parser.add_argument("dest", type=Path, help="new folder")
    parser.add_argument("--level", type=float, default=1.0, help="factor of all rates (1)")
    parser.add_argument("--seed", type=int, default=0, help="decides everything (0)")
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")
    return run_cli(_work, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
