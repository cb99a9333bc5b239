"""Links decided again around corrections: what a person has said holds, what it has opened is free.

Where a correction cuts a track, its end and the new beginning are put to the assignment of
``linking`` once more, among all other ends and beginnings, with what the sequence has taught.
Links that no correction touches stay as they are: mending one object must not change another.
"""

from collections import Counter

import numpy as np

from consistency.track.correcting import Corrected
from consistency.track.exchanging import Evidence
from consistency.track.linking import Linked, assign
from consistency.track.tracklets import Tracks


def evidence_of(linked: Linked) -> Evidence:
    """Return what the sequence tells of pairs of masks."""

    def odds(label: np.ndarray, earlier: np.ndarray, later: np.ndarray) -> np.ndarray:
        return linked.joiner.odds(Tracks.of_labels([label]), earlier, later, linked.calibration)

    return odds


def relinked(linked: Linked, corrected: Corrected) -> tuple[np.ndarray, dict[int, str]]:
    """Join what corrections have opened.

    Returns
    -------
    label : int64 (N,), of every mask; joined tracks have the label of the longer one.
    names : {label: name}.
    """
    tracks = Tracks.of_labels([corrected.tracked()])
    p, idle = linked.joiner.parameters, corrected.dropped
    opened = (tracks.after < 0) & (linked.tracks.after >= 0)
    begun = (tracks.before < 0) & (linked.tracks.before >= 0)
    end, start, value = linked.joiner.joins(tracks, linked.calibration)
    groups = _Groups(tracks, corrected)
    free = (opened[end] | begun[start]) & ~idle[end] & ~idle[start]
    pairs = zip(end[free].tolist(), start[free].tolist(), strict=True)
    free[free] = [groups.may_join(i, j) for i, j in pairs]
    end, start, value = end[free], start[free], value[free]
    chosen = assign(end, start, value - p.rounds[-1][1])
    # Surest first: a chain of joins may bring together what is apart.
    for k in chosen[np.argsort(-value[chosen], kind="stable")].tolist():
        i, j = int(end[k]), int(start[k])
        if groups.may_join(i, j):
            groups.join(i, j)
    return groups.labels()


def confidence_of(linked: Linked, corrected: Corrected) -> np.ndarray:
    """Return the confidence of each mask's link, float64 (N,); 1 where a person has said so."""
    tracks = Tracks.of_labels([corrected.tracked()])
    result = np.concatenate(linked.joiner.confidence(tracks, linked.calibration))
    for pair in corrected.together:
        if tracks.before[pair.later] == pair.earlier:
            result[pair.later] = 1.0
    return result


class _Groups:
    """Which tracks are joined, by labels of a corrected sequence."""

    def __init__(self, tracks: Tracks, corrected: Corrected) -> None:
        self._label, self._names = corrected.label, dict(corrected.names)
        self._track = tracks.track
        self._group = {track: track for track in np.unique(tracks.track).tolist()}
        self._apart = [(pair.earlier, pair.later) for pair in corrected.apart]

    def may_join(self, end: int, start: int) -> bool:
        """Whether no correction is against joining the tracks of two masks."""
        groups = self._of(end), self._of(start)
        if groups[0] == groups[1]:
            return False
        names = {self._names.get(int(self._label[mask])) for mask in groups} - {None}
        apart = ({self._of(x), self._of(y)} == set(groups) for x, y in self._apart)
        return len(names) < 2 and not any(apart)

    def join(self, end: int, start: int) -> None:
        """Join the tracks of two masks."""
        stays, goes = self._of(end), self._of(start)
        for track, group in self._group.items():
            if group == goes:
                self._group[track] = stays
        name = self._names.get(int(self._label[goes]))
        if name is not None:
            self._names[int(self._label[stays])] = name

    def labels(self) -> tuple[np.ndarray, dict[int, str]]:
        """Return the label of every mask, and the names of labels."""
        group = np.array([self._group[track] for track in self._track.tolist()], np.int64)
        joined = {g for track, g in self._group.items() if track != g}
        result, names = self._label.copy(), dict(self._names)
        for g in joined:
            masks = group == g
            count = Counter(self._label[masks].tolist())
            label = min(count, key=lambda label: (-count[label], label))
            name = next((names.pop(each) for each in sorted(count) if each in names), None)
            result[masks] = label
            if name is not None:
                names[label] = name
        return result, names

    def _of(self, mask: int) -> int:
        return self._group[int(self._track[mask])]
