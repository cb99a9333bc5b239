#!/usr/bin/env python3
"""The kernel alone against libraries that do the same: two frames, all pairs of masks, exact.

From pixels in memory and from COCO's run lengths; every way runs in each round, one thread, and
all must give the same IoU.  Rivals that are not installed (requirements-rivals.txt) are left out,
with a line.
"""

import argparse
import importlib.util
import sys
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import cv2  # noqa: E402
import floor  # noqa: E402
import numpy as np  # noqa: E402
import rivals  # noqa: E402
from pycocotools import mask as coco  # noqa: E402

from consistency.formats import open_dataset, rle  # noqa: E402
from consistency.masks import compiled  # noqa: E402
from consistency.masks.intersections import intersections, iou  # noqa: E402
from consistency.masks.packing import pack  # noqa: E402

NATIVE = compiled.native
SHAPE, MASKS = (1080, 1920), (57, 53)
Frames = list[Any]


@dataclass(frozen=True)
class Way:
    """One way to come from two frames to their table of IoU.

    Attributes
    ----------
    build : turns one frame into what is compared.
    compare : the table, float64 (n, m), of two frames.
    source : "pixels" or "run lengths".
    module : that has to be installed.
    """

    name: str
    source: str
    build: Callable[[Any], Any]
    compare: Callable[[Any, Any], np.ndarray]
    module: str = "numpy"


def ways() -> list[Way]:
    """Return all of them."""
    found = []
    for name, native in (("this tool, compiled", NATIVE), ("this tool, NumPy", None)):
        if name.endswith("compiled") and native is None:
            continue
        found += [
            Way(name, "pixels", using(native, packed), using(native, packed_iou)),
            Way(name, "run lengths", using(native, unpacked), using(native, packed_iou)),
        ]
    return [
        *found,
        Way("hotcoco", "pixels", encoded_by("hotcoco.mask"), iou_by("hotcoco.mask"), "hotcoco"),
        Way("hotcoco", "run lengths", list, iou_by("hotcoco.mask"), "hotcoco"),
        Way("rlemasklib", "pixels", rlemasklib_of_pixels, rlemasklib_iou, "rlemasklib"),
        Way("rlemasklib", "run lengths", rlemasklib_of_runs, rlemasklib_iou, "rlemasklib"),
        Way("pycocotools", "pixels", encoded, iou_by("pycocotools.mask")),
        Way("pycocotools", "run lengths", list, iou_by("pycocotools.mask")),
        Way("pyroaring", "pixels", bitmaps, bitmap_iou, "pyroaring"),
        Way("reading all pixels once", "pixels", lambda masks: [m.max() for m in masks], None),
    ]


def using(native: Any, way: Callable) -> Callable:
    """Run ``way`` with what is compiled, or without."""

    def switched(*given: Any) -> Any:
        with switched_to(native):
            return way(*given)

    return switched


@contextmanager
def switched_to(native: Any):
    """Use what is compiled, or None."""
    before, compiled.native = compiled.native, native
    try:
        yield
    finally:
        compiled.native = before


def packed(masks: np.ndarray) -> Any:
    """Pack pixels."""
    return pack(masks, masks.shape[1:])


def unpacked(records: list[dict]) -> Any:
    """Pack run lengths."""
    return rle.decode(records, tuple(records[0]["size"]))


def packed_iou(earlier: Any, later: Any) -> np.ndarray:
    """IoU of packed masks."""
    return iou(intersections(earlier, later), earlier.areas(), later.areas())


def encoded(masks: np.ndarray) -> list[dict]:
    """Run lengths by pycocotools, of pictures on their side: no IoU changes, nothing is copied.

    Libraries of this kind run down the columns, and rows are what lies in memory.
    """
    return coco.encode(masks.view(np.uint8).transpose(2, 1, 0))


def encoded_by(module: str) -> Callable:
    """Run lengths by another library of that interface."""
    return lambda masks: importlib.import_module(module).encode(masks.transpose(2, 1, 0))


def iou_by(module: str) -> Callable:
    """IoU by a library with the interface of pycocotools."""
    return lambda a, b: importlib.import_module(module).iou(a, b, [0] * len(b))


def rlemasklib_of_pixels(masks: np.ndarray) -> list:
    """Masks of rlemasklib."""
    from rlemasklib import RLEMask

    return [RLEMask.from_array(mask.T) for mask in masks]


def rlemasklib_of_runs(records: list[dict]) -> list:
    """Masks of rlemasklib."""
    from rlemasklib import RLEMask

    return [RLEMask.from_dict(record) for record in records]


