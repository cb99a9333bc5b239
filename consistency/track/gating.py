"""Which remembered masks of tracks are worth comparing with which masks.

Areas and boxes say how large an IoU can be at most, for a small part of what it costs to find it.
"""

from dataclasses import dataclass

import numpy as np

from consistency.measure.frame import FrameMeasurement
from consistency.track.parameters import Parameters
from consistency.track.ranges import members
from consistency.track.state import Detections, surface
from consistency.track.views import Views


@dataclass(frozen=True, eq=False)
class Gate:
    """How far from the expected place tracks are looked for, object sizes, float64 (n,) each."""

    limit: np.ndarray
    tail: np.ndarray

    @classmethod
    def of(
        cls, tracks: np.ndarray, gap: np.ndarray, parameters: Parameters, fixed: bool = False
    ) -> "Gate":
        """Take it from the innovations of the tracks STATE (n,), or the same for all."""
        p = parameters
        deviation = np.sqrt(tracks["variance"])
        limit = np.minimum(np.maximum(p.limit_sigmas * deviation, p.least_limit), p.largest_limit)
        tail = p.tail_sigmas * deviation
        if fixed:
            limit, tail = np.full(limit.shape, p.fixed_limit), np.full(limit.shape, np.inf)
        time = gap**p.gap_exponent
        return cls(limit * time, tail * time)

    def nearness(self, rows: np.ndarray, innovation: np.ndarray) -> np.ndarray:
        """Weight of the aligned shape by how far from the expected place it is, in [0, 1]."""
        straight = np.maximum(1 - innovation / self.limit[rows], 0.0)
        return straight / (1 + (innovation / self.tail[rows]) ** 2)


def innovations(
    views: Views, view: np.ndarray, now: FrameMeasurement, masks: np.ndarray, parameters: Parameters
) -> np.ndarray:
    """Distance of masks from where views were predicted, in object sizes, float64 (q,).

    Parameters
    ----------
    view, masks : int64 (q,), pairs.
    """
    offset = now.centroids.take(masks, axis=0) - views.predicted.take(view, axis=0)
    offset *= offset
    size = views.size[view]
    # The geometric mean of both sizes, as either mask may be a piece of its object.
    scale = size * np.maximum(np.sqrt(now.areas)[masks], parameters.smallest_part * size)
    return np.sqrt((offset[:, 0] + offset[:, 1]) / scale)


