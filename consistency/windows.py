"""A long sequence in windows: each is labelled by itself, in a worker, and joined with the last.

Windows of 6 frames that share 2:

    0 1 2 3 4 5                     frames 0-4 have the labels of the first window,
            4 5 6 7 8 9             5-8 those of the second,
                    8 9 10 11       9-11 those of the third

The sequential stage is done by workers, too; what is left for one process is an assignment for each
seam.  In the shared frames the labels change over in the middle: there each window knows most of
what was before and comes after.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from time import perf_counter
from typing import Any

from consistency.backend import Backend
from consistency.dataset import Dataset, Frame, Layout
from consistency.encoding import classes_in
from consistency.formats import with_frames
from consistency.journal import Journal
from consistency.kept_work import Kept
from consistency.masks.intersections import Kernel
from consistency.measure.camera_motion import UNKNOWN
from consistency.measure.chunks import Chunk, measure_frames
from consistency.measure.frame import FrameMeasurement
from consistency.measure.work import Work
from consistency.measurements import Measurements, check_shape
from consistency.options import WHOLE, Options
from consistency.progress import Progress
from consistency.track.association import label_frames
from consistency.track.parameters import Parameters
from consistency.track.results import Lineage, TrackedFrame
from consistency.track.window_seams import Joiner

# Windows that a worker labels one after the other: it reads the frames that they share once.
MOST_WINDOWS = 8


@dataclass(frozen=True, eq=False)
class Task:
    """Consecutive windows for one worker: ``spans`` of the sequence, and all frames of these."""

    frames: tuple[Frame, ...]
    spans: tuple[range, ...]


@dataclass(frozen=True, eq=False)
class LabelledWindow:
    """A window as a worker returns it.

    Attributes
    ----------
    name : "first frame - last frame".
    frames : labelled from 1 on, before ``finish``.
    lineage : of these labels.
    seen : of each frame with the records that were found in its pixels; None if they were known.
    seconds_read, seconds_measured : spent on the frames that the window before it did not have.
    work : what was done for the frames that no window before it has.
    seconds_labelled : spent on the labels.
    """

    name: str
    frames: list[TrackedFrame]
    lineage: Lineage
    seen: list[Frame | None]
    seconds_read: float
    seconds_measured: float
    work: Work
    seconds_labelled: float


@dataclass(frozen=True, eq=False)
class Joined:
    """All windows together: what ``associate`` returns, and where it comes from.

    Attributes
    ----------
    dataset : the input, with what was found in its frames.
    frames, lineage : before ``finish``.
    seconds : "read" and "measured" of all workers, "labelled" the same for labels, "propagated" of
        this process.
    report : for run.json.
    work : what workers did.
    """

    dataset: Dataset
    frames: list[TrackedFrame]
    lineage: Lineage
    seconds: dict[str, float]
    report: dict[str, int]
    work: Work


def are_wanted(frames: int, options: Options) -> bool:
    """Whether a sequence of so many frames is cut: one window is the whole sequence."""
    return options.cut_size != WHOLE and frames > options.cut_size


def cut(frames: int, size: int, overlap: int) -> list[range]:
    """Return the windows of a sequence, each ``overlap`` frames into the one before; the last one
    may be shorter.
    """
    begins = range(0, max(frames - overlap, 1), size - overlap)
    return [range(begin, min(begin + size, frames)) for begin in begins]


def tasks(frames: Sequence[Frame], spans: Sequence[range], workers: int) -> Iterator[Task]:
    """Deal out windows: each time half of a worker's share in what is left."""
    done = 0
    while done < len(spans):
        share = -(-(len(spans) - done) // (2 * workers))
        some = tuple(spans[done : done + min(share, MOST_WINDOWS)])
        yield Task(tuple(frames[some[0].start : some[-1].stop]), some)
        done += len(some)


def label_windows(
    dataset: Dataset,
    backend: Backend,
    options: Options,
    parameters: Parameters,
    progress: Progress,
    journal: Journal | None,
) -> Joined:
    """Label all windows and join them; raises as ``labelling.label``."""
    spans = cut(len(dataset.frames), options.cut_size, options.shared_frames())
    frames = list(dataset.frames)
    work = _Work(dataset, backend, options, parameters, journal, spans)
    joiner, first, done = Joiner(), None, Work()
    seconds = dict.fromkeys(("read", "measured", "labelled", "propagated"), 0.0)
    with closing(work.in_this_process() if options.low_memory else work.in_workers()) as coming:
        for number, window in _frame_by_frame(coming, spans, progress):
            began, span = perf_counter(), spans[number]
            for t, seen, frame in zip(span, window.seen, window.frames, strict=True):
                frames[t] = seen or frames[t]
                first = check_shape(frame, first)
            joiner.add(span.start, window.frames, window.lineage)
            done += window.work
            for key in ("read", "measured", "labelled"):
                seconds[key] += getattr(window, f"seconds_{key}")
            seconds["propagated"] += perf_counter() - began
    began = perf_counter()
    joined, lineage = joiner.finish()
    seconds["propagated"] += perf_counter() - began
    if options.low_memory:  # the labels were this process's work, too
        seconds["propagated"] += seconds["labelled"]
    report = {"count": len(spans), "joined": joiner.joined, "not_joined": joiner.not_joined}
    found = dataset if dataset.listed else with_frames(dataset, frames)
    return Joined(found, joined, lineage, seconds, report, done)


def _frame_by_frame(
    windows: Iterable[LabelledWindow], spans: Sequence[range], progress: Progress
) -> Iterator[tuple[int, LabelledWindow]]:
    """Yield the windows with their numbers, and let progress count their frames."""

    def every() -> Iterator[tuple[int, LabelledWindow] | None]:
        done = 0
        for number, (span, window) in enumerate(zip(spans, windows, strict=True)):
            yield from [None] * (span.stop - done - 1)
            yield number, window
            done = span.stop

    items = progress(every(), "label", spans[-1].stop)
    return (item for item in items if item is not None)


@dataclass(frozen=True, eq=False)
class _Work:
    """How the windows of a sequence are labelled."""

    dataset: Dataset
    backend: Backend
    options: Options
    parameters: Parameters
    journal: Journal | None
    spans: list[range]

    def in_workers(self) -> Generator[LabelledWindow, None, None]:
        """Yield the windows, labelled by workers."""
        frames, journal = self.dataset.frames, self.journal
        how: dict[str, Any] = {
            "layout": self.dataset.layout,
            "kernel": self.backend.intersections,
            "options": self.options,
            "parameters": self.parameters,
        }
        spans = self.spans
        if journal is not None:
            names = [_name(frames[span.start], frames[span.stop - 1]) for span in spans]
            known = journal.measured(names, WINDOW_CLASSES, "windows had been labelled")
            # To the end before anything is added.
            whole = [window for group in known for window in group]
            yield from whole
            spans = spans[len(whole) :]
        items = tasks(frames, spans, self.backend.workers)
        if journal is None:
            with closing(self.backend.map(partial(label_task, **how), items)) as results:
                for windows in results:
                    yield from windows
            return
        with closing(self.backend.map(partial(label_and_keep, **how), items)) as kept:
            for task in kept:
                yield from journal.add_measured(task)

    def in_this_process(self) -> Generator[LabelledWindow, None, None]:
        """Yield the windows, measured by workers; those of the one in hand alone are held."""
        measured = Measurements(self.dataset, self.backend, self.options, self.journal)
        with closing(iter(measured)) as coming:
            yield from labelled_windows(coming, self.spans, self.options, self.parameters)
            # To its end, where a journal says what it has known.
            next(coming, None)


def label_task(
    task: Task, layout: Layout, kernel: Kernel, options: Options, parameters: Parameters
) -> list[LabelledWindow]:
    """Measure and label some windows; runs in a worker.

    Raises ValueError or OSError that name the file or record and the frame.
    """
    measured = measure_frames(Chunk(task.frames, 0), layout, options.measuring(), kernel)
    return list(labelled_windows(measured, task.spans, options, parameters))


def label_and_keep(task: Task, **how: Any) -> Kept:
    """Label as ``label_task`` does, for a run with a journal."""
    return Kept(label_task(task, **how), WINDOW_CLASSES)


def labelled_windows(
    measured: Iterable[FrameMeasurement],
    spans: Sequence[range],
    options: Options,
    parameters: Parameters,
) -> Iterator[LabelledWindow]:
    """Label windows, from the measurements of the first one's first frame on."""
    coming, held = iter(measured), list[FrameMeasurement]()
    stop = spans[0].start
    for span in spans:
        new = list(islice(coming, span.stop - stop))
        held, stop = [*held[len(held) - (stop - span.start) :], *new], span.stop
        # A worker's first window has frames that another one measures, too: all others count.
        own = held[options.shared_frames() :] if span.start else held
        began = perf_counter()
        frames, lineage = label_frames(map(_cut_off, range(len(held)), held), options, parameters)
        yield LabelledWindow(
            name=_name(held[0], held[-1]),
            frames=frames,
            lineage=lineage,
            seen=[m.seen for m in held],
            seconds_read=sum(m.seconds_read for m in new),
            seconds_measured=sum(m.seconds_measured for m in new),
            work=sum((m.work for m in own), Work()),
            seconds_labelled=perf_counter() - began,
        )


def _cut_off(t: int, now: FrameMeasurement) -> FrameMeasurement:
    """Return frame ``t`` of a window without what it tells of frames before the window.

    So labels do not depend on which windows a worker has had before.
    """
    if t == 0:
        return replace(now, earlier=(), motion=UNKNOWN)
    return now if t >= len(now.earlier) else replace(now, earlier=now.earlier[:t])


def _name(first: Any, last: Any) -> str:
    return f"{first.name} - {last.name}"


WINDOW_CLASSES = tuple(classes_in(LabelledWindow))
