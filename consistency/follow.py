"""Follow tracks through the frames: the sequential stage of the default matching.

Frame by frame: compare all tracks with all masks (``consistency.evidence``), assign first the
tracks of the frame before, look for splits, then let older tracks return on stronger evidence;
what is left begins a new track, with the velocity of the nearest one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from consistency.evidence import weigh
from consistency.labels import Labelled
from consistency.matching import assign_optimal
from consistency.measure import FrameMeasurement
from consistency.motion import UNKNOWN
from consistency.splits import Split, find_merges, find_splits
from consistency.tracks import TRACK, Usual, born, carried, extended, nesting

LEAST_EVIDENCE = 0.02  # of a link to the next frame: low, as rivals are decided by assignment
# ... where the camera's motion is known masks lie where they are expected, or they are others.
LEAST_EVIDENCE_SEEN = 0.2
# A track that is back after a gap competes with those of the frame before where it fits so well,
# and is only a little less trusted; of what is left it may have a mask on less.
LEAST_CLEAR_RETURN = 0.5
RETURN_DISCOUNT = 0.97
LEAST_RETURN = 0.2
LEAST_LONG_RETURN = 0.5  # IoU at the expected place, after more than the memory
MEMORY = 10  # frames that a track may miss
LONG_MEMORY = 40  # ... where the camera's motion is known
# Lineages know no gaps: where every object is segmented in every frame, and new ones come from
# divisions, what appears is no old acquaintance.
MEMORY_OF_LINEAGES = 0


@dataclass(frozen=True)
class Change:
    """A split or a merge.

    Attributes
    ----------
    t : index of the frame after it.
    kind : "split" or "merge".
    label : the mother; the track that a merge ends.
    others : the daughters (the mother's own label among them if it goes on); the track that
        goes on after a merge.
    """

    t: int
    kind: str
    label: int
    others: tuple[int, ...]


@dataclass(frozen=True)
class Lineage:
    """Where labels come from: ``parents`` {label: mother's label}, and all changes in order."""

    parents: dict[int, int] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()

    def relabelled(self, same: dict[int, int]) -> "Lineage":
        """Return it with labels replaced as ``same`` {label: new label} says."""
        parents = {same.get(a, a): same.get(b, b) for a, b in self.parents.items()}
        changes = [
            Change(c.t, c.kind, same.get(c.label, c.label), tuple(same.get(o, o) for o in c.others))
            for c in self.changes
        ]
        return Lineage(parents, tuple(changes))


class Follower:
    """Labels for one sequence, frame after frame.

    Parameters
    ----------
    memory : number of frames that a track may miss and still return.
    long_memory : a longer absence, after which it has to lie where it is expected; the camera's
        motion must have been known all the while.
    on_split : "keep": the mother's label stays with one piece; "new": all get new labels.
    without : parts of the evidence to leave out, see ``consistency.evidence.PARTS``.
    """

    def __init__(
        self,
        memory: int = MEMORY,
        long_memory: int = LONG_MEMORY,
        on_split: str = "keep",
        without: frozenset[str] = frozenset(),
    ):
        self.memory, self.long_memory = memory, max(memory, long_memory)
        self.on_split, self.without = on_split, without
        self._tracks = np.zeros(0, TRACK)
        self._usual = Usual()
        self._next_label, self._t = 1, 0
        self._parents: dict[int, int] = {}
        self._changes: list[Change] = []

    @property
    def lineage(self) -> Lineage:
        """What is known so far."""
        return Lineage(dict(self._parents), tuple(self._changes))

    def step(self, now: FrameMeasurement) -> list[int]:
        """Return a label for each kept mask of the next frame."""
        t, nested = self._t, nesting(now)
        alive = t - self._tracks["frame"] <= self.long_memory + 1
        motion = UNKNOWN if "motion" in self.without else now.motion
        tracks = carried(self._tracks[alive], motion, t)
        # Whose place has become unknown does not return after long.
        tracks = tracks[(t - tracks["frame"] <= self.memory + 1) | tracks["sure"]]
        evidence = weigh(tracks, now, t, nested, self.memory, self.without)
        long_gone = t - tracks["frame"] > self.memory + 1
        certain = np.where(evidence.place >= LEAST_LONG_RETURN, evidence.place, 0.0)
        similarity = np.where(long_gone[:, None], certain, evidence.similarity)
        pairs, splits = self._match(tracks, now, similarity)
        rows, masks = np.array(pairs, np.int64).reshape(-1, 2).T
        found = evidence.residual[rows, masks]
        going, self._usual = extended(tracks[rows], now, t, masks, found, self._usual, nested)
        new = self._begin(now, masks, going, nested)
        self._note(tracks, now, pairs, splits, new)
        ended = [] if self.on_split == "keep" else [s.track for s in splits]
        idle = np.setdiff1d(np.arange(tracks.size), [*rows, *ended])
        self._tracks = np.concatenate([tracks[idle], going, new])
        self._t += 1
        labels = np.zeros(now.kept.size, np.int64)
        labels[masks] = going["label"]
        labels[new["mask"]] = new["label"]
        return labels.tolist()

    def _match(
        self, tracks: np.ndarray, now: FrameMeasurement, similarity: np.ndarray
    ) -> tuple[list[tuple[int, int]], list[Split]]:
        """Return all (track, mask), and the splits whose masks begin new tracks."""
        gap = self._t - tracks["frame"]
        everything = np.arange(now.kept.size)
        found_camera = not now.motion.still and "motion" not in self.without
        usual = LEAST_EVIDENCE_SEEN if found_camera else LEAST_EVIDENCE
        least = np.where(gap == 1, usual, LEAST_CLEAR_RETURN)[:, None]
        trust = np.where(gap == 1, 1.0, RETURN_DISCOUNT)[:, None]
        clear = np.where(similarity >= least, similarity * trust, 0.0)
        pairs = assign_optimal(clear, 0.0)
        free = np.setdiff1d(everything, [mask for _, mask in pairs])
        lineages = self.on_split == "new"
        recent = [pair for pair in pairs if gap[pair[0]] == 1]
        splits = find_splits(tracks, now, self._t, recent, free, lineages)
        if lineages:
            mothers = {split.track for split in splits}
            pairs = [pair for pair in pairs if pair[0] not in mothers]
        taken = [s.second for s in splits] + [s.first for s in splits if lineages]
        free = np.setdiff1d(free, taken)
        old = np.setdiff1d(np.flatnonzero(gap > 1), [row for row, _ in pairs])
        pairs = pairs + _assign(similarity, old, free, LEAST_RETURN)
        return pairs, splits

    def _begin(
        self, now: FrameMeasurement, masks: np.ndarray, going: np.ndarray, nested: np.ndarray
    ) -> np.ndarray:
        free = np.setdiff1d(np.arange(now.kept.size), masks)
        new = born(now, self._t, free, self._next_label, nested)
        self._next_label += free.size
        new["variance"] = self._usual.first
        moving = going[going["links"] > 1]
        if moving.size and free.size and "borrowing" not in self.without:
            away = new["centroid"][:, None] - moving["centroid"][None, :]
            nearest = np.hypot(away[..., 0], away[..., 1]).argmin(axis=1)
            new["velocity"] = moving["velocity"][nearest]
        return new

    def _note(
        self,
        tracks: np.ndarray,
        now: FrameMeasurement,
        pairs: list[tuple[int, int]],
        splits: list[Split],
        new: np.ndarray,
    ) -> None:
        """Write splits and merges down."""
        label_of = dict(zip(new["mask"].tolist(), new["label"].tolist(), strict=True))
        for split in splits:
            mother = int(tracks["label"][split.track])
            daughters = [label_of.get(split.first, mother), label_of[split.second]]
            self._parents |= {label: mother for label in daughters if label != mother}
            self._changes.append(Change(self._t, "split", mother, tuple(daughters)))
        recent = self._t - tracks["frame"] == 1
        going = [pair for pair in pairs if recent[pair[0]]]
        gone = {s.track for s in splits} | {row for row, _ in pairs}
        lost = np.array([k for k in np.flatnonzero(recent) if k not in gone], np.int64)
        for row, other in find_merges(tracks, now, going, lost):
            label, heir = int(tracks["label"][row]), int(tracks["label"][other])
            self._changes.append(Change(self._t, "merge", label, (heir,)))


def _assign(
    similarity: np.ndarray, rows: np.ndarray, columns: np.ndarray, least: float
) -> list[tuple[int, int]]:
    found = assign_optimal(similarity[np.ix_(rows, columns)], least)
    return [(int(rows[i]), int(columns[j])) for i, j in found]


def follow(measurements: Iterable[FrameMeasurement], follower: Follower) -> Iterator[Labelled]:
    """Yield each measurement with one label (int >= 1) for each of its kept masks."""
    for now in measurements:
        yield now, follower.step(now)
