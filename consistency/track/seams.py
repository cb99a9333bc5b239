"""Two stretches of one video that share frames: which of their labels are one object.

In every shared frame each mask of the one is compared with each mask of the other, and labels are
assigned one-to-one with the largest sum of IoUs over the frames (Kuhn 1955).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from consistency.masks.intersections import iou

# A label lies in another where more than this share of its pixels does, all shared frames together.
INSIDE = 0.5


@dataclass(frozen=True, eq=False)
class SharedFrame:
    """One frame that both stretches have labelled.

    Attributes
    ----------
    earlier, later : labels of its n masks in the earlier stretch, of its m masks in the later one.
    earlier_areas, later_areas : int64 (n,), (m,), pixels.
    shared : int64 (n, m), common pixels.
    """

    earlier: Sequence[int]
    later: Sequence[int]
    earlier_areas: np.ndarray
    later_areas: np.ndarray
    shared: np.ndarray


@dataclass(frozen=True)
class Contradiction:
    """Several labels of one stretch, none inside another, that lie in one label of the other.

    Attributes
    ----------
    one : the label of the other stretch.
    kept : the label that is taken for the same object.
    others : those that lie in it, too.
    """

    one: int
    kept: int
    others: tuple[int, ...]


@dataclass(frozen=True)
class Seam:
    """What the shared frames tell.

    Attributes
    ----------
    pairs : {label of the later stretch: label of the earlier one}, one-to-one.
    agreement : {label of the later stretch: mean IoU of the pair's masks, 0-1}.
    merged, split : contradictions: several labels of the earlier stretch are one in the later one,
        and the other way round.
    """

    pairs: dict[int, int] = field(default_factory=dict)
    agreement: dict[int, float] = field(default_factory=dict)
    merged: tuple[Contradiction, ...] = ()
    split: tuple[Contradiction, ...] = ()


def match(frames: Iterable[SharedFrame], least: float = 0.0) -> Seam:
    """Assign labels to one another.

    Parameters
    ----------
    frames : the shared ones.
    least : mean IoU of a pair over the frames in which both have a mask, 0-1; a pair below it is
        not assigned, nor is one that never overlaps.
    """
    sums = _Sums.of(list(frames))
    mean = sums.iou / np.maximum(sums.together, 1)
    score = np.where(mean >= least, sums.iou, 0.0)
    i, j = _best(score)
    earlier, later = sums.earlier[i].tolist(), sums.later[j].tolist()
    of_earlier, of_later = np.full(sums.earlier.size, -1), np.full(sums.later.size, -1)
    of_earlier[i], of_later[j] = j, i
    areas = sums.areas
    return Seam(
        dict(zip(later, earlier, strict=True)),
        dict(zip(later, mean[i, j].tolist(), strict=True)),
        _contradictions(sums.earlier, sums.later, of_earlier, sums.shared, *areas),
        _contradictions(sums.later, sums.earlier, of_later, sums.shared.T, *areas[::-1]),
    )


def _best(score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Assign rows to columns with the largest sum; pairs of 0 are none.  int64 (k,) twice."""
    from scipy.optimize import linear_sum_assignment

    i, j = linear_sum_assignment(score, maximize=True)
    some = score[i, j] > 0
    return i[some], j[some]


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over all shared frames, for n labels of the earlier and m of the later stretch.

    Attributes
    ----------
    earlier, later : int64 (n,), (m,), the labels, rising.
    iou, together : float64 (n, m), sum of IoUs, and frames in which both have a mask.
    shared : int64 (n, m), common pixels.
    areas : int64 (n,) and (m,), pixels.
    """

    earlier: np.ndarray
    later: np.ndarray
    iou: np.ndarray
    together: np.ndarray
    shared: np.ndarray
    areas: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, frames: Sequence[SharedFrame]) -> "_Sums":
        earlier = _all_labels(frame.earlier for frame in frames)
        later = _all_labels(frame.later for frame in frames)
        size = earlier.size, later.size
        total, together = np.zeros(size), np.zeros(size)
        shared = np.zeros(size, np.int64)
        areas = np.zeros(size[0], np.int64), np.zeros(size[1], np.int64)
        for frame in frames:
            i = earlier.searchsorted(np.array(frame.earlier, np.int64))
            j = later.searchsorted(np.array(frame.later, np.int64))
            # A label twice in a frame, which only faulty input has, must count twice.
            where = np.ix_(i, j)
            np.add.at(total, where, iou(frame.shared, frame.earlier_areas, frame.later_areas))
            np.add.at(together, where, 1.0)
            np.add.at(shared, where, frame.shared)
            np.add.at(areas[0], i, frame.earlier_areas)
            np.add.at(areas[1], j, frame.later_areas)
        return cls(earlier, later, total, together, shared, areas)


def _all_labels(labels: Iterable[Sequence[int]]) -> np.ndarray:
    return np.array(sorted({label for frame in labels for label in frame}), np.int64)


def _contradictions(
    many: np.ndarray,
    ones: np.ndarray,
    partner: np.ndarray,
    shared: np.ndarray,
    areas: np.ndarray,
    one_areas: np.ndarray,
) -> tuple[Contradiction, ...]:
    """Find labels of one side that lie in one of the other side, as its partner does.

    Parameters
    ----------
    many, ones : labels of both sides, int64 (n,), (m,).
    partner : int64 (n,), number of the label in ``ones`` that each is paired with, or -1.
    shared : int64 (n, m); areas, one_areas : int64 (n,), (m,), as in ``_Sums``.
    """
    inside = shared > INSIDE * areas[:, None]
    found = []
    for j in range(ones.size):
        kept = np.flatnonzero((partner == j) & inside[:, j])
        left = np.flatnonzero((partner < 0) & inside[:, j])
        if not kept.size:
            continue
        # A part of the kept one would cover pixels of the one twice: parts among wholes are none.
        beside = left[shared[kept[0], j] + shared[left, j] <= one_areas[j]]
        if beside.size:
            others = tuple(many[beside].tolist())
            found.append(Contradiction(int(ones[j]), int(many[kept[0]]), others))
    return tuple(found)
