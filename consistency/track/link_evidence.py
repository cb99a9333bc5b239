"""What is measured on pairs of a mask and a later one that may show one object.

A pair is judged by what was before the earlier mask on its track and by what comes after the later
one on its own.  Masks between the two are never looked at, so that pairs from the inside of a
track, taken at any gap, are measured just like real gaps.
"""

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from consistency.masks import compiled
from consistency.masks.thumbnail_pool import ThumbnailPool
from consistency.track.tracklets import SequenceMasks, Side

# A thumbnail takes a kilobyte while pairs are measured, and most pairs share theirs with others.
SHAPES_AT_A_TIME = 4096
PAIRS_AT_A_TIME = 1 << 14

EVIDENCE = np.dtype(
    [
        ("gap", np.int64),  # frames
        ("miss", np.float64),  # distance from the expected place, object sizes
        ("turn", np.float64),  # change of velocity times gap, object sizes; NaN where not known
        ("moves", np.bool_),  # a velocity is known on one side at least
        ("aligned", np.float64),  # IoU of the shapes, centroids aligned
        ("placed", np.float64),  # ... at the expected place
        ("inside", np.float64),  # share of the smaller inside the larger, at the expected place
        ("ratio", np.float64),  # of the areas, smaller / larger
        ("whole_ratio", np.float64),  # of the largest areas on either side
        ("containment", np.float64),  # difference of the shares inside larger masks
    ]
)
SHAPE_FIELDS = ("aligned", "placed", "inside")


@dataclass(frozen=True, eq=False)
class Geometry:
    """Places and velocities of p pairs, in the frame of the later mask, pixels.

    Attributes
    ----------
    gap : int64 (p,), frames.
    size : float64 (p,), geometric mean of the object's size on either side.
    there, whole_there : float64 (p, 2), the earlier mask's centroid, and that of its side's
        largest, carried along by the camera.
    way, whole_way : float64 (p, 2), from there to the later mask's.
    drift : float64 (p, 2), way of the object over the gap if it went on at the mean velocity.
    turn : float64 (p,), change of velocity times gap, object sizes; NaN where one is not known.
    moves : bool (p,), at least one velocity is known.
    """

    gap: np.ndarray
    size: np.ndarray
    there: np.ndarray
    whole_there: np.ndarray
    way: np.ndarray
    whole_way: np.ndarray
    drift: np.ndarray
    turn: np.ndarray
    moves: np.ndarray

    @classmethod
    def of(cls, masks: SequenceMasks, past: Side, future: Side) -> "Geometry":
        """Compare the sides of p earlier and p later masks."""
        i, j, camera = past.mask, future.mask, masks.camera
        gap = masks.t[j] - masks.t[i]
        there = camera.onward(masks.centroid[i], masks.t[i], gap)
        whole_there = camera.onward(past.whole_place, masks.t[i], gap)
        first, second = camera.turn(past.velocity, masks.t[i], gap), future.velocity
        known = 2.0 - np.isnan(first[:, 0]) - np.isnan(second[:, 0])
        mean = (np.nan_to_num(first) + np.nan_to_num(second)) / np.maximum(known, 1.0)[:, None]
        size = (masks.area[past.whole] * masks.area[future.whole]) ** 0.25
        return cls(
            gap=gap,
            size=size,
            there=there,
            whole_there=whole_there,
            way=masks.centroid[j] - there,
            whole_way=future.whole_place - whole_there,
            drift=mean * gap[:, None],
            turn=_length(first - second) * gap / size,
            moves=known > 0,
        )

    def take(self, index: np.ndarray) -> "Geometry":
        """Return some of them."""
        return Geometry(*(getattr(self, field.name).take(index, axis=0) for field in fields(self)))

    def miss(self, damping: np.ndarray) -> np.ndarray:
        """Distance from the expected place, object sizes, float64 (p,).

        Of the mask, or of the whole if that fits better: either may be a piece.

        Parameters
        ----------
        damping : float64 (p,), share of the velocity that lasts over the gap, 0-1.
        """
        drift = self.drift * damping[:, None]
        return np.minimum(_length(self.way - drift), _length(self.whole_way - drift)) / self.size


