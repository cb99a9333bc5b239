"""Masks of one frame as bits: 64 pixels per word, only non-zero words, ordered by position.

A frame's pixels are flattened in ``order`` ("C": row after row, "F": column after column, as in
COCO run lengths), pixel ``p`` is bit ``p % 64`` of word ``p // 64``.  A mask is the list of its
non-zero words; a frame is the list of ``(position, mask, word)`` of all its masks, sorted by
position.  Only this module and ``packing`` beside it, which makes them, know the bit layout.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from consistency.masks import compiled
from consistency.masks.words import (
    FULL_WORD,
    WORD_BITS,
    every_second_bit,
    highest_bit,
    lowest_bit,
    sum_of_bits,
)
from consistency.options import Order


@dataclass(frozen=True, eq=False)
class PackedMasks:
    """The masks of one frame.

    Attributes
    ----------
    shape : (height, width) in pixels.
    order : "C" or "F", the order in which pixels are flattened.
    count : number of masks, empty ones included.
    position : int32 (k,), index of the word; non-decreasing; pixels stay below 2**31.
    mask : int32 (k,), index of the mask, 0 ... count - 1.
    word : uint64 (k,), never 0.
    """

    shape: tuple[int, int]
    order: Order
    count: int
    position: np.ndarray
    mask: np.ndarray
    word: np.ndarray

    @property
    def words(self) -> int:
        """Number of words of a full frame."""
        return -(-self.shape[0] * self.shape[1] // WORD_BITS)

    @cached_property
    def per_position(self) -> np.ndarray:
        """How many masks have pixels in each word of the frame, int64 (words,)."""
        if compiled.native is not None:
            return self.tallies[2]
        return np.bincount(self.position, minlength=self.words)

    @cached_property
    def tallies(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Areas, sums of the positions of each mask's words, int64 (count,), and per_position."""
        if compiled.native is None:
            # In float64: positions stay below 2**25 and sums below 2**53, so they are exact.
            sums = _sum_by_mask(self.mask, self.position, self.count)
            return self.areas(), sums, self.per_position
        areas, sums = np.zeros((2, self.count), np.int64)
        per_position = np.zeros(self.words, np.int64)
        found = areas, sums, per_position
        compiled.native.tally(self.position, self.mask, self.word, *found)
        return found

    def areas(self) -> np.ndarray:
        """Pixels of each mask, int64 (count,)."""
        return _sum_by_mask(self.mask, np.bitwise_count(self.word), self.count)

    def select(self, indices: Sequence[int] | np.ndarray) -> "PackedMasks":
        """Return the masks ``indices``, renumbered 0, 1, ... in that order."""
        new_index = np.full(self.count, -1, dtype=np.int32)
        new_index[np.asarray(indices, dtype=np.intp)] = np.arange(len(indices), dtype=np.int32)
        if compiled.native is not None:
            kinds = self.position.dtype, self.mask.dtype, self.word.dtype
            found = [np.empty(self.position.size, kind) for kind in kinds]
            arrays = self.position, self.mask, self.word
            used = compiled.native.choose(*arrays, new_index, *found)
            return PackedMasks(
                self.shape, self.order, len(indices), *(each[:used] for each in found)
            )
        mask = new_index[self.mask]
        chosen = np.flatnonzero(mask >= 0)
        return PackedMasks(
            self.shape,
            self.order,
            len(indices),
            self.position[chosen],
            mask[chosen],
            self.word[chosen],
        )

    def boxes_and_centroids(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the masks are.

        Returns
        -------
        boxes : int64 (count, 4), x, y, width, height in pixels; zeros for an empty mask.
        centroids : float64 (count, 2), mean x, y of the pixels; NaN for an empty mask.
        """
        if compiled.native is not None:
            return self._places_compiled()
        line, start, word, mask = self._pieces()
        # `reduceat` works on stretches of one mask and would give an empty stretch the value of its
        # successor, so masks without pixels are left out here.
        present, heads = np.unique(mask, return_index=True)
        boxes = np.zeros((self.count, 4), np.int64)
        centroids = np.full((self.count, 2), np.nan)
        if not present.size:
            return boxes, centroids
        first = start + lowest_bit(word)
        last = start + highest_bit(word)
        pixels = np.bitwise_count(word).astype(np.int32)
        low = [np.minimum.reduceat(v, heads) for v in (first, line)]
        high = [np.maximum.reduceat(v, heads) + 1 for v in (last, line)]
        area = np.add.reduceat(pixels, heads)
        # The sum of the positions of a word's pixels, without a list of the pixels.
        along = start * pixels.astype(np.int64) + sum_of_bits(word)
        sums = [np.add.reduceat(v, heads) for v in (along, line * pixels.astype(np.int64))]
        # The words run down the columns: what was computed as x is y.
        if self.order == "F":
            low, high, sums = low[::-1], high[::-1], sums[::-1]
        boxes[present] = np.stack([*low, high[0] - low[0], high[1] - low[1]], axis=1)
        centroids[present] = np.stack(sums, axis=1) / area[:, None]
        return boxes, centroids

    def _places_compiled(self) -> tuple[np.ndarray, np.ndarray]:
        """``boxes_and_centroids``, compiled."""
        assert compiled.native is not None
        # Least and largest along and across the lines; sums, and the number of pixels.
        ends = np.tile(np.array([1 << 31, 1 << 31, -1, -1], np.int64), (self.count, 1))
        sums = np.zeros((self.count, 3), np.int64)
        length = self.shape[1] if self.order == "C" else self.shape[0]
        arrays = self.position, self.mask, self.word
        compiled.native.places(*arrays, length, ends, sums)
        if self.order == "F":  # the words run down the columns
            ends, sums = ends[:, [1, 0, 3, 2]], sums[:, [1, 0, 2]]
        present = np.flatnonzero(sums[:, 2])
        boxes = np.zeros((self.count, 4), np.int64)
        centroids = np.full((self.count, 2), np.nan)
        low, high = ends[present, :2], ends[present, 2:] + 1
        boxes[present] = np.concatenate([low, high - low], axis=1)
        centroids[present] = sums[present, :2] / sums[present, 2:]
        return boxes, centroids

    def unpack(self, index: int, out: np.ndarray | None = None) -> np.ndarray:
        """Return mask ``index`` as bool (height, width); ``out`` is a reusable uint64 (words,)."""
        words = np.zeros(self.words, np.uint64) if out is None else out
        words[:] = 0
        mine = np.flatnonzero(self.mask == index)
        # Bytes of a little-endian word are in the order of its bits, so the view is the bit field.
        words[self.position[mine]] = self.word[mine]
        bits = np.unpackbits(words.view(np.uint8), bitorder="little")
        return (
            bits[: self.shape[0] * self.shape[1]].reshape(self.shape, order=self.order).view(bool)
        )

    def crop(self, index: int, box: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return the pixels of mask ``index`` inside ``box`` (x, y, width, height), bool (h, w)."""
        x, y, width, height = (int(v) for v in box)
        length = self.shape[1] if self.order == "C" else self.shape[0]
        lines = (y, y + height) if self.order == "C" else (x, x + width)
        across = (x, x + width) if self.order == "C" else (y, y + height)
        # Only the words of the lines of the box are unpacked: a small box of a large frame is
        # cheap.
        first, last = lines[0] * length // WORD_BITS, -(-lines[1] * length // WORD_BITS)
        words = np.zeros(last - first, np.uint64)
        mine = np.flatnonzero(
            (self.mask == index) & (self.position >= first) & (self.position < last)
        )
        words[self.position[mine] - first] = self.word[mine]
        bits = np.unpackbits(words.view(np.uint8), bitorder="little")
        start = lines[0] * length - first * WORD_BITS
        pixels = bits[start : start + (lines[1] - lines[0]) * length]
        pixels = pixels.reshape(-1, length)[:, across[0] : across[1]].view(bool)
        return pixels if self.order == "C" else pixels.T

    def paint(self, values: np.ndarray, order: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Paint masks over one another.

        Parameters
        ----------
        values : unsigned integers (count,), what each mask is painted with.
        order : masks to paint, the lowest first; what lies later covers what lies before.

        Returns
        -------
        image : (height, width) of the dtype of ``values``; 0 where there is no mask.
        visible : int64 (count,), pixels of each mask that stayed uncovered.
        """
        # Words are sorted by position; one stable sort spares a search through all words per mask.
        by_mask = np.argsort(self.mask, kind="stable")
        ends = np.searchsorted(self.mask[by_mask], np.arange(self.count + 1))
        image = np.zeros((self.words, WORD_BITS), values.dtype)
        covered = np.zeros(self.words, np.uint64)
        visible = np.zeros(self.count, np.int64)
        for index in reversed(order):  # from the top, so that every pixel is written once
            mine = by_mask[ends[index] : ends[index + 1]]
            position, word = self.position[mine], self.word[mine]
            above = covered[position]
            fresh = word & ~above
            covered[position] = above | word
            visible[index] = np.bitwise_count(fresh).sum(dtype=np.int64)
            # Inside a mask most words are full: 64 pixels are set at once and only the edge is
            # unpacked.
            full = fresh == FULL_WORD
            image[position[full]] = values[index]
            edge = np.flatnonzero(~full & (fresh != 0))
            bits = np.unpackbits(fresh[edge].view(np.uint8), bitorder="little")
            # Words at an edge have room for other masks: what is fresh is disjoint, so 'or' adds
            # it.
            image[position[edge]] |= bits.reshape(-1, WORD_BITS) * values[index]
        pixels = image.ravel()[: self.shape[0] * self.shape[1]]
        return np.ascontiguousarray(pixels.reshape(self.shape, order=self.order)), visible

    def runs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Runs of foreground pixels, grouped by mask and ascending within each.

        Returns
        -------
        mask : int32 (r,), mask that a run belongs to.
        start, stop : int64 (r,), run ``start <= p < stop`` of pixels flattened in ``order``.
        """
        by_mask = np.argsort(self.mask, kind="stable")
        position, mask, word = self.position[by_mask], self.mask[by_mask], self.word[by_mask]
        # A run may go on across words: the last bit of the word before decides whether a bit starts
        # one, the first bit of the next word whether it ends one.
        follows = np.zeros(word.size + 1, bool)  # whether a word goes on where the last one ended
        follows[1:-1] = (np.diff(position) == 1) & (np.diff(mask) == 0)
        last_bit, one = np.uint64(WORD_BITS - 1), np.uint64(1)
        before = np.zeros_like(word)
        before[1:] = np.where(follows[1:-1], word[:-1] >> last_bit, 0)
        after = np.zeros_like(word)
        after[:-1] = np.where(follows[1:-1], word[1:] << last_bit, 0)
        starts, owner = _set_bits(position, word & ~(word << one | before), mask)
        ends, _ = _set_bits(position, word & ~(word >> one | after), mask)
        return owner, starts, ends + 1

    def samples(self, level: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return every mask at the pixels whose x and y are multiples of ``2**level``.

        Parameters
        ----------
        level : int (count,), one for each mask.

        Returns
        -------
        line, start, word, mask : pieces of lines (rows if "C", columns if "F") as words of
            samples: line and the place of bit 0 within it are counted in samples, from 0.
        """
        length = self.shape[1] if self.order == "C" else self.shape[0]
        step = (1 << np.asarray(level, np.int64))[self.mask]
        begin = self.position.astype(np.int64) * WORD_BITS
        first = begin // max(length, 1)
        reached = (begin + WORD_BITS - 1) // max(length, 1)
        near = np.flatnonzero(-first % step <= reached - first)
        thin = PackedMasks(
            self.shape,
            self.order,
            self.count,
            self.position[near],
            self.mask[near],
            self.word[near],
        )
        line, start, word, mask = thin._pieces()
        level = np.asarray(level, np.int64)[mask]
        hit = np.flatnonzero(line % (1 << level) == 0)
        line, start, word, mask, level = (v[hit] for v in (line, start, word, mask, level))
        # Coarse samples are further apart than a word is long: a word may hold none.
        ahead = -start % (1 << level)  # bits before the first sample
        word = np.where(ahead < WORD_BITS, word >> np.minimum(ahead, 63).astype(np.uint64), 0)
        start = (start + ahead) >> level
        for k in range(int(level.max(initial=0))):
            more = np.flatnonzero(level > k)
            word[more] = every_second_bit(word[more])
        word >>= np.maximum(-start, 0).astype(np.uint64)  # no bit lies before the line
        filled = np.flatnonzero(word)
        start = np.maximum(start, 0)
        return line[filled] >> level[filled], start[filled], word[filled], mask[filled]

    def _pieces(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Cut words at the ends of lines (rows if "C", columns if "F"), grouped by mask.

        Returns line, position of bit 0 within the line (may be negative), word, mask; int32 but
        the words.  Where a line has at least 64 pixels a word covers two lines at most.
        """
        length = np.int32(self.shape[1] if self.order == "C" else self.shape[0])
        mask, word = self.mask, self.word
        # int32 all through: pixels stay below 2**31, and half the bytes pass through the cache.
        begin = self.position * np.int32(WORD_BITS)
        line = begin // max(length, np.int32(1))
        start = begin - line * length
        pieces = []
        # Narrow pictures, below 64 pixels a line, have words of many lines: one line is cut off per
        # round.
        while word.size:
            rest = np.flatnonzero(start + WORD_BITS > length)
            head = np.full(word.size, FULL_WORD)
            head[rest] >>= (start[rest] + WORD_BITS - length).astype(np.uint64)
            piece = word & head
            filled = np.flatnonzero(piece)
            pieces.append([values[filled] for values in (line, start, piece, mask)])
            rest = rest[piece[rest] != word[rest]]
            word, mask = word[rest] & ~head[rest], mask[rest]
            line, start = line[rest] + np.int32(1), start[rest] - length
        if not pieces:
            empty = np.zeros(0, np.int32)
            return empty, empty, np.zeros(0, np.uint64), empty
        line, start, word, mask = (np.concatenate(p) for p in zip(*pieces, strict=True))
        # NumPy sorts 16 bits by radix, five times as fast.
        key = mask.astype(np.uint16) if self.count < 1 << 16 else mask
        grouped = np.argsort(key, kind="stable")
        return line[grouped], start[grouped], word[grouped], mask[grouped]


def _sum_by_mask(mask: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Sum ``values`` (pixels, exact below 2**53) for each mask, int64 (count,)."""
    return np.bincount(mask, weights=values, minlength=count).astype(np.int64)


def _set_bits(
    position: np.ndarray, word: np.ndarray, mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pixel of every set bit, int64 (k,), word after word, and the mask of its word."""
    filled = np.flatnonzero(word)
    bits = np.unpackbits(word[filled].view(np.uint8), bitorder="little").reshape(-1, WORD_BITS)
    row, bit = np.nonzero(bits)
    return position[filled][row].astype(np.int64) * WORD_BITS + bit, mask[filled][row]
