"""YOLO-seg text as Ultralytics writes it: normalised polygons, with track ids or without.

labels/<frame stem>.txt    a line for each piece of a mask: class x y x y ... id
images/<frame stem>.jpg    read for its size alone; an image without text is a frame without masks
data.yaml                  names of the classes, which count from 0

Read: that, or texts with the images beside them, or labels/SPLIT/ with images/SPLIT/, of which each
(train, val, ...) is a sequence.  An odd number of values after the class ends in a
track id, and lines of one id are one mask.  Values of ``save_conf`` are refused: a confidence and
an id look like a corner.

Written to yolo/, without images.  Readers fill polygons with OpenCV, edges included, once corners
are whole pixels: Ultralytics cuts them, as is done here, supervision rounds.  Corners lie a quarter
of a pixel in, so that both get the same pixels.  Holes are filled: a polygon has none.
"""

import json
import logging
import re
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from consistency.dataset import Dataset, Frame, Layout, in_order, short
from consistency.formats import images, photographs
from consistency.formats.buffer import Buffer
from consistency.formats.coco import categories_of, category_of, used_categories
from consistency.formats.labelled import LabelledSequence
from consistency.formats.outlines import outline
from consistency.formats.source import Source, choose, is_number, read_text
from consistency.formats.writing import FrameTask, Output, Plan, WriteResult
from consistency.limits import check_file, check_memory, check_pixels
from consistency.masks.packed import PackedMasks
from consistency.masks.packing import pack
from consistency.options import WritingOptions
from consistency.plain_text import to_json

FOLDER = "yolo"
LABELS, IMAGES, NAMES = "labels", "images", "data.yaml"
CLASSES = "classes.txt"  # that annotation tools leave among the texts
INSET = 0.25  # pixels
# Ultralytics writes six digits: 30 pixels of 640 come back as 29.9999, and are 30.
SLACK = 0.01  # pixels
NUMBER = re.compile(r"-?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", re.ASCII)
LONGEST_SHOWN = 20  # characters of an id
BOX = 4  # values of a box, which is no mask
LONGEST_LINE = 1 << 20  # that is looked at to tell the format

log = logging.getLogger("consistency")


class Line(NamedTuple):
    """A polygon of a text.

    Attributes
    ----------
    where : file and number of the line.
    class_id : from 0.
    corners : float64 x, y, x, y, ... as shares of width and height, 0-1; unlike an array of NumPy
        it can be compared, as frames are.
    identity : the track id, or None.
    ends_whole : whether the last corner may be a track id.
    """

    where: str
    class_id: int
    corners: array
    identity: int | None
    ends_whole: bool


def matches(source: Source) -> bool:
    """Whether the first text that is not empty begins with a class and shares."""
    for path in _texts(source):
        check_file(path)
        with open(path, encoding="utf-8", errors="replace") as file:
            words = file.readline(LONGEST_LINE).split()
        if words:
            return len(words) > BOX and is_number(words[0]) and _are_shares(words[1:])
    return False


def _are_shares(words: list[str]) -> bool:
    return all(map(NUMBER.fullmatch, words)) and any("." in word for word in words)


def _texts(source: Source, split: str | None = None) -> tuple[Path, ...]:
    """Return the texts of a split or, without one, of the folder, and of all splits if it has none.

    ``split`` is a folder of labels/.
    """
    texts = _of(source, LABELS, split)
    if split is None and not texts:
        texts = tuple(path for name in parts(source) for path in _of(source, LABELS, name))
    return texts


def _of(source: Source, folder: str, split: str | None) -> tuple[Path, ...]:
    """Return the files of labels/ or images/, of a split of it, or of the folder without it."""
    inner = source.inside(source.path / folder)
    inner = inner if inner.path in source.folders else source
    if split is not None:
        # Not those one level up: they may be of several splits.
        inner = inner.inside(inner.path / split)
    suffixes = (".txt",) if folder == LABELS else photographs.SUFFIXES
    return tuple(path for path in inner.files(*suffixes) if path.name != CLASSES)


def parts(source: Source) -> dict[str, Path]:
    """Return the splits, which --sequence chooses from: the folders of labels/."""
    folder = source.path / LABELS
    inner = source.inside(folder) if folder in source.folders else None
    splits = [path for path in inner.folders if inner.inside(path).files(".txt")] if inner else []
    return {path.name: source.path for path in splits}


