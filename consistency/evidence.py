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

from consistency.candidates import Candidates, Reach, residuals, within_reach
from consistency.measure import FrameMeasurement
from consistency.tracks import Target

STANDING_LINKS = 2  # up to so many masks a velocity is not known
WHOLE_RATIO = 1.2  # the largest recent mask is asked where it is so much larger than the last
NESTING_WEIGHT = 0.25

PARTS = ("place", "velocity", "shape", "whole", "nesting", "uncertainty", "borrowing", "motion")


@dataclass(frozen=True, eq=False)
class Evidence:
    """Pairs of tracks and masks that were compared, in order of rows, then of columns.

    Attributes
    ----------
    rows, columns : int64 (p,), tracks and masks.
    similarity : float64 (p,) in [0, 1].
    place : float64 (p,) in [0, 1], the IoU at the expected place alone.
    """

    rows: np.ndarray
    columns: np.ndarray
    similarity: np.ndarray
    place: np.ndarray


def weigh(
    tracks: np.ndarray,
    aim: np.ndarray,
    target: Target,
    least: np.ndarray,
    memory: int,
    without: frozenset[str] = frozenset(),
) -> Evidence:
    """Compare all tracks with all masks of a frame.

    Parameters
    ----------
    tracks : TRACK (n,), as carried into the frame.
    aim : float64 (n, 2), centroids expected in it, x, y in pixels.
    least : float64 (n,), similarity below which a pair is of no use to a track; it may be left out.
    memory : of tracks that were absent for longer only the IoU at the expected place is taken.
    without : some of PARTS, to be left out.
    """
    now, gap = target.now, target.t - tracks["frame"]
    reach = Reach.of(tracks, gap, "uncertainty" in without)
    near = np.zeros((tracks.size, now.areas.size), bool)
    near[within_reach(tracks, now, aim, reach)] = True
    standing = _standing(tracks, target, gap, without)
    if standing.any():
        near[_touching(tracks, now, standing)] = True
    rows, columns = np.divmod(near.ravel().nonzero()[0], max(now.areas.size, 1))
    similarity, place = np.zeros(rows.size), np.zeros(rows.size)
    if rows.size:
        residual = residuals(tracks["size"][rows], aim[rows], now, columns)
        nearness = np.where((gap <= memory + 1)[rows], reach.nearness(rows, residual), 0.0)
        larger = np.flatnonzero(tracks["whole_area"] > WHOLE_RATIO * tracks["area"])
        if "whole" in without:
            larger = larger[:0]
        found = Candidates(tracks, larger, target, rows, columns)
        aligned = found.aligned(nearness * ("shape" not in without), least)
        at_place = found.at_place(aim, np.where("velocity" in without, np.inf, least))
        values = found.iou([aligned, at_place])
        np.maximum.at(similarity, aligned.pair, values[0] * nearness[aligned.pair])
        np.maximum.at(place, at_place.pair, values[1])
        similarity = np.maximum(similarity, place)
        _add_standing(similarity, tracks, now, rows, columns, standing)
    if "nesting" not in without:
        deeper = np.maximum(target.masks["nested"][columns] - tracks["nested"][rows], 0.0)
        similarity *= 1 - NESTING_WEIGHT * deeper
    return Evidence(rows, columns, similarity, place)


def _standing(
    tracks: np.ndarray, target: Target, gap: np.ndarray, without: frozenset[str]
) -> np.ndarray:
    """Whose masks are compared as they lie: tracks just begun, bool (n,)."""
    moving = not target.now.motion.still and "motion" not in without
    if moving or "place" in without or not target.now.earlier:
        return np.zeros(tracks.size, bool)  # with a moving camera masks as they lie say little
    return (gap == 1) & (tracks["links"] <= STANDING_LINKS)


def _touching(
    tracks: np.ndarray, now: FrameMeasurement, standing: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rows in ``standing``, and masks that they have pixels in common with, int64 (k,) each."""
    earlier, later = now.earlier[0].places()
    row_of = np.full(now.earlier[0].shape[0], -1)
    row_of[tracks["mask"][standing]] = np.flatnonzero(standing)
    row = row_of[earlier]
    return row[row >= 0], later[row >= 0]


def _add_standing(
    similarity: np.ndarray,
    tracks: np.ndarray,
    now: FrameMeasurement,
    rows: np.ndarray,
    columns: np.ndarray,
    standing: np.ndarray,
) -> None:
    """Raise ``similarity`` to the exact IoU with the frame before, for tracks that stand."""
    some = np.flatnonzero(standing[rows])
    if some.size:
        row, column = rows[some], columns[some]
        shared = now.earlier[0].at(tracks["mask"][row], column)
        union = tracks["area"][row] + now.areas[column] - shared
        similarity[some] = np.maximum(similarity[some], shared / union)
