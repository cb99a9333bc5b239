"""Cell Tracking Challenge (Ulman et al. 2017): 16-bit label images and a table of tracks.

01_RES/mask000.tif ...      res_track.txt       results
01_GT/TRA/man_track000.tif  man_track.txt       truth

A line of the table is ``L B E P``: label, first frame, last frame (from 0), label it came from by
division or 0.  A label is in every frame of its line; a track with a gap is two tracks, the later
of which names the earlier as its P.

Written: ctc/01_RES/mask000.tif ... (four digits from 1000 frames on) and res_track.txt.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from consistency.dataset import Dataset, Frame, Layout, in_order
from consistency.formats import flatten, images, label_images
from consistency.formats.buffer import Buffer
from consistency.formats.labelled import LabelledSequence
from consistency.formats.numbering import number_labels
from consistency.formats.source import Source, is_number, read_text
from consistency.formats.writing import FrameTask, Output, Plan, WriteResult
from consistency.masks.packed import PackedMasks
from consistency.options import WritingOptions

TABLES = ("res_track.txt", "man_track.txt")
FOLDER = "ctc/01_RES"
# The format says 16 bits.
LIMIT = 65_535
TRACK_IMAGE = re.compile(r"(mask|man_track)(\d{3,})\.tif")


def is_track_image(path: Path) -> bool:
    """Whether a file is named like an image of this format."""
    return TRACK_IMAGE.fullmatch(path.name) is not None


def matches(source: Source) -> bool:
    """Whether the folder, or TRA in it, holds mask000.tif or man_track000.tif."""
    return any(is_track_image(path) for path in _inner(source).images)


def _inner(source: Source) -> Source:
    """The folder itself, or TRA in the folder of a ground truth."""
    # SEG beside it has only some frames, and its numbers are not tracks.
    truth = source.path / "TRA"
    return source.inside(truth) if truth.is_dir() and not source.images else source


def open_dataset(source: Source) -> Dataset:
    """List the frames; ValueError for a missing or malformed table."""
    source = _inner(source)
    files = source.images
    other = next((path for path in files if not is_track_image(path)), None)
    if other is not None:
        raise ValueError(
            f"{other}: the other frames are named mask000.tif or man_track000.tif; rename it or "
            "move it away"
        )
    parents = _read_parents(_table(source.path))
    frames = in_order(label_images.label_frames(source.path, files), source.path)
    links = {label: parent for label, parent in parents.items() if parent}
    return Dataset(Layout(source.path, "ctc"), frames, parents=links)


def _table(folder: Path) -> Path:
    table = next((folder / t for t in TABLES if (folder / t).is_file()), None)
    if table is None:
        raise ValueError(
            f"{folder}: no res_track.txt or man_track.txt beside the images; restore it, or "
            "read plain label images with --input-format labelmaps"
        )
    return table


def _read_parents(table: Path) -> dict[int, int]:
    """Return {label: parent or 0}."""
    parents: dict[int, int] = {}
    for number, line in enumerate(read_text(table).splitlines(), 1):
        words = line.split()
        if not words:
            continue
        if len(words) != 4 or not all(map(is_number, words)):
            raise ValueError(f"{table}: line {number} is not 'label first last parent'")
        label, first, last, parent = (int(word) for word in words)
        # isdigit lets 0 through, which is the background.
        if label < 1 or label in parents or first > last:
            raise ValueError(
                f"{table}: line {number}: label {label} of frames {first} to {last}; labels are "
                "positive and unique, the first frame is not after the last"
            )
        parents[label] = parent
    for label, parent in parents.items():
        if parent and parent not in parents:
            raise ValueError(f"{table}: label {label} comes from {parent}, which has no line")
    return parents


def check_listed(layout: Layout, frames: Sequence[Frame]) -> None:
    """Raise ValueError unless the table has a line for every label that was found."""
    table = _table(layout.root)
    parents = _read_parents(table)
    for frame in frames:
        unknown = [value for value in frame.identities or () if value not in parents]
        if unknown:
            raise ValueError(f"{table}: no line for label {unknown[0]} of frame {frame.name!r}")


def read_unlisted(layout: Layout, frame: Frame) -> tuple[Frame, PackedMasks]:
    """List and pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    return label_images.read_unlisted(layout.root, frame)


