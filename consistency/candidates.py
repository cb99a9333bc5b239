"""Which shapes of tracks are worth comparing with which masks.

Areas and boxes say how large an IoU can be at most, for a small part of what it costs to find it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from consistency.measure import FrameMeasurement
from consistency.tracks import GAP_EXPONENT, Target, surface

LIMIT_SIGMAS = 4.0  # standard deviations of the residual at which the aligned shape counts 0
TAIL_SIGMAS = 12.0  # ... at which it counts half, apart from that (Student's t has such a tail)
LEAST_LIMIT, LARGEST_LIMIT = 2.0, 8.0  # object sizes
LEAST_DEVIATION = 0.1  # object sizes
SMALLEST_PART = 0.5  # a mask smaller than this share of its track's size counts as that large
MOST_CANDIDATES = 8  # masks that a shape is compared with
LEAST_RATIO = 0.02  # of areas: no IoU is larger
# Bounds are of pixels, shapes are samples of them: a pair goes if it is clearly below.
CLEARLY = 0.8
FIXED_LIMIT = 3.0  # object sizes, where the part "uncertainty" is switched off


@dataclass(frozen=True, eq=False)
class Reach:
    """How far from the expected place tracks are looked for, object sizes, float64 (n,) each."""

    limit: np.ndarray
    tail: np.ndarray

    @classmethod
    def of(cls, tracks: np.ndarray, gap: np.ndarray, fixed: bool) -> "Reach":
        """Take it from the residuals of the tracks, or the same for all."""
        deviation = np.sqrt(tracks["variance"] + LEAST_DEVIATION**2)
        limit = np.clip(LIMIT_SIGMAS * deviation, LEAST_LIMIT, LARGEST_LIMIT)
        tail = TAIL_SIGMAS * deviation
        if fixed:
            limit, tail = np.full(limit.shape, FIXED_LIMIT), np.full(limit.shape, np.inf)
        time = gap**GAP_EXPONENT
        return cls(limit * time, tail * time)

    def nearness(self, rows: np.ndarray, residual: np.ndarray) -> np.ndarray:
        """Weight of the aligned shape by how far from the expected place it is, in [0, 1]."""
        straight = np.maximum(1 - residual / self.limit[rows], 0.0)
        return straight / (1 + (residual / self.tail[rows]) ** 2)


def residuals(
    size: np.ndarray, aim: np.ndarray, now: FrameMeasurement, masks: np.ndarray
) -> np.ndarray:
    """Distance of masks from where tracks were expected, in object sizes, float64 (p,).

    Parameters
    ----------
    size : float64 (p,), of the tracks, pixels.
    aim : float64 (p, 2), their expected centroids, x, y in pixels.
    masks : int64 (p,).
    """
    offset = now.centroids[masks] - aim
    scale = np.sqrt(size * np.maximum(np.sqrt(now.areas[masks]), SMALLEST_PART * size))
    return np.hypot(offset[:, 0], offset[:, 1]) / scale


def within_reach(
    tracks: np.ndarray, now: FrameMeasurement, aim: np.ndarray, reach: Reach
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of tracks and masks near enough, and of areas that fit, int64 (p,) each."""
    size, root = tracks["size"], np.sqrt(now.areas)
    # First a strip of the picture for each track, by x alone: it is at least as wide as needed.
    order = now.centroids[:, 0].argsort()
    x = now.centroids[order, 0]
    wide = reach.limit * np.sqrt(size * np.maximum(root.max(initial=0.0), SMALLEST_PART * size))
    low = x.searchsorted(aim[:, 0] - wide)
    count = x.searchsorted(aim[:, 0] + wide) - low
    rows = np.arange(size.size).repeat(count)
    columns = order[np.arange(rows.size) + (low - count.cumsum() + count).repeat(count)]
    away = now.centroids[columns] - aim[rows]
    away *= away
    smallest = (SMALLEST_PART * size)[rows]
    most = (size * reach.limit**2)[rows] * np.maximum(root[columns], smallest)
    area = now.areas[columns]
    smaller = np.minimum(tracks["area"], tracks["whole_area"])
    larger = np.maximum(tracks["area"], tracks["whole_area"])
    near = away[:, 0] + away[:, 1] < most
    near &= area > (LEAST_RATIO * smaller)[rows]
    near &= area < (larger / LEAST_RATIO)[rows]
    return rows[near], columns[near]


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Shapes to compare, each array of length q.

    Attributes
    ----------
    pair : int64, number of the pair of a track and a mask.
    first, second : int64, numbers of their thumbnails.
    move : float64 (q, 2), of the first, x, y in pixels.
    cut : bool, the frame's border may cut one of the two off.
    """

    pair: np.ndarray
    first: np.ndarray
    second: np.ndarray
    move: np.ndarray
    cut: np.ndarray


class Candidates:
    """Pairs (rows, columns) of tracks and masks, int64 (p,), each with the shapes of its track.

    A track has the shape of its last mask and, among ``larger`` (sorted rows), that of its largest
    recent one.
    """

    def __init__(
        self,
        tracks: np.ndarray,
        larger: np.ndarray,
        target: Target,
        rows: np.ndarray,
        columns: np.ndarray,
    ):
        self._target = target
        self._pair, self._view, self._mask = np.arange(rows.size), rows, columns
        self._track = np.arange(tracks.size)
        names = ("shape", "area", "centroid", "extent")
        fields = [tracks[name] for name in names]
        if larger.size:
            second = np.full(tracks.size, -1)
            second[larger] = tracks.size + np.arange(larger.size)
            again = (second[rows] >= 0).nonzero()[0]
            self._pair = np.concatenate([self._pair, again])
            self._view = np.concatenate([rows, second[rows[again]]])
            self._mask = columns[self._pair]
            self._track = np.concatenate([self._track, larger])
            more = [tracks[f"whole_{name}"][larger] for name in names]
            fields = [np.concatenate(both) for both in zip(fields, more, strict=True)]
        self._shape, self._area, self._centroid, self._extent = fields

    def aligned(self, nearness: np.ndarray, least: np.ndarray) -> Comparisons:
        """Comparisons with centroids aligned.

        Those whose IoU × ``nearness`` float64 (p,) may reach ``least`` float64 (n,).
        """
        nearness, least = nearness[self._pair], (CLEARLY * least)[self._track[self._view]]
        some = (nearness >= least).nonzero()[0]
        view, mask = self._view[some], self._mask[some]
        common = _common(self._extent[view], self._target.masks["extent"][mask])
        areas = self._area[view], self._target.now.areas[mask]
        promise = nearness[some] * _most_iou(common, areas, areas)
        chosen = _most_promising(view, promise, least[some])
        some, view, mask = some[chosen], view[chosen], mask[chosen]
        move = self._target.now.centroids[mask] - self._centroid[view]
        return self._comparisons(some, move, np.zeros(some.size, bool))

    def at_place(self, aim: np.ndarray, least: np.ndarray) -> Comparisons:
        """Comparisons at the expected place ``aim`` float64 (n, 2), x, y in pixels.

        Those whose IoU may reach ``least`` float64 (n,), as far as the frame shows the two before
        and after.
        """
        found, areas = self._target.sides, self._target.now.areas
        aim, least = aim[self._track], CLEARLY * least[self._track]
        move = aim - self._centroid
        window = np.concatenate([move, -move], axis=1)
        window = np.maximum(window, 0.0) + self._target.frame
        there = self._extent + np.concatenate([aim, -aim], axis=1)
        shown = np.maximum(there, window)
        common = _common(shown[self._view], found[self._mask])
        seen = _seen(self._area, surface(shown), surface(there))
        some = ((common > 0) & (common >= (least * seen)[self._view])).nonzero()[0]
        view, mask, common = self._view[some], self._mask[some], common[some]
        box, around = found[mask], window[view]
        other_seen = _seen(areas[mask], _common(around, box), surface(found)[mask])
        both = self._area[view], areas[mask]
        promise = _most_iou(common, both, (seen[view], other_seen))
        chosen = _most_promising(view, promise, least[view])
        # How far from the window's sides they are, in cells of the grid of comparison.
        inside = np.minimum(there[view[chosen]], box[chosen]) - around[chosen]
        some, view, mask = some[chosen], view[chosen], mask[chosen]
        level = self._target.shapes.level
        cell = np.maximum(level[self._shape[view]], level[self._target.masks["shape"][mask]])
        return self._comparisons(some, move[view], inside.min(axis=1) < np.exp2(cell))

    def iou(self, parts: Sequence[Comparisons]) -> list[np.ndarray]:
        """IoU of each, float64 (q,) for each part."""
        names = ("first", "second", "move", "cut")
        first, second, move, cut = (np.concatenate([getattr(p, n) for p in parts]) for n in names)
        shape = self._target.now.shape
        values = self._target.shapes.iou(first, second, move, shape, cut)
        return np.split(values, np.cumsum([part.pair.size for part in parts])[:-1])

    def _comparisons(self, some: np.ndarray, move: np.ndarray, cut: np.ndarray) -> Comparisons:
        first = self._shape[self._view[some]]
        second = self._target.masks["shape"][self._mask[some]]
        return Comparisons(self._pair[some], first, second, move, cut)


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
    count = np.bincount(view)
    if not some.size or count.max() <= MOST_CANDIDATES:
        return some
    order = np.lexsort((-promise[some], view))
    rank = np.arange(some.size) - (np.cumsum(count) - count)[view[order]]
    return np.sort(some[order[rank < MOST_CANDIDATES]])


def _seen(area: np.ndarray, part: np.ndarray, box: np.ndarray) -> np.ndarray:
    """How many pixels of a mask a window shows at least that shows a ``part`` of its ``box``.

    All if it shows all; else half of what it were if the mask filled its box evenly: a guess.
    """
    return area * np.where(part < box, 0.5 * part / np.maximum(box, 1.0), 1.0)


def _common(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Area that boxes have in common with others, by their sides; float64 (q,)."""
    return surface(np.maximum(boxes, others))
