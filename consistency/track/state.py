"""What is known of every track while labels are carried through the frames."""

from dataclasses import dataclass

import numpy as np

from consistency.masks.thumbnails import ThumbnailPool
from consistency.measure.camera_motion import Motion
from consistency.measure.frame import FrameMeasurement

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

# Sides of a box: left, top, -right, -bottom, pixels.  What two boxes have in common are the larger
# ones of their sides.
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
        ("extent", np.float64, 4),  # sides of its box, from its centroid
        ("shape", np.int64),  # number of its thumbnail
        ("whole_area", np.float64),  # of the largest recent mask
        ("whole_centroid", np.float64, 2),
        ("whole_extent", np.float64, 4),
        ("whole_shape", np.int64),
    ]
)
# What a mask tells at once, and what is remembered of the largest.
SEEN = ("frame", "mask", "area", "nested", "centroid", "place", "sure", "cut", "extent", "shape")
WHOLE = ("area", "centroid", "extent", "shape")


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
    return value + weight * (float(squared.sum()) / squared.size - value)


@dataclass(frozen=True, eq=False)
class Target:
    """The next frame, as tracks look for their masks in it.

    Attributes
    ----------
    now : its measurement.
    t : its index.
    masks : TRACK (m,), each mask as the beginning of a track that stands still; without label.
    sides : float64 (m, 4), of the masks' boxes.
    frame : float64 (4,), of the frame; zeros if it has no masks.
    shapes : thumbnails; tracks and masks refer to them by number.
    """

    now: FrameMeasurement
    t: int
    masks: np.ndarray
    sides: np.ndarray
    frame: np.ndarray
    shapes: ThumbnailPool

    @classmethod
    def of(cls, now: FrameMeasurement, t: int, pool: ThumbnailPool) -> "Target":
        """Take the thumbnails into ``pool``."""
        masks = np.zeros(now.kept.size, TRACK)
        masks["frame"], masks["mask"], masks["links"] = t, np.arange(now.kept.size), 1
        masks["area"], masks["size"] = now.areas, np.sqrt(now.areas)
        masks["nested"], masks["sure"] = nesting(now), True
        masks["centroid"] = masks["place"] = now.centroids
        low = now.boxes[:, :2].astype(np.float64)
        sides = np.concatenate([low, -(low + now.boxes[:, 2:])], axis=1)
        height, width = now.shape or (0, 0)
        frame = np.array([0.0, 0.0, -width, -height])
        masks["cut"] = (sides == frame).any(axis=1)
        masks["extent"] = sides - np.concatenate([now.centroids, -now.centroids], axis=1)
        masks["shape"] = pool.add(now.thumbnails)
        for name in WHOLE:
            masks[f"whole_{name}"] = masks[name]
        return cls(now, t, masks, sides, frame, pool)


def surface(sides: np.ndarray) -> np.ndarray:
    """Area of boxes by their sides float64 (n, 4), float64 (n,); 0 where there is nothing."""
    lengths = np.minimum(sides[:, :2] + sides[:, 2:], 0.0)  # negative
    return lengths[:, 0] * lengths[:, 1]


def nesting(now: FrameMeasurement) -> np.ndarray:
    """Share of each mask that lies in a larger mask of its frame, the largest, float64 (n,)."""
    result = np.zeros(now.areas.size)
    part, whole = now.within.places()  # both ways round
    inside = np.where(now.areas[whole] > now.areas[part], now.within.value / now.areas[part], 0.0)
    np.maximum.at(result, part, inside)
    return result


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
    tracks: np.ndarray, target: Target, masks: np.ndarray, residual: np.ndarray, usual: Usual
) -> tuple[np.ndarray, Usual]:
    """Give tracks their masks in a frame.

    Parameters
    ----------
    tracks : TRACK (k,), as carried into the frame.
    masks : int64 (k,), their masks.
    residual : float64 (k,), distance of each mask from where it was expected, in object sizes.
    """
    seen = target.masks.take(masks)
    gap = target.t - tracks["frame"]
    squared = (residual / gap**GAP_EXPONENT) ** 2
    is_first = tracks["links"] == 1
    usual = usual.learn(squared, is_first)
    result = tracks.copy()
    step = (seen["centroid"] - tracks["place"]) / gap[:, None]
    gain = np.where(is_first, 1.0, VELOCITY_GAIN)
    if target.now.motion.known:  # else even the velocity of a part is better than none
        gain[tracks["cut"] | seen["cut"]] = 0.0
    result["velocity"] += gain[:, None] * (step - tracks["velocity"])
    capped = _capped(squared, tracks["variance"])
    own = tracks["variance"] + RESIDUAL_GAIN * (capped - tracks["variance"])
    result["variance"] = np.where(is_first, usual.later, own)
    decay = SIZE_DECAY**gap
    result["size"] = np.maximum(seen["size"], tracks["size"] * decay)
    result["whole_area"] *= decay**2
    result["links"] += 1
    for name in SEEN:
        result[name] = seen[name]
    larger = (result["area"] >= result["whole_area"]).nonzero()[0]
    for name in WHOLE:
        result[f"whole_{name}"][larger] = seen[name].take(larger, axis=0)
    return result, usual
