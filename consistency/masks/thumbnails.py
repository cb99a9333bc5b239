"""Small pictures of masks, from which the overlap of two shapes at any displacement is read.

A thumbnail is a mask sampled on a grid whose cells have a power-of-two size, the finest of which
64 × 64 cells cover the mask's box.  The grids of all masks are parts of one another, so that a
fine thumbnail turns into a coarser one by dropping every second sample.  The coarser ones are made
at once, where pixels are measured, and kept beside the finest (an image pyramid; Burt 1981): two
shapes of different size are then compared without any work on either.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from consistency.masks import compiled
from consistency.masks.packed import PackedMasks
from consistency.masks.words import every_second_bit

SIDE = 64  # cells along each side, one word per row
# A pyramid of 64, 32, ... 1 rows; what is 128 times as large as another shape overlaps it nowhere.
STEPS = 7
FIRST_ROW = np.cumsum([0] + [SIDE >> step for step in range(STEPS)])
WORDS = int(FIRST_ROW[-1]) + 1
PAIRS_AT_A_TIME = 1024  # of half a kilobyte each: what fits the processor's cache


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """Thumbnails of n masks with their pyramids.

    Attributes
    ----------
    level : int64 (n,), the finest cell size is ``2**level`` pixels.
    origin : int64 (n, 2), x, y of the first cell, in finest cells; y, x where ``column_major``.
    words : uint64 (n, 128), rows of cells, bit 0 first: 64 of the finest size, 32 of twice that,
        ... 1, and an empty one; columns where ``column_major``.
    cells : int64 (n, 8), number of set cells of each size, and 0.
    column_major : rows are columns of the picture (frames packed in the order "F").
    """

    level: np.ndarray
    origin: np.ndarray
    words: np.ndarray
    cells: np.ndarray
    column_major: bool = False

    def __getstate__(self) -> dict:
        """Pickle in a tenth of the space: an MPI library is slow to pass on what is large."""
        words = zlib.compress(self.words.tobytes(), level=1)
        return vars(self) | {"words": words, "cells": self.cells.astype(np.uint16)}

    def __setstate__(self, state: dict) -> None:
        """Take the pickled state."""
        words = np.frombuffer(zlib.decompress(state["words"]), np.uint64).reshape(-1, WORDS)
        vars(self).update(state | {"words": words, "cells": state["cells"].astype(np.int64)})

    def take(self, index: np.ndarray) -> "Thumbnails":
        """Return the thumbnails of some masks, int64 (k,)."""
        parts = (self.level, self.origin, self.words, self.cells)
        level, origin, words, cells = (part.take(index, axis=0) for part in parts)
        return Thumbnails(level, origin, words, cells, self.column_major)


NO_THUMBNAILS = Thumbnails(
    np.zeros(0, np.int64),
    np.zeros((0, 2), np.int64),
    np.zeros((0, WORDS), np.uint64),
    np.zeros((0, STEPS + 1), np.int64),
)


def thumbnails(masks: PackedMasks, boxes: np.ndarray) -> Thumbnails:
    """Sample masks; ``boxes`` int64 (n, 4), x, y, width, height in pixels."""
    column_major = masks.order == "F"
    low, size = boxes[:, :2], boxes[:, 2:]
    level = np.zeros(masks.count, np.int64)
    # A box of w pixels may touch one cell more than w / 2**level, so the level is found by trying;
    # 32 levels are more than any picture needs.
    for _ in range(32):
        cells = ((low + size - 1) >> level[:, None]) - (low >> level[:, None]) + 1
        level += (cells > SIDE).any(axis=1)
    origin = -(-low >> level[:, None])  # the first multiple at or after the box
    if column_major:
        origin = np.ascontiguousarray(origin[:, ::-1])
    rows = _finest if compiled.native is None else _finest_compiled
    return of_finest(level, origin, rows(masks, level, origin), column_major)


def _finest(masks: PackedMasks, level: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Rows of the finest cells, uint64 (n, 64)."""
    line, start, word, mask = masks.samples(level)
    # NumPy has no shift by a negative number; both directions are computed and one is chosen.
    shift = start - origin[mask, 0]
    word = np.where(shift >= 0, word << np.maximum(shift, 0).astype(np.uint64), word)
    word = np.where(shift < 0, word >> np.maximum(-shift, 0).astype(np.uint64), word)
    finest = np.zeros((masks.count, SIDE), np.uint64)
    # Several words may fall into one row of cells; plain indexing would keep the last one alone.
    np.bitwise_or.at(finest, (mask, line - origin[mask, 1]), word)
    return finest


