"""Measurements kept for a second time, in little memory."""

import pickle
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from consistency.masks.thumbnails import NO_THUMBNAILS
from consistency.measure.frame import FrameMeasurement
from consistency.track.thumbnail_store import ThumbnailStore


class Record:
    """Measurements of a sequence, compressed.

    Thumbnails are nine tenths of a measurement.  They stay in a store of their own, as linking
    needs them once more.

    Attributes
    ----------
    thumbnails : of all masks that have passed by, in order.
    """

    def __init__(self) -> None:
        self.thumbnails = ThumbnailStore()
        self._pickled: deque[bytes] = deque()

    def kept(self, measurements: Iterable[FrameMeasurement]) -> Iterator[FrameMeasurement]:
        """Yield what passes by, and keep it."""
        for now in measurements:
            self.thumbnails.add(now.thumbnails)
            # As bytes the many small arrays lose the overhead of as many objects.
            self._pickled.append(pickle.dumps(replace(now, thumbnails=NO_THUMBNAILS)))
            yield now

    def replayed(self) -> Iterator[FrameMeasurement]:
        """Yield what was kept, once: each is given up as it is yielded."""
        first = 0
        while self._pickled:
            now: FrameMeasurement = pickle.loads(self._pickled.popleft())
            numbers = first + np.arange(now.kept.size)
            first += now.kept.size
            yield replace(now, thumbnails=self.thumbnails.find(numbers))
