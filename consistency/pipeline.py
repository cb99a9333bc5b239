"""Measure ▸ propagate ▸ write: the whole job for one sequence, on any backend."""

import json
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from consistency import __version__, experiment
from consistency.dataset import Dataset
from consistency.formats import writing
from consistency.formats.writing import LabelledInput, LabelledSequence, Plan, Settings, Written
from consistency.measure.frame import FrameMeasurement, MeasureOptions, chunks, measure_chunk
from consistency.track import given_ids, tables
from consistency.track.association import Association, associate
from consistency.track.parts import parts_of
from consistency.track.results import FrameLabels, summarise
from consistency.track.tracker import Lineage

MOTION_DIGITS = 6  # of a transform in run.json: a thousandth of a pixel at a thousand pixels
WRITE_FRAMES = 4  # frames a worker writes at a time

Progress = Callable[[Iterable, str, int], Iterable]


@dataclass(frozen=True)
class Options(Association):
    """Parameters of a run; they go into run.json.

    Attributes
    ----------
    (of Association) : how labels are carried.
    duplicate_iou, duplicate_containment, keep : see MeasureOptions.
    identities : what to do with those of the input: "ignore", "keep" or "only", see
        ``consistency.track.given_ids``.
    output : names from ``consistency.formats.writing``.
    writing : what the outputs may want to know.
    """

    duplicate_iou: float = 0.5
    duplicate_containment: float | None = None
    keep: str = "area"
    identities: str = given_ids.IGNORE
    output: tuple[str, ...] = ("masks",)
    writing: Settings = field(default_factory=Settings)

    def measuring(self) -> MeasureOptions:
        """The part that the measuring stage needs."""
        if self.identities == given_ids.ONLY:  # an IoU is never above 1: all masks are kept
            return MeasureOptions(1.0, None, "area", 1)
        if self.matching == "seed":
            return MeasureOptions(self.duplicate_iou, None, "seed", 1)
        limits = self.duplicate_iou, self.duplicate_containment
        if self.matching == "track":
            shapes = True, self.motion, self.frames_path
            return MeasureOptions(*limits, self.keep, 1, *shapes)
        return MeasureOptions(*limits, self.keep, self.frames_missed() + 1)


@dataclass
class Report:
    """What a run did: counters, and seconds by stage.

    ``read`` and ``measured`` add up what all workers spent; ``measuring`` is the wall time of the
    measuring stage, in which labels are propagated as frames come in; ``propagated`` and
    ``written`` are wall times.  ``lineage`` tells where labels come from.
    """

    counters: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    lineage: Lineage = field(default_factory=Lineage)


def silent(items: Iterable, stage: str, total: int) -> Iterable:
    """No progress bar."""
    return items


