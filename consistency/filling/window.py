"""Which part of the frames of a span is looked at, at which size, and the masks in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from consistency.flow.masks import Object, Region, disjoint_masks
from consistency.flow.shapes import DEEP, REACH, Shape, shape_of

# Around masks, over the smaller side of the frame: what flow needs to see, and how far from the
# masks of both key frames an object may be in between.
SURROUNDINGS = 1 / 4
EXCURSION = 1 / 8


@dataclass(frozen=True, eq=False)
class Pixels:
    """The pixels of a mask: bool (h, w) and x, y of the first one in the frame."""

    mask: np.ndarray
    corner: tuple[int, int]

    @property
    def region(self) -> Region:
        """Where they are in the frame."""
        (x, y), (height, width) = self.corner, self.mask.shape
        return slice(y, y + height), slice(x, x + width)


@dataclass(frozen=True)
class Window:
    """A part of all frames.

    Attributes
    ----------
    shape : (height, width) of a frame, in pixels.
    region : rows and columns of it.
    size : (height, width) at which it is looked at.
    """

    shape: tuple[int, int]
    region: Region
    size: tuple[int, int]

    @classmethod
    def around(
        cls, masks: Iterable[Pixels] | None, shape: tuple[int, int], scale: float
    ) -> "Window":
        """Return the window around some masks, with its surroundings; None: all of the frame."""
        region: Region = (slice(0, shape[0]), slice(0, shape[1]))
        if masks is not None:
            region = _around([m.region for m in masks], shape, SURROUNDINGS)
        rows, columns = region
        size = tuple(max(1, round((s.stop - s.start) * scale)) for s in (rows, columns))
        return cls(shape, region, (size[0], size[1]))

    @property
    def whole(self) -> tuple[int, int]:
        """(height, width) of the region in pixels of the frame."""
        rows, columns = self.region
        return rows.stop - rows.start, columns.stop - columns.start

    @property
    def reduced(self) -> bool:
        """Whether it is looked at at a smaller size."""
        return self.size != self.whole

    def object(
        self, before: Pixels | None, after: Pixels | None, deep: bool, anywhere: bool
    ) -> Object:
        """Return an object by its masks.

        Parameters
        ----------
        deep : nothing but its masks tells how it changes.
        anywhere : it may be anywhere in the window, not only about where its masks are.
        """
        reach = DEEP if deep else REACH
        known = [m.region for m in (before, after) if m is not None]
        region = self._seen_at(self.region if anywhere else _around(known, self.shape, EXCURSION))
        shapes = [None if m is None else self._shape(m, reach) for m in (before, after)]
        return Object(shapes[0], shapes[1], region)

    def masks(
        self,
        scores: Sequence[np.ndarray],
        objects: Sequence[Object],
        pairs: Iterable[tuple[int, int]],
    ) -> list[Pixels]:
        """Return the masks of objects at their full size; ``pairs`` as in ``disjoint_masks``."""
        regions = [each.region for each in objects]
        if self.reduced:
            scores = [self._enlarged(score, r) for score, r in zip(scores, regions, strict=True)]
            height, width = self.whole
            regions = [(slice(0, height), slice(0, width))] * len(regions)
        masks = disjoint_masks(scores, regions, pairs)
        y, x = self.region[0].start, self.region[1].start
        return [
            Pixels(mask, (x + columns.start, y + rows.start))
            for mask, (rows, columns) in zip(masks, regions, strict=True)
        ]

    def _shape(self, given: Pixels, reach: float) -> Shape:
        x, y = (a - s.start for a, s in zip(given.corner, self.region[::-1], strict=True))
        shape = shape_of(given.mask, (x, y), reach)
        if not self.reduced:
            return shape
        import cv2

        whole = np.full(self.whole, -np.float32(reach))
        height, width = given.mask.shape
        left, top = x - shape.corner[0], y - shape.corner[1]
        whole[y : y + height, x : x + width] = shape.distance[
            top : top + height, left : left + width
        ]
        return Shape(cv2.resize(whole, self.size[::-1]), (0, 0))

    def _enlarged(self, score: np.ndarray, region: Region) -> np.ndarray:
        import cv2

        whole = np.full(self.size, -np.float32(REACH))
        whole[region] = score
        return cv2.resize(whole, self.whole[::-1])

    def _seen_at(self, region: Region) -> Region:
        """Return where a region of the frame is in the window, at its size."""
        rows, columns = (
            slice(
                max((s.start - w.start) * new // old, 0),
                min(-(-(s.stop - w.start) * new // old), new),
            )
            for s, w, new, old in zip(region, self.region, self.size, self.whole, strict=True)
        )
        return rows, columns


def _around(regions: Sequence[Region], shape: tuple[int, int], more: float) -> Region:
    """Return what holds all regions and ``more`` of the smaller side of the frame around them."""
    margin = round(more * min(shape))
    rows, columns = (
        slice(
            max(min(s.start for s in parts) - margin, 0),
            min(max(s.stop for s in parts) + margin, length),
        )
        for parts, length in zip(zip(*regions, strict=True), shape, strict=True)
    )
    return rows, columns
