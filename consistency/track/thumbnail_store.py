"""Thumbnails of all masks of a sequence, in little memory."""

from dataclasses import dataclass

import numpy as np

from consistency.masks.thumbnails import NO_THUMBNAILS, SIDE, Thumbnails, joined, of_finest, ones
from consistency.masks.words import highest_bit, lowest_bit
from consistency.track.ranges import members

# Masks that stay as they are, a kilobyte each: they are asked for again and again.
KEPT_MASKS = 1 << 14
BLOCK_MASKS = 1024  # that are packed at a time: a frame of few masks costs no calls of its own


class ThumbnailStore:
    """Thumbnails by number, in the order in which they were added; of many, most are packed.

    Unpacked they would be most of what a sequence needs.
    """

    def __init__(self) -> None:
        self._first: list[int] = []  # number of the first of each block
        self._blocks: list[Thumbnails | _Packed] = []
        self._new: list[Thumbnails] = []
        self._count = 0
        self._in_blocks = 0

    def add(self, new: Thumbnails) -> None:
        """Take the next frame's."""
        self._new.append(new)
        self._count += new.level.size
        if self._count - self._in_blocks >= BLOCK_MASKS:
            self._end_block()

    def _end_block(self) -> None:
        block = joined(self._new)
        self._first.append(self._in_blocks)
        self._blocks.append(block if self._count <= KEPT_MASKS else _Packed.of(block))
        self._in_blocks = self._count
        self._new.clear()

    def find(self, numbers: np.ndarray) -> Thumbnails:
        """Return thumbnails by their numbers, int64 (k,), rising."""
        if self._new:
            self._end_block()
        if not numbers.size:
            return NO_THUMBNAILS
        block = np.searchsorted(self._first, numbers, side="right") - 1
        cuts = np.flatnonzero(np.diff(block)) + 1
        return joined(
            [
                self._blocks[number].take(some - self._first[number])
                for number, some in zip(
                    block[np.append(0, cuts)].tolist(), np.split(numbers, cuts), strict=True
                )
            ]
        )


@dataclass(frozen=True, eq=False)
class _Packed:
    """Thumbnails of n masks, in an eighth of the space or less; any of them can be had alone.

    Most rows of an object are one run of cells; the others are kept as they are.  Rows above and
    below it are not kept: a small object has 9 of 64.  The coarser sizes follow from the finest.

    Attributes
    ----------
    level : int8 (n,), and ``origin`` int32 (n, 2), as in ``Thumbnails``.
    top : uint8 (n,), first row that is kept of each.
    first : int32 (n + 1,), where its rows begin in ``begin`` and ``end``, and their number.
    begin, end : uint8 (k,), the run of each row that is kept; both 64 where it is empty.
    number : int64 (m,), rising, of the rows that are no runs, 64 to a mask.
    row : uint64 (m,), those rows.
    column_major : as in ``Thumbnails``.
    """

    level: np.ndarray
    origin: np.ndarray
    top: np.ndarray
    first: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    number: np.ndarray
    row: np.ndarray
    column_major: bool

    @classmethod
    def of(cls, thumbnails: Thumbnails) -> "_Packed":
        """Pack them."""
        rows = thumbnails.words[:, :SIDE]
        # Of an empty word the lowest bit is 64, so the run that ends before 64 is empty as well.
        begin, end = lowest_bit(rows), np.where(rows == 0, SIDE, highest_bit(rows) + 1)
        number = np.flatnonzero(_runs(begin, end) != rows)
        filled = rows != 0
        top = filled.argmax(axis=1)
        height = np.where(filled.any(axis=1), SIDE - filled[:, ::-1].argmax(axis=1) - top, 0)
        first = np.append(0, np.cumsum(height)).astype(np.int32)
        mask, row = members(top, height)
        return cls(
            thumbnails.level.astype(np.int8),
            thumbnails.origin.astype(np.int32),
            top.astype(np.uint8),
            first,
            begin[mask, row].astype(np.uint8),
            end[mask, row].astype(np.uint8),
            number,
            rows.ravel()[number],
            thumbnails.column_major,
        )

    def take(self, index: np.ndarray) -> Thumbnails:
        """Return the thumbnails of some masks, int64 (k,)."""
        height = np.diff(self.first).take(index)
        mask, kept = members(self.first.take(index), height)
        row = members(self.top.take(index).astype(np.int64), height)[1]
        rows = np.zeros((index.size, SIDE), np.uint64)
        rows[mask, row] = _runs(self.begin.take(kept), self.end.take(kept))
        low = self.number.searchsorted(index * SIDE)
        mask, other = members(low, self.number.searchsorted((index + 1) * SIDE) - low)
        rows[mask, self.number[other] % SIDE] = self.row[other]
        level, origin = self.level.take(index), self.origin.take(index, axis=0)
        return of_finest(level.astype(np.int64), origin.astype(np.int64), rows, self.column_major)


def _runs(begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Words whose bits from ``begin`` to before ``end`` are set."""
    return ones(end) & ~ones(begin)
