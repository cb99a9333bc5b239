"""The measurements of a sequence, made by workers or taken from a journal."""

from collections.abc import Generator, Iterator
from contextlib import closing
from functools import partial
from time import perf_counter
from typing import Any

from consistency.backend import Backend
from consistency.dataset import Dataset
from consistency.formats import with_frames
from consistency.formats.labelled import KeptMasks
from consistency.journal import Journal
from consistency.kept_work import measure
from consistency.measure.chunks import chunks, measure_chunk
from consistency.measure.frame import FrameMeasurement
from consistency.measure.work import Work
from consistency.options import Options


class Measurements:
    """The measurements of a sequence in order, made as they are asked for.

    Attributes
    ----------
    dataset : the input, with what has been found in the frames so far.
    seconds_read, seconds_measured : what all workers spent on the frames so far.
    seconds_waited : how long this process has waited for them.
    work : what was done for the frames so far.
    """

    def __init__(
        self,
        dataset: Dataset,
        backend: Backend,
        options: Options,
        journal: Journal | None = None,
    ):
        self._dataset, self._backend, self._options = dataset, backend, options.measuring()
        self._journal = journal
        self._frames = list(dataset.frames)
        self.seconds_read = self.seconds_measured = self.seconds_waited = 0.0
        self.work = Work()

    def __iter__(self) -> Generator[FrameMeasurement, None, None]:
        """Yield a measurement for each frame; ValueError where a frame has another size."""
        first: KeptMasks | None = None
        with closing(self._groups()) as groups:
            for t, m in enumerate(self._waited_for(groups)):
                self._frames[t] = m.seen or self._frames[t]
                first = check_shape(m, first)
                self.seconds_read += m.seconds_read
                self.seconds_measured += m.seconds_measured
                self.work += m.work
                yield m

    def _groups(self) -> Generator[list[FrameMeasurement], None, None]:
        """Yield the measurements of one chunk of frames after the other."""
        how: dict[str, Any] = {
            "layout": self._dataset.layout,
            "options": self._options,
            "kernel": self._backend.intersections,
        }
        frames, done = self._dataset.frames, 0
        journal, lookback, workers = self._journal, self._options.lookback, self._backend.workers
        if journal is None:
            pieces = chunks(frames, lookback, workers)
            with closing(self._backend.map(partial(measure_chunk, **how), pieces)) as results:
                yield from results
            return
        for group in journal.measured([frame.name for frame in frames]):
            done += len(group)
            yield group
        pieces = chunks(frames, lookback, workers, done)
        # What a journal keeps is what travels, so that a run that is continued starts from nothing
        # but what an uninterrupted one has seen.
        with closing(self._backend.map(partial(measure, **how), pieces)) as kept:
            for chunk in kept:
                yield journal.add_measured(chunk)

    @property
    def dataset(self) -> Dataset:
        """See the class; ValueError if what was found does not fit."""
        return self._dataset if self._dataset.listed else with_frames(self._dataset, self._frames)

    def seconds(self, taken: float) -> dict[str, float]:
        """Return what the frames so far took, seconds, for run.json.

        What workers spent reading and measuring; ``taken``, what passed until all were labelled;
        and what of that the wait for workers does not explain: the work of this process.
        """
        return {
            "read": self.seconds_read,
            "measured": self.seconds_measured,
            "measuring": taken,
            "propagated": taken - self.seconds_waited,
        }

    def _waited_for(self, results: Iterator[list]) -> Iterator[FrameMeasurement]:
        """Yield what is in the lists one by one, and count the seconds spent waiting for them."""
        while True:
            asked = perf_counter()
            group = next(results, None)
            self.seconds_waited += perf_counter() - asked
            if group is None:
                return
            yield from group


def check_shape(now: KeptMasks, first: KeptMasks | None) -> KeptMasks | None:
    """Return the first frame with masks; ValueError where those of ``now`` have another size."""
    if now.shape and first and first.shape and now.shape != first.shape:
        raise ValueError(
            f"frame {now.name!r}: masks of {now.shape[0]} × {now.shape[1]} pixels, but "
            f"{first.shape[0]} × {first.shape[1]} in frame {first.name!r}; all masks of a sequence "
            "have one size"
        )
    return first or (now if now.shape else None)
