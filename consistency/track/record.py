"""Measurements whose first ones are passed by twice."""

from collections import deque
from collections.abc import Iterable, Iterator

from consistency.measure.frame import FrameMeasurement
from consistency.track.thumbnail_store import ThumbnailStore


class Record:
    """Measurements of a sequence as they come in, and what is kept of them.

    Attributes
    ----------
    thumbnails : of all masks that have passed by, in order: linking needs them once more.
    """

    def __init__(self, measurements: Iterable[FrameMeasurement]) -> None:
        self.thumbnails = ThumbnailStore()
        self._coming = iter(measurements)
        self._kept: deque[FrameMeasurement] = deque()

    def beginning(self) -> Iterator[FrameMeasurement]:
        """Yield the first ones, as many as are asked for, and keep them for ``whole``."""
        for now in self._coming:
            self.thumbnails.add(now.thumbnails)
            self._kept.append(now)
            yield now

    def whole(self) -> Iterator[FrameMeasurement]:
        """Yield all, once: what was kept is given up as it is yielded, then come the others."""
        while self._kept:
            yield self._kept.popleft()
        for now in self._coming:
            self.thumbnails.add(now.thumbnails)
            yield now
