"""Carry labels from frame to frame: the only code in which frame t needs frame t-1.

Works on FrameMeasurements alone, without pixels, so that it costs well under a millisecond a frame,
and keeps no more of them than it looks back.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from consistency.duplicates import Dropped
from consistency.matching import ASSIGNMENTS, MIN_IOU
from consistency.measure import FrameMeasurement
from consistency.motion import Motion
from consistency.overlap import iou
from consistency.shape import Thumbnails

Labelled = tuple[FrameMeasurement, list[int]]


@dataclass(frozen=True, eq=False)
class FrameLabels:
    """What is kept of a frame once its masks have labels.

    Attributes
    ----------
    name, shape, count, kept, areas, boxes, centroids, dropped : as in FrameMeasurement.
    overlaps : int64 (p, 3), pairs of kept masks i < j and the pixels that they share.
    labels : one int >= 1 for each kept mask.
    iou_before : float64 (n,), IoU with the mask of the same label in the frame before, 0-1; NaN
        where there is none.
    shared_before : int64 (p, 3), mask of the frame before, mask of this frame, common pixels.
    thumbnails : as in FrameMeasurement.
    motion : of the camera since the frame before.
    """

    name: str
    shape: tuple[int, int] | None
    count: int
    kept: np.ndarray
    areas: np.ndarray
    boxes: np.ndarray
    centroids: np.ndarray
    overlaps: np.ndarray
    labels: list[int]
    iou_before: np.ndarray
    dropped: tuple[Dropped, ...]
    shared_before: np.ndarray
    thumbnails: Thumbnails
    motion: Motion


def propagate(
    measurements: Iterable[FrameMeasurement], matching: str = "optimal", min_iou: float = MIN_IOU
) -> Iterator[Labelled]:
    """Yield each measurement with one label (int >= 1) for each of its kept masks.

    A mask takes the label of the mask it is assigned to in the frame before.  What is left over is
    compared with tracks that ended two frames before, then three, ... as far as the measurements
    look back; what is left then starts a new track.

    Parameters
    ----------
    measurements : the frames in order.
    matching : "optimal" or "greedy", see ``consistency.matching``.
    min_iou : least IoU of an assignment, 0-1.
    """
    assign = ASSIGNMENTS[matching]
    recent: deque[Labelled] = deque()  # the latest first
    next_label = 1
    for now in measurements:
        found: dict[int, int] = {}
        for gap, (shared, (then, labels)) in enumerate(zip(now.earlier, recent, strict=True)):
            taken = set().union(*(later for _, later in list(recent)[:gap]))
            rows = [i for i, label in enumerate(labels) if label not in taken]
            columns = [j for j in range(now.kept.size) if j not in found]
            similarity = iou(shared, then.areas, now.areas)[np.ix_(rows, columns)]
            for i, j in assign(similarity, min_iou):
                found[columns[j]] = labels[rows[i]]
        for mask in range(now.kept.size):
            if mask not in found:
                found[mask] = next_label
                next_label += 1
        current = [found[mask] for mask in range(now.kept.size)]
        yield now, current
        recent.appendleft((now, current))
        while len(recent) > now.lookback:
            recent.pop()


def summarise(labelled: Iterable[Labelled]) -> list[FrameLabels]:
    """Keep of every frame what the outputs need, and drop the tables of pairs."""
    frames: list[FrameLabels] = []
    for now, labels in labelled:
        frame = FrameLabels(
            name=now.name,
            shape=now.shape,
            count=now.count,
            kept=now.kept,
            areas=now.areas,
            boxes=now.boxes,
            centroids=now.centroids,
            overlaps=_overlaps(now.within),
            labels=labels,
            iou_before=np.full(len(labels), np.nan),
            dropped=now.dropped,
            shared_before=_listed(now.earlier[0]) if now.earlier else np.zeros((0, 3), np.int64),
            thumbnails=now.thumbnails,
            motion=now.motion,
        )
        frames.append(_compared(frames[-1], frame) if frames else frame)
    return frames


def _compared(then: FrameLabels, now: FrameLabels) -> FrameLabels:
    """Fill in ``iou_before``."""
    row = {label: i for i, label in enumerate(then.labels)}
    shared = {(i, j): pixels for i, j, pixels in now.shared_before.tolist()}
    overlap = np.full(len(now.labels), np.nan)
    for j, label in enumerate(now.labels):
        if label in row:
            pixels = np.array([[shared.get((row[label], j), 0)]])
            overlap[j] = iou(pixels, then.areas[[row[label]]], now.areas[[j]])[0, 0]
    return replace(now, iou_before=overlap)


def relabel(frames: Sequence[FrameLabels], same: Mapping[int, int]) -> list[FrameLabels]:
    """Replace labels as ``same`` {label: new label} says."""
    result: list[FrameLabels] = []
    for frame in frames:
        now = replace(frame, labels=[same.get(label, label) for label in frame.labels])
        result.append(_compared(result[-1], now) if result else now)
    return result


def without_short(frames: Sequence[FrameLabels], least: int) -> list[FrameLabels]:
    """Drop the masks of tracks that have fewer than ``least`` of them, with the reason "short"."""
    count = Counter(label for frame in frames for label in frame.labels)
    if least <= min(count.values(), default=least):
        return list(frames)
    return [_selected(f, [count[label] >= least for label in f.labels]) for f in frames]


def _selected(frame: FrameLabels, keep: Sequence[bool]) -> FrameLabels:
    """Keep some masks of a frame."""
    chosen = np.flatnonzero(keep)
    number = np.full(len(keep), -1)
    number[chosen] = np.arange(chosen.size)
    overlaps = frame.overlaps.copy()
    overlaps[:, :2] = number[overlaps[:, :2]]
    short = np.setdiff1d(np.arange(len(keep)), chosen)
    return replace(
        frame,
        kept=frame.kept[chosen],
        areas=frame.areas[chosen],
        boxes=frame.boxes[chosen],
        centroids=frame.centroids[chosen],
        overlaps=overlaps[(overlaps[:, :2] >= 0).all(axis=1)],
        labels=[frame.labels[k] for k in chosen],
        iou_before=frame.iou_before[chosen],
        dropped=(*frame.dropped, *(Dropped(int(frame.kept[k]), "short") for k in short)),
        shared_before=np.zeros((0, 3), np.int64),  # its numbers hold no longer
        thumbnails=frame.thumbnails[chosen] if frame.thumbnails.level.size else frame.thumbnails,
    )


def _overlaps(within: np.ndarray) -> np.ndarray:
    """List the pairs of masks that share pixels, int64 (p, 3): i, j > i, pixels."""
    return _listed(np.triu(within, 1))


def _listed(shared: np.ndarray) -> np.ndarray:
    """List the entries of a table that are not 0, int64 (p, 3): row, column, value."""
    first, second = np.nonzero(shared)
    return np.stack([first, second, shared[first, second]], axis=1)
