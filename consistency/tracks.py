"""What is known of every track while labels are carried through the frames."""

from dataclasses import dataclass

import numpy as np

from consistency.measure import FrameMeasurement
from consistency.motion import Motion
from consistency.shape import SIDE, Thumbnails

VELOCITY_GAIN = 0.4  # weight of the newest displacement in a track's velocity
SIZE_DECAY = 0.8  # of the remembered size, a frame: an occluded object is larger than its mask
# Residual = distance between expected and found centroid in object sizes; a new track's is
# expected to be FIRST_RESIDUAL until the sequence has shown what is usual in it.
FIRST_RESIDUAL = 0.3
RESIDUAL_GAIN = 0.3  # weight of the newest squared residual of a track
USUAL_GAIN = 0.1  # weight of one track's squared residual in what is usual
# One wrong link must not widen the search for all that follows: a squared residual counts at most
# so many times what was expected (winsorising, Huber 1981), and never less than SMALL_RESIDUAL**2.
MOST_SURPRISE = 9.0
SMALL_RESIDUAL = 0.1
LONGEST_DRIFT = 10  # frames for which a lost track is thought to go on as before ...
LONGEST_DRIFT_SEEN = 3  # ... where the camera's motion is known: what moves by itself soon stops
GAP_EXPONENT = 0.5  # uncertainty grows like the square root of time (random walk)

# One row a track; positions in pixels of the present frame, velocities in pixels a frame.
TRACK = np.dtype(
    [
        ("label", np.int64),
        ("frame", np.int64),  # of its last mask
        ("mask", np.int64),  # of that mask in its frame
        ("links", np.int64),  # number of masks
        ("area", np.float64),  # of the last mask, pixels
        ("size", np.float64),  # square root of the area, decaying slowly: pixels
        ("nested", np.float64),  # share of the last mask inside a larger one, 0-1
        ("centroid", np.float64, 2),  # of the last mask, in its own frame
        ("place", np.float64, 2),  # the same, carried along by the camera's motion
        ("velocity", np.float64, 2),  # relative to the camera's motion
        ("sure", np.bool_),  # the camera's motion has been known ever since the last mask
        ("cut", np.bool_),  # the last mask touches the frame's border
        ("variance", np.float64),  # of the residual, object sizes squared
        ("level", np.int64),  # thumbnail of the last mask
        ("origin", np.int64, 2),
        ("rows", np.uint64, SIDE),
        ("cells", np.int64),
        ("whole_area", np.float64),  # of the largest recent mask
        ("whole_centroid", np.float64, 2),
        ("whole_level", np.int64),
        ("whole_origin", np.int64, 2),
        ("whole_rows", np.uint64, SIDE),
        ("whole_cells", np.int64),
    ]
)
SHAPE = ("level", "origin", "rows", "cells")


@dataclass(frozen=True)
class Usual:
    """Squared residuals that are usual in the sequence, in object sizes squared.

    Attributes
    ----------
    first : of a track's second mask, for which the velocity was borrowed or unknown.
    later : of all further ones.
    """

    first: float = FIRST_RESIDUAL**2
    later: float = FIRST_RESIDUAL**2

    def learn(self, squared: np.ndarray, is_first: np.ndarray) -> "Usual":
        """Return what is usual after squared residuals float64 (k,); ``is_first`` bool (k,)."""
        return Usual(
            _moved_towards(self.first, _capped(squared[is_first], self.first)),
            _moved_towards(self.later, _capped(squared[~is_first], self.later)),
        )


def _capped(squared: np.ndarray, variance: np.ndarray | float) -> np.ndarray:
    return np.minimum(squared, MOST_SURPRISE * variance + SMALL_RESIDUAL**2)


def _moved_towards(value: float, squared: np.ndarray) -> float:
    if not squared.size:
        return value
    weight = 1 - (1 - USUAL_GAIN) ** squared.size
    return value + weight * (float(squared.mean()) - value)


def nesting(now: FrameMeasurement) -> np.ndarray:
    """Share of each mask that lies in a larger mask of its frame, the largest, float64 (n,)."""
    larger = now.areas[:, None] > now.areas[None, :]
    return np.where(larger, now.within / now.areas[None, :], 0.0).max(axis=0, initial=0.0)


def cut_off(now: FrameMeasurement) -> np.ndarray:
    """Whether each mask touches the border of the frame, bool (n,)."""
    if now.shape is None:
        return np.zeros(0, bool)
    low, high = now.boxes[:, :2], now.boxes[:, :2] + now.boxes[:, 2:]
    return (low == 0).any(axis=1) | (high == np.array(now.shape[::-1])).any(axis=1)


