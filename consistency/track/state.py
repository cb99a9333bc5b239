"""What is known of every track while labels are carried through the frames."""

from dataclasses import dataclass

import numpy as np

from consistency.masks.thumbnails import ThumbnailPool
from consistency.measure.camera_motion import Motion
from consistency.measure.frame import FrameMeasurement

VELOCITY_GAIN = 0.4  # weight of the newest displacement in a track's velocity
SIZE_DECAY = 0.8  # of the remembered size, a frame: an occluded object is larger than its mask
# Innovation = distance between expected and found centroid in object sizes; a new track's is
# expected to be FIRST_INNOVATION until the sequence has shown what is usual in it.
FIRST_INNOVATION = 0.3
INNOVATION_GAIN = 0.3  # weight of the newest squared innovation of a track
PRIOR_GAIN = 0.1  # weight of one track's squared innovation in what is usual
# One wrong link must not widen the search for all that follows: a squared innovation counts at
# most so many times what was expected (winsorising, Huber 1981), and never less than
# SMALL_INNOVATION**2.
MOST_SURPRISE = 9.0
SMALL_INNOVATION = 0.1
LONGEST_DRIFT = 10  # frames for which a lost track is thought to go on as before ...
# ... where the camera's motion is known: what moves by itself soon stops.
LONGEST_DRIFT_KNOWN_MOTION = 3
GAP_EXPONENT = 0.5  # uncertainty grows like the square root of time (random walk)

# Sides of a box: left, top, -right, -bottom, pixels.  What two boxes have in common are the larger
# ones of their sides.
# One row a track; positions in pixels of the present frame, velocities in pixels a frame.
STATE = np.dtype(
    [
        ("label", np.int64),
        ("frame", np.int64),  # of its last mask
        ("mask", np.int64),  # of that mask in its frame
        ("length", np.int64),  # number of masks
        ("area", np.float64),  # of the last mask, pixels
        ("size", np.float64),  # square root of the area, decaying slowly: pixels
        ("containment", np.float64),  # share of the last mask inside a larger one, 0-1
        ("centroid", np.float64, 2),  # of the last mask, in its own frame
        ("place", np.float64, 2),  # the same, carried along by the camera's motion
        ("velocity", np.float64, 2),  # relative to the camera's motion
        ("motion_known", np.bool_),  # the camera's motion has been known ever since the last mask
        ("touches_border", np.bool_),  # the last mask touches the frame's border
        ("variance", np.float64),  # of the innovation, object sizes squared
        ("extent", np.float64, 4),  # sides of its box, from its centroid
        ("shape", np.int64),  # number of its thumbnail
        ("largest_area", np.float64),  # of the largest recent mask
        ("largest_centroid", np.float64, 2),
        ("largest_extent", np.float64, 4),
        ("largest_shape", np.int64),
    ]
)
# What a mask tells at once, and what is remembered of the largest.
SEEN = (
    "frame",
    "mask",
    "area",
    "containment",
    "centroid",
    "place",
    "motion_known",
    "touches_border",
    "extent",
    "shape",
)
LARGEST = ("area", "centroid", "extent", "shape")


@dataclass(frozen=True)
class InnovationPrior:
    """Squared innovations that are usual in the sequence, in object sizes squared.

    Attributes
    ----------
    first : of a track's second mask, for which the velocity was borrowed or unknown.
    later : of all further ones.
    """

    first: float = FIRST_INNOVATION**2
    later: float = FIRST_INNOVATION**2

    def learn(self, squared: np.ndarray, is_first: np.ndarray) -> "InnovationPrior":
        """Return what is usual after squared innovations float64 (k,); ``is_first`` bool (k,)."""
        return InnovationPrior(
            _moved_towards(self.first, _capped(squared[is_first], self.first)),
            _moved_towards(self.later, _capped(squared[~is_first], self.later)),
        )


def _capped(squared: np.ndarray, variance: np.ndarray | float) -> np.ndarray:
    return np.minimum(squared, MOST_SURPRISE * variance + SMALL_INNOVATION**2)


def _moved_towards(value: float, squared: np.ndarray) -> float:
    if not squared.size:
        return value
    weight = 1 - (1 - PRIOR_GAIN) ** squared.size
    return value + weight * (float(squared.sum()) / squared.size - value)


