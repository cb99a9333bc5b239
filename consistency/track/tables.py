"""tracks.csv and events.csv: what became of every label, derived from labels alone."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from consistency.dataset import Frame
from consistency.formats.labelled import LabelledFrame, Track
from consistency.formats.writing import WriteResult
from consistency.track.results import Lineage, TrackedFrame, written_confidence


@dataclass
class _Presence:
    """Where one label was, frame by frame."""

    frames: list[int] = field(default_factory=list)
    masks: list[int] = field(default_factory=list)  # index among the kept masks of that frame


@dataclass(frozen=True)
class Event:
    """One line of events.csv.

    ``event`` is "birth", "gap" (first frame of an absence), "return" (``value`` the confidence that
    it is the same object), "end" (first frame after the last mask), "split" (``other`` came out of
    ``label``), "merge" (``label`` went into ``other``), "filled" (a mask made from those of other
    frames), "dropped" (a mask left out; ``reason``
    "empty", "iou", "containment", "short" or "correction", ``value`` the IoU or containment with
    the mask ``kept_index``), "left out" (pieces of a mask that are too small for --split-pieces:
    ``mask_index`` is that of the whole mask in the input, ``value`` their pixels) or "covered"
    (``value`` pixels of a mask belong to others in the label images of the output ``reason``).
    """

    frame: str
    event: str
    label: int | None = None
    mask_index: int | None = None
    reason: str | None = None
    kept_index: int | None = None
    value: float | None = None
    other: int | None = None


NO_LINEAGE = Lineage()
NONE: Mapping[int, int] = {}
Timed = tuple[int, Event]  # index of the frame, what happened there


def _collect(frames: Sequence[TrackedFrame]) -> dict[int, _Presence]:
    seen: dict[int, _Presence] = defaultdict(_Presence)
    for t, frame in enumerate(frames):
        for mask, label in enumerate(frame.labels):
            if not (seen[label].frames and seen[label].frames[-1] == t):  # "seed" repeats labels
                seen[label].frames.append(t)
                seen[label].masks.append(mask)
    return dict(sorted(seen.items()))


def tracks(
    frames: Sequence[TrackedFrame], lineage: Lineage = NO_LINEAGE, parts: Mapping[int, int] = NONE
) -> list[Track]:
    """Summarise each label, in order of labels; ``parts`` {label: label of the whole}."""
    result = []
    for label, seen in _collect(frames).items():
        steps = list(zip(seen.frames, seen.masks, strict=True))
        overlaps = np.array([frames[t].iou_before[i] for t, i in steps])
        overlaps = overlaps[~np.isnan(overlaps)]
        sure = np.array([frames[t].confidence[i] for t, i in steps])
        sure = sure[~np.isnan(sure)]
        result.append(
            Track(
                label=label,
                first=frames[seen.frames[0]].name,
                last=frames[seen.frames[-1]].name,
                frames=len(steps),
                gaps=int((np.diff(seen.frames) > 1).sum()),
                mean_area=round(float(np.mean([frames[t].areas[i] for t, i in steps])), 1),
                mean_iou=round(float(overlaps.mean()), 4) if overlaps.size else None,
                parent=lineage.parents.get(label),
                part_of=parts.get(label),
                mean_confidence=written_confidence(sure.mean()) if sure.size else None,
                least_confidence=written_confidence(sure.min()) if sure.size else None,
            )
        )
    return result


def covered(t: int, frame: LabelledFrame, written: Mapping[str, WriteResult]) -> Iterator[Timed]:
    """Yield an event for every mask of frame ``t`` that lost pixels in a label image."""
    for output, result in written.items():
        for k, pixels in enumerate(result.lost or ()):
            if pixels:
                index = int(frame.kept[k])
                event = Event(frame.name, "covered", frame.labels[k], index, output)
                yield t, replace(event, value=int(pixels))


def left_out(frames: Sequence[Frame]) -> Iterator[Timed]:
    """Yield an event for every mask of the input of which pieces are left out."""
    for t, frame in enumerate(frames):
        for each in frame.left_out:
            event = Event(frame.name, "left out", None, each.mask, "pieces")
            yield t, replace(event, value=each.area)


def filled(t: int, frame: LabelledFrame, first: int) -> Iterator[Timed]:
    """Yield an event for every filled mask of frame ``t``: those from the index ``first`` on."""
    for index, label in zip(frame.kept.tolist(), frame.labels, strict=True):
        if index >= first:
            yield t, Event(frame.name, "filled", label, index)


def changes(frames: Sequence[TrackedFrame], lineage: Lineage) -> Iterator[Timed]:
    """Yield an event for every split, one for each daughter, and every merge."""
    for change in lineage.changes:
        for other in change.others:
            if other != change.label:
                event = Event(frames[change.t].name, change.kind, change.label, other=other)
                yield change.t, event


def events(frames: Sequence[TrackedFrame], more: Iterable[Timed] = ()) -> list[Event]:
    """List everything that happened, in order of frames; within a frame labels, then masks."""
    happened = list(_track_events(frames))
    for t, frame in enumerate(frames):
        for d in frame.dropped:
            kept = d.kept if d.kept >= 0 else None
            value = round(d.value, 4) if kept is not None else None
            happened.append(
                (t, Event(frame.name, "dropped", None, d.mask_index, d.reason, kept, value))
            )
    happened.extend(more)
    happened.sort(key=lambda item: item[0])
    return [event for _, event in happened]


def _track_events(frames: Sequence[TrackedFrame]) -> Iterator[Timed]:
    names = [frame.name for frame in frames]
    for label, seen in _collect(frames).items():
        index = [int(frames[t].kept[i]) for t, i in zip(seen.frames, seen.masks, strict=True)]
        first, last = seen.frames[0], seen.frames[-1]
        yield first, Event(names[first], "birth", label, index[0])
        for k, (before, now) in enumerate(pairwise(seen.frames), start=1):
            if now > before + 1:
                yield before + 1, Event(names[before + 1], "gap", label)
                sure = written_confidence(frames[now].confidence[seen.masks[k]])
                yield now, Event(names[now], "return", label, index[k], value=sure)
        if last + 1 < len(names):
            yield last + 1, Event(names[last + 1], "end", label)
