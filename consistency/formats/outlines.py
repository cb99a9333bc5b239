"""Masks to polygons through the centres of their outermost pixels."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Outlines:
    """Outlines of the pieces of one mask.

    Attributes
    ----------
    polygons : one for each piece (pixels that touch, corners included), largest first (holes
        count as filled); int64 (n, 2), x and y of pixels, at least three corners.
    holes : number of holes, which no outline shows.
    """

    polygons: tuple[np.ndarray, ...]
    holes: int


def outline(pixels: np.ndarray, x: int, y: int) -> Outlines:
    """Outline a mask, bool (h, w) with at least one pixel, whose first pixel is at ``x``, ``y``.

    ``cv2.fillPoly`` of a polygon, which draws its edges too, gives the piece back, holes filled.
    """
    import cv2  # takes a fifth of the start, and few runs need it

    found, hierarchy = cv2.findContours(
        pixels.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE
    )
    # Of a contour: the next one, the one before, its first hole, the piece that it is a hole of.
    outer = [contour for contour, of in zip(found, hierarchy[0], strict=True) if of[3] < 0]
    outer.sort(key=_pixels_within, reverse=True)
    polygons = tuple(_cornered(contour[:, 0]) + np.array([x, y], np.int64) for contour in outer)
    return Outlines(polygons, len(found) - len(outer))


def _pixels_within(contour: np.ndarray) -> float:
    """Pixels of a piece with its holes filled, by Pick's theorem: area + border / 2 + 1."""
    # Contours go straight or along diagonals, a pixel a step.
    border = np.abs(contour - np.roll(contour, 1, axis=0)).max(axis=2).sum()
    import cv2

    return float(cv2.contourArea(contour) + border / 2 + 1)


def _cornered(points: np.ndarray) -> np.ndarray:
    """Repeat the last point until there are three: a pixel or a line is no polygon for readers."""
    return np.concatenate([points, np.repeat(points[-1:], max(0, 3 - len(points)), axis=0)])