def run(
    dataset: Dataset,
    folder: Path,
    backend: Any,
    options: Options,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Report:
    """Label ``dataset`` and write the experiment ``folder``.

    Raises
    ------
    ValueError, OSError
        For bad input, with file and frame; nothing is left half-written.
    RuntimeError
        If a worker dies.
    """
    began = perf_counter()
    experiment.check_free(folder, overwrite)
    report = Report()
    frames = label(dataset, backend, options, report, progress)
    sequence = _sequence(dataset, frames, folder.name, options, report.lineage)
    plans = {name: writing.plan(name, sequence, options.writing) for name in options.output}
    with experiment.writing(folder, overwrite) as partial_folder:
        _write(dataset, sequence, plans, partial_folder, backend, report, progress)
        report.seconds["total"] = perf_counter() - began
        content = describe(dataset, backend, options, report) | camera(frames)
        (partial_folder / "run.json").write_text(json.dumps(content, indent=1) + "\n")
    return report


def _sequence(
    dataset: Dataset, frames: list[FrameLabels], name: str, options: Options, lineage: Lineage
) -> LabelledSequence:
    """Gather what outputs may know."""
    parents, tracked = lineage.parents, True
    if options.identities != given_ids.IGNORE:
        shift = given_ids.first_label(dataset.frames)
        parents = {child + shift: mother + shift for child, mother in dataset.parents.items()}
    if options.identities == given_ids.ONLY:
        tracked = given_ids.has_identities(dataset.frames)
    return LabelledSequence(name, dataset.frames, frames, parents, dataset.categories, tracked)


def label(
    dataset: Dataset, backend: Any, options: Options, report: Report, progress: Progress = silent
) -> list[FrameLabels]:
    """Measure all frames and give every kept mask its label; writes nothing."""
    began = perf_counter()
    measured = measurements(dataset, backend, options, report)
    measured = progress(measured, "measure", len(dataset.frames))
    if options.identities == given_ids.ONLY:
        frames = summarise(given_ids.take(measured, dataset.frames))
    elif options.identities == given_ids.KEEP:
        how = "optimal" if options.matching == "track" else options.matching
        frames = summarise(given_ids.keep(measured, dataset.frames, how, options.min_iou))
    else:
        frames, report.lineage = associate(measured, options)
    report.seconds["measuring"] = perf_counter() - began
    report.seconds["propagated"] = report.seconds["measuring"] - report.seconds.pop("waited")
    reasons = Counter(d.reason for frame in frames for d in frame.dropped)
    report.counters = {
        "frames": len(frames),
        "masks": dataset.masks,
        "kept": sum(len(frame.labels) for frame in frames),
        "duplicates": reasons["iou"] + reasons["containment"],
        "short": reasons["short"],
        "empty": reasons["empty"],
        "labels": len({value for frame in frames for value in frame.labels}),
        "splits": sum(change.kind == "split" for change in report.lineage.changes),
        "merges": sum(change.kind == "merge" for change in report.lineage.changes),
        "motion_unknown": sum(not frame.motion.known for frame in frames[1:]),
    }
    return frames


def measurements(
    dataset: Dataset, backend: Any, options: Options, report: Report
) -> Iterator[FrameMeasurement]:
    """Yield the measurements in order; checks that all frames have one size."""
    report.seconds |= {"read": 0.0, "measured": 0.0}
    measuring = options.measuring()
    function = partial(
        measure_chunk, layout=dataset.layout, options=measuring, kernel=backend.intersections
    )
    first: FrameMeasurement | None = None
    pieces = chunks(dataset.frames, measuring.lookback, backend.workers)
    with closing(backend.map(function, pieces)) as results:
        for m in _waited_for(results, report):
            first = first or (m if m.shape else None)
            if m.shape and m.shape != first.shape:
                raise ValueError(
                    f"frame {m.name!r}: masks of {m.shape[0]} × {m.shape[1]} pixels, but "
                    f"{first.shape[0]} × {first.shape[1]} in frame {first.name!r}; all masks of a "
                    "sequence have one size"
                )
            report.seconds["read"] += m.seconds_read
            report.seconds["measured"] += m.seconds_measured
            yield m


def _waited_for(results: Iterator[list], report: Report) -> Iterator:
    """Yield what is in the lists one by one, and count the seconds spent waiting for them."""
    report.seconds["waited"] = 0.0
    while True:
        asked = perf_counter()
        group = next(results, None)
        report.seconds["waited"] += perf_counter() - asked
        if group is None:
            return
        yield from group


def _write(
    dataset: Dataset,
    sequence: LabelledSequence,
    plans: dict[str, Plan],
    folder: Path,
    backend: Any,
    report: Report,
    progress: Progress,
) -> None:
    began = perf_counter()
    items = _items(sequence, plans)
    groups = [items[i : i + WRITE_FRAMES] for i in range(0, len(items), WRITE_FRAMES)]
    shared = {name: plan.shared for name, plan in plans.items()}
    function = partial(writing.write_chunk, layout=dataset.layout, folder=folder, shared=shared)
    tracks = tables.tracks(sequence.labels, report.lineage, parts_of(sequence.labels))
    tables.write_csv(folder / "tracks.csv", tables.Track, tracks)
    covered = list(tables.changes(sequence.labels, report.lineage))
    with ExitStack() as stack:
        groups = stack.enter_context(closing(backend.map(function, groups)))
        written = progress((result for group in groups for result in group), "write", len(items))
        adders = _gatherers(sequence, plans, folder, stack)

        def records() -> Iterator[tuple[str, list[dict]]]:
            for item, result in zip(items, written, strict=True):
                for name, add in adders.items():
                    add(item.t, result[name].rows)
                covered.extend(tables.covered(item.t, item.labels, result))
                yield item.frame.name, _records(item, result)

        experiment.write_json(folder / f"{sequence.name}.json", records())
    events = tables.events(sequence.labels, covered)
    tables.write_csv(folder / "events.csv", tables.Event, events)
    report.seconds["written"] = perf_counter() - began


def _items(sequence: LabelledSequence, plans: dict[str, Plan]) -> list[LabelledInput]:
    numbered = {name: plan.numbers for name, plan in plans.items() if plan.numbers is not None}
    return [
        LabelledInput(t, frame, labels, {name: numbers[t] for name, numbers in numbered.items()})
        for t, (frame, labels) in enumerate(zip(sequence.frames, sequence.labels, strict=True))
    ]


def _gatherers(
    sequence: LabelledSequence, plans: dict[str, Plan], folder: Path, stack: ExitStack
) -> dict[str, Callable[[int, Any], None]]:
    """Open what collects rows over the sequence, {output: add(t, rows)}."""
    found = {name: writing.find(name).gather for name in plans}
    return {
        name: stack.enter_context(gather(sequence, plans[name], folder))
        for name, gather in found.items()
        if gather is not None
    }


def _records(item: LabelledInput, result: dict[str, Written]) -> list[dict]:
    """Records of the kept masks, in the order of the input."""
    records = []
    # Pixel files win the "segmentation" over run lengths beside them.
    given = {name: w.segmentations for name, w in result.items() if w.segmentations is not None}
    first = given.pop("masks", None) or given.pop("rle", None)
    for k, (index, value) in enumerate(
        zip(item.labels.kept.tolist(), item.labels.labels, strict=True)
    ):
        record = dict(item.frame.records[index])
        if first:
            record["segmentation"] = first[k]
        more = {name: values[k] for name, values in given.items()}
        records.append(record | more | {"label": value, "mask_index": index})
    return sorted(records, key=lambda record: record["mask_index"])


def camera(frames: list[FrameLabels]) -> dict:
    """Motion of the camera for run.json: a 2 × 3 transform a frame, from the frame before to it.

    None where there is no estimate; nothing at all where no frame has one.
    """
    motions = [frame.motion for frame in frames]
    steps = [m.transform.round(MOTION_DIGITS).tolist() if m.known else None for m in motions]
    return {"motion": steps} if any(steps) else {}


def describe(dataset: Dataset, backend: Any, options: Options, report: Report) -> dict:
    """Content of run.json."""
    return {
        "input": dataset.opened_as
        or {"path": str(dataset.layout.root.resolve()), "format": dataset.layout.format},
        "parameters": asdict(options),
        "backend": {"name": backend.name, "workers": backend.workers},
        "counters": report.counters,
        "seconds": {stage: round(value, 4) for stage, value in report.seconds.items()},
        "versions": {
            "mask-label-consistency": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": version("scipy"),
        },
    }
