"""Other trackers, where they are installed, on the boxes of the same masks.

They are for boxes that a detector scores: each mask's box goes in with the score 1, and a mask that
a tracker leaves out gets a label of its own, as every mask has one here.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from types import ModuleType

import numpy as np

from consistency.masks.intersections import iou

PACKAGES = ("trackers", "pyxtrackers")  # names at PyPI and of the modules
NO_LABEL = -1
LEAST_IOU = 0.3  # of a box that comes out of ``pyxtrackers`` with the one that went in
# A track begins with its first mask and needs none of the frames before it.
FROM_THE_FIRST = {"minimum_consecutive_frames": 1}

# Boxes of one frame, float64 (n, 4) as left, top, right, bottom in pixels -> labels, int64 (n,),
# NO_LABEL for a box that is left out.  To be called frame after frame.
Update = Callable[[np.ndarray], np.ndarray]


def installed() -> dict[str, str]:
    """Return {name of a tracker: its package and version}."""
    found = {}
    for package in PACKAGES:
        if find_spec(package) is not None:
            names = _names(package)
            found |= dict.fromkeys(names, f"{package} {version(package)}")
    return found


def missing() -> list[str]:
    """Packages that are not installed."""
    return [package for package in PACKAGES if find_spec(package) is None]


def label(name: str, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Label boxes, float64 (n, 4) for each frame, with tracker ``name``; int64 (n,) each.

    No label is twice in a frame: a box that has that of another gets one of its own.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not our code
        update = _update(name)
        return list(_each_with_a_label(update(boxes) for boxes in frames))


def _each_with_a_label(frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Number labels 1, 2, ... in the order that they come up."""
    number: dict[object, int] = {}
    for t, labels in enumerate(frames):
        seen: set[int] = set()
        result = []
        for k, value in enumerate(labels.tolist()):
            own = value == NO_LABEL or value in seen
            seen.add(value)
            result.append(number.setdefault((t, k) if own else value, len(number) + 1))
        yield np.array(result, np.int64)


def _names(package: str) -> list[str]:
    if package == "pyxtrackers":
        return ["SORT (pyxtrackers)", "OC-SORT (pyxtrackers)"]
    return list(_classes_of_trackers())


def _update(name: str) -> Update:
    if name.endswith("(pyxtrackers)"):
        return _of_pyxtrackers(name)
    return _of_trackers(name)


def _classes_of_trackers() -> dict[str, type]:
    """Return {name: class} of ``trackers``."""
    module: ModuleType = __import__("trackers")
    classes = {n: getattr(module, n) for n in dir(module) if n.endswith("Tracker")}
    return {n.removesuffix("Tracker"): c for n, c in classes.items() if n != "BaseTracker"}


def _of_trackers(name: str) -> Update:
    import supervision

    make = _classes_of_trackers()[name]
    try:
        tracker = make(**FROM_THE_FIRST)
    except TypeError:  # this one has no such option
        tracker = make()

    def update(boxes: np.ndarray) -> np.ndarray:
        labels = np.full(len(boxes), NO_LABEL, np.int64)
        if not len(boxes):
            tracker.update(supervision.Detections.empty())
            return labels
        found = tracker.update(
            supervision.Detections(
                xyxy=boxes,
                confidence=np.ones(len(boxes)),
                class_id=np.zeros(len(boxes), int),
                data={"index": np.arange(len(boxes))},
            )
        )
        if found.tracker_id is not None and len(found):
            index = np.asarray(found.data["index"], int)
            labels[index] = np.maximum(found.tracker_id, NO_LABEL)
        return labels

    return update


def _of_pyxtrackers(name: str) -> Update:
    """Boxes go in and predicted boxes come out; each goes back to the mask that it is of."""
    import pyxtrackers

    if name.startswith("OC-SORT"):
        tracker = pyxtrackers.OCSort(det_thresh=0.3, max_age=30, min_hits=0)
    else:
        tracker = pyxtrackers.Sort(max_age=10, min_hits=0, iou_threshold=0.3)

    def update(boxes: np.ndarray) -> np.ndarray:
        from scipy.optimize import linear_sum_assignment

        labels = np.full(len(boxes), NO_LABEL, np.int64)
        found = np.asarray(tracker.update(np.column_stack([boxes, np.ones(len(boxes))])))
        if not (found.size and len(boxes)):
            return labels
        overlap = box_iou(boxes, found[:, :4])
        i, j = linear_sum_assignment(overlap, maximize=True)
        fits = overlap[i, j] > LEAST_IOU
        labels[i[fits]] = found[j[fits], 4].astype(np.int64)
        return labels

    return update


def box_iou(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """IoU of boxes, float64 (n, 4) and (m, 4) as left, top, right, bottom -> (n, m)."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (one, other)]
    return iou(shared, *areas)