def within_gate(
    views: Views, now: FrameMeasurement, gate: Gate, parameters: Parameters
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of views and masks that are near enough, int64 (q,) each."""
    # First a strip of the picture for each view, by x alone: it is at least as wide as needed.
    size, root = views.size, np.sqrt(now.areas.max(initial=0))
    limit = gate.limit[views.track]
    wide = limit * np.sqrt(size * np.maximum(root, parameters.smallest_part * size))
    order = now.centroids[:, 0].argsort()
    x = now.centroids[order, 0]
    low = x.searchsorted(views.predicted[:, 0] - wide)
    count = x.searchsorted(views.predicted[:, 0] + wide) - low
    view, place = members(low, count)
    masks = order[place]
    near = innovations(views, view, now, masks, parameters) < limit[view]
    return view[near], masks[near]


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
    views: Views,
    pairs: tuple[np.ndarray, np.ndarray, np.ndarray],
    weights: tuple[np.ndarray, np.ndarray],
    least: np.ndarray,
    detections: Detections,
    parameters: Parameters,
) -> Comparisons:
    """Choose what shapes of which pairs to compare, and where.

    Each view is compared with centroids aligned, and at the expected place with what the frame
    shows before and after.

    Parameters
    ----------
    pairs : int64 (q,) three times, from ``Views.of_pairs``: number of the pair, view, mask.
    weights : float64 (p,) twice, of the IoU with centroids aligned and at the expected place.
    least : float64 (n,), weighted IoU that a comparison has to promise to a track.
    """
    boxes = _Boxes.of(views, detections, parameters)
    pair, view, mask = pairs
    # Everything twice, as in the boxes.
    weight = np.concatenate([weights[0][pair], weights[1][pair]])
    pair = np.concatenate([pair, pair])
    least = np.tile(parameters.bound_slack * least[views.track], 2)
    view = np.concatenate([view, view + views.area.size])
    mask = np.concatenate([mask, mask + detections.masks.size])
    some = boxes.promising(view, mask, weight, least)
    view, mask = view[some], mask[some]
    room = boxes.room(view, mask)
    at_place = view >= views.area.size
    view, mask = view - views.area.size * at_place, mask - detections.masks.size * at_place
    first, second = views.shape[view], detections.shape[mask]
    aligned = detections.now.centroids.take(mask, axis=0) - views.centroid.take(view, axis=0)
    move = (views.predicted - views.centroid).take(view, axis=0)
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
class _Boxes:
    """Boxes of v views and m masks, twice: from their centroids, then at the expected place.

    Attributes
    ----------
    there, found : float64 (2 v, 4) and (2 m, 4), their sides.
    window : float64 (2 v, 4), what the frame shows before and after the move of the view.
    area, areas : float64 (2 v,) and (2 m,), pixels of the masks in them.
    most_candidates : masks that each view is compared with.
    """

    there: np.ndarray
    found: np.ndarray
    window: np.ndarray
    area: np.ndarray
    areas: np.ndarray
    most_candidates: int

    @classmethod
    def of(cls, views: Views, detections: Detections, parameters: Parameters) -> "_Boxes":
        move, areas = views.predicted - views.centroid, detections.now.areas
        there = views.extent + np.concatenate([views.predicted, -views.predicted], axis=1)
        window = np.maximum(np.concatenate([move, -move], axis=1), 0.0) + detections.frame
        return cls(
            np.concatenate([views.extent, there]),
            np.concatenate([detections.extent, detections.sides]),
            np.concatenate([np.full(window.shape, -np.inf), window]),
            np.concatenate([views.area, views.area]),
            np.concatenate([areas, areas]),
            parameters.most_candidates,
        )

    def promising(
        self, view: np.ndarray, mask: np.ndarray, weight: np.ndarray, least: np.ndarray
    ) -> np.ndarray:
        """Numbers of the pairs (view, mask) whose weighted IoU may be ``least`` float64 (2 v,)."""
        shown = np.maximum(self.there, self.window)
        common = surface(np.maximum(shown.take(view, axis=0), self.found.take(mask, axis=0)))
        seen = _seen(self.area, surface(shown), surface(self.there))
        # Cheapest first: no more can be shared than the boxes have in common.
        some = ((common > 0) & (weight * common >= (least * seen)[view])).nonzero()[0]
        view, mask, common = view[some], mask[some], common[some]
        found = self.found.take(mask, axis=0)
        part = surface(np.maximum(self.window.take(view, axis=0), found))
        other_seen = _seen(self.areas[mask], part, surface(found))
        areas = self.area[view], self.areas[mask]
        promise = weight[some] * _most_iou(common, areas, (seen[view], other_seen))
        return some[_most_promising(view, promise, least[view], self.most_candidates)]

    def room(self, view: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Least distance of both boxes from the sides of the window, pixels, float64 (q,)."""
        boxes = np.minimum(self.there.take(view, axis=0), self.found.take(mask, axis=0))
        inside = boxes - self.window.take(view, axis=0)
        inside = np.minimum(inside[:, :2], inside[:, 2:])
        return np.minimum(inside[:, 0], inside[:, 1])


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
    # The union is least where all is shared that can be.
    union = np.maximum(seen[0] + seen[1] - shared, np.maximum(*seen))
    return shared / np.maximum(union, np.maximum(shared, 1.0))


def _most_promising(
    view: np.ndarray, promise: np.ndarray, least: np.ndarray, most: int
) -> np.ndarray:
    """Choose of each view the ``most`` pairs with the largest promise, if it is ``least``."""
    some = (promise >= least).nonzero()[0]
    view = view[some]
    crowded = (np.bincount(view) > most)[view].nonzero()[0]
    if not crowded.size:
        return some
    # By view and falling promise; the rank within its view says which pair is one too many.
    order = crowded[np.lexsort((-promise[some[crowded]], view[crowded]))]
    rank = np.arange(order.size) - view[order].searchsorted(view[order])
    return np.delete(some, order[rank >= most])


def _seen(area: np.ndarray, part: np.ndarray, box: np.ndarray) -> np.ndarray:
    """How many pixels of a mask a window shows at least that shows a ``part`` of its ``box``.

    All if it shows all; else half of what it were if the mask filled its box evenly: a guess.
    """
    return area * np.where(part < box, 0.5 * part / np.maximum(box, 1.0), 1.0)