def _finest_compiled(masks: PackedMasks, level: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """``_finest``, compiled."""
    assert compiled.native is not None
    finest = np.zeros((masks.count, SIDE), np.uint64)
    length = masks.shape[0] if masks.order == "F" else masks.shape[1]
    arrays = masks.position, masks.mask, masks.word
    compiled.native.samples(*arrays, length, level, origin, finest)
    return finest


def of_finest(
    level: np.ndarray, origin: np.ndarray, finest: np.ndarray, column_major: bool
) -> Thumbnails:
    """Thumbnails by their rows of the finest cells alone, uint64 (n, 64)."""
    words = np.zeros((level.size, WORDS), np.uint64)
    words[:, :SIDE] = finest
    _add_coarser(words, origin)
    sums = np.add.reduceat(np.bitwise_count(words), FIRST_ROW, axis=1, dtype=np.int64)
    return Thumbnails(level, origin, words, sums, column_major)


def _add_coarser(words: np.ndarray, origin: np.ndarray) -> None:
    """Fill in all but the first 64 rows of pyramids, each from the one before."""
    for step in range(1, STEPS):
        begin, end = FIRST_ROW[step - 1], FIRST_ROW[step]
        # Coarser cells begin at even ones: from an odd origin the first sample that counts is the
        # second.
        odd = origin & 1
        finer = words[:, begin:end]
        kept = np.where(odd[:, 1:] == 1, finer[:, 1::2], finer[:, 0::2])
        words[:, end : FIRST_ROW[step + 1]] = every_second_bit(kept >> odd[:, :1].astype(np.uint64))
        origin = (origin + 1) >> 1


def joined(parts: Sequence[Thumbnails]) -> Thumbnails:
    """Put thumbnails of several frames one behind the other."""
    parts = [part for part in parts if part.level.size] or [NO_THUMBNAILS]
    if len(parts) == 1:
        return parts[0]
    names = ("level", "origin", "words", "cells")
    fields = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Thumbnails(**fields, column_major=parts[0].column_major)


def _windows() -> np.ndarray:
    """Table [129 step + 64 - r]: the 64 words of a pyramid from r rows before its first one on."""
    rows = np.full((STEPS + 1, 3 * SIDE), WORDS - 1)
    for step in range(STEPS):
        rows[step, SIDE : SIDE + (SIDE >> step)] = FIRST_ROW[step] + np.arange(SIDE >> step)
    # Every shift of a pyramid's rows is a row of this table, so a comparison only looks it up.
    windows = np.lib.stride_tricks.sliding_window_view(rows, SIDE, axis=1)
    return np.ascontiguousarray(windows).reshape(-1, SIDE)


WINDOWS = _windows()


def _cells_between(rows: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Count set bits with ``begin <= (bit, row) < end``, int64 (p,); rows uint64 (p, 64)."""
    begin, end = (np.minimum(np.maximum(x, 0), SIDE) for x in (begin, end))
    rows &= ones(end[:, :1]) & ~ones(begin[:, :1])
    number = np.arange(SIDE, dtype=np.uint8)
    first, last = begin[:, 1:].astype(np.uint8), end[:, 1:].astype(np.uint8)
    counts = np.bitwise_count(rows) * ((number >= first) & (number < last))
    return counts.sum(axis=1, dtype=np.int64)


def ones(count: np.ndarray) -> np.ndarray:
    """Words whose lowest ``count`` bits are set, 0-64."""
    return (np.uint64(1) << count.astype(np.uint64)) - np.uint64(1)  # 1 << 64 gives 0


class ThumbnailPool:
    """Thumbnails that are compared, by number."""

    def __init__(self, *parts: Thumbnails) -> None:
        first = joined(parts)
        self.level, self._origin = first.level, first.origin
        self._words, self._cells = first.words, first.cells
        self._column_major = first.column_major
        self._used = np.ones(first.level.size, bool)
        self._own = False  # until something is added, the arrays may be those of ``parts``

    def add(self, new: Thumbnails) -> np.ndarray:
        """Take up k thumbnails; returns their numbers, int64 (k,), rising."""
        # Freed places are used again: the arrays would grow with the sequence otherwise.
        numbers = (~self._used).nonzero()[0][: new.level.size]
        if not self._own:
            self._grow(0)
        missing = new.level.size - numbers.size
        if missing:
            known = self._used.size
            # By a quarter, so that growing copies each thumbnail a few times and no more.
            self._grow(max(missing, known // 4))
            numbers = np.concatenate([numbers, known + np.arange(missing)])
        self._column_major = new.column_major if new.level.size else self._column_major
        self._used[numbers] = True
        self.level[numbers], self._origin[numbers] = new.level, new.origin
        self._cells[numbers] = new.cells
        self._words[numbers] = new.words
        return numbers

    def _grow(self, more: int) -> None:
        self._own = True  # np.pad copies
        self.level, self._used = np.pad(self.level, (0, more)), np.pad(self._used, (0, more))
        self._origin = np.pad(self._origin, ((0, more), (0, 0)))
        self._words = np.pad(self._words, ((0, more), (0, 0)))
        self._cells = np.pad(self._cells, ((0, more), (0, 0)))

    def keep(self, *wanted: np.ndarray) -> None:
        """Give up all but the numbers in ``wanted``."""
        self._used[:] = False
        for numbers in wanted:
            self._used[numbers] = True

    def iou(
        self,
        first: np.ndarray,
        second: np.ndarray,
        displacement: np.ndarray,
        frame: tuple[int, int] | None = None,
        within: np.ndarray | None = None,
    ) -> np.ndarray:
        """IoU of pairs after moving the first of each, on the coarser grid of the two.

        Parameters
        ----------
        first, second : int64 (p,), numbers of thumbnails.
        displacement : float64 (p, 2), x, y in pixels; rounded to whole cells.
        frame : (height, width) in pixels, for ``within``.
        within : bool (p,), pairs of which only what lay in the frame before and after is compared,
            so that an object that enters or leaves is not taken for a smaller one.

        Returns
        -------
        float64 (p,) in [0, 1]; 0 where both are empty.
        """
        result = np.empty(first.size)
        if compiled.native is not None:
            # Along and across the rows of cells: x, y, or y, x.
            size = (0, 0) if frame is None else frame if self._column_major else frame[::-1]
            compiled.native.compare_thumbnails(
                *(self._words, self._cells, self.level, self._origin, FIRST_ROW[:-1]),
                *(np.ascontiguousarray(numbers, np.int64) for numbers in (first, second)),
                np.array(
                    displacement[:, ::-1] if self._column_major else displacement,
                    order="C",
                    dtype=float,
                ),
                np.array(size, np.int64),
                np.zeros(0, bool) if within is None else np.ascontiguousarray(within, bool),
                result,
            )
            return result
        for begin in range(0, first.size, PAIRS_AT_A_TIME):
            some = slice(begin, begin + PAIRS_AT_A_TIME)
            cut = np.zeros(0, np.int64) if within is None else within[some].nonzero()[0]
            result[some] = self._iou(first[some], second[some], displacement[some], frame, cut)
        return result

    def _iou(
        self,
        first: np.ndarray,
        second: np.ndarray,
        displacement: np.ndarray,
        frame: tuple[int, int] | None,
        cut: np.ndarray,
    ) -> np.ndarray:
        """See ``iou``; ``cut`` are the numbers of the pairs ``within``."""
        pairs = first.size
        both = np.concatenate([first, second])
        finest = self.level[both]
        level = np.maximum(finest[:pairs], finest[pairs:])
        # How much coarser than its finest each is needed, and its first cell there.
        step = np.minimum(np.concatenate([level, level]) - finest, STEPS)
        origin = -(-self._origin.take(both, axis=0) >> step[:, None])
        displacement = displacement[:, ::-1] if self._column_major else displacement
        # Whole cells: a shift by a fraction would need the pixels again.
        move = np.rint(displacement * np.exp2(-level)[:, None]).astype(np.int64)
        way = origin[:pairs] + move - origin[pairs:]
        before = np.zeros(2 * pairs, np.int64)
        # Further away than a thumbnail is high nothing overlaps, and the table holds no such rows.
        before[:pairs] = np.minimum(np.maximum(way[:, 1], -SIDE), SIDE)
        rows = self._rows(both, step, before)
        moved, along = rows[:pairs], way[:, :1]  # a shift by 64 gives 0
        moved <<= np.minimum(np.maximum(along, 0), SIDE).astype(np.uint64)
        moved >>= np.minimum(np.maximum(-along, 0), SIDE).astype(np.uint64)
        moved &= rows[pairs:]
        shared = np.bitwise_count(moved).sum(axis=1, dtype=np.int64)
        cells = self._cells[both, step]
        if cut.size:
            # Of either thumbnail only what the frame shows before and after the move.
            assert frame is not None, "within needs the size of the frame"
            size = np.array(frame if self._column_major else frame[::-1])
            ends = np.tile(-(-size >> level[cut, None]), (2, 1))
            low, sides = move.take(cut, axis=0), np.concatenate([cut, cut + pairs])
            begin = np.concatenate([-low, low]) - origin.take(sides, axis=0)
            self._count_between(cells, sides, begin, begin + ends, both, step)
        union = cells[:pairs] + cells[pairs:] - shared
        # Two empty thumbnails share nothing: 0 / 1.
        return shared / np.maximum(union, 1)

    def _count_between(
        self,
        cells: np.ndarray,
        sides: np.ndarray,
        begin: np.ndarray,
        end: np.ndarray,
        index: np.ndarray,
        step: np.ndarray,
    ) -> None:
        """Count again ``cells`` of ``sides``, only from ``begin`` to ``end`` int64 (k, 2)."""
        beyond = (begin > 0) | (end < SIDE)
        some = (beyond[:, 0] | beyond[:, 1]).nonzero()[0]
        sides = sides[some]
        rows = self._rows(index[sides], step[sides], 0)
        cells[sides] = _cells_between(rows, begin.take(some, axis=0), end.take(some, axis=0))

    def _rows(self, index: np.ndarray, step: np.ndarray, before: np.ndarray | int) -> np.ndarray:
        """64 rows, coarser by ``step``, from ``before`` rows before the first on, (p, 64)."""
        # Of rows of a table ``take`` gathers ten times as many per second as an index does.
        word = WINDOWS.take(step * (2 * SIDE + 1) + (SIDE - before), axis=0)
        word += (index * WORDS)[:, None]
        return self._words.ravel().take(word)
