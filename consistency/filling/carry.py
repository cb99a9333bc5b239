"""One span in a worker: the masks of its key frames, carried to the frames between."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from consistency.dataset import Frame, Layout
from consistency.filling.footage import BYTES_AT_ONCE, BYTES_OF_FLOW, BYTES_PER_FRAME, read_footage
from consistency.filling.spans import Span
from consistency.filling.window import Pixels, Window
from consistency.flow.masks import Object, Seen, see
from consistency.flow.own_motion import own_view
from consistency.formats import read_masks, rle
from consistency.formats.buffer import Buffer
from consistency.limits import check_memory, within
from consistency.masks.packed import PackedMasks
from consistency.masks.packing import pack
from consistency.options import FillingOptions

LEAST_BORNE_OUT = 0.5  # an object that one side alone knows has ended where less is left of it
LEAST_LEFT = 0.1  # of the smaller mask of the key frames: less is a remnant and not the object


@dataclass(frozen=True)
class Task:
    """A span and its frames; those between need no more than their names.

    ``goes_on`` : whether the last of them is not the last of the sequence.
    """

    span: Span
    frames: tuple[Frame, ...]
    goes_on: bool


Carried = list[dict[int, dict]]  # of each frame between: {label: run lengths}
Sides = tuple[Pixels | None, Pixels | None]  # masks of an object before and after


def carry(task: Task, layout: Layout, options: FillingOptions) -> Carried:
    """Fill the frames of one span.

    Raises ValueError or OSError that name the file and the frame.
    """
    with within(layout.limits):
        shape, sides = _read(task, layout)
        given = options.frames_path is not None or options.flow_path is not None
        # Nobody knows where things go behind the last key frame.
        anywhere = not task.span.closed
        known = None if anywhere else [mask for pair in sides for mask in pair if mask is not None]
        window = Window.around(known, shape, options.scale if given else 1.0)
        objects = [window.object(*pair, deep=not given, anywhere=anywhere) for pair in sides]
        if given:
            seen = _along_flow(task, window, objects, options)
        else:
            seen = _on_their_own(task.span, window, objects)
        return _ended(task.span, sides, _written(window, objects, sides, seen))


def _read(task: Task, layout: Layout) -> tuple[tuple[int, int], list[Sides]]:
    """Return the size of frames, and the masks of every label."""
    buffer, found = Buffer(), []
    for frame, name in ((task.frames[0], "before"), (task.frames[-1], "after")):
        indices = [getattr(wanted, name) for wanted in task.span.labels]
        chosen = [index for index in indices if index is not None]
        masks = read_masks(layout, frame, buffer).select(chosen) if chosen else None
        cut = iter(_cut_out(masks) if masks else ())
        found.append((masks, [None if index is None else next(cut) for index in indices]))
    shape = next(masks.shape for masks, _ in found if masks)
    return shape, list(zip(found[0][1], found[1][1], strict=True))


def _cut_out(masks: PackedMasks) -> Iterator[Pixels]:
    for index, box in enumerate(masks.boxes_and_centroids()[0].tolist()):
        yield Pixels(np.ascontiguousarray(masks.crop(index, box)), (box[0], box[1]))


def _along_flow(
    task: Task, window: Window, objects: Sequence[Object], options: FillingOptions
) -> Iterator[list[Seen]]:
    """Yield all objects in each frame between."""
    both = options.frames_path is not None and options.flow_path is not None
    needed = (BYTES_PER_FRAME + BYTES_OF_FLOW * both) * len(task.frames) + BYTES_AT_ONCE
    check_memory(
        window.size[0] * window.size[1] * needed,
        f"the flow of {len(task.frames)} frames from {task.frames[0].name!r} on",
    )
    closed = task.span.closed
    for view in read_footage(task.frames, window, closed, task.goes_on, options).views():
        yield see(view, objects, closed)


def _on_their_own(span: Span, window: Window, objects: Sequence[Object]) -> Iterator[list[Seen]]:
    for t in span.between:
        share = (t - span.first) / (span.last - span.first)
        views = [own_view(each, share, span.closed, window.size) for each in objects]
        yield [see(view, [each], span.closed)[0] for view, each in zip(views, objects, strict=True)]


Frames = list[list[tuple[dict | None, float]]]  # of each frame: run lengths, and how borne out


def _written(
    window: Window,
    objects: Sequence[Object],
    sides: Sequence[Sides],
    seen: Iterator[list[Seen]],
) -> Frames:
    """Return the run lengths of all objects in each frame; None where too little is left."""
    least = [min(np.count_nonzero(m.mask) for m in pair if m) * LEAST_LEFT for pair in sides]
    pairs = _disjoint(sides)
    result: Frames = []
    for found in seen:
        masks = window.masks([each.score for each in found], objects, pairs)
        packed = pack((_whole(mask, window.shape) for mask in masks), window.shape)
        areas, (boxes, _) = packed.areas().tolist(), packed.boxes_and_centroids()
        rows = [
            rle.encode(packed, i, boxes[i]) if areas[i] and areas[i] >= least[i] else None
            for i in range(packed.count)
        ]
        result.append([(row, each.borne_out) for row, each in zip(rows, found, strict=True)])
    return result


def _whole(given: Pixels, shape: tuple[int, int]) -> np.ndarray:
    result = np.zeros(shape, bool)
    result[given.region] = given.mask
    return result


def _disjoint(sides: Sequence[Sides]) -> list[tuple[int, int]]:
    """Return the pairs of objects that share no pixel at either key frame."""
    return [
        (i, j)
        for i, j in combinations(range(len(sides)), 2)
        if not any(a and b and _meet(a, b) for a, b in zip(sides[i], sides[j], strict=True))
    ]


def _meet(one: Pixels, other: Pixels) -> bool:
    parts = []
    for a, b in zip(one.region, other.region, strict=True):
        start, stop = max(a.start, b.start), min(a.stop, b.stop)
        if start >= stop:
            return False
        parts.append(
            (slice(start - a.start, stop - a.start), slice(start - b.start, stop - b.start))
        )
    (rows, their_rows), (columns, their_columns) = parts
    return bool((one.mask[rows, columns] & other.mask[their_rows, their_columns]).any())


def _ended(span: Span, sides: Sequence[Sides], frames: Frames) -> Carried:
    """Leave out what has ended: an object that one side knows, beyond where it is borne out."""
    result: Carried = [{} for _ in frames]
    for i, (wanted, (before, after)) in enumerate(zip(span.labels, sides, strict=True)):
        order = list(range(len(frames)))
        one_sided = before is None or after is None
        for t in order if before is not None else order[::-1]:
            row, borne_out = frames[t][i]
            if one_sided and (row is None or borne_out < LEAST_BORNE_OUT):
                break
            if row is not None:
                result[t][wanted.label] = row
    return result
