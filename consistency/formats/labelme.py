"""LabelMe (Wada, since 2016): a JSON file per image, with polygons and rectangles.

{"imagePath", "imageHeight", "imageWidth",
 "shapes": [{"label", "shape_type", "points", "group_id"}, ...]}

Shapes of one label and ``group_id`` are parts of one mask, as LabelMe's own converters have it, and
the ``group_id`` is its identity.  Pixels of a polygon are those of COCO's rule.
"""

from pathlib import Path, PurePosixPath
from typing import Any

from consistency.dataset import Dataset, Frame, Layout, in_order, short
from consistency.formats import polygons
from consistency.formats.buffer import Buffer
from consistency.formats.source import Source, value_of
from consistency.masks.packed import PackedMasks

READ = ("polygon", "rectangle")


def matches(source: Source) -> bool:
    """Whether the file, or the first JSON file of the folder, has shapes of an image."""
    content = source.content if source.path.is_file() else source.sample
    return isinstance(content, dict) and {"shapes", "imageHeight", "imageWidth"} <= set(content)


def open_dataset(source: Source) -> Dataset:
    """List the frames; ValueError with file and shape for what is no mask."""
    frames = in_order((_frame(source.load(path), path) for path in source.json_files), source.path)
    return Dataset(Layout(source.path, "labelme", "F"), frames)


def _frame(content: Any, path: Path) -> Frame:
    shapes = value_of(content, "shapes", list, str(path))
    size = polygons.size_of(
        {"height": content.get("imageHeight"), "width": content.get("imageWidth")}, str(path)
    )
    masks: dict[Any, dict] = {}
    for i, shape in enumerate(shapes):
        where = f"{path}: shape {i}"
        label, group = value_of(shape, "label", str, where), shape.get("group_id")
        if group is not None and type(group) is not int:
            raise ValueError(f"{where}: group_id {short(group)} is not a whole number")
        part = _corners(shape, where)
        polygons.check([part], size, where)
        key = (label, group) if group is not None else i
        # A "label" is this tool's own number of a mask, so the class has another key.
        found = masks.setdefault(key, {"segmentation": [], "class_name": label})
        found["segmentation"].append(part)
        if group is not None:
            found["group_id"] = group
    # LabelMe runs on Windows, too.
    name = PurePosixPath(str(content.get("imagePath") or path.stem).replace("\\", "/")).name
    groups = tuple(found.get("group_id") for found in masks.values())
    known = groups if any(group is not None for group in groups) else None
    return Frame(name, tuple(masks.values()), size, known)


def _corners(shape: dict, where: str) -> list:
    """Return a polygon x, y, x, y, ... of COCO."""
    kind = shape.get("shape_type", "polygon")
    if kind not in READ:
        raise ValueError(f"{where}: shape_type {short(kind)}; masks are {' and '.join(READ)}s")
    points = value_of(shape, "points", list, where)
    if not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise ValueError(f"{where}: 'points' is not a list of [x, y]")
    if kind == "polygon":
        return [v for point in points for v in point]
    if len(points) != 2:
        raise ValueError(f"{where}: a rectangle has two corners, not {len(points)}")
    (left, top), (right, bottom) = points
    return [left, top, right, top, right, bottom, left, bottom]


def read_masks(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    return polygons.read_frame(frame)
