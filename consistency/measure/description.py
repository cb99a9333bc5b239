"""What is known of each mask by itself: made of its pixels, or taken from a frame before."""

from dataclasses import dataclass, replace

import numpy as np

from consistency.masks.packed import PackedMasks
from consistency.masks.thumbnails import NO_THUMBNAILS, Thumbnails, thumbnails
from consistency.masks.unchanged import NONE
from consistency.measure.edges import Cells, sample_cells
from consistency.options import MeasureOptions


@dataclass(frozen=True, eq=False)
class Description:
    """What is known of n masks.

    Attributes
    ----------
    boxes : int64 (n, 4), x, y, width, height in pixels.
    centroids : float64 (n, 2), x, y in pixels.
    thumbnails : of the masks; empty if not asked for.
    cells : what their edges are drawn from; None if not asked for.
    """

    boxes: np.ndarray
    centroids: np.ndarray
    thumbnails: Thumbnails
    cells: Cells | None


def describe(masks: PackedMasks, options: MeasureOptions) -> Description:
    """Make everything of the pixels."""
    boxes, centroids = masks.boxes_and_centroids()
    pictures = thumbnails(masks, boxes) if options.shapes else NO_THUMBNAILS
    edges = options.motion in ("translation", "affine") and masks.count
    return Description(boxes, centroids, pictures, sample_cells(masks) if edges else None)


def describe_again(
    masks: PackedMasks, options: MeasureOptions, same: np.ndarray, before: Description | None
) -> Description:
    """Make of the pixels what ``before`` does not tell; equal to ``describe``.

    Parameters
    ----------
    same : int64 (n,), of each mask its index in ``before``, or NONE.
    """
    fresh = np.flatnonzero(same == NONE)
    if before is None or fresh.size == same.size:
        return describe(masks, options)
    if not fresh.size:
        return _taken(before, same)
    new = describe(masks.select(fresh), options)
    # One list of all that was before and all that is new, and where in it each mask is.
    place = same.copy()
    place[fresh] = before.boxes.shape[0] + np.arange(fresh.size)
    pictures = new.thumbnails
    if options.shapes:
        was = before.thumbnails
        names = ("level", "origin", "words", "cells")
        fields = {n: _chosen(getattr(was, n), getattr(pictures, n), place) for n in names}
        pictures = Thumbnails(**fields, column_major=pictures.column_major)
    cells = new.cells
    if cells is not None and before.cells is not None:
        cells = replace(cells, words=_chosen(before.cells.words, cells.words, place))
    return Description(
        _chosen(before.boxes, new.boxes, place),
        _chosen(before.centroids, new.centroids, place),
        pictures,
        cells,
    )


def _taken(before: Description, index: np.ndarray) -> Description:
    pictures, cells = before.thumbnails, before.cells
    return Description(
        before.boxes[index],
        before.centroids[index],
        pictures.take(index) if pictures.level.size else pictures,
        None if cells is None else cells.take(index),
    )


def _chosen(before: np.ndarray, new: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the rows ``place`` of two arrays that are one behind the other."""
    result = np.empty((place.size, *new.shape[1:]), new.dtype)
    known = place < len(before)
    result[known] = before[place[known]]
    result[~known] = new[place[~known] - len(before)]
    return result
