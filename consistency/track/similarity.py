"""How much speaks for each pair of a track and a mask.

The similarity of a pair is the best of

- the IoU of the two masks as they lie, while the track's velocity is not known yet,
- the IoU after moving the track's mask to where it is expected,
- the IoU after aligning centroids × (1 - distance / limit) / (1 + (distance / tail)²),

of the track's last mask or, where that was much smaller, of its largest recent one, times
1 - NESTING_WEIGHT × how much deeper the mask is nested than the track's last mask was: a whole does
not become a part, while a part is on its own as soon as its whole is not found.  ``distance`` is
the innovation between expected and found centroid in object sizes; limit and tail follow the
innovations of the track itself and, for new tracks, of the sequence.
"""

from dataclasses import dataclass

import numpy as np

from consistency.track.gating import Gate, comparisons, innovations, within_gate
from consistency.track.state import Detections

STANDING_LENGTH = 2  # up to so many masks a velocity is not known
LARGEST_RATIO = 1.2  # the largest recent mask is asked where it is so much larger than the last
NESTING_WEIGHT = 0.25


@dataclass(frozen=True, eq=False)
class PairSimilarity:
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


def pairwise_similarity(
    tracks: np.ndarray,
    predicted: np.ndarray,
    detections: Detections,
    least: np.ndarray,
    memory: int,
    without: frozenset[str] = frozenset(),
) -> PairSimilarity:
    """Compare all tracks with all masks of a frame.

    Parameters
    ----------
    tracks : STATE (n,), as carried into the frame.
    predicted : float64 (n, 2), centroids expected in it, x, y in pixels.
    least : float64 (n,), similarity below which a pair is of no use to a track; it may be left out.
    memory : of tracks that were absent for longer only the IoU at the expected place is taken.
    without : some of ``options.CUES``, to be left out.
    """
    now, gap = detections.now, detections.t - tracks["frame"]
    gate = Gate.of(tracks, gap, "uncertainty" in without)
    near = np.zeros((tracks.size, now.areas.size), bool)
    near[within_gate(tracks, now, predicted, gate)] = True
    begun_rows, begun_columns, overlap = _standing(tracks, detections, gap, without)
    near[begun_rows, begun_columns] = True
    flat = near.ravel().nonzero()[0]
    rows, columns = np.divmod(flat, max(now.areas.size, 1))
    similarity, place = np.zeros(flat.size), np.zeros(flat.size)
    if flat.size:
        innovation = innovations(tracks["size"][rows], predicted.take(rows, axis=0), now, columns)
        nearness = np.where((gap <= memory + 1)[rows], gate.nearness(rows, innovation), 0.0)
        larger = (tracks["largest_area"] > LARGEST_RATIO * tracks["area"]).nonzero()[0]
        some = comparisons(
            tracks,
            larger[: 0 if "whole" in without else None],
            predicted,
            detections,
            (rows, columns),
            (nearness * ("shape" not in without), np.full(flat.size, "velocity" not in without)),
            least,
        )
        values = detections.shapes.iou(some.first, some.second, some.move, now.shape, some.cut)
        np.maximum.at(similarity, some.pair, values * some.weight)
        np.maximum.at(place, some.pair, values * some.at_place)
        number = flat.searchsorted(begun_rows * now.areas.size + begun_columns)
        similarity[number] = np.maximum(similarity[number], overlap)
    if "nesting" not in without:
        deeper = np.maximum(
            detections.masks["containment"][columns] - tracks["containment"][rows], 0.0
        )
        similarity *= 1 - NESTING_WEIGHT * deeper
    return PairSimilarity(rows, columns, similarity, place)


def _standing(
    tracks: np.ndarray, detections: Detections, gap: np.ndarray, without: frozenset[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tracks just begun, masks, and the exact IoU of the two as they lie, if it is not 0."""
    now, none = detections.now, np.zeros(0, np.int64)
    moving = not now.motion.still and "motion" not in without
    begun = ((gap == 1) & (tracks["length"] <= STANDING_LENGTH)).nonzero()[0]
    # With a moving camera masks as they lie say little.
    if moving or "place" in without or not now.earlier or not begun.size:
        return none, none, none
    table = now.earlier[0]
    earlier, later = table.places()
    track_of = np.full(table.shape[0], -1)
    track_of[tracks["mask"][begun]] = begun
    row = track_of[earlier]
    some = (row >= 0).nonzero()[0]
    row, column, shared = row[some], later[some], table.value[some]
    return row, column, shared / (tracks["area"][row] + now.areas[column] - shared)
