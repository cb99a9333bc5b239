"""Pairs of ends and later starts of tracks that may be one object, with their log odds.

From round to round most tracks stay what they are: as long as nothing new is learnt, only pairs of
an end or a start that has changed are measured again.
"""

from collections.abc import Iterator

import numpy as np

from consistency.masks import compiled
from consistency.track.calibration import Calibration
from consistency.track.link_evidence import EvidenceMeter, Geometry
from consistency.track.parameters import Parameters
from consistency.track.ranges import blocks, members
from consistency.track.tracklets import NONE, SequenceMasks, Side

PAIRS_AT_A_TIME = 1 << 16  # a pair takes 400 bytes while its distance is looked at
Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]


class CandidateFinder:
    """Finds the candidates of one sequence.

    Parameters
    ----------
    most_missed : frames that a track may miss.
    pieces : int64 (N, 2), the first and the last piece of a video that know each mask's track: an
        end is joined with starts in later pieces alone.  None: the video has no pieces.
    """

    def __init__(
        self,
        masks: SequenceMasks,
        meter: EvidenceMeter,
        most_missed: int,
        parameters: Parameters,
        pieces: np.ndarray | None = None,
    ) -> None:
        self._masks, self._meter, self._pieces = masks, meter, pieces
        self._most_missed, self._parameters = most_missed, parameters
        self._calibration: Calibration | None = None
        self._sides: tuple[Side, Side] | None = None
        self._pairs: Pairs | None = None

    def find(self, past: Side, future: Side, calibration: Calibration) -> Pairs:
        """Return pairs that are near enough, by rows, then columns, and their log odds.

        Parameters
        ----------
        past, future : sides of ends and of starts, by rising number of the mask.

        Returns
        -------
        row, column : int64 (p,), numbers in ``past`` and ``future``.
        log_odds : float64 (p,), apart from their rivals.
        """
        known = self._known(past, future) if calibration is self._calibration else None
        rows, columns, values = [], [], []
        if known is not None:
            kept, known_row, known_column = known
            rows, columns, values = [kept[0]], [kept[1]], [kept[2]]
        for row, column in self._in_reach(past, future, calibration):
            if known is not None:
                new = np.flatnonzero(~(known_row[row] & known_column[column]))
                row, column = row[new], column[new]
            near, value = self._measured(past.take(row), future.take(column), calibration)
            rows.append(row[near])
            columns.append(column[near])
            values.append(value)
        pairs = (np.concatenate(rows), np.concatenate(columns), np.concatenate(values))
        order = np.argsort(pairs[0] * future.mask.size + pairs[1])
        self._pairs = pairs[0][order], pairs[1][order], pairs[2][order]
        self._calibration, self._sides = calibration, (past, future)
        return self._pairs

    def _in_reach(
        self, past: Side, future: Side, calibration: Calibration
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs in the order of time, few enough at a time: those of a crowd fill the memory.

        All that are near enough are among them, and others.
        """
        ended, started = self._masks.t[past.mask], self._masks.t[future.mask]  # both rise
        low = started.searchsorted(ended + 1)
        count = started.searchsorted(ended + 1 + self._most_missed, side="right") - low
        for block in blocks(count, PAIRS_AT_A_TIME):
            if compiled.native is None:
                row, column = members(low[block], count[block])
            else:
                row, column = self._near(
                    past.take(block), future, low[block], count[block], calibration
                )
            row = block[row]
            if self._pieces is not None:
                last, first = self._pieces[past.mask[row], 1], self._pieces[future.mask[column], 0]
                row, column = row[last < first], column[last < first]
            yield row, column

    def _near(
        self, past: Side, future: Side, low: np.ndarray, count: np.ndarray, learnt: Calibration
    ) -> tuple[np.ndarray, np.ndarray]:
        """Members of ranges that may be near enough; a little too many, as rounding may decide.

        Of fragments nine in ten are not, and to look at them with NumPy takes half of the time of
        linking.
        """
        assert compiled.native is not None
        masks = self._masks
        sides = [(s.mask, s.whole, s.velocity, s.whole_place) for s in (past, future)]
        row, column = np.empty((2, int(count.sum()) + 1), np.int64)
        found = compiled.native.near_pairs(
            *(masks.t, masks.centroid, masks.area),
            np.zeros(0) if masks.camera.moves is None else masks.camera.moves,
            *(*sides[0], *sides[1]),
            *(low, count, learnt.damping, learnt.reach, row, column),
        )
        return row[:found], column[:found]

    def _measured(
        self, past: Side, future: Side, calibration: Calibration
    ) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the pairs that are near enough, and their log odds."""
        geometry = Geometry.of(self._masks, past, future)
        gap = geometry.gap
        near = np.flatnonzero(geometry.miss(calibration.damping[gap]) < calibration.reach[gap])
        measured = self._meter.measure(
            past.take(near), future.take(near), calibration.damping, geometry.take(near)
        )
        return near, log_odds(measured, calibration, self._parameters)

    def _known(self, past: Side, future: Side) -> tuple[Pairs, np.ndarray, np.ndarray]:
        """Pairs whose sides both are what they were, and which rows and columns are."""
        assert self._sides is not None
        assert self._pairs is not None
        rows, columns = _renumbered(self._sides[0], past), _renumbered(self._sides[1], future)
        row, column = rows[self._pairs[0]], columns[self._pairs[1]]
        both = np.flatnonzero((row >= 0) & (column >= 0))
        known = np.zeros(past.mask.size, bool), np.zeros(future.mask.size, bool)
        known[0][rows[rows >= 0]] = known[1][columns[columns >= 0]] = True
        return (row[both], column[both], self._pairs[2][both]), *known


def _renumbered(old: Side, new: Side) -> np.ndarray:
    """Number in ``new`` of each of ``old`` that is still the same, else NONE; int64 (k,)."""
    if not new.mask.size:
        return np.full(old.mask.size, NONE)
    place = np.minimum(new.mask.searchsorted(old.mask), new.mask.size - 1)
    return np.where(old.same_as(new.take(place)), place, NONE)


def log_odds(measured: np.ndarray, calibration: Calibration, p: Parameters) -> np.ndarray:
    """Log odds that pairs EVIDENCE (p,) are one object, apart from their rivals, float64 (p,)."""
    evidence = p.join_evidence * calibration.evidence(measured)
    gap = p.join_log_gap * np.log(measured["gap"])
    return p.join_bias + evidence + gap + p.join_placed * measured["placed"]
