"""What pairs of one object and pairs of strangers look like in a sequence, learnt from itself.

Masks of one track are one object; tracks that coexist are different ones.  Both are known without
any truth, and a logistic regression learns to tell them apart by what is measured on a pair.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from consistency.track.link_evidence import EvidenceMeter, Geometry
from consistency.track.parameters import Parameters
from consistency.track.ranges import members
from consistency.track.tracklets import (
    NONE,
    SequenceMasks,
    Side,
    Tracks,
    look_ahead,
    look_back,
)

DAMPINGS = np.linspace(0, 1, 5)  # that are tried
MOST_COMPARED = 1 << 16  # pairs of strangers whose distance is looked at, a bound for crowds
MOST_LOOKED_UP = 32  # times as many masks are asked for a partner as pairs are wanted
NEWTON_STEPS = 12
# Gaps of like length share what was seen of them; edges, frames.
GAP_CLASSES = (2, 3, 4, 6, 9, 14, 21, 31)


@dataclass(frozen=True, eq=False)
class Calibration:
    """What a sequence has taught; arrays are indexed by the gap in frames, float64 (longest + 1,).

    Attributes
    ----------
    damping : share of a velocity that lasts over the gap, 0-1.
    spread : usual distance from the place expected so, object sizes.
    turn : usual change of velocity times gap, object sizes.
    reach : distance beyond which a pair is not looked at, object sizes.
    link_prior : log odds that a mask and one of its track follow at this gap, rather than the
        earlier being the last of its track and the later the first of another.
    weights : float64 (14,), of ``features``.
    """

    damping: np.ndarray
    spread: np.ndarray
    turn: np.ndarray
    reach: np.ndarray
    link_prior: np.ndarray
    weights: np.ndarray

    def evidence(self, measured: np.ndarray) -> np.ndarray:
        """Log odds of pairs EVIDENCE (p,) by what is measured on them, float64 (p,)."""
        return features(measured, self.spread, self.turn) @ self.weights


def features(measured: np.ndarray, spread: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """What the regression is given, float64 (p, 14); of EVIDENCE (p,)."""
    gap = measured["gap"]
    turns = ~np.isnan(measured["turn"])
    miss = _surprise(measured["miss"], spread[gap])
    turned = np.where(turns, _surprise(np.nan_to_num(measured["turn"]), turn[gap]), 0.0)
    log_gap = np.log(gap)
    columns = [
        np.ones(gap.size),
        log_gap,
        miss,
        miss * log_gap,
        turned,
        turns,
        measured["moves"],
        measured["aligned"],
        measured["placed"],
        measured["placed"] * log_gap,
        -np.log(measured["ratio"]),
        measured["containment"],
        -np.log(measured["whole_ratio"]),
        measured["inside"],
    ]
    return np.stack(columns, axis=1).astype(np.float64)


def _surprise(distance: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Minus the logarithm of a density with heavy tails (Cauchy's): faults are not rare."""
    return np.log1p((distance / (2 * usual)) ** 2)


def learn(
    masks: SequenceMasks, tracks: Tracks, meter: EvidenceMeter, longest: int, p: Parameters
) -> Calibration:
    """Calibrate on the pairs inside tracks; ``longest`` is the largest gap to be judged."""
    i, j = _inside_tracks(masks, tracks, p)
    past, future = look_back(masks, tracks, i, p), look_ahead(masks, tracks, j, p)
    damping, spread, turn = _motion(Geometry.of(masks, past, future), longest, p)
    reach = (p.far * spread).clip(p.least_reach, p.largest_reach)
    other_past, other_future, weight = _strangers(masks, tracks, past, future, damping, reach, p)
    # Measured at once, as thumbnails are gathered in order of time.
    pairs = meter.measure(past.followed(other_past), future.followed(other_future), damping)
    x = features(pairs, spread, turn)
    y = np.arange(len(x)) < i.size
    # Strangers were thinned out: each weighs as much as those that it stands for.
    weights = _logistic(x, y.astype(np.float64), np.where(y, 1.0, weight), p.shrinkage)
    return Calibration(
        damping, spread, turn, reach, _link_prior(masks, tracks, longest, p), weights
    )


