"""Shared pixels of masks, counted exactly on packed words, and the ratios made of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from consistency.masks import compiled
from consistency.masks.packed import PackedMasks

# What counts shared pixels: here ``intersections``, on a GPU that of its backend.
Kernel = Callable[[PackedMasks, PackedMasks], np.ndarray]


def intersections(earlier: PackedMasks, later: PackedMasks) -> np.ndarray:
    """Count the pixels that each mask of one frame shares with each mask of another.

    A join over word positions: the cost follows the number of occupied words, not
    masks × masks × pixels.

    Returns
    -------
    int64 (n, m), rows ``earlier``, columns ``later``; exact.

    Raises
    ------
    ValueError
        If the frames differ in size or in the order of their pixels.
    """
    check_same_layout(earlier, later)
    n, m = earlier.count, later.count
    if compiled.native is not None:
        table = np.zeros((n, m), np.int64)
        compiled.native.shared(*_arrays(earlier), *_arrays(later), m, table)
        return table
    # Words are sorted by position, so the words at one position are a stretch: where it begins and
    # how long it is makes the join a table look-up, without any search.
    per_position = later.per_position
    first = np.cumsum(per_position) - per_position
    row = np.flatnonzero(per_position[earlier.position])
    position = earlier.position[row]
    partners, column = per_position[position], first[position]
    keys, pixels = [], []
    # Layer after layer of `later`: at most as many rounds as masks lie over one word there.
    while row.size:
        shared = earlier.word[row] & later.word[column]
        # int64 before the product: int32 overflows from 46 341 × 46 341 masks on.
        keys.append(earlier.mask[row] * np.int64(m) + later.mask[column])
        pixels.append(np.bitwise_count(shared))
        partners = partners - 1
        more = np.flatnonzero(partners)
        row, column, partners = row[more], column[more] + 1, partners[more]
    return _table(keys, pixels, n, m)


def self_intersections(masks: PackedMasks, areas: np.ndarray | None = None) -> np.ndarray:
    """Count the pixels that the masks of one frame share, int64 (n, n), symmetric; exact.

    Equal to ``intersections(masks, masks)``, in a fifth of the time: areas make the diagonal and
    every other pair is visited once.  ``areas`` int64 (n,) spares counting them again.
    """
    n = masks.count
    if compiled.native is not None:
        table = np.zeros((n, n), np.int64)
        compiled.native.within(*_arrays(masks), n, table)
        return table
    keys, pixels = [], []
    here = np.arange(masks.position.size)
    # Words at one position are neighbours: compared with the next, then the one after, until no
    # position holds that many masks.
    step = 1
    while here.size:
        here = here[: np.searchsorted(here, masks.position.size - step)]
        here = here[masks.position[here] == masks.position[here + step]]
        shared = masks.word[here] & masks.word[here + step]
        keys.append(masks.mask[here] * np.int64(n) + masks.mask[here + step])
        pixels.append(np.bitwise_count(shared))
        step += 1
    upper = _table(keys, pixels, n, n)
    return upper + upper.T + np.diag(masks.areas() if areas is None else areas)


def _arrays(masks: PackedMasks) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return masks.position, masks.mask, masks.word


def _table(keys: list[np.ndarray], pixels: list[np.ndarray], n: int, m: int) -> np.ndarray:
    """Sum the pixels of equal keys (row * m + column) into int64 (n, m); exact below 2**53."""
    # np.concatenate refuses an empty list.
    if not keys or n == 0 or m == 0:
        return np.zeros((n, m), np.int64)
    sums = np.bincount(np.concatenate(keys), np.concatenate(pixels), minlength=n * m)
    return sums.astype(np.int64).reshape(n, m)


def check_same_layout(earlier: PackedMasks, later: PackedMasks) -> None:
    """Raise ValueError unless words of the two frames hold the same pixels."""
    if earlier.shape != later.shape:
        raise ValueError(f"masks of {earlier.shape} pixels cannot overlap masks of {later.shape}")
    if earlier.order != later.order:
        raise ValueError(f"pixels in order {earlier.order!r} against {later.order!r}: pack alike")


def iou(shared: np.ndarray, areas: np.ndarray, other_areas: np.ndarray) -> np.ndarray:
    """Intersection over union, float64 (n, m) in [0, 1]; two empty masks give 0.

    Parameters
    ----------
    shared : int64 (n, m), common pixels.
    areas, other_areas : int64 (n,) and (m,), pixels of the rows' and the columns' masks.
    """
    return iou_of_pairs(shared, areas[:, None], other_areas[None, :])


def containment(shared: np.ndarray, areas: np.ndarray, other_areas: np.ndarray) -> np.ndarray:
    """Intersection over the smaller area, float64 (n, m) in [0, 1]; an empty mask gives 0."""
    return containment_of_pairs(shared, areas[:, None], other_areas[None, :])


def iou_of_pairs(shared: np.ndarray, areas: np.ndarray, other_areas: np.ndarray) -> np.ndarray:
    """``iou`` of shared pixels and areas one by one, float64 of the shape of ``shared``."""
    union = areas + other_areas - shared
    return np.divide(shared, union, out=np.zeros(shared.shape), where=union > 0)


def containment_of_pairs(
    shared: np.ndarray, areas: np.ndarray, other_areas: np.ndarray
) -> np.ndarray:
    """``containment`` of shared pixels and areas one by one, float64 as ``shared``."""
    smaller = np.minimum(areas, other_areas)
    return np.divide(shared, smaller, out=np.zeros(shared.shape), where=smaller > 0)


@dataclass(frozen=True, eq=False)
class PairTable:
    """Common pixels of two lists of n and m masks.

    Attributes
    ----------
    shape : (n, m).
    index : uint32 (k,), positions in the flattened table, sorted; tables have fewer than 2**32
        pairs.
    value : int64 (k,), pixels, not 0.
    """

    shape: tuple[int, int]
    index: np.ndarray
    value: np.ndarray

    @classmethod
    def of(cls, table: np.ndarray) -> "PairTable":
        """Take what is not zero in ``table`` int64 (n, m)."""
        index = np.flatnonzero(table)
        return cls(table.shape, index.astype(np.uint32), table.ravel()[index])

    def dense(self) -> np.ndarray:
        """Return the whole table, int64 (n, m)."""
        full = np.zeros(self.shape[0] * self.shape[1], np.int64)
        full[self.index] = self.value
        return full.reshape(self.shape)

    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the entries, int64 (k,) each."""
        rows, columns = np.divmod(self.index.astype(np.int64), max(self.shape[1], 1))
        return rows, columns

    def select(self, chosen: np.ndarray) -> "PairTable":
        """Return the table of ``chosen`` masks, int64 (k,), none twice, of a frame with itself."""
        number = np.full(self.shape[0], -1)
        number[chosen] = np.arange(chosen.size)
        rows, columns = (number[place] for place in self.places())
        some = np.flatnonzero((rows >= 0) & (columns >= 0))
        index = rows[some] * chosen.size + columns[some]
        order = np.argsort(index)
        size = chosen.size, chosen.size
        return PairTable(size, index[order].astype(np.uint32), self.value[some][order])

    def listed(self) -> np.ndarray:
        """Return the entries, int64 (k, 3): row, column, pixels; in this order."""
        return np.stack([*self.places(), self.value], axis=1)

    def at(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Look up entries, int64 (p,)."""
        if not self.index.size:
            return np.zeros(rows.size, np.int64)
        wanted = rows * self.shape[1] + columns
        # searchsorted answers one beyond the end for what is larger than all entries.
        place = np.minimum(np.searchsorted(self.index, wanted), self.index.size - 1)
        return np.where(self.index[place] == wanted, self.value[place], 0)


def no_pairs(n: int, m: int) -> PairTable:
    """Table of masks that share nothing."""
    return PairTable((n, m), np.zeros(0, np.uint32), np.zeros(0, np.int64))
