"""Join tracklets over gaps, all at once, on evidence that the sequence itself has calibrated.

A tracker decides frame by frame, by what was before.  Afterwards both sides of every gap are known.
Links that are not beyond doubt are cut, and all ends are assigned to all later starts at once
(Huang, Wu and Nevatia 2008, hierarchical association): one-to-one, with the largest sum of log odds
that both show one object.  Rounds go from sure joins to doubtful ones: longer tracklets tell more.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from consistency.track.assignment import settle
from consistency.track.calibration import Calibration, learn
from consistency.track.candidates import CandidateFinder, log_odds
from consistency.track.link_evidence import EvidenceMeter
from consistency.track.parameters import DEFAULTS, Parameters
from consistency.track.results import TrackedFrame
from consistency.track.thumbnail_store import ThumbnailStore
from consistency.track.tracklets import (
    NONE,
    SequenceMasks,
    Tracks,
    look_ahead,
    look_back,
)


def link(
    frames: Sequence[TrackedFrame],
    thumbnails: ThumbnailStore,
    parents: Mapping[int, int],
    most_missed: int,
    p: Parameters = DEFAULTS,
) -> tuple[list[list[int]], list[np.ndarray]]:
    """Decide again which masks are one object.

    Parameters
    ----------
    frames : the whole sequence, labelled.
    thumbnails : of all its masks, in order.
    parents : {daughter: mother}; the end of a mother and the start of a daughter are not joined.
    most_missed : frames that a track may miss.

    Returns
    -------
    labels : new ones of each frame's masks, numbered in the order in which tracks begin.
    confidence : float64 (n,) for each frame, probability that a mask shows the same object as the
        mask before it on its track, 0-1; NaN for the first of a track.
    """
    if not any(frame.labels for frame in frames):
        return [[] for _ in frames], [np.zeros(0) for _ in frames]
    return solve(frames, thumbnails, parents, most_missed, p).labels_and_confidence()


def solve(
    frames: Sequence[TrackedFrame],
    thumbnails: ThumbnailStore,
    parents: Mapping[int, int],
    most_missed: int,
    p: Parameters = DEFAULTS,
) -> "Linked":
    """Decide as ``link`` does, of one mask or more, and keep what the decision was made from."""
    tracks = Tracks.of_labels(frame.labels for frame in frames)
    mothers, daughters = _have_label(frames, parents.values()), _have_label(frames, parents)
    joiner = Joiner.of(
        frames,
        thumbnails,
        most_missed,
        p,
        may_go_on=~((tracks.after < 0) & mothers),
        may_come_from=~((tracks.before < 0) & daughters),
    )
    return Linked(joiner, *joiner.joined(tracks, p.rounds))


@dataclass(frozen=True, eq=False)
class Linked:
    """A linked sequence: who has joined its tracks, these, and what was learnt last."""

    joiner: "Joiner"
    tracks: Tracks
    calibration: Calibration

    def labels_and_confidence(self) -> tuple[list[list[int]], list[np.ndarray]]:
        """Return both as ``link`` does."""
        joiner = self.joiner
        return joiner.labels(self.tracks), joiner.confidence(self.tracks, self.calibration)


def _have_label(frames: Sequence[TrackedFrame], labels: Iterable[int]) -> np.ndarray:
    """Which masks have one of some labels, bool (N,)."""
    wanted = set(labels)
    return np.array([label in wanted for frame in frames for label in frame.labels], bool)


def probability(log_odds: np.ndarray, p: Parameters) -> np.ndarray:
    """Probabilities of links by their log odds, float64 (N,); calibrated on links whose truth is
    known, as log odds are learnt from tracks that are not without faults (Platt 1999).
    """
    return 1 / (1 + np.exp(-(p.confidence_bias + p.confidence_slope * log_odds)))


@dataclass(frozen=True, eq=False)
class Joiner:
    """Cuts and joins the tracks of one sequence.

    Attributes
    ----------
    masks, meter, candidates : of the sequence.
    may_go_on, may_come_from : bool (N,), a mask may be joined with a later, an earlier one.
    longest : the largest gap that anything is known for, frames.
    """

    masks: SequenceMasks
    meter: EvidenceMeter
    candidates: CandidateFinder
    may_go_on: np.ndarray
    may_come_from: np.ndarray
    longest: int
    parameters: Parameters

    @classmethod
    def of(
        cls,
        frames: Sequence[TrackedFrame],
        thumbnails: ThumbnailStore,
        most_missed: int,
        p: Parameters,
        may_go_on: np.ndarray,
        may_come_from: np.ndarray,
        pieces: np.ndarray | None = None,
    ) -> "Joiner":
        """Gather the masks of ``frames``; see the class, and for ``pieces`` CandidateFinder."""
        longest = max(most_missed + 1, *p.sample_gaps)
        masks = SequenceMasks.of(frames, thumbnails, longest)
        meter = EvidenceMeter(masks)
        candidates = CandidateFinder(masks, meter, most_missed, p, pieces)
        return cls(masks, meter, candidates, may_go_on, may_come_from, longest, p)

    def labels(self, tracks: Tracks) -> list[list[int]]:
        """Labels of each frame's masks, numbered in the order in which tracks begin."""
        numbers = np.unique(tracks.track, return_inverse=True)[1] + 1
        return [part.tolist() for part in np.split(numbers, self.masks.first[1:-1])]

    def confidence(self, tracks: Tracks, calibration: Calibration) -> list[np.ndarray]:
        """Confidence of each frame's masks, see ``link``."""
        log_odds = self.log_odds(tracks, calibration)
        return np.split(probability(log_odds, self.parameters), self.masks.first[1:-1])

    def joined(
        self, tracks: Tracks, rounds: Iterable[tuple[float | None, float]]
    ) -> tuple[Tracks, Calibration]:
        """Return the tracks after all ``Parameters.rounds``, and what was learnt last."""
        p = self.parameters
        calibration = learn(self.masks, tracks, self.meter, self.longest, p)
        for number, (weakest, least) in enumerate(rounds):
            # Favoured is what this very round has cut; later it is a candidate like any other.
            trusted = tracks
            if weakest is not None:
                if number:  # tracks have changed, so has what can be learnt from them
                    calibration = learn(self.masks, tracks, self.meter, self.longest, p)
                tracks = self._cut(tracks, calibration, weakest)
            tracks = self._join(tracks, trusted, calibration, least)
        return tracks, calibration

    def log_odds(self, tracks: Tracks, calibration: Calibration) -> np.ndarray:
        """Log odds of the link of each mask with the one before, float64 (N,); NaN without one."""
        i, j = tracks.links()
        result = np.full(tracks.before.size, np.nan)
        result[j] = self.odds(tracks, i, j, calibration)
        return result

    def odds(
        self, tracks: Tracks, i: np.ndarray, j: np.ndarray, calibration: Calibration
    ) -> np.ndarray:
        """Log odds of earlier masks i and later ones j, float64 (p,).

        NaN for an absence that is longer than anything is known for: tracks that users give or
        correct may have such.
        """
        known = self.masks.t[j] - self.masks.t[i] <= self.longest
        result = np.full(i.size, np.nan)
        measured = self._measured(tracks, i[known], j[known], calibration)
        result[known] = log_odds(measured, calibration, self.parameters)
        return result

    def _measured(
        self, tracks: Tracks, i: np.ndarray, j: np.ndarray, calibration: Calibration
    ) -> np.ndarray:
        """EVIDENCE (p,) of pairs of masks, with their sides on their tracks."""
        past = look_back(self.masks, tracks, i, self.parameters)
        future = look_ahead(self.masks, tracks, j, self.parameters)
        return self.meter.measure(past, future, calibration.damping)

    def _cut(self, tracks: Tracks, calibration: Calibration, weakest: float) -> Tracks:
        """Cut the links that are not beyond doubt."""
        i, j = tracks.links()
        measured = self._measured(tracks, i, j, calibration)
        value = calibration.evidence(measured) + calibration.link_prior[measured["gap"]]
        before = tracks.before.copy()
        before[j[value < weakest]] = NONE
        return Tracks.linked(before)

    def _join(
        self, tracks: Tracks, trusted: Tracks, calibration: Calibration, least: float
    ) -> Tracks:
        """Join ends and starts whose log odds are larger than ``least``.

        Parameters
        ----------
        trusted : the tracks before links were cut: what was cut is favoured among the candidates.
        """
        end, start, value = self.joins(tracks, calibration)
        value += self.parameters.trust * (trusted.after[end] == start)
        chosen = assign(end, start, value - least)
        before = tracks.before.copy()
        before[start[chosen]] = end[chosen]
        return Tracks.linked(before)

    def joins(
        self, tracks: Tracks, calibration: Calibration
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ends of tracks, later starts that are near enough, and what speaks for joining them.

        Returns
        -------
        end, start : int64 (p,), masks.
        value : float64 (p,), log odds that all rivals speak against.
        """
        p = self.parameters
        ends = np.flatnonzero((tracks.after < 0) & self.may_go_on)
        starts = np.flatnonzero((tracks.before < 0) & self.may_come_from)
        past = look_back(self.masks, tracks, ends, p)
        future = look_ahead(self.masks, tracks, starts, p)
        row, column, value = self.candidates.find(past, future, calibration)
        return ends[row], starts[column], against_rivals(row, column, value, p)


def against_rivals(
    row: np.ndarray, column: np.ndarray, value: np.ndarray, p: Parameters
) -> np.ndarray:
    """Log odds of pairs that all others of the same row or column speak against, float64 (p,)."""
    rivals = _rivals(row, value) + _rivals(column, value)
    return p.rival_bias + value - p.rival_weight * rivals


def _rivals(key: np.ndarray, value: np.ndarray) -> np.ndarray:
    """log(1 + sum of the odds of all other pairs of the same key), float64 (p,)."""
    odds = np.exp(np.clip(value, -30, 30))
    return np.log1p(np.maximum(np.bincount(key, odds)[key] - odds, 0)) if key.size else odds


def assign(row: np.ndarray, column: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Choose pairs with the largest sum of values, no row and no column twice.

    Parameters
    ----------
    row, column : int64 (p,); value : float64 (p,), those of 0 or less are never chosen.

    Returns
    -------
    Numbers of the chosen pairs, int64 (k,), rising.
    """
    some = np.flatnonzero(value > 0)
    if not some.size:
        return some
    settled, some = settle(row, column, value, some)
    if not some.size:
        return settled
    # Half a second to import.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    rows, r = np.unique(row[some], return_inverse=True)
    columns, c = np.unique(column[some], return_inverse=True)
    # The table is sparse: tracklets far apart in time are not candidates.  Each row has a column of
    # its own besides, so that it may stay alone; one more for every pair changes no optimum.
    alone = np.arange(rows.size)
    weight = np.concatenate([1 + value[some], np.ones(rows.size)])
    where = np.concatenate([r, alone]), np.concatenate([c, columns.size + alone])
    table = coo_array((weight, where), shape=(rows.size, columns.size + rows.size)).tocsr()
    chosen_row, chosen_column = min_weight_full_bipartite_matching(table, maximize=True)
    taken = np.full(rows.size, NONE)
    taken[chosen_row] = chosen_column
    return np.sort(np.concatenate([settled, some[taken[r] == c]]))
