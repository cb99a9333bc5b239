"""How much speaks for each pair of a track and a mask.

The similarity of a pair is the best of

- the IoU of the two masks as they lie, while the track's velocity is not known yet,
- the IoU after moving the track's mask to where it is expected,
- the IoU after aligning centroids × (1 - distance / limit) / (1 + (distance / tail)²),

of the track's last mask or, where that was much smaller, of its largest recent one, times
1 - NESTING_WEIGHT × how much deeper the mask is nested than the track's last mask was: a whole does
not become a part, while a part is on its own as soon as its whole is not found.  ``distance`` is
the residual between expected and found centroid in object sizes; limit and tail follow the
residuals of the track itself and, for new tracks, of the sequence.
"""

from dataclasses import dataclass

import numpy as np

from consistency.measure import FrameMeasurement
from consistency.overlap import iou
from consistency.shape import Thumbnails, pair
from consistency.tracks import GAP_EXPONENT, expected, last_shapes, whole_shapes

LIMIT_SIGMAS = 4.0  # standard deviations of the residual at which the aligned shape counts 0
TAIL_SIGMAS = 12.0  # ... at which it counts half, apart from that (Student's t has such a tail)
LEAST_LIMIT, LARGEST_LIMIT = 2.0, 8.0  # object sizes
LEAST_DEVIATION = 0.1  # object sizes
SMALLEST_PART = 0.5  # a mask smaller than this share of its track's size counts as that large
MOST_CANDIDATES = 8  # masks that a track is compared with
LEAST_RATIO = 0.02  # of areas: no IoU is larger
STANDING_LINKS = 2  # up to so many masks a velocity is not known
WHOLE_RATIO = 1.2  # the largest recent mask is asked where it is so much larger than the last
NESTING_WEIGHT = 0.25


PARTS = ("place", "velocity", "shape", "whole", "nesting", "uncertainty", "borrowing", "motion")
FIXED_LIMIT = 3.0  # object sizes, where the part "uncertainty" is switched off


@dataclass(frozen=True, eq=False)
class Evidence:
    """Tables of n tracks (rows) and m masks (columns).

    Attributes
    ----------
    similarity : float64 (n, m) in [0, 1].
    place : float64 (n, m) in [0, 1], the IoU at the expected place alone.
    residual : float64 (n, m), distance from the expected centroid in object sizes.
    """

    similarity: np.ndarray
    place: np.ndarray
    residual: np.ndarray


def weigh(
    tracks: np.ndarray,
    now: FrameMeasurement,
    t: int,
    nested: np.ndarray,
    memory: int,
    without: frozenset[str] = frozenset(),
) -> Evidence:
    """Compare all tracks with all masks of frame ``t``.

    ``nested`` float64 (m,) is the masks' nesting; ``without`` leaves out some of PARTS.  Of tracks
    that were absent for longer than ``memory`` frames only the IoU at the expected place is taken.
    """
    gap = t - tracks["frame"]
    aim = expected(tracks, t)
    residual = _residual(tracks, now, aim)
    nearness = _nearness(tracks, residual, gap, without)
    similarity, place = np.zeros(residual.shape), np.zeros(residual.shape)
    rows, columns = _candidates(nearness, _area_ratio(tracks, now))
    if rows.size:
        aligned = np.where((gap <= memory + 1)[:, None], nearness, 0.0)
        values = _shapes(tracks, now, aim, aligned, rows, columns, without)
        similarity[rows, columns], place[rows, columns] = values
    if "place" not in without:
        _add_place(similarity, tracks, now, gap, without)
    if "nesting" not in without:
        deeper = np.maximum(nested[None, :] - tracks["nested"][:, None], 0.0)
        similarity *= 1 - NESTING_WEIGHT * deeper
    return Evidence(similarity, place, residual)


def _residual(tracks: np.ndarray, now: FrameMeasurement, aim: np.ndarray) -> np.ndarray:
    offset = now.centroids[None, :] - aim[:, None]
    size = tracks["size"][:, None]
    scale = np.sqrt(size * np.maximum(np.sqrt(now.areas)[None, :], SMALLEST_PART * size))
    return np.hypot(offset[..., 0], offset[..., 1]) / scale


