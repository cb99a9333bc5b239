"""Measurements whose first ones are passed by twice, in little memory."""

import pickle
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from consistency.masks.thumbnails import NO_THUMBNAILS
from consistency.measure.frame import FrameMeasurement
from consistency.track.thumbnail_store import ThumbnailStore


class Record:
    """Measurements of a sequence as they come in, and what is kept of them.

    Thumbnails are nine tenths of a measurement.  They stay in a store of their own, as linking
    needs them once more.

    Attributes
    ----------
    thumbnails : of all masks that have passed by, in order.
    """

    def __init__(self, measurements: Iterable[FrameMeasurement]) -> None:
        self.thumbnails = ThumbnailStore()
        self._coming = iter(measurements)
        self._pickled: deque[bytes] = deque()

    def beginning(self) -> Iterator[FrameMeasurement]:
        """Yield the first ones, as many as are asked for, and keep them for ``whole``."""
        for now in self._coming:
            self.thumbnails.add(now.thumbnails)
            # As bytes the many small arrays lose the overhead of as many objects.
            self._pickled.append(pickle.dumps(replace(now, thumbnails=NO_THUMBNAILS)))
            yield now

    def whole(self) -> Iterator[FrameMeasurement]:
        """Yield all, once: what was kept is given up as it is yielded, then come the others."""
        first = 0
        while self._pickled:
            now: FrameMeasurement = pickle.loads(self._pickled.popleft())
            numbers = first + np.arange(now.kept.size)
            first += now.kept.size
            yield replace(now, thumbnails=self.thumbnails.find(numbers))
        for now in self._coming:
            self.thumbnails.add(now.thumbnails)
            yield now
