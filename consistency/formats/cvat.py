"""CVAT XML 1.1, for images and for video: polygons and masks; a track is an identity.

<image name width height><polygon label points/><mask label rle left top width height/></image>
<track id label><polygon frame outside points/><mask frame outside rle .../></track>

Read are both; frames of tracks have numbers, and the size of the task in <meta>.  The rle of a mask
runs along the rows of its box, zeros first.  Pixels of a polygon are those of COCO's rule.

Written:

cvat/masks.xml     images with masks as run lengths, all their pixels; "group_id" and the attribute
                   "track_id" are the label
cvat/tracks.xml    tracks of polygons, one for each label, to edit: CVAT has no tracks of masks

A polygon shows the outline of the largest piece, without holes: a CVAT track has one shape a frame.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np

from consistency.dataset import Dataset, Frame, Layout, frame_range, in_order, short
from consistency.formats import polygons as outlined
from consistency.formats import rle
from consistency.formats.buffer import Buffer
from consistency.formats.coco import categories_of, category_of, used_categories
from consistency.formats.labelled import LabelledSequence
from consistency.formats.outlines import outline
from consistency.formats.source import Source, is_number, read_text
from consistency.formats.writing import FrameTask, Output, Plan, WriteResult
from consistency.limits import check_file
from consistency.masks.packed import PackedMasks
from consistency.options import WritingOptions

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

FOLDER = "cvat"
# Characters that no XML 1.0 may hold, not even escaped (section 2.2).  Frames never have them.
# Not compiled here: that takes 4 ms of each start, whatever the format.
NOT_XML = r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
BOX = ("left", "top", "width", "height")  # of a mask, in pixels
SHAPES = ("polygon", "mask")
LOOKED_AT = 4096  # characters that tell the format
LONGEST_NUMBER = 30  # characters of a coordinate
Shared = tuple[dict[int, str], bool]  # name of each category; whether labels are tracks
Rows = tuple[str, list[str], int]  # masks of a frame, points of each polygon, polygons that differ

log = logging.getLogger("consistency")


def matches(source: Source) -> bool:
    """Whether this is an XML file of annotations."""
    if not source.is_file(".xml"):
        return False
    check_file(source.path)
    with open(source.path, encoding="utf-8", errors="replace") as file:
        return "<annotations" in file.read(LOOKED_AT)


def open_dataset(source: Source) -> Dataset:
    """List the frames; ValueError with the frame for what is no mask."""
    path = source.path
    tree = _parse(path)
    if tree.find("track") is not None:
        # Numbered in the order of time already.
        frames = in_order(_frames_of_tracks(tree, path), path, key=None)
    else:
        frames = in_order((_frame_of_image(i, path) for i in tree.iterfind("image")), path)
    return Dataset(Layout(path, "cvat", "F"), frames)


def _parse(path: Path) -> "Element":
    """Parse a file that defines nothing: entities can be made to take all memory, or read files."""
    from xml.etree import ElementTree

    text = read_text(path)
    # Comments begin in the same way and do no harm.
    if "<!" in text.replace("<!--", ""):
        raise ValueError(f"{path}: has definitions (<!DOCTYPE, <!ENTITY), which CVAT never writes")
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise ValueError(f"{path}: invalid XML ({error}); export it again") from error


def _frame_of_image(image: "Element", path: Path) -> Frame:
    name = image.get("name", "")
    where = f"{path}: image {name!r}"
    size = _size(image.get("width"), image.get("height"), where)
    records = []
    for i, shape in enumerate(image):
        # A tag is about the whole image.
        if shape.tag != "tag":
            at = f"{where}, shape {i}"
            own = shape.findtext("attribute[@name='track_id']")
            label = {} if own is None else {"track_id": _number(own, at)}
            records.append(_record(shape, shape.get("label", ""), size, at) | label)
    known = [record.get("track_id") for record in records]
    return Frame(Path(name).name, tuple(records), size, tuple(known) if any(known) else None)


def _frames_of_tracks(tree: "Element", path: Path) -> Iterator[Frame]:
    width, height = (tree.findtext(f".//original_size/{side}") for side in ("width", "height"))
    size = _size(width, height, f"{path}: original_size")
    found: dict[int, list[dict]] = {}
    for track in tree.iterfind("track"):
        where = f"{path}: track {track.get('id')!r}"
        identity = _number(track.get("id"), where)
        for shape in track:
            t = _number(shape.get("frame"), f"{where}: frame")
            # An outside shape says where an absence begins; its points are the last ones seen.
            if shape.get("outside") != "1":
                record = _record(shape, track.get("label", ""), size, f"{where}, frame {t}")
                found.setdefault(t, []).append(record | {"track_id": identity})
    length = tree.findtext("./meta/task/size") or tree.findtext("./meta/job/size")
    # Frames behind the last shape are in the sequence, too: only <meta> tells them.
    last = [_number(length, f"{path}: size") - 1] if length else []
    # CVAT itself counts tracks from 0, which stands for none here.
    tracks = [record["track_id"] for records in found.values() for record in records]
    shift = 1 if 0 in tracks else 0
    for t in frame_range([0, *found, *last], path):
        records = tuple(found.get(t, ()))
        identities = tuple(record["track_id"] + shift for record in records)
        yield Frame(f"{t:06d}", records, size, identities)


def _size(width: str | None, height: str | None, where: str) -> tuple[int, int]:
    return rle.read_size({"size": [_number(height, where), _number(width, where)]})


def _number(text: str | None, where: str) -> int:
    if text is None or not is_number(text.strip()):
        raise ValueError(f"{where}: {short(text)} is not a whole number; export it again")
    return int(text)


def _record(shape: "Element", label: str, size: tuple[int, int], where: str) -> dict:
    if shape.tag not in SHAPES:
        raise ValueError(f"{where}: is a {short(shape.tag)}; masks are {' and '.join(SHAPES)}s")
    if shape.tag == "mask":
        return {"segmentation": _runs_of_mask(shape, size, where), "class_name": label}
    corners = [_float(v, where) for v in shape.get("points", "").replace(";", ",").split(",")]
    outlined.check([corners], size, where)
    return {"segmentation": [corners], "class_name": label}


def _float(text: str, where: str) -> float:
    try:
        return float(text[:LONGEST_NUMBER])
    except ValueError as error:
        raise ValueError(f"{where}: {short(text)} is not a coordinate; export it again") from error


def _runs_of_mask(shape: "Element", size: tuple[int, int], where: str) -> dict:
    """Return the run lengths of a mask, which is given in its box."""
    left, top, width, height = (_number(shape.get(key), where) for key in BOX)
    runs = np.array([_number(v, where) for v in shape.get("rle", "").split(",")], np.int64)
    inside = left + width <= size[1] and top + height <= size[0]
    # Each run is looked at as well: a sum of huge ones may wrap around to the right number.
    if not inside or (runs > width * height).any() or runs.sum() != width * height:
        raise ValueError(
            f"{where}: runs of {runs.sum()} pixels in a box of {width} × {height} at {left}, "
            f"{top}; the image has {size[1]} × {size[0]}"
        )
    pixels = np.zeros(size, np.uint8)
    # 0, 1, 0, 1, ...: runs take turns, background first.
    values = np.arange(runs.size) % 2
    box = np.repeat(values.astype(np.uint8), runs).reshape(height, width)
    pixels[top : top + height, left : left + width] = box
    return rle.of_labels(pixels).get(1) or rle.empty(size)


def read_masks(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    return outlined.read_frame(frame)


def _plan(sequence: LabelledSequence, options: WritingOptions) -> Plan[Shared, None]:
    categories = categories_of(used_categories(sequence), sequence)
    names = {each["id"]: str(each["name"]) for each in categories}
    for name in names.values():
        if re.search(NOT_XML, name):
            raise ValueError(f"category {name!r}: has a character that XML cannot hold; rename it")
    return Plan((names, sequence.tracked), None)


def _write_frame(task: FrameTask, shared: Shared) -> WriteResult[Rows]:
    """Return the elements of a frame's masks, and the corners of its polygons."""
    (names, tracked), labelled = shared, task.labelled_frame
    masks, corners, differ = [], [], 0
    for k, box in enumerate(labelled.boxes.tolist()):
        pixels = task.reader.kept().crop(k, box)
        category = category_of(task.reader.frame.records[int(labelled.kept[k])])
        label = task.numbers[k] if tracked else None
        masks.append(_mask(pixels, box, names[category], label))
        if tracked:
            found = outline(pixels, *box[:2])
            # Counted, for one warning at the end instead of one per mask.
            differ += found.holes > 0 or len(found.polygons) > 1
            corners.append(_points(found.polygons[0]))
    return WriteResult(rows=("".join(masks), corners, differ))


