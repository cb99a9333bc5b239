"""Carry labels from frame to frame by IoU alone.

Works on FrameMeasurements, without pixels, and keeps no more of them than it looks back.
"""

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from consistency.masks.intersections import iou
from consistency.measure.frame import FrameMeasurement
from consistency.options import AssociationOptions
from consistency.track.assignment import ASSIGNMENTS
from consistency.track.results import Labelled


def propagate_by_iou(
    measurements: Iterable[FrameMeasurement],
    matching: str = "optimal",
    min_iou: float = AssociationOptions.min_iou,
) -> Iterator[Labelled]:
    """Yield each measurement with one label (int >= 1) for each of its kept masks.

    A mask takes the label of the mask it is assigned to in the frame before.  What is left over is
    compared with tracks that ended two frames before, then three, ... as far as the measurements
    look back; what is left then starts a new track.

    Parameters
    ----------
    measurements : the frames in order.
    matching : "optimal" or "greedy", see ``assignment``.
    min_iou : least IoU of an assignment, 0-1.
    """
    assign = ASSIGNMENTS[matching]
    recent: deque[Labelled] = deque()  # the latest first
    next_label = 1
    for now in measurements:
        found: dict[int, int] = {}
        for gap, (shared, (then, labels)) in enumerate(zip(now.earlier, recent, strict=True)):
            # Labels that have gone on or returned in a frame since are not free any more.
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
