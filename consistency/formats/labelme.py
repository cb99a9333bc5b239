"""LabelMe (Wada, since 2016): a JSON file per image, with polygons, rectangles and masks.

{"imagePath", "imageHeight", "imageWidth",
 "shapes": [{"label", "shape_type", "points", "group_id", "mask"}, ...]}

A "mask" is a PNG in base 64; its first pixel lies at the first of two points, which are corners of
a box around it.  Shapes of one label and ``group_id`` are parts of one mask, as LabelMe's own
converters have it, and the ``group_id`` is its identity.  Pixels of a polygon are those of COCO's
rule.
"""

import base64
import io
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from pycocotools import mask as coco

from consistency.dataset import Dataset, Frame, Layout, in_order, short
from consistency.formats import images, polygons, rle
from consistency.formats.buffer import Buffer
from consistency.formats.source import Source, value_of
from consistency.limits import check_pixels
from consistency.masks.packed import PackedMasks

READ = ("polygon", "rectangle", "mask")
MASK = "mask"


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
        if shape.get("shape_type") == MASK:
            part: Any = _run_lengths(shape, size, where)
        else:
            part = _corners(shape, where)
            polygons.check([part], size, where)
        key = (label, group) if group is not None else i
        # A "label" is this tool's own number of a mask, so the class has another key.
        found = masks.setdefault(key, {"segmentation": [], "class_name": label})
        found["segmentation"].append(part)
        if group is not None:
            found["group_id"] = group
    for found in masks.values():
        found["segmentation"] = _united(found["segmentation"], size)
    # LabelMe runs on Windows, too.
    name = PurePosixPath(str(content.get("imagePath") or path.stem).replace("\\", "/")).name
    groups = tuple(found.get("group_id") for found in masks.values())
    known = groups if any(group is not None for group in groups) else None
    return Frame(name, tuple(masks.values()), size, known)


def _corners(shape: dict, where: str) -> list:
    """Return a polygon x, y, x, y, ... of COCO."""
    kind = shape.get("shape_type", "polygon")
    if kind not in READ:
        raise ValueError(
            f"{where}: shape_type {short(kind)}; masks are {', '.join(READ[:-1])} and {READ[-1]}"
        )
    points = value_of(shape, "points", list, where)
    if not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise ValueError(f"{where}: 'points' is not a list of [x, y]")
    if kind == "polygon":
        return [v for point in points for v in point]
    if len(points) != 2:
        raise ValueError(f"{where}: a rectangle has two corners, not {len(points)}")
    (left, top), (right, bottom) = points
    return [left, top, right, top, right, bottom, left, bottom]


def _run_lengths(shape: dict, size: polygons.Size, where: str) -> dict:
    """Run lengths of a shape that is a picture."""
    if size is None:
        raise ValueError(f"{where}: a mask needs 'imageHeight' and 'imageWidth'")
    points = value_of(shape, "points", list, where)
    numbers = [v for point in points if isinstance(point, list) for v in point]
    if len(points) != 2 or len(numbers) != 4 or not all(map(_is_coordinate, numbers)):
        raise ValueError(f"{where}: 'points' of a mask are two corners [x, y], in the image")
    # Cut off, as LabelMe does.
    left, top, right, bottom = (int(v) for v in numbers)
    pixels = _picture(value_of(shape, "mask", str, where), where)
    height, width = pixels.shape
    # The second corner is the last pixel or, at the image's edge, the one behind it.
    good = width - (right - left) in (0, 1) and height - (bottom - top) in (0, 1)
    if not good or left + width > size[1] or top + height > size[0]:
        raise ValueError(
            f"{where}: a mask of {width} × {height} pixels in a box from {left}, {top} to {right}, "
            f"{bottom}; the image has {size[1]} × {size[0]}"
        )
    whole = np.zeros(size, np.uint8)
    whole[top : top + height, left : left + width] = pixels != 0
    return rle.of_labels(whole).get(1) or rle.empty(size)


def _is_coordinate(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value < polygons.LARGEST  # type: ignore[operator]


def _picture(text: str, where: str) -> np.ndarray:
    """Pixels of a PNG in base 64, integer (h, w)."""
    try:
        with images.opened(io.BytesIO(base64.b64decode(text, validate=True))) as image:
            check_pixels((image.size[1], image.size[0]))
            pixels = np.asarray(image)
    except (ValueError, OSError, SyntaxError) as error:  # SyntaxError: of Pillow, for broken PNG
        raise ValueError(f"{where}: 'mask' is not a PNG in base 64; save it again") from error
    if pixels.ndim != 2:
        raise ValueError(f"{where}: 'mask' is a picture in colours; save it as grey")
    return pixels


def _united(parts: list, size: polygons.Size) -> dict | list:
    """Return the union of polygons, and of run lengths where there are any."""
    if size is None or not any(isinstance(part, dict) for part in parts):
        return parts
    runs = [part if isinstance(part, dict) else polygons.to_rle([part], size) for part in parts]
    union = coco.merge(runs)
    return {"size": list(size), "counts": union["counts"].decode()}


def read_masks(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    return polygons.read_frame(frame)
