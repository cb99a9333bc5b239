"""Masks that become two and two that become one.

A mask is *cut* where two masks lie inside the one before and their areas add up to it: an object
falls apart, or something thin passes in front of it.  A cell *divides* where two masks of like
size lie opposite each other about the place of the one before, and neither alone looks like it:
daughters round up, part and grow, so that neither containment nor areas hold.
"""

from dataclasses import dataclass

import numpy as np

from consistency.measure import FrameMeasurement
from consistency.overlap import iou
from consistency.tracks import expected

INSIDE = 0.7  # share of a piece that lies inside the whole
AREA_TOLERANCE = 0.3  # of the sum of the pieces' areas, as a share of the whole's
APART = 0.5  # pieces share less than this part of the smaller: else one is a part of the other

# Of a division, in sizes (square root of the area) of the mother or the mean daughter:
MIDDLE = 0.7  # distance of the daughters' centre of gravity from the mother's place
SEPARATION = 3.0  # distance between the daughters
LIKE = 0.5  # least ratio of the daughters' areas
UNCHANGED = 0.6  # a mother who overlaps one daughter by this IoU goes on


@dataclass(frozen=True)
class Split:
    """Row ``track`` becomes the masks ``first``, which was assigned to it, and ``second``."""

    track: int
    first: int
    second: int


def find_splits(
    tracks: np.ndarray,
    now: FrameMeasurement,
    t: int,
    pairs: list[tuple[int, int]],
    free: np.ndarray,
    divisions: bool,
) -> list[Split]:
    """Look for tracks that have become two masks.

    Parameters
    ----------
    tracks : TRACK (n,), with a mask in the frame before where they occur in ``pairs``.
    pairs : (track, mask) already assigned.
    free : int64 (k,), masks without a track.
    divisions : look for divisions too, not for cuts alone.

    Returns
    -------
    Splits, each mask and track in one at most.
    """
    if not pairs or not free.size:
        return []
    rows, masks = np.array(pairs).T
    value = _cut(tracks[rows], now, masks, free)
    if divisions:
        value = np.maximum(value, _division(tracks[rows], now, t, masks, free))
    from scipy.optimize import linear_sum_assignment

    chosen = zip(*linear_sum_assignment(value, maximize=True), strict=True)
    return [Split(int(rows[i]), int(masks[i]), int(free[k])) for i, k in chosen if value[i, k] > 0]


def _cut(
    tracks: np.ndarray, now: FrameMeasurement, masks: np.ndarray, free: np.ndarray
) -> np.ndarray:
    """How well each pair of an assigned and a free mask makes up its track, float64 (n, k)."""
    shared = now.earlier[0][tracks["mask"]]
    inside = shared / now.areas[None, :]
    areas = now.areas[masks][:, None] + now.areas[free][None, :]
    rest = np.abs(areas / tracks["area"][:, None] - 1)
    smaller = np.minimum(now.areas[masks][:, None], now.areas[free][None, :])
    own = inside[np.arange(masks.size), masks][:, None]
    cut = (
        (own >= INSIDE)
        & (inside[:, free] >= INSIDE)
        & (rest <= AREA_TOLERANCE)
        & (now.within[np.ix_(masks, free)] < APART * smaller)
    )
    return np.where(cut, 1 - rest, 0.0)


def _division(
    tracks: np.ndarray, now: FrameMeasurement, t: int, masks: np.ndarray, free: np.ndarray
) -> np.ndarray:
    """How much each pair of an assigned and a free mask looks like two daughters, (n, k)."""
    first, second = now.areas[masks][:, None], now.areas[free][None, :]
    places = now.centroids[masks][:, None], now.centroids[free][None, :]
    weight = (first / (first + second))[..., None]
    middle = places[0] * weight + places[1] * (1 - weight)
    # Mothers stop to divide: halfway between where she was and where she was heading.
    mother = (tracks["place"] + expected(tracks, t)) / 2
    size = np.maximum(np.sqrt(tracks["area"])[:, None], np.sqrt((first + second) / 2))
    off = np.linalg.norm(middle - mother[:, None], axis=2) / size
    separation = np.linalg.norm(places[0] - places[1], axis=2) / size
    like = np.minimum(first, second) / np.maximum(first, second)
    shared = now.earlier[0][tracks["mask"]]
    unchanged = iou(shared, tracks["area"], now.areas)[np.arange(masks.size), masks]
    divides = (
        (off < MIDDLE)
        & (separation < SEPARATION)
        & (like > LIKE)
        & (unchanged < UNCHANGED)[:, None]
    )
    return np.where(divides, (1 - off / MIDDLE) * like, 0.0)


def find_merges(
    tracks: np.ndarray, now: FrameMeasurement, pairs: list[tuple[int, int]], lost: np.ndarray
) -> list[tuple[int, int]]:
    """Find tracks that have become one mask with another: (lost track, track that goes on).

    ``lost`` int64 (k,) are rows of ``tracks`` with a mask in the frame before and none in this
    one; ``pairs`` the (track, mask) that go on from the frame before.
    """
    lost = lost[tracks["nested"][lost] < APART]  # a part that is lost merges not
    if not lost.size or not pairs:
        return []
    rows, masks = np.array(pairs).T
    shared = now.earlier[0]
    area, other = tracks["area"][lost, None], tracks["area"][None, rows]
    merges = (
        (shared[tracks["mask"][lost]][:, masks] >= INSIDE * area)
        & (shared[tracks["mask"][rows], masks] >= INSIDE * other)
        & (np.abs((area + other) / now.areas[masks] - 1) <= AREA_TOLERANCE)
    )
    chosen = np.flatnonzero(merges.any(axis=1))
    return [(int(lost[k]), int(rows[merges[k].argmax()])) for k in chosen]