def _length(ways: np.ndarray) -> np.ndarray:
    return np.sqrt(ways[:, 0] ** 2 + ways[:, 1] ** 2)


@dataclass(frozen=True, eq=False)
class _Poses:
    """All that the overlap of p pairs of shapes depends on.

    Attributes
    ----------
    past, future : sides of the earlier and the later masks.
    there, whole_there : float64 (p, 2), expected centroids of the earlier mask and of its side's
        largest, in the frame of the later one, pixels.
    growth : float64 (p,), of areas by the camera's motion.
    """

    past: Side
    future: Side
    there: np.ndarray
    whole_there: np.ndarray
    growth: np.ndarray

    def take(self, index: np.ndarray) -> "_Poses":
        past, future = self.past.take(index), self.future.take(index)
        there, whole = self.there.take(index, axis=0), self.whole_there.take(index, axis=0)
        return _Poses(past, future, there, whole, self.growth[index])

    @cached_property
    def signature(self) -> np.ndarray:
        """float64 (p, 8); equal for one pair of masks, equal overlap."""
        numbers = np.stack([self.past.whole, self.future.whole], axis=1)
        return np.hstack([numbers, self.there, self.whole_there, self.future.whole_place])


class EvidenceMeter:
    """Measures pairs; overlaps of shapes that were measured before are remembered.

    They take most of the time, and from round to round most pairs stay what they are.
    """

    def __init__(self, masks: SequenceMasks) -> None:
        self._masks = masks
        self._key = np.zeros(0, np.int64)
        self._signature = np.zeros((0, 8))
        self._overlaps = np.zeros((0, len(SHAPE_FIELDS)))
        self._new: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def measure(
        self, past: Side, future: Side, damping: np.ndarray, geometry: Geometry | None = None
    ) -> np.ndarray:
        """Measure p pairs, EVIDENCE (p,).

        Parameters
        ----------
        damping : float64, for each gap, see ``Geometry``.
        geometry : of the pairs, where it is known: of candidates, which are measured once.  They
            are a hundred times as many as the links, so that nothing of them is remembered.
        """
        masks, i, j = self._masks, past.mask, future.mask
        look_up = geometry is None
        geometry = geometry or Geometry.of(masks, past, future)
        drift = geometry.drift * damping[geometry.gap][:, None]
        growth = masks.camera.scale(masks.t[i], geometry.gap)
        poses = _Poses(past, future, geometry.there + drift, geometry.whole_there + drift, growth)
        result = np.zeros(i.size, EVIDENCE)
        result["gap"], result["turn"] = geometry.gap, geometry.turn
        result["miss"], result["moves"] = geometry.miss(damping[geometry.gap]), geometry.moves
        result["ratio"] = _ratio(masks.area[i] * growth, masks.area[j])
        whole = masks.area[past.whole] * growth, masks.area[future.whole]
        result["whole_ratio"] = _ratio(*whole)
        result["containment"] = np.abs(masks.containment[i] - masks.containment[j])
        for name, value in zip(SHAPE_FIELDS, self._remembered(poses, look_up).T, strict=True):
            result[name] = value
        return result

    def _remembered(self, poses: _Poses, look_up: bool) -> np.ndarray:
        """Overlaps of pairs, float64 (p, 3)."""
        key = poses.past.mask * self._masks.t.size + poses.future.mask
        result = np.zeros((key.size, len(SHAPE_FIELDS)))
        known = np.zeros(key.size, bool)
        if look_up:
            self._take_up()
        if look_up and self._key.size:
            place = np.minimum(self._key.searchsorted(key), self._key.size - 1)
            same = (self._signature[place] == poses.signature).all(axis=1)
            known = same & (self._key[place] == key)
            result[known] = self._overlaps[place[known]]
        new = np.flatnonzero(~known)
        new = new[np.argsort(key[new], kind="stable")]  # in order of time: blocks are near
        for begin in range(0, new.size, PAIRS_AT_A_TIME):
            some = new[begin : begin + PAIRS_AT_A_TIME]
            result[some] = _overlaps(self._masks, poses.take(some))
        if look_up:
            self._new.append((key[new], poses.signature[new], result[new]))
        return result

    def _take_up(self) -> None:
        """Put what was measured since in order; what was known of the same masks is out of date."""
        # All at once: most pairs are measured in many small groups.
        latest_first = [*reversed(self._new), (self._key, self._signature, self._overlaps)]
        self._new.clear()
        keys, signature, overlaps = (np.concatenate(x) for x in zip(*latest_first, strict=True))
        self._key, first = np.unique(keys, return_index=True)
        self._signature, self._overlaps = signature[first], overlaps[first]


