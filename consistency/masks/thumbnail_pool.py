"""Thumbnails that are compared: the overlap of two shapes at any displacement (``thumbnails``)."""

import numpy as np

from consistency.masks import compiled
from consistency.masks.thumbnails import FIRST_ROW, SIDE, STEPS, WORDS, Thumbnails, joined, ones

PAIRS_AT_A_TIME = 1024  # of half a kilobyte each: what fits the processor's cache


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


class ThumbnailPool:
    """Thumbnails that are compared, by number; ``column_major`` as in Thumbnails."""

    def __init__(self, *parts: Thumbnails) -> None:
        first = joined(parts)
        self.level, self._origin = first.level, first.origin
        self._words, self._cells = first.words, first.cells
        self.column_major = first.column_major
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
        self.column_major = new.column_major if new.level.size else self.column_major
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

        Raises
        ------
        ValueError
            If there are pairs ``within`` a frame of unknown size.
        """
        if frame is None and within is not None and within.any():
            raise ValueError("within needs the size of the frame")
        if compiled.native is not None:
            return self._iou_compiled(first, second, displacement, frame, within)
        result = np.empty(first.size)
        for begin in range(0, first.size, PAIRS_AT_A_TIME):
            some = slice(begin, begin + PAIRS_AT_A_TIME)
            cut = np.zeros(0, np.int64) if within is None else within[some].nonzero()[0]
            result[some] = self._iou(first[some], second[some], displacement[some], frame, cut)
        return result

    def _iou_compiled(
        self,
        first: np.ndarray,
        second: np.ndarray,
        displacement: np.ndarray,
        frame: tuple[int, int] | None,
        within: np.ndarray | None,
    ) -> np.ndarray:
        """``iou``, compiled."""
        assert compiled.native is not None
        result = np.empty(first.size)
        *pool, size = self.buffers(frame)
        along = displacement[:, ::-1] if self.column_major else displacement
        compiled.native.compare_thumbnails(
            *pool,
            *(np.ascontiguousarray(numbers, np.int64) for numbers in (first, second)),
            np.array(along, order="C", dtype=float),
            size,
            np.zeros(0, bool) if within is None else np.ascontiguousarray(within, bool),
            result,
        )
        return result

    def buffers(self, frame: tuple[int, int] | None) -> tuple[np.ndarray, ...]:
        """What compiled loops are given: words, cells, level, origin, first rows; size of frame."""
        # Along and across the rows of cells: x, y, or y, x.
        size = (0, 0) if frame is None else frame if self.column_major else frame[::-1]
        arrays = self._words, self._cells, self.level, self._origin, FIRST_ROW[:-1]
        return *arrays, np.array(size, np.int64)

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
        displacement = displacement[:, ::-1] if self.column_major else displacement
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
            assert frame is not None
            size = np.array(frame if self.column_major else frame[::-1])
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
