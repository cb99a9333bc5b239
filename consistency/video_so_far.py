"""The pieces of a video that have been joined so far, and how the next one is joined to them."""

import logging
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from consistency.backend import Backend
from consistency.dataset import Frame
from consistency.formats import read_masks
from consistency.formats.buffer import Buffer
from consistency.formats.joined import JoinedLayout, Part, frame_of
from consistency.masks.intersections import Kernel
from consistency.options import LONG_MEMORY, PIECES_IOU
from consistency.track.results import Change
from consistency.track.seams import INSIDE, Contradiction, Seam, SharedFrame, match
from consistency.video_pieces import Piece, shared_count

FEW = 0.5  # of the objects in shared frames; with fewer that fit one asks whether it is one video

log = logging.getLogger("consistency")


@dataclass(frozen=True)
class How:
    """What the user may say.

    Attributes
    ----------
    overlap : frames that each piece shares with the one before; None: those of equal names.
    min_iou : least mean IoU of one object in the frames that two pieces share, 0-1.
    memory : frames that an object may be away between two pieces.
    """

    overlap: int | None = None
    min_iou: float = PIECES_IOU
    memory: int = LONG_MEMORY


@dataclass(eq=False)
class Row:
    """One frame of the video so far: its name, its masks with their labels and confidences."""

    name: str
    parts: list[Part]
    labels: list[int]
    confidence: list[float]


@dataclass(eq=False)
class VideoSoFar:
    """The pieces that have been joined so far.

    Attributes
    ----------
    rows : its frames.
    pieces : {label: first and last piece that knows it}.
    own : {label: what the last piece that knows it calls it}.
    parents, changes : divisions that pieces know, and contradictions of pieces.
    seams : what the shared frames told, for run.json.
    """

    rows: list[Row] = field(default_factory=list)
    pieces: dict[int, tuple[int, int]] = field(default_factory=dict)
    own: dict[int, int] = field(default_factory=dict)
    parents: dict[int, int] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    seams: list[dict[str, Any]] = field(default_factory=list)


def add_piece(
    video: VideoSoFar,
    number: int,
    pieces: Sequence[Piece],
    layout: JoinedLayout,
    backend: Backend,
    how: How,
) -> None:
    """Join the piece of that number to those before it."""
    piece, shared, seam = pieces[number], list[SharedFrame](), Seam()
    if number:
        where = pieces[number - 1].path, piece.path
        names = [row.name for row in video.rows]
        count = shared_count(names, piece.names, how.overlap, where)
        shared = _compared(video, number, piece, count, layout, backend)
        seam = match(shared, how.min_iou)
        _check(seam, shared, where, how)
    named = dict(seam.pairs)
    for label in dict.fromkeys(label for frame in piece.frames for label in frame.labels):
        named.setdefault(label, len(video.pieces) + 1)
        first, _ = video.pieces.get(named[label], (number, number))
        video.pieces[named[label]] = first, number
    if number:
        _note(video, seam, named, where, len(shared))
    _add_frames(video, number, piece, named, shared)
    video.own |= {new: old for old, new in named.items()}
    video.parents |= {
        named[child]: named[mother]
        for child, mother in piece.parents.items()
        # Who was there before has not come of a division here.
        if child in named and mother in named and child not in seam.pairs
    }


def _add_frames(
    video: VideoSoFar,
    number: int,
    piece: Piece,
    named: dict[int, int],
    shared: Sequence[SharedFrame],
) -> None:
    """Add the frames of a piece; a shared one has the masks of the earlier piece, and such of the
    later one whose object has none there, and that do not lie in the masks that it has.
    """
    rows = video.rows[len(video.rows) - len(shared) :]
    for t, frame in enumerate(piece.frames):
        chosen = list(range(len(frame.labels)))
        if t >= len(shared):
            rows.append(Row(frame.frame.name, [], [], []))
            video.rows.append(rows[-1])
        else:
            inside = shared[t].shared.sum(axis=0) > INSIDE * shared[t].later_areas
            there = set(rows[t].labels)
            chosen = [k for k in chosen if named[frame.labels[k]] not in there and not inside[k]]
        row = rows[t]
        row.parts.append(Part(number, frame.frame, tuple(frame.masks[k] for k in chosen)))
        row.labels += [named[frame.labels[k]] for k in chosen]
        row.confidence += [frame.confidence[k] for k in chosen]