def _mask(pixels: np.ndarray, box: list[int], name: str, label: int | None) -> str:
    x, y, width, height = box
    group = "" if label is None else f' group_id="{label}"'
    from xml.sax.saxutils import quoteattr  # loads half the web's protocols

    own = "" if label is None else f'<attribute name="track_id">{label}</attribute>'
    return (
        f'<mask label={quoteattr(name)} source="file" occluded="0" rle="{_runs(pixels)}" '
        f'left="{x}" top="{y}" width="{width}" height="{height}" z_order="0"{group}>{own}</mask>\n'
    )


def _runs(pixels: np.ndarray) -> str:
    """Run lengths of a box, row after row, background first."""
    flat = pixels.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(edges, prepend=0, append=flat.size).tolist()
    # The first run is background; where there is none it has length 0.
    return ", ".join(map(str, [0, *runs] if flat[0] else runs))


def _points(polygon: np.ndarray) -> str:
    """Corners in CVAT's coordinates, in which the centre of the first pixel is 0.5, 0.5."""
    return ";".join(f"{x + 0.5},{y + 0.5}" for x, y in polygon.tolist())


@contextmanager
def _gather(
    sequence: LabelledSequence, plan: Plan[Shared, None], folder: Path
) -> Iterator[Callable[[int, Rows], None]]:
    """Write the images as they come in, the tracks when all are known."""
    from xml.sax.saxutils import quoteattr  # loads half the web's protocols

    (names, tracked), (height, width) = plan.shared, sequence.shape
    (folder / FOLDER).mkdir(exist_ok=True)
    polygons: dict[int, list[tuple[int, str]]] = {}
    differ = 0
    with open(folder / FOLDER / "masks.xml", "w", encoding="utf-8") as file:
        _write_head(file, sequence, names, "annotation")

        def add(t: int, rows: Rows) -> None:
            nonlocal differ
            masks, corners, count = rows
            differ += count
            name = quoteattr(sequence.frames[t].name)
            file.write(f'<image id="{t}" name={name} width="{width}" height="{height}">\n')
            file.write(f"{masks}</image>\n")
            for label, points in zip(sequence.labelled_frames[t].labels, corners, strict=False):
                polygons.setdefault(label, []).append((t, points))

        yield add
        file.write("</annotations>\n")
    if tracked:
        _write_tracks(folder / FOLDER / "tracks.xml", sequence, names, polygons)
    if differ:
        log.warning(
            "cvat: tracks.xml shows %d masks as the outline of their largest piece, without holes; "
            "masks.xml has all pixels",
            differ,
        )


