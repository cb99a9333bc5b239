"""MOTS (Voigtlaender et al. 2019): a text file per sequence, or a folder of 16-bit PNG files.

A line is ``frame id class_id height width rle``; id = 1000 · class_id + instance; in a PNG file
the same ids are pixel values.  KITTI-MOTS counts frames from 0, MOTSChallenge from 1: frames keep
their numbers as names.  Regions of class 10 (id 10000) are to be ignored and are not masks; they
are kept in ``Frame.source`` as run lengths (text only).  The masks of one frame are disjoint.

Written: mots/<name>.txt and mots/<name>/<frame %06d>.png.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from consistency.dataset import Dataset, Frame, Layout, frame_range, in_order
from consistency.formats import flatten, images, label_images, rle
from consistency.formats.buffer import Buffer
from consistency.formats.labelled import LabelledSequence
from consistency.formats.numbering import Numbering, count_labels, keep_largest
from consistency.formats.source import Source, read_text
from consistency.formats.writing import FrameTask, Output, WriteResult
from consistency.limits import check_file
from consistency.masks.packed import PackedMasks
from consistency.options import WritingOptions

# "frame id class_id height width rle"; numbers as ``is_number`` has them.
LINE = re.compile(r"([0-9]{1,18}) ([0-9]{1,18}) ([0-9]{1,18}) ([0-9]{1,18}) ([0-9]{1,18}) ([^ ]*)")
LONGEST_LINE = 1 << 24  # that is looked at to tell the format
IGNORE_CLASS = 10
IGNORE_ID = 10_000
NameAndFirst = tuple[str, int]  # of the sequence, and of its first frame
INSTANCES = 1000  # ids of a class; the first is 1000 · class_id, and instances end at 999
LARGEST_CLASS = 64  # 16-bit pixels


def matches(source: Source) -> bool:
    """Whether there are text files with six columns, or PNG files with such ids only."""
    if source.path.is_file():
        return source.is_file(".txt") and _has_lines(source.path)
    texts = source.files(".txt")
    if texts and not source.images:
        return all(_has_lines(text) for text in texts)
    header = source.sample_image
    if not header or header.kind != "numbers" or header.bits != 16 or header.pages > 1:
        return False
    if source.images[0].suffix != ".png":
        return False
    # Plain label images have 16 bits as well; only the ids tell, and only pixels have those.
    values = label_images.values_of(images.read_numbers(source.images[0]))
    return bool(values) and min(values) >= INSTANCES


def parts(source: Source) -> dict[str, Path]:
    """Return the text files of a folder, each a sequence."""
    texts = source.files(".txt")
    return {path.stem: path for path in texts} if not source.images and len(texts) > 1 else {}


def _has_lines(path: Path) -> bool:
    check_file(path)
    with open(path, encoding="utf-8", errors="replace") as file:
        # With a limit: a binary file named .txt may have no end of line at all.
        return LINE.fullmatch(file.readline(LONGEST_LINE).rstrip("\n")) is not None


def open_dataset(source: Source) -> Dataset:
    """List the frames; ValueError with the line of a malformed text."""
    if source.images:
        frames = label_images.label_frames(source.path, source.images)
        return Dataset(Layout(source.path, "mots"), in_order(frames, source.path))
    path = source.path if source.path.is_file() else _choose(source)
    return Dataset(Layout(path, "mots", "F"), in_order(_frames(path), path, key=None))


def _choose(source: Source) -> Path:
    texts = {path.stem: path for path in source.files(".txt")}
    if source.sequence is None and len(texts) == 1:
        return next(iter(texts.values()))
    if source.sequence not in texts:
        names = ", ".join(texts) or "none"
        raise ValueError(f"{source.path}: sequences {names}; choose one with --sequence")
    return texts[source.sequence]


def _frames(path: Path) -> list[Frame]:
    found: dict[int, list] = {}
    ignored: dict[int, list] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        t, identity, class_id, height, width, counts = _parse(path, number, line)
        segmentation = {"size": [height, width], "counts": counts}
        # Also for a frame of nothing but ignored regions: it is a frame.
        masks = found.setdefault(t, [])
        if class_id == IGNORE_CLASS:
            ignored.setdefault(t, []).append(segmentation)
        else:
            record = {"segmentation": segmentation, "id": identity, "class_id": class_id}
            masks.append(record)
    times = frame_range(found, path)
    return [_frame(t, found.get(t, []), ignored.get(t)) for t in times]


def _parse(path: Path, number: int, line: str) -> tuple[int, int, int, int, int, str]:
    words = LINE.fullmatch(line)
    if words is None:
        raise ValueError(
            f"{path}: line {number} is not 'frame id class_id height width rle' with single spaces"
        )
    t, identity, class_id, height, width, counts = words.groups()
    return int(t), int(identity), int(class_id), int(height), int(width), counts


def _frame(t: int, records: list[dict], ignored: list[dict] | None) -> Frame:
    identities = tuple(record["id"] for record in records)
    return Frame(f"{t:06d}", tuple(records), ignored, identities)


def read_unlisted(layout: Layout, frame: Frame) -> tuple[Frame, PackedMasks]:
    """List and pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    return label_images.read_unlisted(layout.root, frame, (IGNORE_ID,))


