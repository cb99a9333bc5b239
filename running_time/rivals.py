"""Other ways to count the shared pixels of two frames, on the same masks, checked to agree."""

import statistics
from collections.abc import Callable
from time import perf_counter

import numpy as np
from pycocotools import mask as coco

from consistency.dataset import Dataset
from consistency.formats import read_masks
from consistency.formats.buffer import Buffer
from consistency.masks.intersections import intersections, iou
from consistency.masks.packing import pack

# Pairs of masks that the predecessor's method is timed on; the rest is extrapolated.
SAMPLED_PAIRS = 20


def two_frames(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Masks of the first two frames, bool (n, h, w)."""
    buffer = Buffer()
    frames = [read_masks(dataset.layout, frame, buffer) for frame in dataset.frames[:2]]
    earlier, later = (np.stack([f.unpack(i) for i in range(f.count)]) for f in frames)
    return earlier, later


def compare(dataset: Dataset, repeat: int) -> dict[str, dict]:
    """Time every way, ms a frame pair: prepare one frame, compare it with the one before."""
    earlier, later = two_frames(dataset)
    n, m = len(earlier), len(later)
    ways = {
        "this tool: pack, join": packed(earlier, later),
        "float32 matrix product": matrix_product(earlier, later),
        "pycocotools: encode, iou": run_lengths(earlier, later),
    }
    expected = ways["this tool: pack, join"]()
    results = {}
    for name, way in ways.items():
        np.testing.assert_allclose(way(), expected, rtol=1e-6, err_msg=name)
        results[name] = _stats([_milliseconds(way) for _ in range(repeat)])
    sampled = predecessor(earlier, later)
    each = [_milliseconds(sampled) / SAMPLED_PAIRS * n * m for _ in range(repeat)]
    name = f"predecessor, serial: extrapolated from {SAMPLED_PAIRS} of {n * m} pairs"
    return results | {name: _stats(each)}


def packed(earlier: np.ndarray, later: np.ndarray) -> Callable[[], np.ndarray]:
    """Pack the later frame and join it with the earlier one."""
    before = pack(earlier, earlier.shape[1:])

    def way() -> np.ndarray:
        now = pack(later, later.shape[1:])
        return iou(intersections(before, now), before.areas(), now.areas())

    return way


def matrix_product(earlier: np.ndarray, later: np.ndarray) -> Callable[[], np.ndarray]:
    """Convert the later frame to float32 and multiply; sums above 2**24 are not exact."""
    before = earlier.reshape(len(earlier), -1).astype(np.float32)

    def way() -> np.ndarray:
        now = later.reshape(len(later), -1).astype(np.float32)
        return iou(before @ now.T, before.sum(axis=1), now.sum(axis=1))

    return way


def run_lengths(earlier: np.ndarray, later: np.ndarray) -> Callable[[], np.ndarray]:
    """Encode the later frame as run lengths and compare them."""
    before = coco.encode(np.asfortranarray(earlier.transpose(1, 2, 0).astype(np.uint8)))

    def way() -> np.ndarray:
        now = coco.encode(np.asfortranarray(later.transpose(1, 2, 0).view(np.uint8)))
        return coco.iou(before, now, [0] * len(now))

    return way


def predecessor(earlier: np.ndarray, later: np.ndarray) -> Callable[[], None]:
    """AND, OR and sum of whole masks, pair after pair, on the first few pairs."""
    pairs = [(a, b) for a in earlier for b in later][:SAMPLED_PAIRS]

    def way() -> None:
        for a, b in pairs:
            np.sum(np.logical_and(a, b)) / np.sum(np.logical_or(a, b))

    return way


def _milliseconds(way: Callable[[], object]) -> float:
    began = perf_counter()
    way()
    return 1000 * (perf_counter() - began)


def _stats(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}
