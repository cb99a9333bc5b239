"""How much was done, and how much was spared: words, masks and blocks."""

from dataclasses import asdict, astuple, dataclass
from functools import lru_cache

import numpy as np

from consistency.masks.packed import PackedMasks
from consistency.masks.unchanged import NONE, touched
from consistency.masks.words import WORD_BITS
from consistency.options import Order

BLOCK = 64  # pixels along each side


@dataclass(frozen=True)
class Work:
    """Counts of one frame or of many.

    Attributes
    ----------
    words : pairs of words that were ANDed, of two masks at one position.
    words_dense : what comparing all masks with all at every position would take.
    masks_unchanged : masks with the same pixels as one of the frame before; their measurements
        are copied.
    blocks, blocks_changed : squares of BLOCK pixels; those in which a mask is new, or gone.
    bytes_spared : of mask files, not read as a record tells which rows hold the mask.
    """

    words: int = 0
    words_dense: int = 0
    masks_unchanged: int = 0
    blocks: int = 0
    blocks_changed: int = 0
    bytes_spared: int = 0

    def __add__(self, other: "Work") -> "Work":
        return Work(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def record(self) -> dict[str, int]:
        """Return what run.json holds."""
        return asdict(self)


def changed_blocks(masks: PackedMasks, same: np.ndarray, before: PackedMasks | None) -> np.ndarray:
    """Blocks with words of a mask that is new, or of one that is gone, bool (rows, columns).

    Parameters
    ----------
    masks : of a frame.
    same : int64 (m,), see ``consistency.masks.unchanged``.
    before : the masks of the frame before; None for the first one.
    """
    positions = touched(masks, same == NONE)
    if before is not None and (before.shape, before.order) == (masks.shape, masks.order):
        gone = np.ones(before.count, bool)
        gone[same[same != NONE]] = False
        positions |= touched(before, gone)
    return _blocks_of(positions, masks.shape, masks.order)


def _blocks_of(positions: np.ndarray, shape: tuple[int, int], order: Order) -> np.ndarray:
    """Blocks that the words at some positions, bool (words,), reach into, bool (rows, columns)."""
    words, heads = _words_of_blocks(shape, order)
    found = np.logical_or.reduceat(positions.take(words), heads)
    return found.reshape([-(-side // BLOCK) for side in shape])


@lru_cache(maxsize=4)  # the masks of a sequence have one size
def _words_of_blocks(shape: tuple[int, int], order: Order) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the words of one block after the other, and where each block begins."""
    lines, length = shape if order == "C" else shape[::-1]
    first = np.arange(0, lines * length, WORD_BITS)
    last = np.minimum(first + WORD_BITS, lines * length) - 1
    # A word is no longer than a block is wide.  Where it goes on in another line, it reaches into
    # the block at the end of the one and into that at the start of the other.
    ends, starts = first - first % length + length - 1, last - last % length
    pixels = np.stack([first, last, np.minimum(ends, last), np.maximum(starts, first)])
    line, along = np.divmod(pixels, length)
    y, x = (line, along) if order == "C" else (along, line)
    block = y // BLOCK * -(-shape[1] // BLOCK) + x // BLOCK
    # Each pair of a block and a word once, in the order of blocks.
    word = np.broadcast_to(np.arange(first.size), block.shape)
    # np.unique of it, which would load numpy.ma: a fiftieth of the smallest run.
    pairs = np.sort((block * first.size + word).ravel())
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    of_block, word = np.divmod(pairs, max(first.size, 1))
    return word, np.flatnonzero(np.diff(of_block, prepend=-1))