def read_masks(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    if layout.order == "F":
        return rle.read_frame(frame)
    return label_images.read_label_frame(layout.root, frame)


def _plan(sequence: LabelledSequence, options: WritingOptions) -> flatten.ImagePlan[NameAndFirst]:
    flatten.require_disjoint(sequence, options, "mots")
    classes = _classes(sequence, options.class_id)
    numbering = _number(sequence, options, classes)
    extra = sequence.name, options.first_frame
    return flatten.plan(sequence, options, numbering, np.dtype(np.uint16), extra)


def _classes(sequence: LabelledSequence, default: int) -> dict[int, int]:
    """Class of each label: that of its first mask, or the default where that has none."""
    classes: dict[int, int] = {}
    for frame, labels in zip(sequence.frames, sequence.labelled_frames, strict=True):
        for index, label in zip(labels.kept.tolist(), labels.labels, strict=True):
            record = frame.records[index]
            found = record.get("class_id", default)
            classes.setdefault(label, found)
            good = type(found) is int and 1 <= found <= LARGEST_CLASS and found != IGNORE_CLASS
            if not good:
                raise ValueError(
                    f"frame {frame.name!r}, mask {index}: class {found!r}; classes of mots are 1 "
                    f"to {LARGEST_CLASS} without {IGNORE_CLASS} (ignore); give one with --class-id"
                )
    return classes


def _number(
    sequence: LabelledSequence, options: WritingOptions, classes: dict[int, int]
) -> Numbering:
    """1000 · class + instance: the label itself where it is such a number, else counted from 1."""
    counts = count_labels(sequence)
    if all(label // INSTANCES == classes[label] for label in counts):
        return Numbering({label: label for label in counts})
    numbers: dict[int, int] = {}
    dropped: list[int] = []
    # Instances count from 1 within their class, so each class has room of its own.
    limit = min(options.max_ids or INSTANCES, INSTANCES - 1)
    for class_id in sorted(set(classes.values())):
        mine = {label: counts[label] for label in counts if classes[label] == class_id}
        kept, gone = keep_largest(mine, limit, options.drop, f"class {class_id} of mots")
        numbers |= {label: class_id * INSTANCES + i for i, label in enumerate(kept, 1)}
        dropped += gone
    return Numbering(dict(sorted(numbers.items())), tuple(sorted(dropped)), options.drop)


def _write_frame(task: FrameTask, drawing: flatten.Drawing[NameAndFirst]) -> WriteResult[str]:
    """Write the PNG of a frame and return its lines; what is covered whole has none."""
    name, first_frame = drawing.extra
    t = task.t + first_frame
    image, lost = flatten.draw(task, drawing)
    flatten.save_png(task.path("mots", name, f"{t:06d}.png"), image)
    height, width = image.shape
    # From the flattened image, not from the masks: text and PNG hold the same pixels, disjoint.
    lines = [
        f"{t} {value} {value // INSTANCES} {height} {width} {segmentation['counts']}\n"
        for value, segmentation in rle.of_labels(image).items()
    ]
    return WriteResult(lost=lost, rows="".join(lines))


@contextmanager
def _gather(
    sequence: LabelledSequence, plan: flatten.ImagePlan[NameAndFirst], folder: Path
) -> Iterator[Callable[[int, str], None]]:
    """Collect the lines of all frames."""
    path = folder / "mots" / f"{sequence.name}.txt"
    path.parent.mkdir(exist_ok=True)
    with open(path, "w", encoding="ascii") as file:

        def add(t: int, lines: str) -> None:
            file.write(lines)

        yield add
    plan.own.write(path.with_name("numbers.csv"))


OUTPUT = Output(_write_frame, _plan, _gather, tracks=True)
