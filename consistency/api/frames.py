"""From the kept masks of a frame to all masks that were given."""

import copy
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from consistency.measure.frame import FrameMeasurement
from consistency.track.results import TrackedFrame

Detections = TypeVar("Detections")


def labels_of_all(frame: FrameMeasurement | TrackedFrame, labels: Sequence[int]) -> np.ndarray:
    """Labels of all masks of a frame, int64 (count,), from those of its kept ones; 0 = none."""
    found = spread(frame, np.array(labels, np.int64), 0)
    for dropped in frame.dropped:
        if dropped.kept >= 0:
            found[dropped.mask_index] = found[dropped.kept]
    return found


def spread(frame: FrameMeasurement | TrackedFrame, values: np.ndarray, other: Any) -> np.ndarray:
    """Put the values of the kept masks where these are in the input; ``other`` elsewhere."""
    result = np.full(frame.count, other, values.dtype)
    result[frame.kept] = values
    return result


def with_ids(detections: Detections, labels: np.ndarray) -> Detections:
    result = copy.copy(detections)
    result.tracker_id = labels  # type: ignore[attr-defined]  # duck-typed
    return result
