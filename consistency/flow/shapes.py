"""Masks as signed distances from their borders: they can be averaged, and moved by any way."""

from dataclasses import dataclass

import numpy as np

REACH = 8.0  # pixels: what lies deeper inside or outside a mask counts as lying so deep
DEEP = 64.0  # ... where nothing but two shapes themselves tells how one becomes the other
BEYOND = 2  # pixels of the rectangle further out than the reach


@dataclass(frozen=True, eq=False)
class Shape:
    """A mask.

    Attributes
    ----------
    distance : float32 (h, w), how far each pixel lies inside, negative outside, pixels within
        a reach; beyond this rectangle all lie as far outside as its border.
    corner : x, y of its first pixel in the frame.
    """

    distance: np.ndarray
    corner: tuple[int, int]


def shape_of(mask: np.ndarray, corner: tuple[int, int], reach: float = REACH) -> Shape:
    """Return the shape of a mask, bool (h, w), whose first pixel is at ``corner``."""
    margin = int(reach) + BEYOND
    padded = np.pad(mask, margin)
    return Shape(signed_distance(padded, reach), (corner[0] - margin, corner[1] - margin))


def signed_distance(mask: np.ndarray, reach: float = REACH) -> np.ndarray:
    """Return how far each pixel lies inside a mask, bool (h, w), as float32 within ``reach``.

    The border runs half way between two pixels, so that no pixel lies on it.
    """
    import cv2

    if mask.all() or not mask.any():
        return np.where(mask, np.float32(reach), np.float32(-reach))
    inner = mask.view(np.uint8)
    inside = cv2.distanceTransform(inner, cv2.DIST_L2, 5)
    outside = cv2.distanceTransform(1 - inner, cv2.DIST_L2, 5)
    distance = np.where(mask, inside - np.float32(0.5), np.float32(0.5) - outside)
    return np.clip(distance, -reach, reach)