def _candidates(nearness: np.ndarray, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (rows, columns) worth comparing: of each track the masks that promise most."""
    promise = np.where(ratio > LEAST_RATIO, nearness * ratio, 0.0)
    if promise.shape[1] > MOST_CANDIDATES:
        order = np.argsort(-promise, axis=1, kind="stable")
        np.put_along_axis(promise, order[:, MOST_CANDIDATES:], 0.0, axis=1)
    return np.nonzero(promise)


def _area_ratio(tracks: np.ndarray, now: FrameMeasurement) -> np.ndarray:
    """Largest IoU that the areas allow, float64 (n, m)."""
    best = np.zeros((tracks.size, now.areas.size))
    for areas in (tracks["area"], tracks["whole_area"]):
        ratio = areas[:, None] / now.areas[None, :]
        best = np.maximum(best, np.minimum(ratio, 1 / ratio))
    return best


def _nearness(
    tracks: np.ndarray, residual: np.ndarray, gap: np.ndarray, without: frozenset[str]
) -> np.ndarray:
    """Weight of the aligned shape by how far from the expected place it is, (n, m) in [0, 1]."""
    deviation = np.sqrt(tracks["variance"] + LEAST_DEVIATION**2)
    limit = np.clip(LIMIT_SIGMAS * deviation, LEAST_LIMIT, LARGEST_LIMIT)
    tail = TAIL_SIGMAS * deviation
    if "uncertainty" in without:
        limit, tail = np.full(limit.shape, FIXED_LIMIT), np.full(limit.shape, np.inf)
    time = gap**GAP_EXPONENT
    straight = np.maximum(1 - residual / (limit * time)[:, None], 0.0)
    return straight / (1 + (residual / (tail * time)[:, None]) ** 2)


def _shapes(
    tracks: np.ndarray,
    now: FrameMeasurement,
    aim: np.ndarray,
    nearness: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    without: frozenset[str],
) -> np.ndarray:
    """Similarity of the pairs (rows, columns) by their thumbnails, float64 (p,)."""
    turned = now.thumbnails.turned
    asked = [(last_shapes(tracks, turned), tracks["centroid"], np.arange(rows.size))]
    if "whole" not in without:
        larger = tracks["whole_area"] > WHOLE_RATIO * tracks["area"]
        asked.append(
            (whole_shapes(tracks, turned), tracks["whole_centroid"], np.flatnonzero(larger[rows]))
        )
    best = np.zeros((2, rows.size))
    for shapes, centroids, chosen in asked:
        row, column = rows[chosen], columns[chosen]
        values = _fit(shapes, centroids, now, aim, nearness, row, column, without)
        best[:, chosen] = np.maximum(best[:, chosen], values)
    return best


def _fit(
    shapes: Thumbnails,
    centroids: np.ndarray,
    now: FrameMeasurement,
    aim: np.ndarray,
    nearness: np.ndarray,
    row: np.ndarray,
    column: np.ndarray,
    without: frozenset[str],
) -> np.ndarray:
    values = np.zeros((2, row.size))
    if not row.size:
        return values
    pairs = pair(shapes, now.thumbnails, row, column)
    if "shape" not in without:
        near = np.flatnonzero(nearness[row, column])
        aligned = pairs[near].iou((now.centroids[column] - centroids[row])[near])
        values[0, near] = aligned * nearness[row, column][near]
    if "velocity" not in without:
        values[1] = pairs.iou(aim[row] - centroids[row], now.shape)
        values[0] = np.maximum(values[0], values[1])
    return values


def _add_place(
    similarity: np.ndarray,
    tracks: np.ndarray,
    now: FrameMeasurement,
    gap: np.ndarray,
    without: frozenset[str],
) -> None:
    """Raise ``similarity`` to the exact IoU with the frame before, for tracks just begun."""
    if not now.motion.still and "motion" not in without:
        return  # with a moving camera masks as they lie say little
    chosen = np.flatnonzero((gap == 1) & (tracks["links"] <= STANDING_LINKS))
    if chosen.size and now.earlier:
        shared = now.earlier[0][tracks["mask"][chosen]]
        overlap = iou(shared, tracks["area"][chosen], now.areas)
        similarity[chosen] = np.maximum(similarity[chosen], overlap)
