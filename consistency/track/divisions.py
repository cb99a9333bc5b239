"""Divisions, found when a whole sequence has labels: a mother ends and two daughters begin.

A tracker continues a mother into one of her daughters and begins a track for the other, or ends
the mother and begins two tracks.  Both are looked for here, with what is known before and after.
Each candidate is weighed by a likelihood ratio (``division_odds``).

Whether things divide at all is read off the sequence: the search is repeated with time reversed.
What appears beside a track by chance (an occlusion, a piece, a fault) does so both ways, but
things that divide do not merge.  Candidates backwards are therefore decoys for those forwards, as
in target-decoy searches (Elias and Gygi 2007).

Where things divide, a daughter may have been taken for a track that was lost before: she follows a
gap, on a track that is not hers.  There masks after gaps are newcomers, too, and their gap is the
rival explanation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from consistency.track.division_odds import Usual, weigh
from consistency.track.histories import Histories
from consistency.track.parameters import DEFAULTS, Parameters
from consistency.track.ranges import blocks, members
from consistency.track.results import Change, Lineage, TrackedFrame

TRIPLES_AT_A_TIME = 1 << 16  # of short tracks there are millions, of which few lie close


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
    if on_split == "auto":
        # Only by tracks that begin: gaps are too often filled wrongly, in either direction.
        forward = find(tracks, tracks.begins, parameters)
        backwards = tracks.reversed()
        backward = find(backwards, backwards.begins, parameters)
        if not has_divisions(len(forward), len(backward), parameters):
            return unchanged
    found = find(tracks, tracks.interrupted, parameters)
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


def find(tracks: Histories, newcomers: np.ndarray, parameters: Parameters = DEFAULTS) -> np.ndarray:
    """Divisions that are likelier than not, int64 (d, 3) as ``candidates``, best first."""
    found = candidates(tracks, newcomers, parameters)
    areas = tracks.medians(parameters.mother_masks, parameters.daughter_masks)
    usual = Usual.of(tracks, *areas, parameters)
    value = weigh(tracks, found, *areas, usual, parameters)
    return found[choose(tracks, found, value, parameters)]


def candidates(
    tracks: Histories, newcomers: np.ndarray, parameters: Parameters = DEFAULTS
) -> np.ndarray:
    """Triples (last mask of a mother, first masks of two daughters), int64 (c, 3).

    Where a mother's track goes on, her next mask is the first of a daughter.  ``newcomers``,
    bool (n,), are the masks that may be daughters besides; the first of each track is one.
    """
    slack, reach = parameters.division_slack, parameters.daughter_reach
    birth, near = _around_newcomers(tracks, newcomers, slack, reach)
    late = tracks.t[birth] - tracks.t[near - 1]  # of no use where ``near`` begins a track
    goes_on = ~tracks.begins[near] & (late > 0) & (late <= slack + 1)
    near_one, near_two = near[goes_on], birth[goes_on]
    jumps = np.stack([near_one - 1, near_one, near_two], axis=1)
    # Each pair of newcomers once; then all tracks that ended shortly before both.
    twins = newcomers[near] & (near > birth) & (tracks.t[near] > 0)
    one, two = near[twins], birth[twins]
    ends = np.flatnonzero(np.append(newcomers[1:], True))
    ends = ends[np.argsort(tracks.t[ends], kind="stable")]
    begin = np.minimum(tracks.t[one], tracks.t[two])
    low = np.searchsorted(tracks.t[ends], begin - slack - 1)
    count = np.searchsorted(tracks.t[ends], begin) - low
    found = [jumps]
    for block in blocks(count, TRIPLES_AT_A_TIME):
        pair, place = members(low[block], count[block])
        gone, pair = ends[place], block[pair]
        middle = (tracks.way(gone, one[pair]) + tracks.way(gone, two[pair])) / 2
        close = (middle**2).sum(axis=1) <= reach**2 * tracks.area[gone]
        triples = np.stack([gone, one[pair], two[pair]], axis=1)
        found.append(triples[close])
    return np.concatenate(found)


def _around_newcomers(
    tracks: Histories, newcomers: np.ndarray, slack: int, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of a newcomer and a mask of another track, near in time and space, int64 (p,)."""
    by_time = np.argsort(tracks.t, kind="stable")
    frame = np.searchsorted(tracks.t[by_time], np.arange(tracks.frames + 1))
    found = [np.zeros((2, 0), np.int64)]
    for t in range(1, tracks.frames):
        now = by_time[frame[t] : frame[t + 1]]
        births = now[newcomers[now]]
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
