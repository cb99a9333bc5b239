"""Frames of boxes, and the labels that a run gives them; and tables of places, without pixels."""

from collections.abc import Callable

import numpy as np
from sequences import in_memory

from backends import open_backend
from consistency.dataset import Dataset
from consistency.labelling import label
from consistency.measure.camera_motion import UNKNOWN
from consistency.measurements import Measurements
from consistency.options import Options
from consistency.track.camera_path import CameraPath
from consistency.track.parameters import DEFAULTS
from consistency.track.thumbnail_store import ThumbnailStore
from consistency.track.tracklets import SequenceMasks, Tracks

SHAPE = (120, 240)
# Of the tables of places:
SIZE = 20.0  # of all objects, pixels
LONGEST = 60  # gap, frames


def boxes(*given, shape=SHAPE):
    """Masks of rectangles given as x, y, width, height."""
    masks = []
    for x, y, width, height in given:
        mask = np.zeros(shape, bool)
        mask[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)] = True
        masks.append(mask)
    return masks


def _dataset(frames):
    pixels, layout = in_memory(frames)
    return Dataset(layout, pixels)


def measure_all(frames, **options):
    """Measurements of frames of masks, in order."""
    with open_backend("no") as backend:
        return list(Measurements(_dataset(frames), backend, Options(**options)))


def label_frames(frames, parameters=DEFAULTS, **options):
    """Labels of each frame's masks in the order of the input; None for a dropped mask."""
    with open_backend("no") as backend:
        how = Options(**options)
        labelled = label(_dataset(frames), backend, how, parameters=parameters).frames
    result = []
    for frame in labelled:
        labels = [None] * frame.count
        for index, value in zip(frame.kept, frame.labels, strict=True):
            labels[index] = value
        result.append(labels)
    return result


def pan(t):
    """A field of boxes under a camera that moves by 25 pixels a frame; some boxes drop out."""
    rng = np.random.default_rng(3)
    field = [(*rng.integers(0, (420, 110)), *rng.integers(10, 26, 2)) for _ in range(40)]
    masks = boxes(*((x - 25 * t, y, w, h) for x, y, w, h in field))
    return [mask if i != 5 * t else mask & False for i, mask in enumerate(masks)]


def sequence(place: Callable, tracks=4, frames=60, there=lambda k, t: True):
    """Masks of objects of one size and their tracks.

    ``place(k, t)`` is x of object k in frame t, in sizes; objects are far from one another.
    """
    at = [(t, k) for t in range(frames) for k in range(tracks) if there(k, t)]
    counts = np.bincount([t for t, _ in at], minlength=frames)
    masks = SequenceMasks(
        t=np.array([t for t, _ in at]),
        first=np.concatenate([[0], np.cumsum(counts)]),
        area=np.full(len(at), SIZE**2),
        centroid=np.array([(SIZE * place(k, t), 1000.0 * k) for t, k in at]),
        touches_border=np.zeros(len(at), bool),
        containment=np.zeros(len(at)),
        shape=(1000 * tracks, 10_000),
        camera=CameraPath([UNKNOWN] * frames, LONGEST),
        thumbnails=ThumbnailStore(),
    )
    labels = [[k for u, k in at if u == t] for t in range(frames)]
    return masks, Tracks.of_labels(labels)