def _thin(index: np.ndarray, most: int) -> np.ndarray:
    """At most so many of them, evenly."""
    return index if index.size <= most else index[np.arange(most) * index.size // most]


def _inside_tracks(
    masks: SequenceMasks, tracks: Tracks, p: Parameters
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of masks of one track at each of the gaps, int64 (n,) twice."""
    # One number for track and frame: the mask so many frames later is found by bisection.
    key = tracks.track * masks.frames + masks.t
    order = np.argsort(key)
    rising = key[order]
    earlier, later = [], []
    for gap in p.sample_gaps:
        i = np.flatnonzero(masks.t + gap < masks.frames)
        i = _thin(i, MOST_LOOKED_UP * p.samples_per_gap)
        place = np.minimum(rising.searchsorted(key[i] + gap), rising.size - 1)
        j = np.where(rising[place] == key[i] + gap, order[place], NONE)
        some = _thin(np.flatnonzero(j >= 0), p.samples_per_gap)
        earlier.append(i[some])
        later.append(j[some])
    return np.concatenate(earlier), np.concatenate(later)


def _motion(
    geometry: Geometry, longest: int, p: Parameters
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Damping of velocities, spread of misses and turns by the gap, float64 (longest + 1,) each."""
    misses = np.stack([geometry.miss(np.full(geometry.gap.size, d)) for d in DAMPINGS])
    gaps, found = [], []
    for gap in p.sample_gaps:
        some = geometry.gap == gap
        if some.sum() < p.least_samples:
            continue
        best = int(np.quantile(misses[:, some], p.damping_quantile, axis=1).argmin())
        turns = geometry.turn[some & ~np.isnan(geometry.turn)]
        turn = np.median(turns) if turns.size else np.nan
        gaps.append(gap)
        found.append((DAMPINGS[best], np.median(misses[best, some]), turn))
    damping, spread, turn = np.array(found).reshape(-1, 3).T
    # Beyond what was seen, errors go on growing as if in proportion to the gap.
    growth = np.maximum(np.arange(longest + 1) / max(gaps, default=1), 1.0)
    spread = _by_gap(gaps, spread, p.unknown_spread, longest) * growth
    turn = _by_gap(gaps, turn, p.unknown_spread, longest) * growth
    return (
        _by_gap(gaps, damping, p.unknown_damping, longest),
        np.maximum(spread, p.least_spread),
        np.maximum(turn, p.least_spread),
    )


def _by_gap(gaps: Sequence[int], values: np.ndarray, unknown: float, longest: int) -> np.ndarray:
    """Values for all gaps from those at some, linear in the logarithm, float64 (longest + 1,)."""
    known = ~np.isnan(values)
    if not known.any():
        return np.full(longest + 1, unknown)
    every = np.log(np.maximum(np.arange(longest + 1), 1))
    return np.interp(every, np.log(np.array(gaps)[known]), values[known])


def _strangers(
    masks: SequenceMasks,
    tracks: Tracks,
    past: Side,
    future: Side,
    damping: np.ndarray,
    reach: np.ndarray,
    p: Parameters,
) -> tuple[Side, Side, float]:
    """Pairs as near as one object's, of a mask and one of another track that coexists with its own.

    Returns the sides of both masks, and how many pairs each stands for.
    """
    begin = masks.first[masks.t[future.mask]]
    count = masks.first[masks.t[future.mask] + 1] - begin
    # In crowds every mask has hundreds of strangers: only some masks are asked for theirs.
    asked = _thin(
        np.arange(count.size), max(int(count.size * MOST_COMPARED / max(count.sum(), 1)), 1)
    )
    row, other = members(begin[asked], count[asked])
    row = asked[row]
    first = tracks.track  # a track's number is that of its first mask
    last = np.zeros(masks.t.size, np.int64)
    np.maximum.at(last, first, masks.t)
    a, b = first[past.mask[row]], first[other]
    coexist = (a != b) & (masks.t[b] <= last[a]) & (last[b] >= masks.t[a])
    row, other = row[coexist], other[coexist]
    seen, number = np.unique(other, return_inverse=True)
    ahead = look_ahead(masks, tracks, seen, p)
    geometry = Geometry.of(masks, past.take(row), ahead.take(number))
    near = np.flatnonzero(geometry.miss(damping[geometry.gap]) < reach[geometry.gap])
    some = _thin(near, p.most_strangers)
    weight = near.size / max(some.size, 1) * count.size / max(asked.size, 1)
    return past.take(row[some]), ahead.take(number[some]), weight


def _link_prior(masks: SequenceMasks, tracks: Tracks, longest: int, p: Parameters) -> np.ndarray:
    """See ``Calibration.link_prior``."""
    earlier, later = tracks.links()
    count = np.bincount(masks.t[later] - masks.t[earlier], minlength=longest + 1).astype(np.float64)
    total = max(masks.t.size, 1)
    every = np.arange(longest + 1)
    usual = np.where(every > 1, 1 / np.maximum(every, 1), 0.0)
    usual /= usual.sum()
    rate = count.copy()
    for low, high in pairwise((*GAP_CLASSES, longest + 1)):
        prior = (1 + p.gap_prior * count[2:].sum()) * usual[low:high].sum()
        rate[low:high] = (count[low:high].sum() + prior) / (high - low) / (1 + p.gap_prior)
    # How often a mask is not followed in the next frame: its track is over, or misses frames.
    over = ((tracks.after < 0) & (masks.t < masks.frames - 1)).sum()
    rest = (over + count[2:].sum() + 1) / (total + 1)
    # Against it: one track ends here and another begins there, each as rare as any.
    return np.log((rate + 1e-3) / total) - 2 * np.log(rest)


def _logistic(x: np.ndarray, y: np.ndarray, weight: np.ndarray, shrinkage: float) -> np.ndarray:
    """Weights that tell y = 1 from y = 0, shrunk to 0 (Newton's method), float64 (features,)."""
    found = np.zeros(x.shape[1])
    for _ in range(NEWTON_STEPS):
        share = 1 / (1 + np.exp(-np.clip(x @ found, -30, 30)))
        gradient = x.T @ (weight * (y - share)) - shrinkage * found
        curvature = (x * (weight * share * (1 - share))[:, None]).T @ x
        step = np.linalg.solve(curvature + shrinkage * np.eye(found.size), gradient)
        found += step
        if np.abs(step).max() < 1e-4:
            break
    return found