def _ratio(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.minimum(first, second) / np.maximum(first, second)


def _overlaps(masks: SequenceMasks, poses: _Poses) -> np.ndarray:
    """Overlaps of pairs by their thumbnails, float64 (p, 3), see SHAPE_FIELDS."""
    past, future = poses.past, poses.future
    numbers = np.unique(np.concatenate([past.mask, past.whole, future.mask, future.whole]))
    if numbers.size > SHAPES_AT_A_TIME:
        halves = np.array_split(np.arange(past.mask.size), 2)
        return np.concatenate([_overlaps(masks, poses.take(half)) for half in halves])
    pool = ThumbnailPool(masks.thumbnails.find(numbers))
    if compiled.native is None:
        return _compared(_Shapes(masks, numbers, pool), poses)
    result = np.empty((past.mask.size, len(SHAPE_FIELDS)))
    compiled.native.compare_sides(
        *pool.buffers(masks.shape),
        *(numbers, masks.centroid, masks.area, masks.touches_border),
        *(past.mask, past.whole, future.mask, future.whole),
        *(poses.there, poses.whole_there, future.whole_place, poses.growth),
        *(result, pool.column_major),
    )
    return result


def _compared(shapes: "_Shapes", poses: _Poses) -> np.ndarray:
    """Compare poses of ``shapes``, see ``_overlaps``; ``compare_sides`` of _compiled.c in NumPy."""
    masks, past, future = shapes.masks, poses.past, poses.future
    area = masks.area[past.mask] * poses.growth, masks.area[future.mask]
    smaller = area[0] < area[1]
    # The smaller of both may be a piece: its own side's largest shape is asked in its stead.
    other_i = np.where(smaller, past.whole, past.mask)
    other_j = np.where(smaller, future.mask, future.whole)
    from_i = np.where(smaller[:, None], poses.whole_there, poses.there)
    to_j = np.where(smaller[:, None], masks.centroid[future.mask], future.whole_place)
    place = masks.centroid[future.mask]
    aligned, placed = shapes.overlap(past.mask, future.mask, poses.there, place)
    shared = placed * (area[0] + area[1]) / (1 + placed)
    inside = np.minimum(shared / np.minimum(*area), 1.0)
    some = np.flatnonzero((other_i != past.mask) | (other_j != future.mask))
    others = shapes.overlap(other_i[some], other_j[some], from_i[some], to_j[some])
    aligned[some] = np.maximum(aligned[some], others[0])
    placed[some] = np.maximum(placed[some], others[1])
    return np.stack([aligned, placed, inside], axis=1)


@dataclass(frozen=True, eq=False)
class _Shapes:
    """Masks of a sequence, and the thumbnails of some, by their rising ``numbers``."""

    masks: SequenceMasks
    numbers: np.ndarray
    pool: ThumbnailPool

    def overlap(
        self, i: np.ndarray, j: np.ndarray, there: np.ndarray, here: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """IoU of masks i and j with centroids aligned, and with i's at ``there``, j's ``here``."""
        masks, numbers = self.masks, self.numbers
        a, b = numbers.searchsorted(i), numbers.searchsorted(j)
        way = masks.centroid[j] - masks.centroid[i]
        cut = masks.touches_border[i] | masks.touches_border[j]
        # Moved into the later mask's own frame, where its thumbnail lies.
        move = there - masks.centroid[i] - (here - masks.centroid[j])
        return self.pool.iou(a, b, way), self.pool.iou(a, b, move, masks.shape, cut)
