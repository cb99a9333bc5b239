"""What is known of every track while labels are carried through the frames."""

from dataclasses import dataclass

import numpy as np

from consistency.masks.thumbnail_pool import ThumbnailPool
from consistency.measure.camera_motion import Motion
from consistency.measure.frame import FrameMeasurement
from consistency.track.parameters import Parameters

# The masks that a track remembers, by their place in the fields of a STATE.
LAST, LARGEST, TYPICAL = range(3)
KINDS = 3
RECENT_AREAS = 5  # whose median is the typical area

# Sides of a box: left, top, -right, -bottom, pixels.  What two boxes have in common are the larger
# ones of their sides.
# One row a track; positions in pixels of the present frame, velocities in pixels a frame.
STATE = np.dtype(
    [
        ("label", np.int64),
        ("frame", np.int64),  # of its last mask
        ("mask", np.int64),  # of that mask in its frame
        ("length", np.int64),  # number of masks
        ("size", np.float64),  # square root of the area, decaying slowly: pixels
        ("containment", np.float64),  # share of the last mask inside a larger one, 0-1
        ("velocity", np.float64, 2),  # relative to the camera's motion
        ("motion_known", np.bool_),  # the camera's motion has been known ever since the last mask
        ("touches_border", np.bool_),  # the last mask touches the frame's border
        ("variance", np.float64),  # of the innovation, object sizes squared
        ("level", np.float64),  # similarity that is usual for its links; 0 before the first
        ("areas", np.float64, RECENT_AREAS),  # of its masks, the newest first; NaN before the first
        # The masks that it remembers: LAST, LARGEST, TYPICAL.
        ("shape", np.int64, KINDS),  # numbers of their thumbnails
        ("area", np.float64, KINDS),  # pixels; that of the largest decays
        ("centroid", np.float64, (KINDS, 2)),  # each in its own frame
        ("place", np.float64, (KINDS, 2)),  # the same, carried along by the camera and the track
        ("extent", np.float64, (KINDS, 4)),  # sides of their boxes, from their centroids
    ]
)
REMEMBERED = ("shape", "area", "centroid", "place", "extent")
# What the last mask alone tells.
SEEN = ("frame", "mask", "containment", "motion_known", "touches_border")


@dataclass(frozen=True, eq=False)
class Detections:
    """The next frame, as tracks look for their masks in it.

    Attributes
    ----------
    now : its measurement.
    t : its index.
    masks : STATE (m,), each mask as the beginning of a track that stands still; without label.
    shape : int64 (m,), numbers of the masks' thumbnails.
    sides : float64 (m, 4), of the masks' boxes.
    extent : float64 (m, 4), the same from the masks' centroids.
    frame : float64 (4,), of the frame; zeros if it has no masks.
    shapes : thumbnails; tracks and masks refer to them by number.
    """

    now: FrameMeasurement
    t: int
    masks: np.ndarray
    shape: np.ndarray
    sides: np.ndarray
    extent: np.ndarray
    frame: np.ndarray
    shapes: ThumbnailPool

    @classmethod
    def of(
        cls, now: FrameMeasurement, t: int, pool: ThumbnailPool, parameters: Parameters
    ) -> "Detections":
        """Take the thumbnails into ``pool``."""
        masks = np.zeros(now.kept.size, STATE)
        masks["frame"], masks["mask"], masks["length"] = t, np.arange(now.kept.size), 1
        masks["variance"] = parameters.first_innovation**2
        masks["size"], masks["areas"] = np.sqrt(now.areas), np.nan
        masks["areas"][:, 0] = now.areas
        masks["containment"], masks["motion_known"] = largest_containment(now), True
        low = now.boxes[:, :2].astype(np.float64)
        sides = np.concatenate([low, -(low + now.boxes[:, 2:])], axis=1)
        height, width = now.shape or (0, 0)
        frame = np.array([0.0, 0.0, -width, -height])
        masks["touches_border"] = (sides == frame).any(axis=1)
        extent = sides - np.concatenate([now.centroids, -now.centroids], axis=1)
        # A first mask is the last, the largest and the typical one.
        shape = pool.add(now.thumbnails)
        masks["shape"], masks["area"] = shape[:, None], now.areas[:, None]
        masks["centroid"] = masks["place"] = now.centroids[:, None]
        masks["extent"] = extent[:, None]
        return cls(now, t, masks, shape, sides, extent, frame, pool)


@dataclass(frozen=True, eq=False)
class Links:
    """Tracks and the masks that they get in a frame; each array of length k.

    Attributes
    ----------
    rows, masks : int64.
    similarity : float64, 0-1.
    innovation : float64, distance of the mask from where it was expected, object sizes.
    """

    rows: np.ndarray
    masks: np.ndarray
    similarity: np.ndarray
    innovation: np.ndarray


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
    moved["place"] = motion.move(tracks["place"].reshape(-1, 2)).reshape(-1, KINDS, 2)
    moved["velocity"] = motion.turn(tracks["velocity"])
    if motion.moves is not None:
        seen = tracks["frame"] == t - 1
        moves = motion.moves[tracks["mask"][seen]]
        moved["place"][seen] = tracks["place"][seen] + moves[:, None]
    return moved


