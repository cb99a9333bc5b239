"""Corrections applied to the labels of a sequence, one after the other.

Masks are numbered through the whole sequence, frame after frame, as in ``tracklets``.  What a
correction says is remembered as links between masks that must hold and that must not; a later one
that breaks such a link contradicts it, and both are named.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from consistency.corrections import Correction, Corrections, MaskPlace, fingerprint
from consistency.dataset import short
from consistency.formats.labelled import LabelledFrame
from consistency.track.exchanging import Evidence, best_place, exchanged, links, with_return


def fingerprint_of(frames: Sequence[LabelledFrame], label: np.ndarray, there: np.ndarray) -> str:
    """Return the fingerprint of labels int64 (N,) of the masks that are ``there``, bool (N,)."""
    cuts = np.cumsum([len(frame.labels) for frame in frames])[:-1]
    parts = zip(frames, np.split(label, cuts), np.split(there, cuts), strict=True)
    return fingerprint(
        (frame.name, list(zip(frame.kept[seen].tolist(), labels[seen].tolist(), strict=True)))
        for frame, labels, seen in parts
    )


@dataclass(frozen=True, eq=False)
class Pair:
    """An earlier and a later mask, and the correction (file and number) that says so."""

    earlier: int
    later: int
    said: str


@dataclass(eq=False)
class Corrected:
    """The labels of a sequence while corrections are applied to them.

    Attributes
    ----------
    frames : of the sequence; their own labels are not looked at.
    label : int64 (N,), of every mask.
    there : bool (N,), masks that are not left out.
    names : {label: name}.
    together, apart : what corrections have said of pairs of masks.
    evidence : tells where a track is cut that is two objects; None: at the later of the masks.
    """

    frames: Sequence[LabelledFrame]
    label: np.ndarray
    there: np.ndarray
    evidence: Evidence | None = None
    names: dict[int, str] = field(default_factory=dict)
    together: list[Pair] = field(default_factory=list)
    apart: list[Pair] = field(default_factory=list)

    def __post_init__(self) -> None:
        counts = [len(frame.labels) for frame in self.frames]
        self.t = np.arange(len(counts)).repeat(counts)
        self.first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self.dropped = np.zeros(self.label.size, bool)
        self._number = {frame.name: t for t, frame in enumerate(self.frames)}
        self._free = 1 + int(self.label[self.there].max(initial=0))
        self._named: list[tuple[int, str]] = []  # a mask of what has been named, and who said it
        self._said = ""

    def apply(self, file: Corrections) -> None:
        """Apply the corrections of a file, in order.

        Raises
        ------
        ValueError
            For a correction that names what is not there, cannot be, or contradicts an earlier one.
        """
        doing = {
            "merge": self._merge,
            "split": self._split,
            "swap": self._swap,
            "rename": self._rename,
            "drop": self._drop,
            "same": self._same,
            "different": self._different,
        }
        for number, item in enumerate(file.items, 1):
            self._said = f"{file.where}: correction {number} ({item})"
            doing[item.do](item)
            self._check()

    def tracked(self) -> np.ndarray:
        """Return the label of every mask, int64 (N,); one below 0 of its own if it is dropped."""
        return np.where(self.dropped, -1 - np.arange(self.label.size), self.label)

    def close_holes(self) -> None:
        """Number the labels of masks that are there 1, 2, …, in the order in which they appear.

        Labels of one frame keep their order; those of other masks come behind.
        """
        masks = np.flatnonzero(self.label > 0)
        hidden, t = ~self.there[masks], self.t[masks]
        order = np.lexsort((self.label[masks], t, hidden))
        found, first = np.unique(self.label[masks][order], return_index=True)
        number = dict(zip(found[np.argsort(first)].tolist(), range(1, found.size + 1), strict=True))
        self.label = np.array([number.get(label, label) for label in self.label.tolist()], np.int64)
        self.names = {number[label]: name for label, name in self.names.items() if label in number}
        self._free = found.size + 1

    def _merge(self, item: Correction) -> None:
        stays, goes = item.labels
        kept = self._masks(stays)
        moved = self._since(self._masks(goes), self._frame(item.frame))
        if not moved.size:
            self._fail(f"label {goes} has no mask from there on")
        self._refuse_shared(kept, moved, stays, goes)
        self._join(np.sort(np.concatenate([kept, moved])), stays)
        if not self._masks_of(goes).size:
            self._hand_name_on(goes, stays)

    def _split(self, item: Correction) -> None:
        at = self._frame(item.frame)
        masks = self._masks(item.labels[0])
        later = self._since(masks, at)
        if not later.size or later.size == masks.size:
            side = "from there on" if later.size == 0 else "before"
            self._fail(f"label {item.labels[0]} has no mask {side}")
        self._cut(masks, later)

    def _swap(self, item: Correction) -> None:
        at = self._frame(item.frame)
        one, two = (self._masks(label) for label in item.labels)
        self._exchange(one, two, [at])

    def _rename(self, item: Correction) -> None:
        label, name = item.labels[0], item.name or ""
        mask = int(self._masks(label)[0])
        if self.names.get(label, name) != name:
            self._contradicts(*self._namers(label))
        self.names[label] = name
        self._named.append((mask, self._said))

    def _drop(self, item: Correction) -> None:
        masks = self._masks(item.labels[0])
        if item.frames is not None:
            first, last = (self._frame(name) for name in item.frames)
            if last < first:
                self._fail(f"frame {item.frames[1]!r} comes before {item.frames[0]!r}")
            masks = masks[(self.t[masks] >= first) & (self.t[masks] <= last)]
            if not masks.size:
                self._fail(f"label {item.labels[0]} has no mask there")
        self.there = self.there.copy()
        self.there[masks] = False
        self.dropped[masks] = True

    def _same(self, item: Correction) -> None:
        x, y = self._two(item.masks)
        one, two = self._masks_of(self.label[x]), self._masks_of(self.label[y])
        self.together.append(Pair(x, y, self._said))
        if self.label[x] == self.label[y]:
            return
        if not np.intersect1d(self.t[one], self.t[two]).size:
            stays, goes = int(self.label[x]), int(self.label[y])
            self._join(np.sort(np.concatenate([one, two])), stays)
            self._hand_name_on(goes, stays)
            return
        frames = range(int(self.t[x]) + 1, int(self.t[y]) + 1)
        at = frames[-1]
        if self.evidence is not None:
            at = best_place(self.evidence, self.label, self.t, (one, two), frames)
        numbers = int(self.label[one[0]]), int(self.label[two[0]])
        self._exchange(one, two, self._and_back((one, two), numbers, at, frames))

    def _different(self, item: Correction) -> None:
        x, y = self._two(item.masks)
        self.apart.append(Pair(x, y, self._said))
        if self.label[x] != self.label[y]:
            return
        masks = self._masks_of(self.label[x])
        for pair in self.together:
            if x <= pair.earlier and pair.later <= y and self._one(pair):
                self._contradicts(pair.said)
        between = masks[(masks > x) & (masks <= y)]
        at, frames = self._best_cut(masks, between), range(int(self.t[x]) + 1, int(self.t[y]) + 1)
        tracks, numbers = (masks, masks[:0]), (int(self.label[x]), self._free)
        places = self._and_back(tracks, numbers, int(self.t[at]), frames)
        label = exchanged(self.label, self.t, tracks, numbers, places)
        self._cut(masks, masks[label[masks] == self._free])

    def _join(self, masks: np.ndarray, label: int) -> None:
        """Give all masks, in order of time, one label."""
        change = np.flatnonzero(self.label[masks][1:] != self.label[masks][:-1])
        for k in change.tolist():
            self.together.append(Pair(int(masks[k]), int(masks[k + 1]), self._said))
        self.label = self.label.copy()
        self.label[masks] = label

    def _and_back(
        self,
        tracks: tuple[np.ndarray, np.ndarray],
        numbers: tuple[int, int],
        at: int,
        frames: range,
    ) -> list[int]:
        if self.evidence is None:
            return [at]
        return with_return(self.evidence, self.label, self.t, tracks, numbers, at, frames)

    def _cut(self, masks: np.ndarray, part: np.ndarray) -> None:
        """Give a stretch of a track a new label."""
        for later in (part[0], *masks[masks > part[-1]][:1]):
            self.apart += [Pair(int(x), int(later), self._said) for x in masks[masks < later][-1:]]
        self.label = self.label.copy()
        self.label[part] = self._free
        self._free += 1

    def _exchange(self, one: np.ndarray, two: np.ndarray, places: Sequence[int]) -> None:
        """Exchange the labels of two tracks from a frame on, and back from the next place on."""
        numbers = int(self.label[one[0]]), int(self.label[two[0]])
        label = exchanged(self.label, self.t, (one, two), numbers, places)
        if (label == self.label).all():
            self._fail("neither label has a mask from there on")
        before, after = (links(each, (one, two)) for each in (self.label, label))
        self.together += [Pair(x, y, self._said) for x, y in sorted(after - before)]
        # Not those between which a mask of the other track has come.
        undone = [(x, y) for x, y in sorted(before - after) if label[x] != label[y]]
        self.apart += [Pair(x, y, self._said) for x, y in undone]
        self.label = label

    def _best_cut(self, masks: np.ndarray, between: np.ndarray) -> int:
        """Return the mask of ``between`` whose link to the one before is the weakest."""
        if self.evidence is None:
            return int(between[-1])
        before = masks[masks.searchsorted(between) - 1]
        odds = self.evidence(self.label, before, between)
        return int(between[-1] if np.isnan(odds).all() else between[np.nanargmin(odds)])

    def _hand_name_on(self, goes: int, stays: int) -> None:
        """Let a label that is gone leave its name to the one that it has become."""
        if goes not in self.names:
            return
        name = self.names.pop(goes)
        if self.names.get(stays, name) != name:
            self._contradicts(*self._namers(stays))
        self.names[stays] = name

    def _namers(self, label: int) -> list[str]:
        """Return who has named a label; behind them, who has named any."""
        others = [said for _, said in reversed(self._named)]
        named = reversed(self._named)
        return [said for mask, said in named if self.label[mask] == label] + others

    def _check(self) -> None:
        """Refuse what contradicts an earlier correction."""
        for pairs, one in ((self.together, True), (self.apart, False)):
            earlier = np.array([pair.earlier for pair in pairs], np.int64)
            later = np.array([pair.later for pair in pairs], np.int64)
            broken = (self.label[earlier] == self.label[later]) != one
            for k in np.flatnonzero(broken & self.there[earlier] & self.there[later])[:1]:
                self._contradicts(pairs[k].said)

    def _one(self, pair: Pair) -> bool:
        return bool(self.label[pair.earlier] == self.label[pair.later])

    def _masks_of(self, label: int) -> np.ndarray:
        """Return the masks of a label that are there, int64 (n,), in order of time."""
        return np.flatnonzero((self.label == label) & self.there)

    def _masks(self, label: int) -> np.ndarray:
        masks = self._masks_of(label)
        if not masks.size:
            self._fail(f"there is no label {label}")
        return masks

    def _since(self, masks: np.ndarray, t: int) -> np.ndarray:
        return masks[self.t[masks] >= t]

    def _frame(self, name: str | None) -> int:
        if name is None:
            return 0
        if name not in self._number:
            self._fail(f"there is no frame {short(name)}")
        return self._number[name]

    def _two(self, places: Sequence[MaskPlace]) -> tuple[int, int]:
        """Return two masks in order of time."""
        x, y = sorted(self._mask(place) for place in places)
        if self.t[x] == self.t[y]:
            self._fail("both masks are of one frame, where each object has one mask at most")
        return x, y

    def _mask(self, place: MaskPlace) -> int:
        t = self._frame(place.frame)
        found = np.flatnonzero(self.frames[t].kept == place.mask)
        mask = int(self.first[t] + found[0]) if found.size else -1
        if mask < 0 or not self.there[mask]:
            self._fail(f"frame {place.frame!r} has no mask {place.mask} with a label")
        return mask

    def _refuse_shared(self, kept: np.ndarray, moved: np.ndarray, stays: int, goes: int) -> None:
        shared = np.intersect1d(self.t[kept], self.t[moved])
        if shared.size:
            name = self.frames[shared[0]].name
            self._fail(f"labels {stays} and {goes} are both in frame {name!r}; split one before")

    def _fail(self, problem: str) -> None:
        raise ValueError(f"{self._said}: {problem}")

    def _contradicts(self, *others: str) -> None:
        earlier = next(said for said in others if said != self._said)
        raise ValueError(f"{self._said} contradicts {earlier}; leave one of them out")


def start(frames: Sequence[LabelledFrame], there: np.ndarray | None = None) -> Corrected:
    """Return the labels of frames, before any correction; ``there`` bool (N,), see Corrected."""
    label = np.array(list(chain.from_iterable(f.labels for f in frames)), np.int64)
    return Corrected(frames, label, np.ones(label.size, bool) if there is None else there)
