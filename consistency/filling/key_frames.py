"""Which frames are key frames: whose masks are read and labelled, while others are filled in.

By how much changes there are as many key frames as at even distances, and they are dense where much
changes: so that the span that is hardest to fill is as easy as can be.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from consistency.backend import Backend
from consistency.dataset import Dataset, Frame, Layout
from consistency.formats import read_frame
from consistency.formats.buffer import Buffer
from consistency.formats.photographs import find_photograph
from consistency.masks.intersections import intersections, iou
from consistency.masks.packed import PackedMasks
from consistency.options import FillingOptions

THUMBNAIL = (64, 48)  # pixels, width and height of the images that are compared
# Of the mean change of a sequence, what counts as change where nothing changes: a frame that is far
# from all key frames can still surprise.
STILL = 0.25
STILL_MASKS = 0.05  # ... the same of masks: what changes, 0-1, where their ends are alike


def key_frames(dataset: Dataset, options: FillingOptions, backend: Backend) -> list[int]:
    """Return the indices of the key frames, ascending, the first frame among them.

    Raises
    ------
    ValueError
        If the interval is so long that there is no second one.
    ValueError, OSError
        With file and frame, where they are chosen by what cannot be read.
    """
    count = len(dataset.frames)
    if 1 < count <= options.interval + 1:
        # What a single frame tells of a whole sequence is little, and takes long to find out.
        less = f"give {count - 2} at most" if count > 2 else "leave it out"
        raise ValueError(
            f"--frame-interval {options.interval}: of {count} frames the first alone would be "
            f"read, and nothing between two; {less}"
        )
    even = list(range(0, count, options.interval + 1))
    if not options.change_driven or len(even) < 2:
        return even
    if options.frames_path is None:
        return by_masks(partial(_change_between, dataset), count, len(even))
    how = partial(_thumbnail, folder=options.frames_path)
    with closing(backend.map(how, dataset.frames)) as pictures:
        changes = [float(np.abs(a - b).mean()) for a, b in pairwise(pictures)]
    return by_changes(changes, len(even))


def _thumbnail(frame: Frame, folder: str) -> np.ndarray:
    """Read a small image of a frame, float32 (h, w), grey values; runs in a worker."""
    import cv2

    path = find_photograph(frame, Path(folder))
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise ValueError(f"{path}: cannot be read as an image; frame {frame.name!r}")
    return cv2.resize(image, THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32)


def by_changes(changes: Sequence[float], most: int) -> list[int]:
    """Choose key frames so that the largest cost of a span is as small as can be.

    Parameters
    ----------
    changes : from each frame to the next one, at least 0.
    most : number of key frames, from 2 to the number of frames; the first and the last are chosen.
    """
    mean = float(np.mean(changes)) or 1.0
    place = np.concatenate([[0.0], np.cumsum(np.asarray(changes) + STILL * mean)])
    # Even distances are a beginning: spans that are much longer take long to look at.
    best = np.linspace(0, len(changes), most).astype(int).tolist()
    low, high = 0.0, max(_cost(place, a, b) for a, b in pairwise(best))
    for _ in range(40):  # halved so often it is as exact as it can matter
        middle = (low + high) / 2
        found = _greedy(place, middle)
        if len(found) <= most:
            best, high = found, middle
        else:
            low = middle
    while len(best) < most:  # the limit may skip a number; the hardest span is cut in two
        _, start, stop = max((_cost(place, a, b), a, b) for a, b in pairwise(best) if b > a + 1)
        best = sorted([*best, (start + stop) // 2])
    return best


def _cost(place: np.ndarray, start: int, stop: int) -> float:
    """Sum of squares of how far each frame between is from the nearer key frame, in change."""
    between = place[start + 1 : stop]
    return float((np.minimum(between - place[start], place[stop] - between) ** 2).sum())


def _greedy(place: np.ndarray, limit: float) -> list[int]:
    """Return key frames of the longest spans that cost no more than ``limit``."""
    chosen, last = [0], len(place) - 1
    while chosen[-1] < last:
        stop = chosen[-1] + 1
        while stop < last and _cost(place, chosen[-1], stop + 1) <= limit:
            stop += 1
        chosen.append(stop)
    return chosen


def by_masks(change: Callable[[int, int], float], count: int, most: int) -> list[int]:
    """Choose key frames without a look at any other frame.

    From the first and the last frame on, the span is cut in two again and again whose ends differ
    most, times its length.

    Parameters
    ----------
    change : between two frames, 0-1.
    count : number of frames.
    most : number of key frames, from 2 to the number of frames.
    """
    ends = [0, count - 1]
    chosen = {0: change(0, count - 1)}  # {key frame: change to the next one}
    while len(ends) < most:
        spans = [(a, b) for a, b in pairwise(ends) if b > a + 1]
        start, stop = max(
            spans, key=lambda span: (chosen[span[0]] + STILL_MASKS) * (span[1] - span[0])
        )
        middle = (start + stop) // 2
        chosen[start], chosen[middle] = change(start, middle), change(middle, stop)
        ends = sorted([*ends, middle])
    return ends


def _change_between(dataset: Dataset, one: int, other: int) -> float:
    """Return how far the masks of two frames differ, 0-1: mean of 1 - best IoU, by area."""
    a, b = (_masks(dataset.layout, dataset.frames[t]) for t in (one, other))
    if not a.count or not b.count:
        return float(a.count != b.count)
    areas = a.areas(), b.areas()
    table = iou(intersections(a, b), *areas)
    kept = [(table.max(axis=1 - side) * areas[side]).sum() / areas[side].sum() for side in (0, 1)]
    return 1 - float(np.mean(kept))


def _masks(layout: Layout, frame: Frame) -> PackedMasks:
    return read_frame(layout, frame, Buffer())[1]
