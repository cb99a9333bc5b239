"""The stage between labels and files: masks are filled in, and measured as all others are."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

import numpy as np

from consistency.backend import Backend
from consistency.dataset import Dataset, Frame
from consistency.filling.carry import Task, carry
from consistency.filling.spans import Span, find_spans
from consistency.formats.filled import FILLED, with_filled
from consistency.measure.chunks import chunks, measure_chunk
from consistency.measure.frame import FrameMeasurement
from consistency.options import FillingOptions, MeasureOptions
from consistency.track.results import (
    Change,
    Lineage,
    TrackedFrame,
    collect,
    finish,
    selected,
)

# Of the record that a filled mask takes after, what holds of the object and not of the mask.
OF_OBJECTS = ("category_id", "class_id")
# Filled masks are measured with all others, whatever they share.
EVERY_MASK = MeasureOptions(duplicate_iou=1.0)


@dataclass(frozen=True, eq=False)
class Filled:
    """All frames of a sequence: ``dataset`` with the filled masks, ``frames`` with their labels."""

    dataset: Dataset
    frames: list[TrackedFrame]
    lineage: Lineage


def fill(
    dataset: Dataset,
    keys: Sequence[int],
    labelled: Filled,
    backend: Backend,
    options: FillingOptions,
) -> Filled:
    """Fill in masks.

    Parameters
    ----------
    dataset : all frames.
    keys : indices of the key frames, ascending.
    labelled : the key frames alone, all listed, with their labels.

    Raises
    ------
    ValueError, OSError
        For bad images or flow fields, with file and frame.
    """
    spans = find_spans(labelled.frames, keys, len(dataset.frames), options.gaps)
    whole = _with_keys(dataset, keys, labelled.dataset)
    found: dict[int, dict[int, dict]] = defaultdict(dict)
    how = partial(carry, layout=whole.layout, options=options)
    tasks = [_task(span, whole.frames) for span in spans]
    with closing(backend.map(how, tasks)) as results:
        for span, carried in zip(spans, results, strict=True):
            for t, masks in zip(span.between, carried, strict=True):
                found[t] |= _records(span, masks, whole.frames)
    # In the order of labels, whichever spans they come from.
    records = {t: dict(sorted(some.items())) for t, some in found.items() if some}
    filled = with_filled(whole, {t: list(some.values()) for t, some in records.items()})
    frames = dict(zip(keys, labelled.frames, strict=True))
    labels = [
        _labels(frames.get(t), list(records.get(t, ())), len(frame.records))
        for t, frame in enumerate(whole.frames)
    ]
    return Filled(
        filled,
        _tracked(filled, labels, frames, set(records), backend),
        _at_all_frames(labelled.lineage, keys),
    )


def _with_keys(dataset: Dataset, keys: Sequence[int], labelled: Dataset) -> Dataset:
    """Return all frames, of which the key frames alone have masks."""
    known = dict(zip(keys, labelled.frames, strict=True))
    frames = [known.get(t, Frame(frame.name, ())) for t, frame in enumerate(dataset.frames)]
    return replace(labelled, frames=tuple(frames))


def _task(span: Span, frames: Sequence[Frame]) -> Task:
    """Return what a worker needs: of frames between, no masks that they may have."""
    first, *between, last = frames[span.first : span.last + 1]
    names = [Frame(frame.name, ()) for frame in between]
    return Task(span, (first, *names, last), goes_on=span.last + 1 < len(frames))


def _records(span: Span, masks: Mapping[int, dict], frames: Sequence[Frame]) -> dict[int, dict]:
    """Return the record of every label that was found in one frame."""
    result = {}
    for wanted in span.labels:
        if wanted.label in masks:
            if wanted.before is not None:
                like = frames[span.first].records[wanted.before]
            else:
                assert wanted.after is not None  # one side at least has a mask
                like = frames[span.last].records[wanted.after]
            kept = {key: like[key] for key in OF_OBJECTS if key in like}
            result[wanted.label] = kept | {"segmentation": masks[wanted.label], FILLED: True}
    return result


def _labels(frame: TrackedFrame | None, filled: Sequence[int], first: int) -> dict[int, int]:
    """Return {index of a mask: label}; ``first`` is the index of the first filled one."""
    own = dict(zip(frame.kept.tolist(), frame.labels, strict=True)) if frame else {}
    return own | {first + k: label for k, label in enumerate(filled)}


def _tracked(
    dataset: Dataset,
    labels: Sequence[Mapping[int, int]],
    known: Mapping[int, TrackedFrame],
    touched: set[int],
    backend: Backend,
) -> list[TrackedFrame]:
    """Return all frames; those with filled masks, and the next ones, are measured for it.

    Parameters
    ----------
    labels : {index of a mask: label} of each frame.
    known : key frames as they were labelled.
    touched : frames with filled masks.
    """
    new = [
        t
        for t in range(len(labels))
        if t not in known or (t and t - 1 not in known) or {t - 1, t} & touched
    ]
    # What they are compared with is measured with them.
    needed = sorted({t for s in new for t in (s - 1, s) if t >= 0})
    result = dict(known)
    for run in _runs(needed):
        measured = _measured(dataset, run, backend)
        pairs = [
            (m, [labels[t].get(index, 0) for index in m.kept.tolist()])
            for t, m in zip(run, measured, strict=True)
        ]
        for t, frame in zip(run, finish(collect(pairs)), strict=True):
            if t in new:
                seen = selected(frame, [v > 0 for v in frame.labels])
                result[t] = _as_known(seen, known.get(t), follows=t - 1 in known)
    return [result[t] for t in range(len(labels))]


def _runs(numbers: Sequence[int]) -> list[list[int]]:
    """Cut ascending numbers where they do not follow one another."""
    groups = groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])
    return [[number for _, number in group] for _, group in groups]


def _measured(dataset: Dataset, run: Sequence[int], backend: Backend) -> Iterator[FrameMeasurement]:
    """Yield the measurements of consecutive frames."""
    frames = dataset.frames[run[0] : run[-1] + 1]
    how = partial(
        measure_chunk, layout=dataset.layout, options=EVERY_MASK, kernel=backend.intersections
    )
    with closing(backend.map(how, chunks(frames, EVERY_MASK.lookback, backend.workers))) as results:
        for group in results:
            yield from group


def _as_known(frame: TrackedFrame, before: TrackedFrame | None, follows: bool) -> TrackedFrame:
    """Return a frame with what was known of it before frames were filled.

    ``follows`` : a key frame, so that the motion of the camera is that since the frame before.
    """
    if before is None:
        return replace(frame, dropped=())
    sure = dict(zip(before.kept.tolist(), before.confidence.tolist(), strict=True))
    confidence = np.array([sure.get(index, np.nan) for index in frame.kept.tolist()])
    return replace(
        frame,
        confidence=confidence,
        dropped=before.dropped,
        motion=before.motion if follows else frame.motion,
    )


def _at_all_frames(lineage: Lineage, keys: Sequence[int]) -> Lineage:
    """Return the lineage with frames counted among all, not among key frames."""
    changes = [Change(keys[c.t], c.kind, c.label, c.others) for c in lineage.changes]
    return Lineage(lineage.parents, tuple(changes))
