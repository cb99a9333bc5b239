"""Ways to make PackedMasks: of pixels, slice by slice, and of runs without any pixels."""

from collections.abc import Iterable, Sequence

import numpy as np

from consistency.limits import check_memory, check_pixels
from consistency.masks import compiled
from consistency.masks.packed import PackedMasks
from consistency.masks.words import FULL_WORD, WORD_BITS
from consistency.options import Order


def pack(masks: Iterable[np.ndarray], shape: tuple[int, int], order: Order = "C") -> PackedMasks:
    """Pack bool or integer (height, width) arrays; non-zero is foreground."""
    packer = Packer(shape, order)
    for mask in masks:
        packer.add_pixels(mask)
    return packer.finish()


# Memory for each word while a frame is packed: position, mask and word, unsorted and sorted, and
# the order (8); pack_runs has some more arrays of as many numbers.
BYTES_TO_SORT = 40
ROOM = 1 << 18  # words for a start: enough for fifty usual masks of 1080 × 1920 pixels
BYTES_FROM_RUNS = 72


class Packer:
    """Collects the masks of one frame, in any mixture of forms, into a PackedMasks."""

    def __init__(self, shape: tuple[int, int], order: Order = "C"):
        if order not in ("C", "F"):
            raise ValueError(f"order is {order!r}; allowed: 'C' (rows first), 'F' (columns first)")
        self.shape = (int(shape[0]), int(shape[1]))
        self.order = order
        self.pixels = self.shape[0] * self.shape[1]
        if self.shape != (0, 0):  # of a frame without masks
            check_pixels(self.shape, "a mask ")
        # Words of all masks, one behind the other: allocation costs more than packing.  Memory is
        # taken only as it is used.
        room = min(ROOM, 64 * (self.pixels // WORD_BITS + 2))
        self._position, self._word = np.empty(room, np.int32), np.empty(room, np.uint64)
        self._ends = [0]  # where the words of each mask end, behind those of all before

    def add_pixels(self, mask: np.ndarray) -> None:
        """Add one (height, width) array; non-zero is foreground."""
        if mask.shape != self.shape:
            raise ValueError(f"mask of {mask.shape} pixels among masks of {self.shape}")
        flat = mask.ravel(order=self.order)
        if flat.dtype != np.uint8:
            flat = flat.view(np.uint8) if flat.dtype == bool else flat != 0
        self.add_flat((flat,))

    def add_flat(self, slices: Iterable[np.ndarray], first: int = 0) -> None:
        """Add one mask given as consecutive slices of its flattened pixels, all or some.

        Each slice is uint8 or bool (pixels,), non-zero is foreground; all but the last hold a
        multiple of 64 pixels.  A slice may be reused by the caller as soon as the next is asked
        for: slices that fit the processor's cache are packed while they are there.  ``first`` is
        the number of the first one's first word; what lies before and behind is background.
        """
        pack_slice = _pack if compiled.native is None else compiled.native.pack
        used = self._ends[-1]
        for pixels in slices:
            words = -(-pixels.size // WORD_BITS)
            self._make_room(used + words + 1)  # what is compiled writes one beyond what it keeps
            used = pack_slice(pixels, first, used, self._position, self._word)
            first += words
        check_memory(used * BYTES_TO_SORT, f"{len(self._ends)} masks or more")
        self._ends.append(used)

    def _make_room(self, words: int) -> None:
        if words > self._word.size:
            more = max(words, 2 * self._word.size)
            position, word = np.empty(more, np.int32), np.empty(more, np.uint64)
            # Not what lies behind: it would become memory.
            position[: self._word.size], word[: self._word.size] = self._position, self._word
            self._position, self._word = position, word

    def pixels_of_last(self) -> int:
        """Foreground of the mask that was added last."""
        begin, end = self._ends[-2:]
        return int(np.bitwise_count(self._word[begin:end]).sum(dtype=np.int64))

    def drop_last(self) -> None:
        """Take back the mask that was added last."""
        self._ends.pop()

    def finish(self) -> PackedMasks:
        """Return all masks added so far, in the order of adding."""
        lengths, used = np.diff(self._ends), self._ends[-1]
        mask = np.repeat(np.arange(lengths.size, dtype=np.int32), lengths)
        position, word = self._position[:used], self._word[:used]
        return sort_words(self.shape, self.order, lengths.size, position, mask, word)


def _pack(pixels: np.ndarray, first: int, used: int, position: np.ndarray, word: np.ndarray) -> int:
    """Append the words of a slice that are not empty, as ``pack`` of _compiled.c does."""
    bits = np.zeros(-(-pixels.size // WORD_BITS), np.uint64)
    packed = np.packbits(pixels, bitorder="little")
    bits.view(np.uint8)[: packed.size] = packed
    found = np.flatnonzero(bits != 0)  # on bools eight times as fast as on uint64
    end = used + found.size
    position[used:end], word[used:end] = found + first, bits[found]
    return end


def repacked(masks: PackedMasks, order: Order) -> PackedMasks:
    """Return masks with their pixels flattened in ``order``."""
    if masks.order == order:
        return masks
    # One mask at a time through pixels: slow, but only where formats differ.
    return pack((masks.unpack(i) for i in range(masks.count)), masks.shape, order)


def together(parts: Sequence[PackedMasks]) -> PackedMasks:
    """Return the masks of all parts, in their order; ValueError unless all are of one size."""
    # A part without masks may have no size.
    some = [part for part in parts if part.count] or list(parts[:1])
    if len(some) == 1:
        return some[0]
    for part in some:
        if part.shape != some[0].shape:
            raise ValueError(
                f"masks of {part.shape[0]} × {part.shape[1]} and of {some[0].shape[0]} × "
                f"{some[0].shape[1]} pixels; all masks of a sequence have one size"
            )
    first = np.cumsum([0] + [part.count for part in some]).astype(np.int32)
    return sort_words(
        some[0].shape,
        some[0].order,
        int(first[-1]),
        np.concatenate([part.position for part in some]),
        np.concatenate([part.mask + n for part, n in zip(some, first, strict=False)]),
        np.concatenate([part.word for part in some]),
    )


def sort_words(
    shape: tuple[int, int],
    order: Order,
    count: int,
    position: np.ndarray,
    mask: np.ndarray,
    word: np.ndarray,
) -> PackedMasks:
    """Build a PackedMasks from words sorted by mask, then position (arrays as in PackedMasks)."""
    size = int(shape[0]), int(shape[1])
    if compiled.native is not None:
        into = np.empty_like(position), np.empty_like(mask), np.empty_like(word)
        words = -(-size[0] * size[1] // WORD_BITS)
        compiled.native.sort(words, position, mask, word, *into)
        return PackedMasks(size, order, count, *into)
    # A stable sort keeps masks in order at one position and, being a merge of the masks' sorted
    # runs, is ten times as fast as a general one.
    by_position = np.argsort(position, kind="stable")
    return PackedMasks(
        size, order, count, position[by_position], mask[by_position], word[by_position]
    )


def pack_runs(
    shape: tuple[int, int],
    count: int,
    mask: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    order: Order = "F",
) -> PackedMasks:
    """Pack runs of foreground pixels without ever making the pixels.

    Parameters
    ----------
    shape : (height, width).
    count : number of masks.
    mask : int (r,), non-decreasing; the mask a run belongs to.
    start, stop : int64 (r,), run ``start <= p < stop`` of flattened pixels; within a mask
        ascending and disjoint.
    order : how pixels are flattened; COCO run lengths are "F".
    """
    # Run lengths may hold runs of no pixels, which have no words.
    filled = np.flatnonzero(stop > start)
    mask, start, stop = mask[filled], start[filled], stop[filled]
    first, last = start // WORD_BITS, (stop - 1) // WORD_BITS
    spans = last - first + 1
    ends = np.cumsum(spans)
    begins = ends - spans
    total = int(ends[-1]) if ends.size else 0
    check_memory(total * BYTES_FROM_RUNS, f"{count} masks of {shape[0]} × {shape[1]} pixels")
    word = np.full(total, FULL_WORD)
    # All words of a run are full but its first and its last, which may be the same word.
    word[begins] &= FULL_WORD << (start % WORD_BITS).astype(np.uint64)
    word[ends - 1] &= FULL_WORD >> (WORD_BITS - 1 - (stop - 1) % WORD_BITS).astype(np.uint64)
    position = np.arange(total) + np.repeat(first - begins, spans)
    owner = np.repeat(mask, spans)
    # Short runs share a word; their bits are disjoint, so the sum is the union.
    new = np.ones(total, bool)
    new[1:] = (position[1:] != position[:-1]) | (owner[1:] != owner[:-1])
    heads = np.flatnonzero(new)
    word = np.add.reduceat(word, heads) if heads.size else word
    return sort_words(
        shape,
        order,
        count,
        position[heads].astype(np.int32),
        owner[heads].astype(np.int32),
        word,
    )
