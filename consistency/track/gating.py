"""Which shapes of tracks are worth comparing with which masks.

Areas and boxes say how large an IoU can be at most, for a small part of what it costs to find it.
"""

from dataclasses import dataclass

import numpy as np

from consistency.measure.frame import FrameMeasurement
from consistency.track.state import GAP_EXPONENT, Detections, surface

LIMIT_SIGMAS = 4.0  # standard deviations of the innovation at which the aligned shape counts 0
TAIL_SIGMAS = 12.0  # ... at which it counts half, apart from that (Student's t has such a tail)
LEAST_LIMIT, LARGEST_LIMIT = 2.0, 8.0  # object sizes
LEAST_DEVIATION = 0.1  # object sizes
SMALLEST_PART = 0.5  # a mask smaller than this share of its track's size counts as that large
MOST_CANDIDATES = 8  # masks that a shape is compared with
# Bounds are of pixels, shapes are samples of them: a pair goes if it is clearly below.
BOUND_SLACK = 0.8
FIXED_LIMIT = 3.0  # object sizes, where the part "uncertainty" is switched off


@dataclass(frozen=True, eq=False)
class Gate:
    """How far from the expected place tracks are looked for, object sizes, float64 (n,) each."""

    limit: np.ndarray
    tail: np.ndarray

    @classmethod
    def of(cls, tracks: np.ndarray, gap: np.ndarray, fixed: bool) -> "Gate":
        """Take it from the innovations of the tracks, or the same for all."""
        deviation = np.sqrt(tracks["variance"] + LEAST_DEVIATION**2)
        limit = np.minimum(np.maximum(LIMIT_SIGMAS * deviation, LEAST_LIMIT), LARGEST_LIMIT)
        tail = TAIL_SIGMAS * deviation
        if fixed:
            limit, tail = np.full(limit.shape, FIXED_LIMIT), np.full(limit.shape, np.inf)
        time = gap**GAP_EXPONENT
        return cls(limit * time, tail * time)

    def nearness(self, rows: np.ndarray, innovation: np.ndarray) -> np.ndarray:
        """Weight of the aligned shape by how far from the expected place it is, in [0, 1]."""
        straight = np.maximum(1 - innovation / self.limit[rows], 0.0)
        return straight / (1 + (innovation / self.tail[rows]) ** 2)


def innovations(
    size: np.ndarray, predicted: np.ndarray, now: FrameMeasurement, masks: np.ndarray
) -> np.ndarray:
    """Distance of masks from where tracks were expected, in object sizes, float64 (p,).

    Parameters
    ----------
    size : float64 (p,), of the tracks, pixels.
    predicted : float64 (p, 2), their expected centroids, x, y in pixels.
    masks : int64 (p,).
    """
    offset = now.centroids.take(masks, axis=0) - predicted
    offset *= offset
    scale = size * np.maximum(np.sqrt(now.areas)[masks], SMALLEST_PART * size)
    return np.sqrt((offset[:, 0] + offset[:, 1]) / scale)


