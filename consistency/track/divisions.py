"""Divisions, found when a whole sequence has labels: a mother ends and two daughters begin.

A tracker continues a mother into one of her daughters and begins a track for the other, or ends
the mother and begins two tracks.  Both are looked for here, with what is known before and after.
Each candidate is weighed by a likelihood ratio.  Either two daughters lie on opposite sides of
the mother's place and are each a little more than half as large as she was; or her track goes on
as tracks of this sequence usually do, and a stranger appears somewhere in the frame.

Whether things divide at all is read off the sequence: the search is repeated with time reversed.
What appears beside a track by chance (an occlusion, a piece, a fault) does so both ways, but
things that divide do not merge.  Candidates backwards are therefore decoys for those forwards, as
in target-decoy searches (Elias and Gygi 2007).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import lgamma, log, pi

import numpy as np

from consistency.track.histories import Histories
from consistency.track.parameters import DEFAULTS, Parameters
from consistency.track.results import Change, Lineage, TrackedFrame

# Median distance from the centre of Student's distribution with three degrees of freedom and
# spread 1, in one and in two dimensions: turns a median into a spread.
MEDIAN_1D, MEDIAN_2D = 0.765, 1.328
# Least spreads: one of zero would make the smallest deviation impossible.
LEAST_STEP, LEAST_CHANGE, LEAST_NEWCOMER = 0.01, 0.02, 0.2


@dataclass(frozen=True, eq=False)
class Divided:
    """A labelled sequence after its divisions.

    Attributes
    ----------
    frames : with labels of their own for daughters; the same where nothing divides.
    lineage : with an entry for each division.
    daughters : {daughter's label: mother's label}.  Whoever joins tracks over gaps must leave the
        end of each mother and the beginning of each daughter alone.
    divides : whether the sequence has divisions.
    blinks : whether masks are missed now and then.  Where things divide and nothing blinks, what
        appears is new: nothing was lost before, and nothing is to be joined.
    """

    frames: list[TrackedFrame]
    lineage: Lineage
    daughters: dict[int, int]
    divides: bool
    blinks: bool


def divide(
    frames: Sequence[TrackedFrame],
    lineage: Lineage,
    on_split: str,
    parameters: Parameters = DEFAULTS,
) -> Divided:
    """Find divisions: the mother's label ends, and both daughters have labels of their own.

    Parameters
    ----------
    frames : labelled by a pass that keeps the mother's label on one daughter, before tracks are
        joined over gaps: a joining takes daughters for tracks that were lost.
    lineage : cuts and merges that were seen on the way.
    on_split : "keep": do not look; "new": the sequence divides; "auto": decide that from it.
    """
    unchanged = Divided(list(frames), lineage, {}, False, True)
    if on_split == "keep" or not any(frame.labels for frame in frames):
        return unchanged
    tracks = Histories.of(frames)
    found = find(tracks, parameters)
    if on_split == "auto":
        backward = find(tracks.reversed(), parameters)
        if not has_divisions(len(found), len(backward), parameters):
            return unchanged
    blinks = tracks.returns() >= parameters.least_blinking
    label = _labels(tracks, found, blinks)
    daughters = _daughters(label, found)
    changes = [
        Change(int(tracks.t[pair].max()), "split", mother, tuple(label[pair].tolist()))
        for mother, pair in zip(label[found[:, 0]].tolist(), found[:, 1:], strict=True)
    ]
    new = _relabelled(frames, tracks, label)
    noted = lineage.relabelled(frames, [frame.labels for frame in new])
    own = [change for change in noted.changes if not _explained(change, daughters)]
    merged = tuple(sorted([*own, *changes], key=lambda change: change.t))
    return Divided(new, Lineage(noted.parents | daughters, merged), daughters, True, blinks)


def has_divisions(forward: int, backward: int, parameters: Parameters = DEFAULTS) -> bool:
    """Whether a sequence with so many candidates either way has divisions.

    Without divisions a candidate is as likely to look one way as the other, and heads of n fair
    coins exceed tails by 2 square roots of n once in forty times.
    """
    surplus = forward - backward
    sure = surplus > 0 and surplus**2 >= parameters.least_surplus**2 * (forward + backward)
    return sure and backward <= parameters.most_reversed * forward


def find(tracks: Histories, parameters: Parameters = DEFAULTS) -> np.ndarray:
    """Divisions that are likelier than not, int64 (d, 3) as ``candidates``, best first."""
    found = candidates(tracks, parameters)
    areas = tracks.medians(parameters.mother_masks, parameters.daughter_masks)
    usual = Usual.of(tracks, *areas, parameters)
    value = weigh(tracks, found, *areas, usual, parameters)
    return found[choose(tracks, found, value, parameters)]


def candidates(tracks: Histories, parameters: Parameters = DEFAULTS) -> np.ndarray:
    """Triples (last mask of a mother, first masks of two daughters), int64 (c, 3).

    Where a mother's track goes on, her next mask is the first of a daughter.
    """
    slack, reach = parameters.division_slack, parameters.daughter_reach
    birth, near = _around_births(tracks, slack, reach)
    begins = tracks.begins
    late = tracks.t[birth] - tracks.t[near - 1]  # of no use where ``near`` begins a track
    goes_on = ~begins[near] & (late > 0) & (late <= slack + 1)
    near_one, near_two = near[goes_on], birth[goes_on]
    jumps = np.stack([near_one - 1, near_one, near_two], axis=1)
    # Each pair of newcomers once; then all tracks that ended shortly before both.
    twins = begins[near] & (near > birth) & (tracks.t[near] > 0)
    one, two = near[twins], birth[twins]
    ends = tracks.last[np.argsort(tracks.t[tracks.last], kind="stable")]
    begin = np.minimum(tracks.t[one], tracks.t[two])
    low = np.searchsorted(tracks.t[ends], begin - slack - 1)
    count = np.searchsorted(tracks.t[ends], begin) - low
    pair = np.repeat(np.arange(one.size), count)
    place = np.arange(pair.size) + np.repeat(low - np.cumsum(count) + count, count)
    gone, one, two = ends[place], one[pair], two[pair]
    middle = (tracks.way(gone, one) + tracks.way(gone, two)) / 2
    close = (middle**2).sum(axis=1) <= reach**2 * tracks.area[gone]
    return np.concatenate([jumps, np.stack([gone, one, two], axis=1)[close]])


def _around_births(tracks: Histories, slack: int, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of a first mask and a mask of another track, near in time and space, int64 (p,)."""
    by_time = np.argsort(tracks.t, kind="stable")
    frame = np.searchsorted(tracks.t[by_time], np.arange(tracks.frames + 1))
    begins = tracks.begins
    found = [np.zeros((2, 0), np.int64)]
    for t in range(1, tracks.frames):
        now = by_time[frame[t] : frame[t + 1]]
        births = now[begins[now]]
        if not births.size:
            continue
        near = by_time[frame[max(t - slack, 0)] : frame[min(t + slack + 1, tracks.frames)]]
        seen = tracks.place[near][None, :] - tracks.place[births][:, None]
        squared = ((seen @ tracks.from_first[t].T) ** 2).sum(axis=2)
        # The mother, who is not known yet, may be twice as large as a daughter.
        area = np.maximum(tracks.area[near][None, :], tracks.area[births][:, None])
        other = tracks.track[near][None, :] != tracks.track[births][:, None]
        row, column = np.nonzero((squared <= 2 * reach**2 * area) & other)
        found.append(np.stack([births[row], near[column]]))
    birth, near = np.concatenate(found, axis=1)
    return birth, near


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
    """

    step: float
    change: float
    stranger: float
    newcomer: float
    newcomer_spread: float
    end: float
    division: float

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
        newcomer = float(np.median(area))
        return cls(
            step=_spread(step, MEDIAN_2D) + LEAST_STEP,
            change=_spread(change, MEDIAN_1D) + LEAST_CHANGE,
            stranger=max(new.size, 1) / tracks.frames / tracks.field,
            newcomer=newcomer,
            newcomer_spread=_spread(np.abs(area - newcomer), MEDIAN_1D) + LEAST_NEWCOMER,
            end=max(ended, 1) / masks,
            division=max(new.size, 1) / masks / 2,
        )


def _spread(distance: np.ndarray, median: float) -> float:
    """Spread of a distribution whose ``median`` distance from the centre is known at spread 1."""
    return float(np.median(distance)) / median if distance.size else 0.0


def student(x: np.ndarray, spread: float, tails: float, dimensions: int = 1) -> np.ndarray:
    """Log density of Student's distribution at distance ``x`` from its centre, float64 (c,).

    ``tails`` are its degrees of freedom: the fewer, the more common is what lies far out.
    """
    half = (tails + dimensions) / 2
    norm = lgamma(half) - lgamma(tails / 2) - dimensions / 2 * log(tails * pi * spread**2)
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
    # It does not: the track goes on, or ends and a stranger appears; and another stranger appears.
    # Places are in the mother's size, so the density of strangers is per square of it.
    strangers = [
        log(usual.stranger)
        + area
        + student(each - usual.newcomer, usual.newcomer_spread, p.link_tails)
        for each in areas
    ]
    goes_on = student(np.linalg.norm(one, axis=1), usual.step, p.link_tails, 2)
    goes_on += student(areas[0] - area, usual.change, p.link_tails)
    follows = tracks.track[mother] == tracks.track[daughters[0]]
    first = np.where(follows, goes_on, log(usual.end) + strangers[0])
    return division - first - strangers[1]


def choose(
    tracks: Histories, found: np.ndarray, value: np.ndarray, parameters: Parameters = DEFAULTS
) -> np.ndarray:
    """Numbers of the candidates that are likelier than not, best first, none in conflict."""
    slack, least = parameters.division_slack, parameters.least_life
    lives_on = tracks.reversed().lived(least)[::-1]
    lives = tracks.lived(least)[found[:, 0]] & lives_on[found[:, 1:]].all(axis=1)
    order = np.argsort(-value, kind="stable")
    chosen: list[int] = []
    mothers: set[int] = set()
    born: set[int] = set()
    for k in order[(lives & (value > 0))[order]].tolist():
        mother, one, two = found[k].tolist()
        if mother in mothers or one in born or two in born:
            continue
        chosen.append(k)
        born |= {one, two}
        # Cuts of a track a few masks apart explain one and the same event.
        row = tracks.track[mother]
        near = max(mother - slack, tracks.first[row]), min(mother + slack, tracks.last[row])
        mothers |= set(range(near[0], near[1] + 1))
    return np.array(chosen, np.int64)


def _labels(tracks: Histories, found: np.ndarray, blinks: bool) -> np.ndarray:
    """Label of each mask after the divisions ``found`` int64 (d, 3), int64 (n,)."""
    cut = np.zeros(tracks.t.size, bool)
    cut[found[:, 1:]] = True
    if not blinks:
        # Every object is segmented in every frame: what appears is new, it was not lost before.
        cut |= np.diff(tracks.t, prepend=0) > 1
    pieces = np.cumsum(cut & ~tracks.begins)
    later = pieces > pieces[tracks.first][tracks.track]
    old = tracks.label[tracks.track]
    return np.where(later, old.max() + pieces, old)


def _daughters(label: np.ndarray, found: np.ndarray) -> dict[int, int]:
    """{daughter's label: mother's} of the divisions ``found``."""
    return {
        daughter: mother for mother, *daughters in label[found].tolist() for daughter in daughters
    }


def _relabelled(
    frames: Sequence[TrackedFrame], tracks: Histories, label: np.ndarray
) -> list[TrackedFrame]:
    """Return the frames with the labels int64 (n,) of all masks."""
    labels = [list(frame.labels) for frame in frames]
    for t, mask, new in zip(tracks.t.tolist(), tracks.mask.tolist(), label.tolist(), strict=True):
        labels[t][mask] = new
    return [replace(frame, labels=new) for frame, new in zip(frames, labels, strict=True)]


def _explained(change: Change, daughters: dict[int, int]) -> bool:
    """Whether a cut that was noted on the way is in truth one of the divisions."""
    return change.kind == "split" and any(o in daughters for o in change.others)