def read_masks(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    return label_images.read_label_frame(layout.root, frame)


@dataclass(frozen=True)
class Segment:
    """A line of the table: frames without a gap.  ``parent`` is a number or 0."""

    number: int
    label: int
    first: int
    last: int
    parent: int = 0


def segments(
    presence: Mapping[int, Sequence[int]], parents: dict[int, int], numbers: dict[int, int]
) -> list[Segment]:
    """Cut tracks where the format allows no gap, and where a daughter begins.

    The first part of a label keeps its number, further ones get the next free numbers.

    Parameters
    ----------
    presence : {label: frames, ascending, with a mask}.
    parents : {label: label it came from by division}.
    numbers : {label: number}.
    """
    # The format knows a division only where the mother ends, so she is cut where a daughter begins.
    births: dict[int, set[int]] = {}
    for child, parent in parents.items():
        if child in presence and parent in presence:
            births.setdefault(parent, set()).add(presence[child][0])
    # Behind all labels, so that a later part never takes the number of another label.
    free = max(numbers.values(), default=0) + 1
    found: dict[int, list[Segment]] = {}
    for label, frames in presence.items():
        cuts = [
            i
            for i in range(1, len(frames))
            if frames[i] != frames[i - 1] + 1 or frames[i] in births.get(label, ())
        ]
        number, before = numbers[label], 0
        found[label] = []
        for start, stop in zip([0, *cuts], [*cuts, len(frames)], strict=True):
            segment = Segment(number, label, frames[start], frames[stop - 1], before)
            found[label].append(segment)
            # The right side is evaluated first: this part becomes the parent of the next, which
            # takes the free number; after the last part none is used up.
            before, number, free = number, free, free + (stop < len(frames))
    return [
        _with_mother(segment, found.get(parents.get(segment.label, 0), ()))
        for parts in found.values()
        for segment in parts
    ]


def _with_mother(segment: Segment, mother: Sequence[Segment]) -> Segment:
    """Link the first part of a daughter to the last part of its mother that ends before it."""
    ended = [part.number for part in mother if part.last < segment.first]
    if segment.parent or not ended:
        return segment
    return Segment(segment.number, segment.label, segment.first, segment.last, ended[-1])


def _plan(sequence: LabelledSequence, options: WritingOptions) -> flatten.ImagePlan[int]:
    flatten.require_disjoint(sequence, options, "ctc")
    numbering = number_labels(sequence, options, LIMIT, "ctc")
    # All names have the same length, so that sorting as text is the order of time.
    digits = 4 if len(sequence.labelled_frames) > 1000 else 3
    presence = {
        label: frames
        for label, frames in flatten.presence(sequence.labelled_frames).items()
        if label in numbering.numbers
    }
    # From the masks as they are; what gets covered in drawing is known in ``_gather`` only.
    parts = _fitting(segments(presence, sequence.parents, numbering.numbers))
    plan = flatten.plan(sequence, options, numbering, np.dtype(np.uint16), digits)
    table = _number_table(parts)
    numbers = [
        [table.get((t, label), 0) for label in frame.labels]
        for t, frame in enumerate(sequence.labelled_frames)
    ]
    return Plan(plan.shared, numbering, numbers)


def _fitting(parts: list[Segment]) -> list[Segment]:
    if max((part.number for part in parts), default=0) > LIMIT:
        raise ValueError(
            f"tracks without gaps need numbers above {LIMIT}, more than ctc holds; leave some out "
            "with --max-ids 30000 --drop shortest, or label with a longer --memory"
        )
    return parts


def _number_table(parts: list[Segment]) -> dict[tuple[int, int], int]:
    """Return {(frame, label): number}."""
    return {(t, p.label): p.number for p in parts for t in range(p.first, p.last + 1)}


def _name(t: int, digits: int) -> str:
    return f"mask{t:0{digits}d}.tif"


def _save(path: Path, image: np.ndarray) -> None:
    import tifffile

    tifffile.imwrite(path, image, compression="zlib", compressionargs={"level": 2})


def _write_frame(task: FrameTask, drawing: flatten.Drawing[int]) -> WriteResult[list[int]]:
    """Write the image of a frame and return the numbers that are to be seen in it."""
    image, lost = flatten.draw(task, drawing)
    _save(task.path(FOLDER, _name(task.t, drawing.extra)), image)
    return WriteResult(lost=lost, rows=flatten.visible_numbers(image))


@contextmanager
def _gather(
    sequence: LabelledSequence, plan: flatten.ImagePlan[int], folder: Path
) -> Iterator[Callable[[int, list[int]], None]]:
    """Write the table; a track that others cover for some frames is cut there, as at any gap."""
    seen: dict[int, list[int]] = {}
    numbers_of = plan.numbers or ()
    labels: list[dict[int, int]] = []  # {planned number: label} of each frame

    def add(t: int, numbers: list[int]) -> None:
        planned = dict(zip(numbers_of[t], sequence.labelled_frames[t].labels, strict=True))
        labels.append({number: planned[number] for number in numbers})
        for label in sorted(labels[-1].values()):
            seen.setdefault(label, []).append(t)

    yield add
    numbering = plan.own
    parts = _fitting(segments(dict(sorted(seen.items())), sequence.parents, numbering.numbers))
    table = _number_table(parts)
    for t, planned in enumerate(labels):
        final = {number: table[t, label] for number, label in planned.items()}
        # Rare, so images are read again only where a number has changed.
        if any(number != new for number, new in final.items()):
            _renumber(folder / FOLDER / _name(t, plan.shared.extra), final)
    lines = [f"{p.number} {p.first} {p.last} {p.parent}\n" for p in parts]
    lines.sort(key=lambda line: int(line.split()[0]))
    (folder / FOLDER / "res_track.txt").write_text("".join(lines))
    numbering.write(folder / FOLDER / "numbers.csv")


def _renumber(path: Path, numbers: dict[int, int]) -> None:
    # A table of all numbers turns the whole image in one indexing; 0 stays 0.
    table = np.zeros(max(numbers) + 1, np.uint16)
    table[list(numbers)] = list(numbers.values())
    _save(path, table[images.read_numbers(path)])


OUTPUT = Output(_write_frame, _plan, _gather, tracks=True)