def born(
    now: FrameMeasurement, t: int, masks: np.ndarray, first_label: int, nested: np.ndarray
) -> np.ndarray:
    """Return new tracks, TRACK (k,), for the masks ``masks`` of frame ``t``; they stand still."""
    tracks = np.zeros(masks.size, TRACK)
    tracks["label"] = first_label + np.arange(masks.size)
    _show(tracks, now, t, masks, nested)
    tracks["size"] = np.sqrt(now.areas[masks])
    tracks["links"] = 1
    _remember_whole(tracks, np.ones(masks.size, bool))
    return tracks


def _show(
    tracks: np.ndarray, now: FrameMeasurement, t: int, masks: np.ndarray, nested: np.ndarray
) -> None:
    """Write what is seen of ``masks`` into ``tracks``."""
    tracks["frame"], tracks["mask"] = t, masks
    tracks["area"], tracks["nested"] = now.areas[masks], nested[masks]
    tracks["centroid"] = tracks["place"] = now.centroids[masks]
    tracks["sure"] = True
    tracks["cut"] = cut_off(now)[masks]
    for name in SHAPE:
        tracks[name] = getattr(now.thumbnails, name)[masks]


def _remember_whole(tracks: np.ndarray, renew: np.ndarray) -> None:
    for name in ("area", "centroid", *SHAPE):
        tracks[f"whole_{name}"][renew] = tracks[name][renew]


def carried(tracks: np.ndarray, motion: Motion, t: int) -> np.ndarray:
    """Return tracks as the moving camera sees them in frame ``t``, the next one."""
    moved = tracks.copy()
    moved["sure"] &= motion.known
    if not motion.known:
        return moved
    moved["place"] = motion.move(tracks["place"])
    moved["velocity"] = motion.turn(tracks["velocity"])
    if motion.moves is not None:
        seen = tracks["frame"] == t - 1
        moved["place"][seen] = tracks["place"][seen] + motion.moves[tracks["mask"][seen]]
    return moved


def expected(tracks: np.ndarray, t: int) -> np.ndarray:
    """Centroids expected in frame ``t``, float64 (n, 2), x, y in pixels."""
    longest = np.where(tracks["sure"], LONGEST_DRIFT_SEEN, LONGEST_DRIFT)
    drift = np.minimum(t - tracks["frame"], longest)
    return tracks["place"] + tracks["velocity"] * drift[:, None]


def extended(
    tracks: np.ndarray,
    now: FrameMeasurement,
    t: int,
    masks: np.ndarray,
    residual: np.ndarray,
    usual: Usual,
    nested: np.ndarray,
) -> tuple[np.ndarray, Usual]:
    """Give tracks their masks in frame ``t``.

    Parameters
    ----------
    tracks : TRACK (k,), as carried into the frame.
    masks : int64 (k,), their masks.
    residual : float64 (k,), distance of each mask from where it was expected, in object sizes.
    """
    gap = t - tracks["frame"]
    squared = (residual / gap**GAP_EXPONENT) ** 2
    is_first = tracks["links"] == 1
    usual = usual.learn(squared, is_first)
    result = tracks.copy()
    step = (now.centroids[masks] - tracks["place"]) / gap[:, None]
    gain = np.where(is_first, 1.0, VELOCITY_GAIN)
    if now.motion.known:  # else even the velocity of a part is better than none
        gain[tracks["cut"] | cut_off(now)[masks]] = 0.0
    result["velocity"] += gain[:, None] * (step - tracks["velocity"])
    capped = _capped(squared, tracks["variance"])
    own = tracks["variance"] + RESIDUAL_GAIN * (capped - tracks["variance"])
    result["variance"] = np.where(is_first, usual.later, own)
    decay = SIZE_DECAY**gap
    result["size"] = np.maximum(np.sqrt(now.areas[masks]), tracks["size"] * decay)
    result["whole_area"] *= decay**2
    result["links"] += 1
    _show(result, now, t, masks, nested)
    _remember_whole(result, result["area"] >= result["whole_area"])
    return result, usual


def last_shapes(tracks: np.ndarray, turned: bool) -> Thumbnails:
    """Thumbnails of the last masks."""
    return Thumbnails(*(tracks[name] for name in SHAPE), turned)


def whole_shapes(tracks: np.ndarray, turned: bool) -> Thumbnails:
    """Thumbnails of the largest recent masks."""
    return Thumbnails(*(tracks[f"whole_{name}"] for name in SHAPE), turned)