def rlemasklib_iou(earlier: list, later: list) -> np.ndarray:
    """IoU by rlemasklib."""
    from rlemasklib import RLEMask

    return RLEMask.iou_matrix(earlier, later)


def bitmaps(masks: np.ndarray) -> list:
    """Compressed bitmaps of pyroaring."""
    from pyroaring import BitMap

    return [BitMap(np.flatnonzero(mask.ravel()).astype(np.uint32)) for mask in masks]


def bitmap_iou(earlier: list, later: list) -> np.ndarray:
    """IoU by pyroaring."""
    shared = np.array([[a.intersection_cardinality(b) for b in later] for a in earlier])
    return iou(shared, *(np.array([len(bitmap) for bitmap in some]) for some in (earlier, later)))


def drawn(random: np.random.Generator, count: int) -> np.ndarray:
    """Ellipses of 2 to 25 % of the height, bool (count, height, width)."""
    height, width = SHAPE
    masks = np.zeros((count, height, width), np.uint8)
    for mask in masks:
        axes = (random.uniform(0.02, 0.25, 2) * height).astype(int).tolist()
        middle = (random.uniform(0, 1, 2) * (width, height)).astype(int).tolist()
        cv2.ellipse(mask, middle, axes, random.uniform(0, 180), 0, 360, 1, cv2.FILLED)
        mask[height // 2, width // 2] = 1
    return masks.view(bool)


def compare(frames: tuple[np.ndarray, np.ndarray], repeat: int) -> list[dict]:
    """Time all ways that are there, round after round, milliseconds for both frames."""
    given = {"pixels": frames, "run lengths": tuple(encoded(masks) for masks in frames)}
    there = [way for way in ways() if importlib.util.find_spec(way.module)]
    for name in sorted({way.name for way in ways()} - {way.name for way in there}):
        print(f"{name} is not installed: running_time/requirements-rivals.txt", file=sys.stderr)
    expected = packed_iou(*map(packed, frames))
    times = {(way.name, way.source): [] for way in there}
    for round_number in range(repeat + 1):
        for way in there:
            began = perf_counter()
            earlier, later = (way.build(frame) for frame in given[way.source])
            built = perf_counter()
            if way.compare is not None:
                table = way.compare(earlier, later)
            ended = perf_counter()
            if not round_number:  # what is loaded at first use
                if way.compare is not None:
                    np.testing.assert_allclose(table, expected, rtol=1e-9, err_msg=way.name)
                continue
            times[way.name, way.source].append(
                (1000 * (built - began), 1000 * (ended - built), 1000 * (ended - began))
            )
    return [
        {"way": name, "source": source}
        | {
            part: floor.stats([t[k] for t in measured])
            for k, part in enumerate(("build", "compare", "total"))
        }
        | {
            # In the same round: a machine that others use is slow for all of it.
            "of this tool": floor.stats(
                [
                    t[2] / own[2]
                    for t, own in zip(measured, times[there[0].name, source], strict=True)
                ]
            )
        }
        for (name, source), measured in times.items()
    ]


def table(rows: list[dict], about: dict, what: str) -> str:
    """Markdown table."""
    lines = [f"{what}; {about['cpu']}, one thread; median (min – max)", ""]
    for source in ("pixels", "run lengths"):
        lines += [f"| from {source} | build, ms | IoU, ms | total, ms | × this tool |"]
        lines += ["|---|---|---|---|---|"]
        for row in sorted(rows, key=lambda row: row["total"]["median"]):
            if row["source"] == source:
                cells = [f"{row[part]['median']:.2f}" for part in ("build", "compare")]
                total, ratio = row["total"], row["of this tool"]
                cells += [f"**{total['median']:.2f}** ({total['min']:.2f} – {total['max']:.2f})"]
                cells += [f"{ratio['median']:.2f} ({ratio['min']:.2f} – {ratio['max']:.2f})"]
                lines.append(f"| {row['way']} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--data-path", type=Path, help="its first two frames; default: drawn ones")
    parser.add_argument("--repeat", type=int, default=15, help="rounds")
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    args = parser.parse_args(argv)
    if args.data_path:
        frames = rivals.two_frames(open_dataset(args.data_path))
    else:
        random = np.random.default_rng(0)
        frames = tuple(drawn(random, count) for count in MASKS)
    rows = compare(frames, args.repeat)
    about = floor.machine()
    height, width = frames[0].shape[1:]
    what = f"{len(frames[0])} and {len(frames[1])} masks, {width} × {height}"
    floor.keep(args.json, {"about": about, "kernels": rows}, table(rows, about, what))
    return 0


if __name__ == "__main__":
    sys.exit(main())