def within_gate(
    tracks: np.ndarray, now: FrameMeasurement, predicted: np.ndarray, gate: Gate
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of tracks and masks that are near enough, int64 (p,) each."""
    # First a strip of the picture for each track, by x alone: it is at least as wide as needed.
    size, root = tracks["size"], np.sqrt(now.areas.max(initial=0))
    wide = gate.limit * np.sqrt(size * np.maximum(root, SMALLEST_PART * size))
    order = now.centroids[:, 0].argsort()
    x = now.centroids[order, 0]
    low = x.searchsorted(predicted[:, 0] - wide)
    count = x.searchsorted(predicted[:, 0] + wide) - low
    rows = np.arange(size.size).repeat(count)
    columns = order[np.arange(rows.size) + (low - count.cumsum() + count).repeat(count)]
    near = innovations(size[rows], predicted.take(rows, axis=0), now, columns) < gate.limit[rows]
    return rows[near], columns[near]


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Shapes to compare, each array of length q.

    Attributes
    ----------
    pair : int64, number of the pair of a track and a mask.
    weight : float64, of the IoU.
    at_place : bool, at the expected place; else with centroids aligned.
    first, second : int64, numbers of the thumbnails.
    move : float64 (q, 2), of the first, x, y in pixels.
    cut : bool, the frame's border may cut one of the two off.
    """

    pair: np.ndarray
    weight: np.ndarray
    at_place: np.ndarray
    first: np.ndarray
    second: np.ndarray
    move: np.ndarray
    cut: np.ndarray


def comparisons(
    tracks: np.ndarray,
    larger: np.ndarray,
    predicted: np.ndarray,
    detections: Detections,
    pairs: tuple[np.ndarray, np.ndarray],
    weights: tuple[np.ndarray, np.ndarray],
    least: np.ndarray,
) -> Comparisons:
    """Choose what shapes of which pairs to compare, and where.

    A track has the shape of its last mask and, among ``larger`` (sorted rows), that of its largest
    recent one.  Each is compared with centroids aligned, and at the expected place with what the
    frame shows before and after.

    Parameters
    ----------
    predicted : float64 (n, 2), expected centroids, x, y in pixels.
    pairs : int64 (p,) twice, tracks and masks.
    weights : float64 (p,) twice, of the IoU with centroids aligned and at the expected place.
    least : float64 (n,), weighted IoU that a comparison has to promise.
    """
    shapes = _Shapes.of(tracks, larger)
    predicted = predicted.take(shapes.track, axis=0)
    boxes = _Boxes.of(shapes, predicted, detections)
    pair, view, mask = _views(tracks.size, larger, *pairs)
    # Everything twice, as in the boxes.
    weight = np.concatenate([weights[0][pair], weights[1][pair]])
    pair, least = np.concatenate([pair, pair]), np.tile(BOUND_SLACK * least[shapes.track], 2)
    view = np.concatenate([view, view + shapes.area.size])
    mask = np.concatenate([mask, mask + detections.masks.size])
    some = boxes.promising(view, mask, weight, least)
    view, mask = view[some], mask[some]
    room = boxes.room(view, mask)
    at_place = view >= shapes.area.size
    view, mask = view - shapes.area.size * at_place, mask - detections.masks.size * at_place
    first, second = shapes.number[view], detections.masks["shape"][mask]
    aligned = detections.now.centroids.take(mask, axis=0) - shapes.centroid.take(view, axis=0)
    move = (predicted - shapes.centroid).take(view, axis=0)
    level = detections.shapes.level
    return Comparisons(
        pair[some],
        weight[some],
        at_place,
        first,
        second,
        np.where(at_place[:, None], move, aligned),
        room < np.exp2(np.maximum(level[first], level[second])),  # less than a cell
    )


@dataclass(frozen=True, eq=False)
class _Shapes:
    """Shapes of tracks: the last mask of each, then the largest recent one of some.

    Attributes
    ----------
    track : int64 (v,).
    number : int64 (v,), of the thumbnail.
    area : float64 (v,), pixels.
    centroid : float64 (v, 2), x, y in pixels, in the frame of the mask.
    extent : float64 (v, 4), sides of its box from the centroid.
    """

    track: np.ndarray
    number: np.ndarray
    area: np.ndarray
    centroid: np.ndarray
    extent: np.ndarray

    @classmethod
    def of(cls, tracks: np.ndarray, larger: np.ndarray) -> "_Shapes":
        fields = (
            np.concatenate([tracks[name], tracks[f"largest_{name}"][larger]])
            for name in ("shape", "area", "centroid", "extent")
        )
        return cls(np.concatenate([np.arange(tracks.size), larger]), *fields)


@dataclass(frozen=True, eq=False)
class _Boxes:
    """Boxes of v shapes and m masks, twice: from their centroids, then at the expected place.

    Attributes
    ----------
    there, found : float64 (2 v, 4) and (2 m, 4), their sides.
    window : float64 (2 v, 4), what the frame shows before and after the move of the shape.
    area, areas : float64 (2 v,) and (2 m,), pixels of the masks in them.
    """

    there: np.ndarray
    found: np.ndarray
    window: np.ndarray
    area: np.ndarray
    areas: np.ndarray

    @classmethod
    def of(cls, shapes: _Shapes, predicted: np.ndarray, detections: Detections) -> "_Boxes":
        move, areas = predicted - shapes.centroid, detections.now.areas
        there = shapes.extent + np.concatenate([predicted, -predicted], axis=1)
        window = np.maximum(np.concatenate([move, -move], axis=1), 0.0) + detections.frame
        return cls(
            np.concatenate([shapes.extent, there]),
            np.concatenate([detections.masks["extent"], detections.sides]),
            np.concatenate([np.full(window.shape, -np.inf), window]),
            np.concatenate([shapes.area, shapes.area]),
            np.concatenate([areas, areas]),
        )

    def promising(
        self, view: np.ndarray, mask: np.ndarray, weight: np.ndarray, least: np.ndarray
    ) -> np.ndarray:
        """Numbers of the pairs (view, mask) whose weighted IoU may be ``least`` float64 (2 v,)."""
        shown = np.maximum(self.there, self.window)
        common = surface(np.maximum(shown.take(view, axis=0), self.found.take(mask, axis=0)))
        seen = _seen(self.area, surface(shown), surface(self.there))
        some = ((common > 0) & (weight * common >= (least * seen)[view])).nonzero()[0]
        view, mask, common = view[some], mask[some], common[some]
        found = self.found.take(mask, axis=0)
        part = surface(np.maximum(self.window.take(view, axis=0), found))
        other_seen = _seen(self.areas[mask], part, surface(found))
        areas = self.area[view], self.areas[mask]
        promise = weight[some] * _most_iou(common, areas, (seen[view], other_seen))
        return some[_most_promising(view, promise, least[view])]

    def room(self, view: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Least distance of both boxes from the sides of the window, pixels, float64 (q,)."""
        boxes = np.minimum(self.there.take(view, axis=0), self.found.take(mask, axis=0))
        inside = boxes - self.window.take(view, axis=0)
        inside = np.minimum(inside[:, :2], inside[:, 2:])
        return np.minimum(inside[:, 0], inside[:, 1])


def _views(
    tracks: int, larger: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs with every shape of their track: number of the pair, of the shape, and of the mask."""
    pair, view = np.arange(rows.size), rows
    if larger.size:
        second = np.full(tracks, -1)
        second[larger] = tracks + np.arange(larger.size)
        again = (second[rows] >= 0).nonzero()[0]
        pair = np.concatenate([pair, again])
        view = np.concatenate([rows, second[rows[again]]])
    return pair, view, columns[pair]


def _most_iou(
    common: np.ndarray,
    areas: tuple[np.ndarray, np.ndarray],
    seen: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Largest IoU that is possible, float64 (q,).

    Parameters
    ----------
    common : common area of the boxes.
    areas : largest, and ``seen`` smallest area that either shape may have.
    """
    shared = np.minimum(np.minimum(*areas), common)
    union = np.maximum(seen[0] + seen[1] - shared, np.maximum(*seen))
    return shared / np.maximum(union, np.maximum(shared, 1.0))


def _most_promising(view: np.ndarray, promise: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Choose of each view the MOST_CANDIDATES with the largest promise, if it is ``least``."""
    some = (promise >= least).nonzero()[0]
    view = view[some]
    crowded = (np.bincount(view) > MOST_CANDIDATES)[view].nonzero()[0]
    if not crowded.size:
        return some
    order = crowded[np.lexsort((-promise[some[crowded]], view[crowded]))]
    rank = np.arange(order.size) - view[order].searchsorted(view[order])
    return np.delete(some, order[rank >= MOST_CANDIDATES])


def _seen(area: np.ndarray, part: np.ndarray, box: np.ndarray) -> np.ndarray:
    """How many pixels of a mask a window shows at least that shows a ``part`` of its ``box``.

    All if it shows all; else half of what it were if the mask filled its box evenly: a guess.
    """
    return area * np.where(part < box, 0.5 * part / np.maximum(box, 1.0), 1.0)
