"""Measurements kept for a second time, in little memory."""

import pickle
import zlib
from collections import deque
from collections.abc import Iterable, Iterator

from consistency.measure.frame import FrameMeasurement

BLOCK = 64  # frames compressed together: what all have in common is stored once


class Record:
    """Measurements of a sequence, compressed to 200 to 300 bytes per mask."""

    def __init__(self) -> None:
        self._blocks: deque[bytes] = deque()

    def kept(self, measurements: Iterable[FrameMeasurement]) -> Iterator[FrameMeasurement]:
        """Yield what passes by, and keep it."""
        block: list[FrameMeasurement] = []
        for now in measurements:
            block.append(now)
            yield now
            if len(block) == BLOCK:
                self._blocks.append(_packed(block))
                block = []
        self._blocks.append(_packed(block))

    def replayed(self) -> Iterator[FrameMeasurement]:
        """Yield what was kept, once: each block is given up as its turn comes."""
        while self._blocks:
            yield from pickle.loads(zlib.decompress(self._blocks.popleft()))


def _packed(block: list[FrameMeasurement]) -> bytes:
    return zlib.compress(pickle.dumps(block), level=1)