@dataclass(frozen=True, eq=False)
class Detections:
    """The next frame, as tracks look for their masks in it.

    Attributes
    ----------
    now : its measurement.
    t : its index.
    masks : STATE (m,), each mask as the beginning of a track that stands still; without label.
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
    def of(cls, now: FrameMeasurement, t: int, pool: ThumbnailPool) -> "Detections":
        """Take the thumbnails into ``pool``."""
        masks = np.zeros(now.kept.size, STATE)
        masks["frame"], masks["mask"], masks["length"] = t, np.arange(now.kept.size), 1
        masks["area"], masks["size"] = now.areas, np.sqrt(now.areas)
        masks["containment"], masks["motion_known"] = largest_containment(now), True
        masks["centroid"] = masks["place"] = now.centroids
        low = now.boxes[:, :2].astype(np.float64)
        sides = np.concatenate([low, -(low + now.boxes[:, 2:])], axis=1)
        height, width = now.shape or (0, 0)
        frame = np.array([0.0, 0.0, -width, -height])
        masks["touches_border"] = (sides == frame).any(axis=1)
        masks["extent"] = sides - np.concatenate([now.centroids, -now.centroids], axis=1)
        masks["shape"] = pool.add(now.thumbnails)
        for name in LARGEST:
            masks[f"largest_{name}"] = masks[name]
        return cls(now, t, masks, sides, frame, pool)


def surface(sides: np.ndarray) -> np.ndarray:
    """Area of boxes by their sides float64 (n, 4), float64 (n,); 0 where there is nothing."""
    lengths = np.minimum(sides[:, :2] + sides[:, 2:], 0.0)  # negative
    return lengths[:, 0] * lengths[:, 1]


def largest_containment(now: FrameMeasurement) -> np.ndarray:
    """Share of each mask that lies in a larger mask of its frame, the largest, float64 (n,)."""
    result = np.zeros(now.areas.size)
    part, whole = now.within.places()  # both ways round
    inside = np.where(now.areas[whole] > now.areas[part], now.within.value / now.areas[part], 0.0)
    np.maximum.at(result, part, inside)
    return result


def compensate_camera(tracks: np.ndarray, motion: Motion, t: int) -> np.ndarray:
    """Return tracks as the moving camera sees them in frame ``t``, the next one."""
    moved = tracks.copy()
    moved["motion_known"] &= motion.known
    if not motion.known:
        return moved
    moved["place"] = motion.move(tracks["place"])
    moved["velocity"] = motion.turn(tracks["velocity"])
    if motion.moves is not None:
        seen = tracks["frame"] == t - 1
        moved["place"][seen] = tracks["place"][seen] + motion.moves[tracks["mask"][seen]]
    return moved


def predict(tracks: np.ndarray, t: int) -> np.ndarray:
    """Centroids expected in frame ``t``, float64 (n, 2), x, y in pixels."""
    longest = np.where(tracks["motion_known"], LONGEST_DRIFT_KNOWN_MOTION, LONGEST_DRIFT)
    drift = np.minimum(t - tracks["frame"], longest)
    return tracks["place"] + tracks["velocity"] * drift[:, None]


def update(
    tracks: np.ndarray,
    detections: Detections,
    masks: np.ndarray,
    innovation: np.ndarray,
    prior: InnovationPrior,
) -> tuple[np.ndarray, InnovationPrior]:
    """Give tracks their masks in a frame.

    Parameters
    ----------
    tracks : STATE (k,), as carried into the frame.
    masks : int64 (k,), their masks.
    innovation : float64 (k,), distance of each mask from where it was expected, in object sizes.
    """
    seen = detections.masks.take(masks)
    gap = detections.t - tracks["frame"]
    squared = (innovation / gap**GAP_EXPONENT) ** 2
    is_first = tracks["length"] == 1
    prior = prior.learn(squared, is_first)
    result = tracks.copy()
    step = (seen["centroid"] - tracks["place"]) / gap[:, None]
    gain = np.where(is_first, 1.0, VELOCITY_GAIN)
    if detections.now.motion.known:  # else even the velocity of a part is better than none
        gain[tracks["touches_border"] | seen["touches_border"]] = 0.0
    result["velocity"] += gain[:, None] * (step - tracks["velocity"])
    capped = _capped(squared, tracks["variance"])
    own = tracks["variance"] + INNOVATION_GAIN * (capped - tracks["variance"])
    result["variance"] = np.where(is_first, prior.later, own)
    decay = SIZE_DECAY**gap
    result["size"] = np.maximum(seen["size"], tracks["size"] * decay)
    result["largest_area"] *= decay**2
    result["length"] += 1
    for name in SEEN:
        result[name] = seen[name]
    larger = (result["area"] >= result["largest_area"]).nonzero()[0]
    for name in LARGEST:
        result[f"largest_{name}"][larger] = seen[name].take(larger, axis=0)
    return result, prior
