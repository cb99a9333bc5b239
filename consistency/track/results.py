"""What is kept of frames once their masks have labels, and where labels come from."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np

from consistency.formats.labelled import LabelledFrame
from consistency.masks.intersections import PairTable, no_pairs
from consistency.measure.camera_motion import Motion
from consistency.measure.duplicates import Dropped
from consistency.measure.frame import FrameMeasurement

NO_PAIRS = no_pairs(0, 0)
CONFIDENCE_DIGITS = 3  # in files

Labelled = tuple[FrameMeasurement, list[int]]


@dataclass(frozen=True, eq=False)
class TrackedFrame(LabelledFrame):
    """What is kept of a frame once its masks have labels: for writers, and for the tables.

    Attributes
    ----------
    (of LabelledFrame) : the kept masks and their labels.
    iou_before : float64 (n,), IoU with the mask of the same label in the frame before, 0-1; NaN
        where there is none.
    confidence : float64 (n,), probability that a mask shows the same object as the mask before it
        on its track, 0-1; NaN for the first mask of a track, and where nothing tells it.
    dropped : the masks not kept.
    shared_before : common pixels with the masks of the frame before, as long as they are needed.
    motion : of the camera since the frame before.
    """

    iou_before: np.ndarray
    confidence: np.ndarray
    dropped: tuple[Dropped, ...]
    shared_before: PairTable
    motion: Motion


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

    def relabelled(
        self, frames: Sequence["TrackedFrame"], labels: Sequence[Sequence[int]]
    ) -> "Lineage":
        """Return it with the labels that replace those of ``frames``.

        One label may have become several: of a mother its last mask before the change decides, of
        a daughter her first one after it.  A daughter whose track has got an earlier beginning is
        none any more.
        """
        masks = _Renamed.of(self, frames, labels)
        parents = {}
        for daughter, mother in self.parents.items():
            t = masks.begin(daughter)
            if masks.begins[masks.since(daughter, t)] == t:
                parents[masks.since(daughter, t)] = masks.until(mother, t)
        changes = [
            Change(
                c.t, c.kind, masks.until(c.label, c.t), tuple(masks.since(o, c.t) for o in c.others)
            )
            for c in self.changes
        ]
        return Lineage(parents, tuple(changes))

    def among(self, labels: Container[int]) -> "Lineage":
        """Return what is about some labels alone."""
        parents = {c: m for c, m in self.parents.items() if c in labels and m in labels and c != m}
        changes = (c for c in self.changes if all(n in labels for n in (c.label, *c.others)))
        return Lineage(parents, tuple(changes))


@dataclass(frozen=True)
class _Renamed:
    """New labels of the masks that had a label of some lineage.

    Attributes
    ----------
    masks : {old label: (frames, new labels)}, in order of frames.
    begins : {new label: its first frame}.
    """

    masks: dict[int, tuple[list[int], list[int]]]
    begins: dict[int, int]

    @classmethod
    def of(
        cls, lineage: Lineage, frames: Sequence["TrackedFrame"], labels: Sequence[Sequence[int]]
    ) -> "_Renamed":
        named = [(c.label, *c.others) for c in lineage.changes] + list(lineage.parents.items())
        masks: dict[int, tuple[list[int], list[int]]] = {n: ([], []) for ns in named for n in ns}
        begins: dict[int, int] = {}
        for t, (frame, new_labels) in enumerate(zip(frames, labels, strict=True)):
            for old, new in zip(frame.labels, new_labels, strict=True):
                begins.setdefault(new, t)
                if old in masks:
                    masks[old][0].append(t)
                    masks[old][1].append(new)
        return cls(masks, begins)

    def begin(self, label: int) -> int:
        """First frame of an old label."""
        return self.masks[label][0][0]

    def until(self, label: int, t: int) -> int:
        """New label of the last mask before frame ``t``."""
        times, new = self.masks[label]
        return new[max(bisect_left(times, t) - 1, 0)]

    def since(self, label: int, t: int) -> int:
        """New label of the first mask from frame ``t`` on."""
        times, new = self.masks[label]
        return new[min(bisect_left(times, t), len(new) - 1)]


def collect(labelled: Iterable[Labelled]) -> list[TrackedFrame]:
    """Keep of each frame what is needed later, and drop its tables of pairs; see ``finish``."""
    return [_tracked_frame(now, labels) for now, labels in labelled]


def _tracked_frame(now: FrameMeasurement, labels: list[int]) -> TrackedFrame:
    overlaps = now.within.listed()
    return TrackedFrame(
        name=now.name,
        shape=now.shape,
        count=now.count,
        kept=now.kept,
        areas=now.areas,
        boxes=now.boxes,
        centroids=now.centroids,
        same=now.same,
        # Listed are pairs both ways round, and each mask with itself.
        overlaps=overlaps[overlaps[:, 0] < overlaps[:, 1]],
        labels=labels,
        iou_before=_unknown(len(labels)),
        confidence=_unknown(len(labels)),
        dropped=now.dropped,
        shared_before=now.earlier[0] if now.earlier else NO_PAIRS,
        motion=now.motion,
    )


@lru_cache(maxsize=1024)
def _unknown(count: int) -> np.ndarray:
    """NaN for each of so many masks, float64 (count,), not to be written to.

    The same array for all frames: until the last label is known they take nothing but this.
    """
    values = np.full(count, np.nan)
    values.flags.writeable = False
    return values


def finish(frames: Sequence[TrackedFrame]) -> list[TrackedFrame]:
    """Fill in ``iou_before``, now that labels are known, and drop what it is taken from."""
    if not frames:
        return []
    result = [replace(frames[0], shared_before=NO_PAIRS)]
    for then, now in pairwise(frames):
        # By the labels that are there: an array as long as the largest would be gigabytes where
        # labels are identities of the input.
        row = {label: i for i, label in enumerate(then.labels)}
        seen = [(row[label], j) for j, label in enumerate(now.labels) if label in row]
        i, j = np.array(seen, np.int64).reshape(-1, 2).T
        shared = now.shared_before.at(i, j) if now.shared_before.shape[1] else np.zeros(i.size)
        overlap = np.full(len(now.labels), np.nan)
        overlap[j] = shared / (then.areas[i] + now.areas[j] - shared)
        result.append(replace(now, iou_before=overlap, shared_before=NO_PAIRS))
    return result


def written_confidence(value: float) -> float | None:
    """Return a confidence as files have it: rounded; None for NaN, which JSON does not know."""
    return None if np.isnan(value) else round(float(value), CONFIDENCE_DIGITS)


def relabelled(
    frames: Sequence[TrackedFrame],
    labels: Sequence[Sequence[int]],
    confidence: Sequence[np.ndarray],
) -> list[TrackedFrame]:
    """Replace the labels of all frames, and say how sure they are; before ``finish``."""
    return [
        replace(frame, labels=list(new), confidence=sure)
        for frame, new, sure in zip(frames, labels, confidence, strict=True)
    ]


def without_short(frames: Sequence[TrackedFrame], least: int) -> list[TrackedFrame]:
    """Drop the masks of tracks that have fewer than ``least`` of them, with the reason "short"."""
    count = Counter(label for frame in frames for label in frame.labels)
    # Nothing to do, as by default: frames need not be copied.
    if least <= min(count.values(), default=least):
        return list(frames)
    return [left_out(f, [count[label] >= least for label in f.labels], "short") for f in frames]


def left_out(frame: TrackedFrame, keep: Sequence[bool], reason: str) -> TrackedFrame:
    """Keep some masks of a frame, and note why the others are left out."""
    others = np.flatnonzero(~np.asarray(keep, bool))
    dropped = [Dropped(int(frame.kept[k]), reason) for k in others]
    return replace(selected(frame, keep), dropped=(*frame.dropped, *dropped))


def selected(frame: TrackedFrame, keep: Sequence[bool]) -> TrackedFrame:
    """Keep some masks of a frame."""
    chosen = np.flatnonzero(keep)
    number = np.full(len(keep), -1)
    number[chosen] = np.arange(chosen.size)
    overlaps = frame.overlaps.copy()
    overlaps[:, :2] = number[overlaps[:, :2]]
    return replace(
        frame,
        kept=frame.kept[chosen],
        areas=frame.areas[chosen],
        boxes=frame.boxes[chosen],
        centroids=frame.centroids[chosen],
        same=frame.same[chosen],
        overlaps=overlaps[(overlaps[:, :2] >= 0).all(axis=1)],
        labels=[frame.labels[k] for k in chosen],
        iou_before=frame.iou_before[chosen],
        confidence=frame.confidence[chosen],
    )
