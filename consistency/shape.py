"""Small pictures of masks, from which the overlap of two shapes at any displacement is read.

A thumbnail is a mask sampled on a grid whose cells have a power-of-two size, the finest of which
64 × 64 cells cover the mask's box: 512 bytes.  The grids of all masks are parts of one another, so
that a fine thumbnail turns into a coarser one by dropping every second sample.
"""

from dataclasses import dataclass

import numpy as np

from consistency.packed import PackedMasks, every_second_bit

SIDE = 64  # cells along each side, one word a row


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """Thumbnails of n masks.

    Attributes
    ----------
    level : int64 (n,), the cell size is ``2**level`` pixels.
    origin : int64 (n, 2), x, y of the first cell, in cells; y, x where ``turned``.
    rows : uint64 (n, 64), one word a row of cells, bit 0 first; columns where ``turned``.
    cells : int64 (n,), number of set cells.
    turned : rows are columns of the picture (frames packed in the order "F").
    """

    level: np.ndarray
    origin: np.ndarray
    rows: np.ndarray
    cells: np.ndarray
    turned: bool = False

    def __getitem__(self, index: np.ndarray) -> "Thumbnails":
        """Return the thumbnails of some masks."""
        return Thumbnails(
            self.level[index],
            self.origin[index],
            self.rows[index],
            self.cells[index],
            self.turned,
        )


NO_THUMBNAILS = Thumbnails(
    np.zeros(0, np.int64),
    np.zeros((0, 2), np.int64),
    np.zeros((0, SIDE), np.uint64),
    np.zeros(0, np.int64),
)


def thumbnails(masks: PackedMasks, boxes: np.ndarray) -> Thumbnails:
    """Sample masks; ``boxes`` int64 (n, 4), x, y, width, height in pixels."""
    turned = masks.order == "F"
    low, size = boxes[:, :2], boxes[:, 2:]
    level = np.zeros(masks.count, np.int64)
    for _ in range(32):
        cells = ((low + size - 1) >> level[:, None]) - (low >> level[:, None]) + 1
        level += (cells > SIDE).any(axis=1)
    origin = -(-low >> level[:, None])  # the first multiple at or after the box
    if turned:
        origin = origin[:, ::-1]
    line, start, word, mask = masks.samples(level)
    shift = start - origin[mask, 0]
    word = np.where(shift >= 0, word << np.maximum(shift, 0).astype(np.uint64), word)
    word = np.where(shift < 0, word >> np.maximum(-shift, 0).astype(np.uint64), word)
    rows = np.zeros((masks.count, SIDE), np.uint64)
    np.bitwise_or.at(rows, (mask, line - origin[mask, 1]), word)
    return Thumbnails(level, origin, rows, np.bitwise_count(rows).sum(axis=1, dtype=int), turned)