def predict(tracks: np.ndarray, t: int, parameters: Parameters) -> np.ndarray:
    """Centroids of the remembered masks in frame ``t``, float64 (n, KINDS, 2), x, y in pixels."""
    known = parameters.longest_drift_known_motion
    longest = np.where(tracks["motion_known"], known, parameters.longest_drift)
    drift = np.minimum(t - tracks["frame"], longest)
    return tracks["place"] + (tracks["velocity"] * drift[:, None])[:, None]


def update(
    tracks: np.ndarray, detections: Detections, links: Links, parameters: Parameters
) -> np.ndarray:
    """Give tracks STATE (k,), as carried into the frame, the masks that ``links`` has for them."""
    seen = detections.masks.take(links.masks)
    gap = detections.t - tracks["frame"]
    result = tracks.copy()
    result["velocity"] = _velocity(tracks, seen, gap, detections.now.motion.known, parameters)
    result["variance"] = _variance(tracks, links.innovation, gap, parameters)
    result["size"] = np.maximum(seen["size"], tracks["size"] * parameters.size_decay**gap)
    weight = np.maximum(parameters.level_gain, 1 / tracks["length"])  # 1 for the first
    result["level"] += weight * (links.similarity - tracks["level"])
    result["length"] += 1
    for name in SEEN:
        result[name] = seen[name]
    _remember(result, seen, gap, parameters)
    return result


def _variance(
    tracks: np.ndarray, innovation: np.ndarray, gap: np.ndarray, p: Parameters
) -> np.ndarray:
    """Variances of the innovation after the newest ones float64 (k,), float64 (k,)."""
    variance = tracks["variance"]
    squared = (innovation / gap**p.gap_exponent) ** 2
    squared = np.clip(squared, p.least_deviation**2, p.most_surprise * variance)
    # The first innovation is the motion itself: there was no velocity to expect it by.
    first = tracks["length"] == 1
    return np.where(first, variance, variance + p.innovation_gain * (squared - variance))


def _velocity(
    tracks: np.ndarray, seen: np.ndarray, gap: np.ndarray, motion_known: bool, p: Parameters
) -> np.ndarray:
    """Velocities after tracks STATE (k,) are seen as STATE (k,), float64 (k, 2)."""
    area, new_area = tracks["area"][:, LAST], seen["area"][:, LAST]
    gain = np.where(tracks["length"] == 1, p.first_velocity_gain, p.velocity_gain)
    # From a mask to a piece of it the centroid moves, the object does not.
    ratio = np.minimum(area, new_area) / np.maximum(area, new_area)
    gain *= np.clip((ratio - p.piece_ratio) / p.piece_span, 0.0, 1.0)
    if motion_known:  # else even the velocity of a part is better than none
        gain[tracks["touches_border"] | seen["touches_border"]] = 0.0
    step = (seen["centroid"][:, LAST] - tracks["place"][:, LAST]) / gap[:, None]
    return tracks["velocity"] + gain[:, None] * (step - tracks["velocity"])


def _remember(tracks: np.ndarray, seen: np.ndarray, gap: np.ndarray, p: Parameters) -> None:
    """Let tracks STATE (k,), otherwise up to date, remember what was seen, STATE (k,)."""
    area, new_area = tracks["area"], seen["area"][:, LAST]
    tracks["areas"] = np.concatenate([new_area[:, None], tracks["areas"][:, :-1]], axis=1)
    # A union of two objects must not become what the track takes for the whole of its own.
    one_object = new_area <= p.largest_growth * area[:, TYPICAL]
    one_object |= area[:, LAST] > p.nearly_as_large * new_area
    one_object |= tracks["length"] <= 2
    area[:, LARGEST] *= p.largest_decay**gap
    median = _median(tracks["areas"])
    new = np.ones(area.shape, bool)
    new[:, LARGEST] = one_object & (new_area >= area[:, LARGEST])
    new[:, TYPICAL] = np.maximum(new_area, median) <= p.typical_factor * np.minimum(
        new_area, median
    )
    # The others stay where they were and go on as the track does.
    tracks["place"] += (tracks["velocity"] * gap[:, None])[:, None]
    row, kind = new.nonzero()
    for name in REMEMBERED:
        tracks[name][row, kind] = seen[name][row, kind]


def _median(areas: np.ndarray) -> np.ndarray:
    """Median of each row without its NaNs, float64 (k,): a tenth of the time of np.nanmedian."""
    row = np.arange(len(areas))
    count = RECENT_AREAS - np.isnan(areas).sum(axis=1)
    ordered = np.sort(areas, axis=1)  # NaNs come last
    return (ordered[row, (count - 1) // 2] + ordered[row, count // 2]) / 2
