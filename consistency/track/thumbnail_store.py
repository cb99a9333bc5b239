"""Thumbnails of all masks of a sequence, in little memory."""

import pickle

import numpy as np

from consistency.masks.thumbnails import NO_THUMBNAILS, Thumbnails, joined

# Masks that are compressed together: few enough that one that is asked for costs little, and
# enough that a frame of few masks costs no call of its own.
BLOCK_MASKS = 128
# Masks that stay uncompressed once they have been asked for, a kilobyte each: they are asked for
# again and again.  Which comes first, stays: of a longer sequence, which is looked at from its
# beginning to its end each time, the latest would never be there when it is needed.
KEPT_MASKS = 1 << 15
LAST_BLOCKS = 16  # of the others, those that were asked for last


class ThumbnailStore:
    """Thumbnails by number, in the order in which they were added; those that wait are compressed.

    Uncompressed they take ten times the space, and would be most of what a sequence needs.
    """

    def __init__(self) -> None:
        self._first: list[int] = []  # number of the first of each block
        self._blocks: list[bytes] = []
        self._new: list[Thumbnails] = []
        self._count = 0
        self._compressed = 0
        self._kept: dict[int, Thumbnails] = {}  # by number of the block
        self._most_kept = KEPT_MASKS
        self._last: dict[int, Thumbnails] = {}  # the next that is asked for is often near

    def add(self, new: Thumbnails) -> None:
        """Take the next frame's."""
        self._new.append(new)
        self._count += new.level.size
        if self._count - self._compressed >= BLOCK_MASKS:
            self._compress()

    def _compress(self) -> None:
        self._first.append(self._compressed)
        self._blocks.append(pickle.dumps(joined(self._new)))
        self._compressed = self._count
        self._new.clear()

    def find(self, numbers: np.ndarray) -> Thumbnails:
        """Return thumbnails by their numbers, int64 (k,), rising."""
        if self._new:
            self._compress()
        if not numbers.size:
            return NO_THUMBNAILS
        block = np.searchsorted(self._first, numbers, side="right") - 1
        begins = np.flatnonzero(np.diff(block, prepend=-1))
        parts = []
        for some in np.split(np.arange(numbers.size), begins[1:]):
            number = int(block[some[0]])
            parts.append(self._block(number).take(numbers[some] - self._first[number]))
        return joined(parts)

    def _block(self, number: int) -> Thumbnails:
        stored = self._kept.get(number) or self._last.get(number)
        if stored is None:
            stored = pickle.loads(self._blocks[number])
            if self._most_kept >= stored.level.size:
                self._most_kept -= stored.level.size
                self._kept[number] = stored
            else:
                self._last[number] = stored
                if len(self._last) > LAST_BLOCKS:
                    del self._last[next(iter(self._last))]
        return stored
