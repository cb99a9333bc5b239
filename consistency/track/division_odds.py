"""How likely it is that three masks are a mother and her two daughters.

A likelihood ratio.  Either two daughters lie on opposite sides of the mother's place and are each a
little more than half as large as she was; or her track goes on as tracks of this sequence usually
do, and another mask appears: a stranger somewhere in the frame, or who was last seen before a gap.
"""

from dataclasses import dataclass
from math import lgamma, log, pi

import numpy as np

from consistency.track.histories import Histories
from consistency.track.parameters import DEFAULTS, Parameters

# Median distance from the centre of Student's distribution with three degrees of freedom and
# spread 1, in one and in two dimensions: turns a median into a spread.
MEDIAN_1D, MEDIAN_2D = 0.765, 1.328
# Least spreads: one of zero would make the smallest deviation impossible.
LEAST_STEP, LEAST_CHANGE, LEAST_NEWCOMER = 0.01, 0.02, 0.2


@dataclass(frozen=True)
class Usual:
    """What is usual in a sequence.

    Attributes
    ----------
    step : spread of the displacement from mask to mask, object sizes.
    change : spread of the logarithm of the ratio of the areas after and before a mask.
    stranger : newcomers per frame and pixel.
    newcomer, newcomer_spread : of the logarithm of their areas, middle and spread.
    end : share of masks after which a track ends.
    division : share of masks after which a track divides, if half the newcomers are daughters.
    gap_rate : share of links with each gap in frames, float64 (longest gap + 1,).
    """

    step: float
    change: float
    stranger: float
    newcomer: float
    newcomer_spread: float
    end: float
    division: float
    gap_rate: np.ndarray

    @classmethod
    def of(
        cls, tracks: Histories, before: np.ndarray, after: np.ndarray, parameters: Parameters
    ) -> "Usual":
        """Learn from all tracks; ``before`` and ``after`` as of ``Histories.medians``."""
        masks = tracks.t.size
        later = np.flatnonzero(~tracks.begins)
        way = np.linalg.norm(tracks.way(later - 1, later), axis=1)
        step = (way / np.sqrt(tracks.area[later - 1]))[tracks.t[later] - tracks.t[later - 1] == 1]
        row, least = tracks.track[later], parameters.least_life
        inner = (later - tracks.first[row] >= least) & (tracks.last[row] - later >= least)
        change = np.abs(np.log(after[later] / before[later - 1]))[inner]
        new = tracks.first[tracks.t[tracks.first] > 0]
        ended = int((tracks.t[tracks.last] < tracks.frames - 1).sum())
        area = np.log(tracks.area[new if new.size else tracks.first])
        gaps = np.bincount((tracks.t[later] - tracks.t[later - 1]), minlength=2)
        newcomer = float(np.median(area))
        return cls(
            step=_spread(step, MEDIAN_2D) + LEAST_STEP,
            change=_spread(change, MEDIAN_1D) + LEAST_CHANGE,
            stranger=max(new.size, 1) / tracks.frames / tracks.field,
            newcomer=newcomer,
            newcomer_spread=_spread(np.abs(area - newcomer), MEDIAN_1D) + LEAST_NEWCOMER,
            end=max(ended, 1) / masks,
            division=max(new.size, 1) / masks / 2,
            gap_rate=(gaps + 0.5) / max(later.size, 1),
        )

    def link(
        self,
        tracks: Histories,
        at: np.ndarray,
        before: np.ndarray,
        after: np.ndarray,
        parameters: Parameters,
    ) -> np.ndarray:
        """Log density, per pixel, of masks int64 (c,) as the next on their tracks, float64 (c,).

        Rather than of an end of the track and a mask that has nothing to do with it; -inf where a
        mask begins its track.
        """
        known = ~tracks.begins[at]
        last = np.where(known, at - 1, at)
        gap = np.where(known, tracks.t[at] - tracks.t[last], 1)
        size = np.sqrt(before[last])
        way = np.linalg.norm(tracks.way(last, at), axis=1) / size
        spread = self.step * gap**parameters.gap_exponent
        tails = parameters.link_tails
        density = student(way, spread, tails, 2) - 2 * np.log(size)
        density += student(np.log(after[at] / before[last]), self.change, tails)
        return np.where(known, density + np.log(self.gap_rate[gap]) - log(self.end), -np.inf)


def _spread(distance: np.ndarray, median: float) -> float:
    """Spread of a distribution whose ``median`` distance from the centre is known at spread 1."""
    return float(np.median(distance)) / median if distance.size else 0.0


def student(
    x: np.ndarray, spread: float | np.ndarray, tails: float, dimensions: int = 1
) -> np.ndarray:
    """Log density of Student's distribution at distance ``x`` from its centre, float64 (c,).

    ``tails`` are its degrees of freedom: the fewer, the more common is what lies far out.
    """
    half = (tails + dimensions) / 2
    norm = lgamma(half) - lgamma(tails / 2) - dimensions / 2 * np.log(tails * pi * spread**2)
    return norm - half * np.log1p((x / spread) ** 2 / tails)


def weigh(
    tracks: Histories,
    found: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    usual: Usual,
    parameters: Parameters = DEFAULTS,
) -> np.ndarray:
    """Log odds that each of ``found``, int64 (c, 3), is a division, float64 (c,).

    ``before`` and ``after``, float64 (n,), are median areas as of ``Histories.medians``.
    """
    p = parameters
    mother, *daughters = found.T
    size = np.sqrt(before[mother])
    one, two = (tracks.way(mother, each) / size[:, None] for each in daughters)
    area = np.log(before[mother])
    areas = [np.log(after[each]) for each in daughters]
    # It divides: midpoint, shares of the area and likeness are those of two daughters.
    missed = (tracks.t[daughters[0]] + tracks.t[daughters[1]]) - 2 * tracks.t[mother] - 2
    share = (areas[0] + areas[1]) / 2 - area - p.daughter_share
    division = log(usual.division) - p.daughter_missed * missed
    middle = np.linalg.norm(one + two, axis=1) / 2
    division += student(middle, p.daughter_middle, p.daughter_tails, 2)
    division += student(share, p.daughter_share_spread, p.daughter_tails)
    division += student(areas[0] - areas[1], p.daughter_ratio_spread, p.daughter_tails)
    apart, reach = np.linalg.norm(one - two, axis=1), p.daughter_reach
    division += np.where(apart <= reach, -log(pi * reach**2), -np.inf)
    # It does not: the track goes on, or ends and another mask appears; and one more appears.  Each
    # is a stranger, or who was last seen before a gap.  Places are in the mother's size, so the
    # densities are per square of it.
    others = []
    for each, masks in zip(areas, daughters, strict=True):
        stranger = student(each - usual.newcomer, usual.newcomer_spread, p.link_tails)
        stranger += log(usual.stranger)
        others.append(area + np.maximum(stranger, usual.link(tracks, masks, before, after, p)))
    goes_on = student(np.linalg.norm(one, axis=1), usual.step, p.link_tails, 2)
    goes_on += student(areas[0] - area, usual.change, p.link_tails)
    follows = tracks.track[mother] == tracks.track[daughters[0]]
    first = np.where(follows, goes_on, log(usual.end) + others[0])
    return division - first - others[1]
