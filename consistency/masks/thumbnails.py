"""Small pictures of masks, from which the overlap of two shapes at any displacement is read.

A thumbnail is a mask sampled on a grid whose cells have a power-of-two size, the finest of which
64 × 64 cells cover the mask's box.  The grids of all masks are parts of one another, so that a
fine thumbnail turns into a coarser one by dropping every second sample.  The coarser ones are made
at once, where pixels are measured, and kept beside the finest (an image pyramid; Burt 1981): two
shapes of different size are then compared without any work on either (``thumbnail_pool``).
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


def ones(count: np.ndarray) -> np.ndarray:
    """Words whose lowest ``count`` bits are set, 0-64."""
    return (np.uint64(1) << count.astype(np.uint64)) - np.uint64(1)  # 1 << 64 gives 0
