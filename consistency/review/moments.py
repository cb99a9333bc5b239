"""Moments of a labelled sequence that are most worth checking.

A moment is worth what is lost if nobody looks: the probability that labels are wrong there, times
the mask-frames that hang on it.  Labels may come from anywhere; what speaks for and against them is
learnt from the sequence, as ``track.linking`` does.

    weak link, gap      two masks of one label, which may be two objects
    switch              two labels side by side, which may have changed places
    begins              a label that begins in plain view, which may be the rest of another
    split               the same of one that is said to have come out of another
    flickers            a label that comes and goes
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from consistency.options import LONG_MEMORY
from consistency.track.calibration import learn
from consistency.track.linking import Joiner, probability
from consistency.track.parameters import DEFAULTS, Parameters
from consistency.track.results import TrackedFrame
from consistency.track.thumbnail_store import ThumbnailStore
from consistency.track.tracklets import NONE, Tracks

MOST = 20  # moments
APART = 3  # frames; what happens to one label closer together is one moment
RIVALS = 5  # ends that a beginning may belong to

# Shares of faults among what looks as it does, of sequences with known faults: log odds
# (first) and how they rise with the log odds of the pair (second).
WRONG_LINK = 0.45  # of 1 - confidence: links are a little better than they say
SWITCH = (-2.5, 0.5)
BEGINS = (-0.6, 0.25)
SPLIT = (-2.1, 0.5)  # of mother and daughter
SHORT, SHORT_SISTER = 3, 1.7  # masks; a sister that lived no longer was rather a piece of a mask
AT_BORDER = 0.3  # who begins at the border has mostly come in from outside
SAME = (-1.1, 0.45)  # of an end and a beginning
FLICKERS = 0.02  # for each mask; a flickering label is rather a nuisance than an error

NEAR = 2.0  # sizes, between labels that may have changed places
LEAST_SWITCH = -6.0  # log odds
NO_PARTNER = -7.0  # log odds, where no end is near
LARGEST = 6.0
FEWEST_GAPS, MISSING = 3, 0.3  # a label flickers: gaps, and the share of its frames without a mask
NEIGHBOURS, AROUND = 8, 5.0  # masks and sizes that a picture shows around one
AGAIN = 0.6  # what a moment is worth whose label others have shown, for each of them
CANDIDATES = 400  # moments from which those are chosen that show most together


@dataclass(frozen=True)
class Moment:
    """A moment; masks are numbered through the sequence.

    Attributes
    ----------
    kind : see the module.
    before, after : the mask that the doubt is about and the one before it, which may have another
        label; NONE if there is none.
    rival : the mask that may belong there instead, or NONE.
    others : more masks that are near it in the frames of these.
    wrong : probability that labels are wrong here, 0-1.
    hangs : mask-frames that hang on it.
    """

    kind: str
    before: int
    after: int
    rival: int
    others: tuple[int, ...]
    wrong: float
    hangs: float

    @property
    def expected(self) -> float:
        """Wrong mask-frames to be expected."""
        return self.wrong * self.hangs

    @property
    def masks(self) -> tuple[int, ...]:
        """All masks that it shows."""
        known = (self.before, self.after, self.rival, *self.others)
        return tuple(dict.fromkeys(mask for mask in known if mask != NONE))


class Doubts:
    """Looks for moments in one labelled sequence.

    Parameters
    ----------
    frames : the sequence, each mask with a label.
    thumbnails : of all its masks, in order.
    label : int64 (N,); masks of 0 have none, and are looked at by nobody.
    confidence : float64 (N,), of links, as ``TrackedFrame`` has it; NaN: it is learnt here.
    parents : {label: the one that it is said to have come out of}.
    """

    def __init__(
        self,
        frames: Sequence[TrackedFrame],
        thumbnails: ThumbnailStore,
        label: np.ndarray,
        confidence: np.ndarray,
        parents: Mapping[int, int] | None = None,
        p: Parameters = DEFAULTS,
    ) -> None:
        self.label, self._parents = label, dict(parents or {})
        alone = np.where(label > 0, label, -1 - np.arange(label.size))
        self._tracks = Tracks.of_labels([alone])
        self._joiner = Joiner.of(frames, thumbnails, LONG_MEMORY, p, label > 0, label > 0)
        self.masks = self._joiner.masks
        self._calibration = learn(
            self.masks, self._tracks, self._joiner.meter, self._joiner.longest, p
        )
        self._earlier, self._later = self._tracks.links()
        self._odds = np.nan_to_num(self._log_odds(self._earlier, self._later), nan=NO_PARTNER)
        learnt = probability(self._odds, p)
        given = confidence[self._later]
        self._sure = np.where(np.isnan(given), learnt, given)
        self._count_masks()
        # First masks of labels whose mother has ended before them: cells, not parts that come off.
        self._daughters = [
            int(first)
            for daughter, mother in sorted(self._parents.items())
            for first in self._own(daughter)[:1]
            if (self.masks.t[self._own(mother)[-1:]] < self.masks.t[first]).any()
        ]

    def moments(self, most: int = MOST) -> list[Moment]:
        """Return the moments most worth checking, best first, no two about the same.

        What pictures of others have shown already is worth less.
        """
        found = [*self._links(), *self._beginnings(), *self._splits(), *self._flickering()]
        found.sort(key=lambda moment: (-moment.expected, moment.after))
        left = [moment for moment in found[:CANDIDATES] if moment.expected > 0]
        chosen: list[Moment] = []
        shown: dict[int, list[int]] = {}  # frames in which a label has been shown
        while left and len(chosen) < most:
            worth = [m.expected * AGAIN ** len(shown.get(self._about(m), ())) for m in left]
            moment = left.pop(int(np.argmax(worth)))
            t = self.masks.t[moment.after]
            if any(abs(t - other) <= APART for other in shown.get(self._about(moment), ())):
                continue
            chosen.append(self._with_others(moment))
            for mask in chosen[-1].masks:
                shown.setdefault(int(self.label[mask]), []).append(int(self.masks.t[mask]))
        return chosen

    def _about(self, moment: Moment) -> int:
        return int(self.label[moment.after])

    def _log_odds(self, earlier: np.ndarray, later: np.ndarray) -> np.ndarray:
        return self._joiner.odds(self._tracks, earlier, later, self._calibration)

    def _count_masks(self) -> None:
        """Count the masks of each mask's label: all, and those before it, int64 (N,) each."""
        order = np.argsort(self._tracks.track, kind="stable")
        _, first, count = np.unique(
            self._tracks.track[order], return_index=True, return_counts=True
        )
        self._place = np.zeros(order.size, np.int64)
        self._count = np.zeros(order.size, np.int64)
        self._place[order] = np.arange(order.size) - first.repeat(count)
        self._count[order] = count.repeat(count)

    def _links(self) -> list[Moment]:
        """Links that may be wrong: alone, or with another one."""
        i, j, t = self._earlier, self._later, self.masks.t
        # The smaller part has another label than most of its object.
        part = np.minimum(self._place[j], self._count[j] - self._place[j])
        wrong = WRONG_LINK * (1 - self._sure)
        other, odds = self._switches()
        switch = _share(SWITCH, odds)
        both = part + np.where(other != NONE, part[other], 0)
        switches = (other != NONE) & (switch * both > wrong * part)
        result = []
        for k in np.flatnonzero((wrong * part > 0) | switches).tolist():
            rival = int(j[other[k]]) if other[k] != NONE else NONE
            kind = "weak link" if t[j[k]] - t[i[k]] == 1 else "gap"
            value, hangs = float(wrong[k]), float(part[k])
            if switches[k]:
                kind, value, hangs = "switch", float(switch[k]), float(both[k])
            result.append(Moment(kind, int(i[k]), int(j[k]), rival, (), value, hangs))
        return result

    def _switches(self) -> tuple[np.ndarray, np.ndarray]:
        """For each link the one that it may have changed places with, and the log odds of that.

        Returns
        -------
        other : int64 (k,), number of a link, or NONE.
        odds : float64 (k,).
        """
        first, second = self._side_by_side()
        i, j, t = self._earlier, self._later, self.masks.t
        possible = (t[i[first]] < t[j[second]]) & (t[i[second]] < t[j[first]])
        first, second = first[possible], second[possible]
        crossed = self._log_odds(i[first], j[second]) + self._log_odds(i[second], j[first])
        value = crossed - self._odds[first] - self._odds[second]
        some = np.flatnonzero(value > LEAST_SWITCH)
        other, odds = np.full(i.size, NONE), np.full(i.size, -np.inf)
        for k in some[np.argsort(value[some], kind="stable")].tolist():
            for a, b in ((first[k], second[k]), (second[k], first[k])):
                other[a], odds[a] = b, value[k]
        return other, odds

    def _side_by_side(self) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of links whose later masks are near each other in one frame, int64 (p,) twice."""
        j, masks = self._later, self.masks
        order = np.argsort(j, kind="stable")
        cuts = np.searchsorted(j[order], masks.first[1:-1])
        pairs = [np.zeros((2, 0), np.int64)]
        for links in np.split(order, cuts):
            place, size = masks.centroid[j[links]], np.sqrt(masks.area[j[links]])
            away = np.hypot(*(place[:, None] - place[None]).transpose(2, 0, 1))
            near = away < NEAR * (size[:, None] + size[None]) / 2
            a, b = np.nonzero(np.triu(near, 1))
            pairs.append(np.stack([links[a], links[b]]))
        first, second = np.concatenate(pairs, axis=1)
        return first, second

    def _beginnings(self) -> list[Moment]:
        """Labels that may be the rest of others."""
        end, start, value = self._joiner.joins(self._tracks, self._calibration)
        order = np.lexsort((-value, start))
        begins = (self._tracks.before < 0) & (self.label > 0) & (self.masks.t > 0)
        starts = np.setdiff1d(np.flatnonzero(begins), self._daughters)
        low = np.searchsorted(start[order], starts)
        high = np.searchsorted(start[order], starts, side="right")
        result = []
        for mask, a, b in zip(starts.tolist(), low, high, strict=True):
            best = order[a : min(b, a + RIVALS)]
            odds = value[best[0]] if best.size else NO_PARTNER
            wrong = float(_share(BEGINS, np.clip(odds, NO_PARTNER, LARGEST)))
            if self.masks.touches_border[mask]:
                wrong *= AT_BORDER
            ends = end[best].tolist()
            hangs = float(self._count[mask])
            if best.size:
                weight = _share(SAME, value[best])
                hangs = min(hangs, float((self._count[end[best]] * weight).sum() / weight.sum()))
            before, rival = [*ends, NONE, NONE][:2]
            kind = "split" if int(self.label[mask]) in self._parents else "begins"
            result.append(Moment(kind, before, mask, rival, (), wrong, hangs))
        return result

    def _splits(self) -> list[Moment]:
        """Daughters that may be their mother, who ends."""
        found = [(self._before(mask), mask) for mask in self._daughters]
        mother, daughter = np.array(found, np.int64).reshape(-1, 2).T
        odds = np.nan_to_num(self._log_odds(mother, daughter), nan=NO_PARTNER)
        sisters = [self._sister(*pair) for pair in found]
        short = np.array([sister == NONE or self._is_short(sister) for sister in sisters], float)
        more = SHORT_SISTER * short / SPLIT[1]
        wrong = _share(SPLIT, np.clip(odds, NO_PARTNER, LARGEST) + more)
        hangs = np.minimum(self._count[daughter], self._count[mother])
        return [
            Moment("split", *pair, sister, (), float(chance), float(most))
            for pair, sister, chance, most in zip(found, sisters, wrong, hangs, strict=True)
        ]

    def _before(self, daughter: int) -> int:
        """Return the last mask of the mother of a daughter."""
        return int(self._own(self._parents[int(self.label[daughter])])[-1])

    def _sister(self, mother: int, daughter: int) -> int:
        """Return the first mask of the other daughter, the one that lives longest; or NONE."""
        others = [mask for mask in self._daughters if self._before(mask) == mother]
        life = {mask: self._count[mask] for mask in others if mask != daughter}
        return max(life, key=lambda mask: (life[mask], -mask), default=NONE)

    def _is_short(self, mask: int) -> bool:
        """Whether hardly anything follows of a label, though the sequence goes on."""
        last = self._own(int(self.label[mask]))[-1]
        return bool(last < self.masks.first[-2] and self._count[mask] <= SHORT)

    def _own(self, label: int) -> np.ndarray:
        return np.flatnonzero(self.label == label)

    def _flickering(self) -> list[Moment]:
        """Labels that come and go; the moment is the first return."""
        i, j, t = self._earlier, self._later, self.masks.t
        gaps = np.flatnonzero(t[j] - t[i] > 1)
        result = []
        for track in np.unique(self._tracks.track[j[gaps]]).tolist():
            own = np.flatnonzero(self._tracks.track == track)
            returns = gaps[self._tracks.track[j[gaps]] == track]
            missing = 1 - own.size / (t[own[-1]] - t[own[0]] + 1)
            if returns.size >= FEWEST_GAPS and missing > MISSING:
                k = returns[0]
                moment = Moment(
                    "flickers", int(i[k]), int(j[k]), NONE, (), FLICKERS, float(own.size)
                )
                result.append(moment)
        return result

    def _with_others(self, moment: Moment) -> Moment:
        """Add what else pictures show: the same place in the frames of its masks."""
        t = self.masks.t
        then = t[moment.after] - 1 if moment.before == NONE else t[moment.before]
        times = {int(t[moment.after]), int(then)}
        if moment.rival != NONE:
            times.add(int(t[moment.rival]))
        near = chain.from_iterable(self._around(moment.after, time) for time in sorted(times))
        own = (moment.before, moment.after, moment.rival)
        return replace(moment, others=tuple(mask for mask in near if mask not in own))

    def _around(self, mask: int, t: int) -> list[int]:
        masks = self.masks
        there = np.arange(masks.first[t], masks.first[t + 1])
        there = there[(there != mask) & (self.label[there] > 0)]
        away = np.hypot(*(masks.centroid[there] - masks.centroid[mask]).T)
        order = np.argsort(away, kind="stable")[:NEIGHBOURS]
        return there[order[away[order] < AROUND * np.sqrt(masks.area[mask])]].tolist()


def _share(line: tuple[float, float], odds: np.ndarray) -> np.ndarray:
    """Share of faults by log odds, float64 (n,), 0-1."""
    return 1 / (1 + np.exp(-(line[0] + line[1] * np.clip(odds, -50, 50))))