def _write_head(file: TextIO, sequence: LabelledSequence, names: dict[int, str], mode: str) -> None:
    """Write what comes before images or tracks."""
    from xml.sax.saxutils import escape  # loads half the web's protocols

    attribute = (
        "<attribute><name>track_id</name><mutable>False</mutable><input_type>number</input_type>"
        "<default_value>0</default_value><values>0;4294967295;1</values></attribute>"
    )
    labels = "".join(
        f"<label><name>{escape(name)}</name><attributes>{attribute}</attributes></label>\n"
        # Two categories may share a name, and CVAT refuses a label that is there twice.
        for name in dict.fromkeys(names.values())
    )
    height, width = sequence.shape
    file.write(
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n'
        f"<meta><task><name>{escape(sequence.name)}</name><size>{len(sequence.frames)}</size>"
        f"<mode>{mode}</mode>\n<labels>\n{labels}</labels>\n"
        f"<original_size><width>{width}</width><height>{height}</height></original_size>"
        "</task></meta>\n"
    )


def _write_tracks(
    path: Path,
    sequence: LabelledSequence,
    names: dict[int, str],
    polygons: dict[int, list[tuple[int, str]]],
) -> None:
    """Write a track for each label, with the category of its first mask."""
    from xml.sax.saxutils import quoteattr  # loads half the web's protocols

    first: dict[int, int] = {}
    for frame, labels in zip(sequence.frames, sequence.labelled_frames, strict=True):
        for index, label in zip(labels.kept.tolist(), labels.labels, strict=True):
            first.setdefault(label, category_of(frame.records[index]))
    with open(path, "w", encoding="utf-8") as file:
        _write_head(file, sequence, names, "interpolation")
        for label, shapes in sorted(polygons.items()):
            name = quoteattr(names[first[label]])
            file.write(f'<track id="{label}" label={name} source="file">\n')
            file.writelines(_shapes(shapes, len(sequence.frames)))
            file.write("</track>\n")
        file.write("</annotations>\n")


def _shapes(shapes: list[tuple[int, str]], length: int) -> Iterator[str]:
    """Yield a polygon for each frame, and one that is outside where an absence begins."""
    # Of several masks of one label in a frame, which "seed" makes, the first counts.
    single = [next(group) for _, group in groupby(shapes, key=lambda shape: shape[0])]
    present = {t for t, _ in single}
    for t, points in single:
        yield _polygon(t, points, outside=0)
        if t + 1 < length and t + 1 not in present:
            # Else CVAT would draw the polygon on, through all frames of the gap.
            yield _polygon(t + 1, points, outside=1)


def _polygon(t: int, points: str, outside: int) -> str:
    return (
        f'<polygon frame="{t}" keyframe="1" outside="{outside}" occluded="0" points="{points}" '
        'z_order="0"></polygon>\n'
    )


OUTPUT = Output(_write_frame, _plan, _gather)