def _compared(
    video: VideoSoFar,
    number: int,
    piece: Piece,
    count: int,
    layout: JoinedLayout,
    backend: Backend,
) -> list[SharedFrame]:
    """Compare the last ``count`` frames of the video so far with the first ones of a piece."""
    pairs = list(zip(video.rows[len(video.rows) - count :], piece.frames, strict=False))
    frames = [
        (frame_of(r.name, r.parts), frame_of(r.name, [Part(number, f.frame, f.masks)]))
        for r, f in pairs
    ]
    compare = partial(_tables, layout=layout, kernel=backend.intersections)
    with closing(backend.map(compare, frames)) as found:
        return [
            SharedFrame(row.labels, frame.labels, *tables)
            for (row, frame), tables in zip(pairs, found, strict=True)
        ]


def _tables(
    frames: tuple[Frame, Frame], layout: JoinedLayout, kernel: Kernel
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Areas of the masks of one frame in two pieces, and their common pixels; runs in a worker."""
    first, second = (read_masks(layout, frame, Buffer()) for frame in frames)
    shared = np.zeros((first.count, second.count), np.int64)
    if shared.size:
        if first.shape != second.shape:
            raise ValueError(
                f"frame {frames[0].name!r}: masks of {first.shape[0]} × {first.shape[1]} pixels in "
                f"one piece and of {second.shape[0]} × {second.shape[1]} in the next; all masks of "
                "a sequence have one size"
            )
        shared = kernel(first, second)
    return first.areas(), second.areas(), shared


def _check(seam: Seam, shared: Sequence[SharedFrame], where: tuple[Path, Path], how: How) -> None:
    """Raise ValueError, or warn, where the masks of shared frames are not those of one video."""
    sides = [{v for frame in shared for v in labels} for labels in _sides(shared)]
    fewest = min(map(len, sides))
    what = f"{where[0]} and {where[1]}: of {fewest} objects in {len(shared)} shared frames"
    if fewest and not seam.pairs and how.overlap is None:
        raise ValueError(
            f"{what} none has fitting masks in both (IoU of {how.min_iou} and more), though the "
            "frames have the same names; say with --overlap how many frames they share, 0 for none"
        )
    if len(seam.pairs) < FEW * fewest:
        log.warning("%s only %d have fitting masks in both", what, len(seam.pairs))


def _sides(shared: Sequence[SharedFrame]) -> tuple[list[int], list[int]]:
    return (
        [label for frame in shared for label in frame.earlier],
        [label for frame in shared for label in frame.later],
    )


def _note(
    video: VideoSoFar, seam: Seam, named: dict[int, int], where: tuple[Path, Path], count: int
) -> None:
    """Write down what the shared frames told, and where the pieces contradict one another."""
    t = len(video.rows)
    for found in seam.merged:
        ours = [video.own[label] for label in (found.kept, *found.others)]
        _warn(where[0], ours, where[1], found.one, found)
        video.changes += [Change(t, "merge", label, (found.kept,)) for label in found.others]
    for found in seam.split:
        _warn(where[1], [found.kept, *found.others], where[0], video.own[found.one], found)
        pieces = tuple(named[label] for label in found.others)
        video.changes.append(Change(t, "split", found.one, (found.one, *pieces)))
    video.seams.append(
        {
            "frames": count,
            "joined": len(seam.pairs),
            "mean_iou": round(float(np.mean(list(seam.agreement.values()))), 4)
            if seam.pairs
            else None,
            "contradictions": len(seam.merged) + len(seam.split),
        }
    )


def _warn(many: Path, labels: Sequence[int], one: Path, label: int, found: Contradiction) -> None:
    log.warning(
        "objects %s of %s are one in %s, %d; %d goes on as that one, events.csv has the others",
        " and ".join(map(str, labels)), many, one, label, labels[0],
    )  # fmt: skip
