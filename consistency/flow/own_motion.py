"""Masks carried by their own motion alone: without images and without flow."""

import numpy as np

from consistency.flow.between import Source, View
from consistency.flow.masks import Object
from consistency.flow.shapes import Shape


def own_view(each: Object, share: float, closed: bool, shape: tuple[int, int]) -> View:
    """Return where the pixels of an object come from: it moves on a straight line.

    Parameters
    ----------
    share : of the time from the key frame before to the one after, 0-1.
    closed : whether there is a key frame after; without it the object stays where it is.
    shape : (height, width) of what is looked at.
    """
    moved = np.zeros(2)
    if each.before is not None and each.after is not None:
        moved = _centre(each.after) - _centre(each.before)
    ways = [(False, -share * moved, 1 - share if closed else 1.0)]
    if closed:
        ways.append((True, (1 - share) * moved, share))
    # The same everywhere: one number stands for all pixels.
    sources = [
        Source(
            after,
            np.broadcast_to(way.astype(np.float32), (*shape, 2)),
            np.broadcast_to(np.float32(weight), shape),
        )
        for after, way, weight in ways
    ]
    return View(tuple(sources), np.broadcast_to(np.False_, shape), None)


def _centre(shape: Shape) -> np.ndarray:
    """Mean x, y of the pixels of a mask, float64 (2,)."""
    rows, columns = np.nonzero(shape.distance > 0)
    return np.array([columns.mean() + shape.corner[0], rows.mean() + shape.corner[1]])