@dataclass(frozen=True, eq=False)
class ThumbnailPairs:
    """Pairs of thumbnails on common grids; ``step`` float64 (p,) is the cell size in pixels."""

    first: Thumbnails
    second: Thumbnails
    step: np.ndarray

    def __getitem__(self, index: np.ndarray) -> "ThumbnailPairs":
        """Return some of the pairs."""
        return ThumbnailPairs(self.first[index], self.second[index], self.step[index])

    def iou(self, displacement: np.ndarray, frame: tuple[int, int] | None = None) -> np.ndarray:
        """IoU after moving the first of each pair.

        Parameters
        ----------
        displacement : float64 (p, 2), x, y in pixels; rounded to whole cells.
        frame : (height, width) in pixels: compare only what lay in the frame before and after, so
            that an object that enters or leaves is not taken for a smaller one.  None: everything.

        Returns
        -------
        float64 (p,) in [0, 1]; 0 where both are empty.
        """
        if self.first.turned:
            displacement = displacement[:, ::-1]
        cells = np.rint(displacement / self.step[:, None]).astype(np.int64)
        shared = self._shared(cells)
        first, second = self.first.cells, self.second.cells
        if frame is not None:
            size = frame if self.first.turned else frame[::-1]
            ends = -(-np.array(size) // self.step[:, None].astype(np.int64))
            first = _cells_within(self.first, -cells, ends - cells)
            second = _cells_within(self.second, cells, ends + cells)
        union = first + second - shared
        return np.divide(shared, union, out=np.zeros(shared.size), where=union > 0)

    def _shared(self, cells: np.ndarray) -> np.ndarray:
        """Common cells after moving the first by whole ``cells`` (p, 2), int64 (p,)."""
        shared = np.zeros(cells.shape[0], np.int64)
        move = self.first.origin + cells - self.second.origin
        near = np.flatnonzero((np.abs(move) < SIDE).all(axis=1))
        if not near.size:
            return shared
        along, across = move[near, 0, None], move[near, 1, None]
        padded = np.zeros((near.size, 3 * SIDE), np.uint64)  # rows above and below are empty
        padded[:, SIDE : 2 * SIDE] = self.first.rows[near]
        begin = np.arange(near.size)[:, None] * (3 * SIDE) + SIDE - across
        moved = padded.ravel()[begin + np.arange(SIDE)]
        moved <<= np.maximum(along, 0).astype(np.uint64)
        moved >>= np.maximum(-along, 0).astype(np.uint64)
        moved &= self.second.rows[near]
        shared[near] = np.bitwise_count(moved).sum(axis=1, dtype=np.int64)
        return shared


def _cells_within(thumbs: Thumbnails, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Number of set cells in ``low <= cell < high`` along both axes, int64 (p,); both (p, 2)."""
    low, high = low - thumbs.origin, high - thumbs.origin
    count = thumbs.cells.copy()
    cut = np.flatnonzero(((low > 0) | (high < SIDE)).any(axis=1))
    if not cut.size:
        return count
    low, high = np.clip(low[cut], 0, SIDE), np.clip(high[cut], 0, SIDE)
    bits = np.arange(SIDE)
    rows = thumbs.rows[cut].copy()
    rows[(bits < low[:, 1:]) | (bits >= high[:, 1:])] = 0
    rows &= _ones(high[:, :1]) & ~_ones(low[:, :1])
    count[cut] = np.bitwise_count(rows).sum(axis=1, dtype=np.int64)
    return count


def _ones(count: np.ndarray) -> np.ndarray:
    """Words whose lowest ``count`` bits are set, 0-64."""
    word = (np.uint64(1) << np.minimum(count, SIDE - 1).astype(np.uint64)) - np.uint64(1)
    return np.where(count < SIDE, word, ~np.uint64(0))


def pair(
    first: Thumbnails, second: Thumbnails, rows: np.ndarray, columns: np.ndarray
) -> ThumbnailPairs:
    """Bring the thumbnails of pairs (rows of ``first``, columns of ``second``) to common grids.

    Of the two levels of a pair the coarser is taken.
    """
    level = np.maximum(first.level[rows], second.level[columns])
    known = [_at_levels(t, i, level) for t, i in ((first, rows), (second, columns))]
    return ThumbnailPairs(*known, np.exp2(level))


def _at_levels(thumbs: Thumbnails, index: np.ndarray, level: np.ndarray) -> Thumbnails:
    """Thumbnails ``index`` at ``level``, int64 (p,) both."""
    if not index.size:
        return thumbs[index]
    result = thumbs[index]
    origin, rows, cells = result.origin, result.rows, result.cells  # copies
    used, number = np.unique(index[result.level < level], return_inverse=True)
    now = thumbs[used]
    finer = np.flatnonzero(result.level < level)
    for wanted in np.unique(level[finer]).tolist():
        now = _coarsened(now, wanted)
        here = level[finer] == wanted
        chosen, source = finer[here], number[here]
        origin[chosen], rows[chosen], cells[chosen] = (
            now.origin[source],
            now.rows[source],
            now.cells[source],
        )
    return Thumbnails(level, origin, rows, cells, thumbs.turned)


def _coarsened(thumbs: Thumbnails, level: int) -> Thumbnails:
    """Drop samples until every thumbnail has at least ``level``."""
    if not (thumbs.level < level).any():
        return thumbs
    now, origin, rows = thumbs.level.copy(), thumbs.origin.copy(), thumbs.rows.copy()
    while (now < level).any():
        fine = np.flatnonzero(now < level)
        odd = origin[fine] & 1
        word = every_second_bit(rows[fine] >> odd[:, :1].astype(np.uint64))
        half = np.zeros_like(word)
        half[:, : SIDE // 2] = np.where(odd[:, 1:] == 1, word[:, 1::2], word[:, 0::2])
        rows[fine] = half
        origin[fine] = (origin[fine] + 1) >> 1
        now[fine] += 1
    cells = np.bitwise_count(rows).sum(axis=1, dtype=np.int64)
    return Thumbnails(now, origin, rows, cells, thumbs.turned)
