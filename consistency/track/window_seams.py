"""Windows of a sequence, labelled by themselves, joined one after the other."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from consistency.track.results import Change, Lineage, TrackedFrame
from consistency.track.seams import SharedFrame, match


class Joiner:
    """Joins windows in the order of time.

    Attributes
    ----------
    joined, not_joined : labels of a window that are in frames shared with the window before, and
        have got its label, or have not.
    """

    def __init__(self) -> None:
        self.joined = self.not_joined = 0
        self._frames: list[TrackedFrame] = []
        # Of the last window: its frames with labels of all, and the frame that it begins with.
        self._last: list[TrackedFrame] = []
        self._last_start = 0
        self._next_label = 1
        self._changes: list[Change] = []
        self._parents: list[tuple[int, int, int]] = []  # frame of birth, daughter, mother

    def add(self, start: int, frames: Sequence[TrackedFrame], lineage: Lineage) -> None:
        """Take the next window, which begins with frame ``start`` of the sequence."""
        shared = self._last[start - self._last_start :] if self._last else []
        # The labels change over in the middle of what is shared.
        begin = start + (len(shared) + 1) // 2
        labels = self._labels(shared, frames)
        found = [replace(f, labels=new) for f, new in zip(frames, labels, strict=True)]
        self._take_lineage(start, begin, lineage.relabelled(frames, labels), found)
        self._frames[begin:] = found[begin - start :]
        self._last, self._last_start = found, start

    def _labels(
        self, shared: Sequence[TrackedFrame], frames: Sequence[TrackedFrame]
    ) -> list[list[int]]:
        """Return labels of the sequence for the masks of a window."""
        seam = match(_same_masks(a, b) for a, b in zip(shared, frames, strict=False))
        names = dict(seam.pairs)
        here = {label for frame in frames[: len(shared)] for label in frame.labels}
        self.joined += len(names)
        self.not_joined += len(here) - len(names)
        for frame in frames:
            for label in frame.labels:
                if label not in names:
                    names[label] = self._next_label
                    self._next_label += 1
        return [[names[label] for label in frame.labels] for frame in frames]

    def _take_lineage(
        self, start: int, begin: int, lineage: Lineage, frames: Sequence[TrackedFrame]
    ) -> None:
        """Replace what the window before said of the frames from ``begin`` on."""
        births: dict[int, int] = {}
        for t, frame in enumerate(frames, start):
            for label in frame.labels:
                births.setdefault(label, t)
        changes = [replace(change, t=change.t + start) for change in lineage.changes]
        parents = [(births[child], child, mother) for child, mother in lineage.parents.items()]
        self._changes = [c for c in self._changes if c.t < begin]
        self._changes += [c for c in changes if c.t >= begin]
        self._parents = [p for p in self._parents if p[0] < begin]
        self._parents += [p for p in parents if p[0] >= begin]

    def finish(self) -> tuple[list[TrackedFrame], Lineage]:
        """Return all frames, with labels in the order in which they begin, and their lineage."""
        names: dict[int, int] = {}
        births: dict[int, int] = {}
        frames = []
        for t, frame in enumerate(self._frames):
            sure = frame.confidence.copy()
            for k, label in enumerate(frame.labels):
                if label not in names:
                    names[label], births[label] = len(names) + 1, t
                    # Its link to the mask before is a window's that has no say in that frame.
                    sure[k] = np.nan
            labels = [names[label] for label in frame.labels]
            frames.append(replace(frame, labels=labels, confidence=sure))
        return frames, Lineage(dict(self._named_parents(names, births)), self._named(names))

    def _named(self, names: dict[int, int]) -> tuple[Change, ...]:
        """Return changes with new labels, but for those of labels that are in no frame."""
        known = (c for c in self._changes if {c.label, *c.others} <= names.keys())
        return tuple(
            replace(c, label=names[c.label], others=tuple(names[o] for o in c.others))
            for c in known
        )

    def _named_parents(
        self, names: dict[int, int], births: dict[int, int]
    ) -> Iterator[tuple[int, int]]:
        for t, child, mother in self._parents:
            # Who is known from an earlier window has not come of a division here.
            if births.get(child) == t and births.get(mother, t) < t:
                yield names[child], names[mother]


def _same_masks(earlier: TrackedFrame, later: TrackedFrame) -> SharedFrame:
    """One frame of two windows: the masks are the same, in the same order."""
    shared = np.diag(earlier.areas)
    i, j, pixels = earlier.overlaps.T
    shared[i, j] = shared[j, i] = pixels
    return SharedFrame(earlier.labels, later.labels, earlier.areas, later.areas, shared)
