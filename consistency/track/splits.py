"""Masks that become two and two that become one.

A mask is *cut* where two masks lie inside the one before and their areas add up to it: an object
falls apart, or something thin passes in front of it.  Cells that divide are another matter: they
round up, part and grow, so that neither containment nor areas hold, and one frame does not tell
(``divisions``).
"""

from dataclasses import dataclass

import numpy as np

from consistency.masks.intersections import PairTable
from consistency.measure.frame import FrameMeasurement
from consistency.track.assignment import assign_pairs
from consistency.track.parameters import Parameters
from consistency.track.state import LAST, Detections


@dataclass(frozen=True)
class Split:
    """Row ``track`` becomes the masks ``first``, which was assigned to it, and ``second``."""

    track: int
    first: int
    second: int


def find_splits(
    tracks: np.ndarray,
    detections: Detections,
    pairs: tuple[np.ndarray, np.ndarray],
    free: np.ndarray,
    parameters: Parameters,
) -> list[Split]:
    """Look for tracks that were cut in two.

    Parameters
    ----------
    tracks : STATE (n,), with a mask in the frame before where they occur in ``pairs``.
    pairs : int64 (p,) twice, tracks and masks already assigned.
    free : int64 (k,), masks without a track.

    Returns
    -------
    Splits, each mask and track in one at most.
    """
    rows, masks = pairs
    if not rows.size or not free.size:
        return []
    i, k, value = _cut(tracks.take(rows), detections.now, masks, free, parameters)
    chosen = assign_pairs(i, k, value)
    found = zip(rows[i[chosen]], masks[i[chosen]], free[k[chosen]], strict=True)
    return [Split(*(int(number) for number in split)) for split in found]


def _cut(
    tracks: np.ndarray, now: FrameMeasurement, masks: np.ndarray, free: np.ndarray, p: Parameters
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of an assigned and a free mask that make up their track, and how well they do.

    Returns
    -------
    int64 (p,), (p,) and float64 (p,): number of the track and its mask, of the free mask, value.
    """
    table = now.earlier[0]
    i, k = _touching(table, tracks["mask"], free)
    whole, first, second = tracks["mask"][i], masks[i], free[k]
    areas = now.areas[first], now.areas[second]
    rest = np.abs((areas[0] + areas[1]) / tracks["area"][i, LAST] - 1)
    # Inside alone holds for whatever appears in front of a large mask, areas alone for any
    # neighbour.
    cut = (
        (table.at(whole, first) >= p.inside * areas[0])
        & (table.at(whole, second) >= p.inside * areas[1])
        & (rest <= p.area_tolerance)
        & (now.within.at(first, second) < p.apart * np.minimum(*areas))
    )
    return i[cut], k[cut], 1 - rest[cut]


def _touching(
    table: PairTable, rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of those among ``rows`` and ``columns`` that share pixels, int64 (p,) each.

    Each row and each column is there once at most.
    """
    numbers = [np.full(count, -1) for count in table.shape]
    for number, chosen in zip(numbers, (rows, columns), strict=True):
        number[chosen] = np.arange(chosen.size)
    i, k = (n[place] for n, place in zip(numbers, table.places(), strict=True))
    both = (i >= 0) & (k >= 0)
    return i[both], k[both]


def find_merges(
    tracks: np.ndarray,
    now: FrameMeasurement,
    pairs: tuple[np.ndarray, np.ndarray],
    lost: np.ndarray,
    parameters: Parameters,
) -> list[tuple[int, int]]:
    """Find tracks that have become one mask with another: (lost track, track that goes on).

    ``lost`` int64 (k,) are rows of ``tracks`` with a mask in the frame before and none in this
    one; ``pairs``, int64 (p,) twice, are tracks and masks that go on from the frame before.
    """
    p = parameters
    lost = lost[tracks["containment"][lost] < p.apart]  # a part that is lost merges not
    rows, masks = pairs
    if not lost.size or not rows.size:
        return []
    table = now.earlier[0]
    i, k = _touching(table, tracks["mask"][lost], masks)
    one, other, mask = lost[i], rows[k], masks[k]
    areas = tracks["area"][one, LAST], tracks["area"][other, LAST]
    merges = (
        (table.at(tracks["mask"][one], mask) >= p.inside * areas[0])
        & (table.at(tracks["mask"][other], mask) >= p.inside * areas[1])
        & (np.abs((areas[0] + areas[1]) / now.areas[mask] - 1) <= p.area_tolerance)
    )
    # One heir each, the first in canonical order.
    heirs: dict[int, int] = {}
    for number in np.flatnonzero(merges)[np.argsort(k[merges], kind="stable")].tolist():
        heirs.setdefault(int(one[number]), int(other[number]))
    return sorted(heirs.items())
