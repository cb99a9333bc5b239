"""Carry labels from frame to frame: the only code in which frame t needs frame t-1.

Works on FrameMeasurements alone, without pixels, so that it costs well under a millisecond a frame,
and keeps no more of them than it looks back.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from consistency.duplicates import Dropped
from consistency.matching import ASSIGNMENTS, MIN_IOU
from consistency.measure import FrameMeasurement
from consistency.overlap import iou

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
    before: Labelled | None = None
    for now, labels in labelled:
        overlap = np.full(len(labels), np.nan)
        if before is not None:
            then, old_labels = before
            row = {label: i for i, label in enumerate(old_labels)}
            values = iou(now.earlier[0], then.areas, now.areas)
            for j, label in enumerate(labels):
                if label in row:
                    overlap[j] = values[row[label], j]
        frames.append(
            FrameLabels(
                name=now.name,
                shape=now.shape,
                count=now.count,
                kept=now.kept,
                areas=now.areas,
                boxes=now.boxes,
                centroids=now.centroids,
                overlaps=_overlaps(now.within),
                labels=labels,
                iou_before=overlap,
                dropped=now.dropped,
            )
        )
        before = now, labels
    return frames


def _overlaps(within: np.ndarray) -> np.ndarray:
    """List the pairs of masks that share pixels, int64 (p, 3): i, j > i, pixels."""
    upper = np.triu(within, 1)
    first, second = np.nonzero(upper)
    return np.stack([first, second, upper[first, second]], axis=1)
