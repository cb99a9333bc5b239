"""The edges of all masks of a frame as one small binary picture."""

from dataclasses import dataclass, replace

import numpy as np

from consistency.masks.packed import PackedMasks
from consistency.masks.words import WORD_BITS
from consistency.measure.agreement import BLOCKS
from consistency.options import Order

EDGE_CELLS = 1 << 15  # an edge picture has at most this many cells: 240 × 135 of full HD


@dataclass(frozen=True, eq=False)
class EdgeMap:
    """Edges of a frame's masks: ``picture`` float32 (h, w) of 0 and 1, cells of ``step`` pixels."""

    picture: np.ndarray
    step: int

    def spread(self) -> float:
        """Share of the blocks of the frame in which there are edges, 0-1."""
        strips = np.array_split(self.picture, BLOCKS)
        return float(np.mean([b.any() for s in strips for b in np.array_split(s, BLOCKS, axis=1)]))


@dataclass(frozen=True, eq=False)
class Cells:
    """Masks sampled on the cells of the edge picture.

    Attributes
    ----------
    words : uint64 (n, lines, w), bit x of a line is its cell x.
    length : cells of a line; lines are rows if ``order`` is "C", columns if "F".
    step : size of a cell in pixels.
    """

    words: np.ndarray
    length: int
    step: int
    order: Order

    def take(self, index: np.ndarray) -> "Cells":
        """Return some masks, int64 (k,)."""
        return replace(self, words=self.words[index])

    def edges(self) -> EdgeMap:
        """Draw the edges of all: cells whose neighbour is inside a mask that they are not in."""
        along = self.words ^ _next(self.words)
        last = self.length - 1  # the last cell has no neighbour in the frame
        along[..., last // WORD_BITS] &= ~np.uint64(1 << last % WORD_BITS)
        across = self.words[:, 1:] ^ self.words[:, :-1]
        along, across = np.bitwise_or.reduce(along, axis=0), np.bitwise_or.reduce(across, axis=0)
        edges = along | _previous(along)
        edges[1:] |= across
        edges[:-1] |= across
        bits = np.unpackbits(edges.view(np.uint8), axis=1, bitorder="little")[:, : self.length]
        picture = bits if self.order == "C" else bits.T
        return EdgeMap(np.ascontiguousarray(picture, np.float32), self.step)


def sample_cells(masks: PackedMasks) -> Cells:
    """Sample masks at the size of the edge picture."""
    height, width = masks.shape
    level = 0
    while (height >> level) * (width >> level) > EDGE_CELLS:
        level += 1
    size = (-(-height >> level), -(-width >> level))
    lines, length = size if masks.order == "C" else size[::-1]
    line, start, word, mask = masks.samples(np.full(masks.count, level))
    words = np.zeros((masks.count, lines, length // WORD_BITS + 2), np.uint64)
    place, offset = start // WORD_BITS, (start % WORD_BITS).astype(np.uint64)
    np.bitwise_or.at(words, (mask, line, place), word << offset)
    spill = np.flatnonzero(offset)
    rest = word[spill] >> (np.uint64(WORD_BITS) - offset[spill])
    np.bitwise_or.at(words, (mask[spill], line[spill], place[spill] + 1), rest)
    return Cells(words, length, 1 << level, masks.order)


def _next(words: np.ndarray) -> np.ndarray:
    """Every cell's right neighbour."""
    moved = words >> np.uint64(1)
    moved[..., :-1] |= words[..., 1:] << np.uint64(WORD_BITS - 1)
    return moved


def _previous(words: np.ndarray) -> np.ndarray:
    """Every cell's left neighbour."""
    moved = words << np.uint64(1)
    moved[..., 1:] |= words[..., :-1] >> np.uint64(WORD_BITS - 1)
    return moved