def open_dataset(source: Source) -> Dataset:
    """List the frames; ValueError with the line that is not a polygon, or the frame without image.

    Images are opened for their size alone.
    """
    split = _split(source)
    shown = _images(source, split)
    texts = {path.stem: _lines(path) for path in _texts(source, split)}
    _check_ends([line for lines in texts.values() for line in lines])
    absent = next((stem for stem in texts if stem not in shown), None)
    if absent is not None:
        beside = (
            f"{IMAGES}/{split}/ beside {LABELS}/{split}/"
            if split
            else f"{IMAGES}/ beside {LABELS}/"
        )
        raise ValueError(
            f"{source.path}: no image of frame {absent!r}, and corners are shares of its size; put "
            f"the images beside the texts, or into {beside} and give the folder of both"
        )
    frames = [_frame(path, texts.get(stem, [])) for stem, path in shown.items()]
    names = _class_names(source)
    return Dataset(Layout(source.path, "yolo"), in_order(frames, source.path), categories=names)


def _split(source: Source) -> str | None:
    """Return the split that is wanted, or the only one; None where there are none."""
    splits = parts(source)
    if not splits:
        if source.sequence is not None:
            raise ValueError(f"{source.path}: holds one sequence; leave out --sequence")
        return None
    apart = _of(source, LABELS, None)
    if apart:
        first = next(iter(splits))
        raise ValueError(
            f"{apart[0]}: lies beside the folder {first!r}, so that {LABELS}/ holds texts and "
            "sequences; move the texts to a folder of their own"
        )
    return choose(source, {name: name for name in splits})


def _images(source: Source, split: str | None) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in _of(source, IMAGES, split):
        other = found.setdefault(path.stem, path)
        if other != path:
            raise ValueError(f"{other} and {path.name} are images of one frame; remove one")
    return found


def _lines(path: Path) -> list[Line]:
    lines = enumerate(read_text(path).splitlines(), 1)
    return [_parse(f"{path}: line {number}", line) for number, line in lines if line.strip()]


def _parse(where: str, line: str) -> Line:
    first, *values = line.split()
    if not is_number(first) or not all(map(NUMBER.fullmatch, values)):
        raise ValueError(f"{where} is not 'class x y x y ... id' in numbers; write it again")
    if len(values) in (BOX, BOX + 1):
        raise ValueError(f"{where} is a box; masks are polygons, as a model of segments has them")
    tracked, last = len(values) % 2 == 1, values[-1] if values else ""
    shown = last if len(last) <= LONGEST_SHOWN else short(last)
    if tracked and not is_number(last):
        raise ValueError(f"{where} ends in {shown}, not a track id; write it without save_conf")
    if not tracked and is_number(last) and int(last) > 1:
        raise ValueError(
            f"{where} ends in a confidence and track id {shown}; write it without save_conf"
        )
    corners = array("d", map(float, values[:-1] if tracked else values))
    if len(corners) < 6:
        raise ValueError(f"{where}: a polygon has three or more corners, not {len(corners) // 2}")
    wrong = next((value for value in corners if not 0 <= value <= 1), None)
    if wrong is not None:
        raise ValueError(f"{where}: {wrong:g} is not a share of width or height, from 0 to 1")
    ends_whole = not tracked and is_number(last)
    return Line(where, int(first), corners, int(last) if tracked else None, ends_whole)


def _check_ends(lines: list[Line]) -> None:
    """Raise ValueError where all lines without an id may have one, after a confidence."""
    even = [line for line in lines if line.identity is None]
    # One run writes all its lines alike, so that one that ends in a fraction speaks for all.
    if even and all(line.ends_whole for line in even):
        raise ValueError(
            f"{even[0].where} ends in a corner, or in a confidence and track id "
            f"{even[0].corners[-1]:g}; write ids without save_conf, or the corner with a point: "
            f"{even[0].corners[-1]:.1f}"
        )


def _frame(image: Path, lines: list[Line]) -> Frame:
    """List the masks of an image; ``source`` is its (height, width) and each mask's polygons."""
    masks: dict[tuple, list[Line]] = {}
    for i, line in enumerate(lines):
        key = (i, None) if line.identity is None else (None, line.identity)
        pieces = masks.setdefault(key, [])
        pieces.append(line)
        if line.class_id != pieces[0].class_id:
            raise ValueError(
                f"{line.where}: track id {line.identity} is of class {line.class_id} here, and of "
                f"{pieces[0].class_id} before; give each object an id of its own"
            )
    shape = images.read_header(image).shape
    check_pixels(shape, f"{image}: ")
    records = tuple({"category_id": pieces[0].class_id} for pieces in masks.values())
    polygons = tuple(tuple(line.corners for line in pieces) for pieces in masks.values())
    identities = tuple(identity for _, identity in masks)
    known = any(identity is not None for identity in identities)
    return Frame(image.name, records, (shape, polygons), identities if known else None)


