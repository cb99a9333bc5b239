"""COCO polygons, by the rule of the COCO API (rleFrPoly: five-fold upsampling)."""

from collections.abc import Sequence
from typing import Any

from pycocotools import mask as coco

from consistency.dataset import Frame, short
from consistency.formats import rle
from consistency.masks.packed import PackedMasks

# Annotation tools round: corners up to one pixel beyond the edge are clipped, not refused.
TOLERANCE = 1.0
LARGEST = 1e9  # of a coordinate that is looked at
# COCO's own code takes 40 bytes for each pixel of an outline, and does not ask whether it got them.
LONGEST_OUTLINE = 1 << 23
Size = tuple[int, int] | None


def size_of(image: dict, where: str) -> Size:
    """(height, width) that an image or video says it has; None if it says nothing."""
    size = [image.get("height"), image.get("width")]
    # One of the two alone is damage, and ``read_size`` says so.
    if size == [None, None]:
        return None
    try:
        return rle.read_size({"size": size})
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def check(segmentation: object, size: Size, where: str) -> None:
    """Raise ValueError unless this is an RLE or a list of polygons inside the image."""
    if isinstance(segmentation, dict):
        rle_size = segmentation.get("size")
        if size and isinstance(rle_size, list | tuple) and tuple(rle_size) != size:
            raise ValueError(f"{where}: run lengths of {short(rle_size)}, image of {list(size)}")
        return
    if not isinstance(segmentation, list) or not segmentation:
        raise ValueError(f"{where}: no run lengths or polygons in 'segmentation'")
    if size is None:
        raise ValueError(f"{where}: polygons need the image's 'height' and 'width'")
    for polygon in segmentation:
        _check_polygon(polygon, size, where)


def _check_polygon(polygon: Any, size: tuple[int, int], where: str) -> None:
    # pycocotools takes a list of four numbers for a box.
    good = isinstance(polygon, list) and len(polygon) >= 6 and len(polygon) % 2 == 0
    if not good or not all(isinstance(v, int | float) and abs(v) < LARGEST for v in polygon):
        raise ValueError(f"{where}: a polygon is a list x, y, x, y, ... of three or more corners")
    for values, limit, axis in ((polygon[::2], size[1], "x"), (polygon[1::2], size[0], "y")):
        low, high = min(values), max(values)
        if low < -TOLERANCE or high > limit + TOLERANCE:
            raise ValueError(
                f"{where}: polygon with {axis} from {low:g} to {high:g} outside the image of "
                f"{size[1]} × {size[0]} pixels; correct it or the image's size"
            )
    # The cheap bound first: no edge is longer than the image, give or take the tolerance.
    if len(polygon) // 2 * max(size) > LONGEST_OUTLINE and _outline(polygon) > LONGEST_OUTLINE:
        raise ValueError(
            f"{where}: polygon with an outline of {_outline(polygon):.3g} pixels; allowed are "
            f"{LONGEST_OUTLINE}, so corners are wrong"
        )


def _outline(polygon: list) -> float:
    """Pixels of the longer side of each edge, summed."""
    steps = zip(polygon, polygon[2:] + polygon[:2], strict=True)
    sides = [abs(end - start) for start, end in steps]
    return sum(map(max, sides[::2], sides[1::2]))


def to_rle(segmentation: dict | list, size: tuple[int, int]) -> dict:
    """Return polygons as one RLE, their union; an RLE as it is."""
    if isinstance(segmentation, dict):
        return segmentation
    # COCO's own code decides which pixels a polygon covers: another rule differs along the edges.
    return coco.merge(coco.frPyObjects(segmentation, *size))


def read_frame(frame: Frame, segmentations: Sequence | None = None) -> PackedMasks:
    """Pack a frame of run lengths and polygons; ``frame.source`` is its size, if known."""
    found = segmentations or [record["segmentation"] for record in frame.records]
    records = tuple({"segmentation": to_rle(value, frame.source)} for value in found)
    return rle.read_frame(Frame(frame.name, records))
