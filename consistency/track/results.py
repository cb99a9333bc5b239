"""Carry labels from frame to frame by IoU alone, and what is kept of a labelled frame.

Works on FrameMeasurements, without pixels, and keeps no more of them than it looks back.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from consistency.masks.intersections import PairTable, iou, no_pairs
from consistency.measure.camera_motion import Motion
from consistency.measure.duplicates import Dropped
from consistency.measure.frame import FrameMeasurement
from consistency.track.assignment import ASSIGNMENTS, MIN_IOU

NO_PAIRS = no_pairs(0, 0)

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
    shared_before : common pixels with the masks of the frame before, as long as they are needed.
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
    shared_before: PairTable
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
    matching : "optimal" or "greedy", see ``consistency.track.assignment``.
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
            similarity = iou(shared.dense(), then.areas, now.areas)[np.ix_(rows, columns)]
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
    return compared(list(gathered(labelled)))


def gathered(labelled: Iterable[Labelled]) -> Iterator[FrameLabels]:
    """Yield what is kept of each frame, before ``compared``."""
    for now, labels in labelled:
        overlaps = now.within.listed()
        yield FrameLabels(
            name=now.name,
            shape=now.shape,
            count=now.count,
            kept=now.kept,
            areas=now.areas,
            boxes=now.boxes,
            centroids=now.centroids,
            overlaps=overlaps[overlaps[:, 0] < overlaps[:, 1]],
            labels=labels,
            iou_before=np.full(len(labels), np.nan),
            dropped=now.dropped,
            shared_before=now.earlier[0] if now.earlier else NO_PAIRS,
            motion=now.motion,
        )


def compared(frames: Sequence[FrameLabels]) -> list[FrameLabels]:
    """Fill in ``iou_before``, now that labels are known, and drop what it is taken from."""
    if not frames:
        return []
    result = [replace(frames[0], shared_before=NO_PAIRS)]
    row = np.full(1 + max((max(f.labels, default=0) for f in frames), default=0), -1)
    for then, now in pairwise(frames):
        old, new = np.array(then.labels, np.int64), np.array(now.labels, np.int64)
        row[old] = np.arange(old.size)
        i, j = row[new], np.arange(new.size)
        row[old] = -1
        i, j = i[i >= 0], j[i >= 0]
        shared = now.shared_before.at(i, j) if now.shared_before.shape[1] else np.zeros(i.size)
        overlap = np.full(new.size, np.nan)
        overlap[j] = shared / (then.areas[i] + now.areas[j] - shared)
        result.append(replace(now, iou_before=overlap, shared_before=NO_PAIRS))
    return result


def relabelled(frames: Sequence[FrameLabels], same: Mapping[int, int]) -> list[FrameLabels]:
    """Replace labels as ``same`` {label: new label} says; before ``compared``."""
    return [replace(f, labels=[same.get(label, label) for label in f.labels]) for f in frames]


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
    )