def _class_names(source: Source) -> dict[int, str]:
    """Names of data.yaml, where they are written as JSON; other YAML is not looked into."""
    path = source.path / NAMES
    if path not in source.entries:
        return {}
    found = re.search(r"^names: (\{.*\})$", read_text(path), re.MULTILINE)
    try:
        names = json.loads(found[1]) if found else {}
    except json.JSONDecodeError:
        return {}
    return {int(key): str(name) for key, name in names.items() if is_number(key)}


def read_masks(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Fill the polygons of ``frame``; see ``consistency.formats`` for the contract."""
    shape, masks = frame.source
    check_memory(shape[0] * shape[1], "a mask")
    return pack((_filled(polygons, shape) for polygons in masks), shape)


def _filled(polygons: tuple[array, ...], shape: tuple[int, int]) -> np.ndarray:
    """Draw polygons with their edges, uint8 ``shape``."""
    import cv2  # takes a fifth of the start, and few runs need it

    pixels = np.zeros(shape, np.uint8)
    for polygon in polygons:
        corners = np.reshape(polygon, (-1, 2)) * (shape[1], shape[0]) + SLACK
        # One by one: of several at once, what two of them cover would be a hole.
        cv2.fillPoly(pixels, [corners.astype(np.int32)], 1)
    return pixels


class Shared(NamedTuple):
    """What workers are told: {category: class}, and whether lines have an id."""

    classes: dict[int, int]
    tracked: bool


def _plan(sequence: LabelledSequence, options: WritingOptions) -> Plan[Shared, list[str]]:
    """``own`` holds the names of the classes."""
    categories = categories_of(used_categories(sequence), sequence)
    classes = {category["id"]: i for i, category in enumerate(categories)}
    return Plan(Shared(classes, sequence.tracked), [each["name"] for each in categories])


def _write_frame(task: FrameTask, shared: Shared) -> WriteResult[int]:
    """Write the lines of a frame; returns the number of masks with holes."""
    lines, filled, labelled = [], 0, task.labelled_frame
    for k, box in enumerate(labelled.boxes.tolist()):
        kept = task.reader.kept()
        found = outline(kept.crop(k, box), *box[:2])
        filled += found.holes > 0
        record = task.reader.frame.records[int(labelled.kept[k])]
        first = str(shared.classes[category_of(record)])
        last = [str(task.numbers[k])] if shared.tracked else []
        for polygon in found.polygons:
            corners = _normalised(polygon, kept.shape)
            lines.append(" ".join([first, *corners, *last]) + "\n")
    path = task.path(FOLDER, LABELS, f"{task.reader.frame.stem}.txt")
    path.write_text("".join(lines), encoding="ascii")
    return WriteResult(rows=filled)


def _normalised(polygon: np.ndarray, shape: tuple[int, int]) -> list[str]:
    """Write pixels, int (n, 2) x and y, as shares of width and height."""
    # Two digits more than a side has: a hundredth of a pixel, where a quarter would matter.
    digits = len(str(max(shape))) + 2
    shares = (polygon + INSET) / (shape[1], shape[0])
    return [f"{value:.{digits}f}" for value in shares.ravel().tolist()]


@contextmanager
def _gather(
    sequence: LabelledSequence, plan: Plan[Shared, list[str]], folder: Path
) -> Iterator[Callable[[int, int], None]]:
    """Write data.yaml, and say how many masks are not what they were."""
    filled = 0

    def add(t: int, count: int) -> None:
        nonlocal filled
        filled += count

    yield add
    (folder / FOLDER).mkdir(exist_ok=True)
    # JSON is YAML, and quotes names as they need it.
    names = to_json(dict(enumerate(plan.own)))
    text = f"path: .\ntrain: images\nval: images\nnames: {names}\n"
    (folder / FOLDER / NAMES).write_text(text, encoding="utf-8")
    if filled:
        log.warning("yolo: holes of %d masks are filled, as polygons have none", filled)


OUTPUT = Output(_write_frame, _plan, _gather)
