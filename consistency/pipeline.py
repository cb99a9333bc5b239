"""Measure ▸ propagate ▸ write: the whole job for one sequence, on any backend."""

import json
import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from consistency import __version__, experiment, tables
from consistency.dataset import Dataset
from consistency.labels import FrameLabels, propagate, summarise
from consistency.matching import MIN_IOU
from consistency.measure import FrameMeasurement, MeasureOptions, chunks, measure_chunk
from consistency.outputs import LabelledInput, write_chunk
from consistency.seed import propagate_seed

MATCHINGS = ("optimal", "greedy", "seed")
# Frames that a track may miss and still return to its label: one drop-out of the segmenter.
MEMORY = 1
WRITE_FRAMES = 4  # frames a worker writes at a time

Progress = Callable[[Iterable, str, int], Iterable]


@dataclass(frozen=True)
class Options:
    """Parameters of a run; they go into run.json.

    Attributes
    ----------
    matching : "optimal", "greedy" or "seed".
    min_iou : least IoU of two masks that get one label, 0-1.
    memory : number of frames a track may miss and still return.
    duplicate_iou, duplicate_containment, keep : see MeasureOptions.
    output : names from ``consistency.outputs``.
    """

    matching: str = "optimal"
    min_iou: float = MIN_IOU
    memory: int = MEMORY
    duplicate_iou: float = 0.5
    duplicate_containment: float | None = None
    keep: str = "area"
    output: tuple[str, ...] = ("masks",)

    def measuring(self) -> MeasureOptions:
        """The part that the measuring stage needs."""
        if self.matching == "seed":
            return MeasureOptions(self.duplicate_iou, None, "seed", 1)
        limits = self.duplicate_iou, self.duplicate_containment
        return MeasureOptions(*limits, self.keep, self.memory + 1)


@dataclass
class Report:
    """What a run did: counters, and seconds by stage.

    ``read`` and ``measured`` add up what all workers spent; ``measuring`` is the wall time of the
    measuring stage, in which labels are propagated as frames come in; ``propagated`` and
    ``written`` are wall times.
    """

    counters: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


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
    with experiment.writing(folder, overwrite) as partial_folder:
        _write(dataset, frames, partial_folder, folder.name, backend, options, report, progress)
        report.seconds["total"] = perf_counter() - began
        content = describe(dataset, backend, options, report)
        (partial_folder / "run.json").write_text(json.dumps(content, indent=1) + "\n")
    return report


def label(
    dataset: Dataset, backend: Any, options: Options, report: Report, progress: Progress = silent
) -> list[FrameLabels]:
    """Measure all frames and give every kept mask its label; writes nothing."""
    began = perf_counter()
    report.seconds |= {"read": 0.0, "measured": 0.0, "propagated": 0.0}
    measured = progress(_measure(dataset, backend, options, report), "measure", len(dataset.frames))
    if options.matching == "seed":
        labelled = propagate_seed(measured)
    else:
        labelled = propagate(measured, options.matching, options.min_iou)
    frames = summarise(labelled)
    report.seconds["measuring"] = perf_counter() - began
    report.seconds["propagated"] = report.seconds["measuring"] - report.seconds.pop("waited")
    report.counters = {
        "frames": len(frames),
        "masks": dataset.masks,
        "kept": sum(len(frame.labels) for frame in frames),
        "duplicates": sum(d.reason != "empty" for frame in frames for d in frame.dropped),
        "empty": sum(d.reason == "empty" for frame in frames for d in frame.dropped),
        "labels": len({value for frame in frames for value in frame.labels}),
    }
    return frames


def _measure(
    dataset: Dataset, backend: Any, options: Options, report: Report
) -> Iterator[FrameMeasurement]:
    """Yield the measurements in order; checks that all frames have one size."""
    measuring = options.measuring()
    function = partial(
        measure_chunk, layout=dataset.layout, options=measuring, kernel=backend.intersections
    )
    first: FrameMeasurement | None = None
    results = iter(backend.map(function, chunks(dataset.frames, measuring.lookback)))
    report.seconds["waited"] = 0.0
    while True:
        asked = perf_counter()
        measurements = next(results, None)
        report.seconds["waited"] += perf_counter() - asked
        if measurements is None:
            return
        for m in measurements:
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


def _write(
    dataset: Dataset,
    frames: list[FrameLabels],
    folder: Path,
    name: str,
    backend: Any,
    options: Options,
    report: Report,
    progress: Progress,
) -> None:
    began = perf_counter()
    largest = max((value for frame in frames for value in frame.labels), default=1)
    items = [LabelledInput(f, labels) for f, labels in zip(dataset.frames, frames, strict=True)]
    groups = [items[i : i + WRITE_FRAMES] for i in range(0, len(items), WRITE_FRAMES)]
    function = partial(
        write_chunk,
        layout=dataset.layout,
        folder=folder,
        outputs=options.output,
        dtype=experiment.smallest_dtype(largest),
    )
    written = (result for group in backend.map(function, groups) for result in group)
    written = progress(written, "write", len(items))
    tables.write_csv(folder / "tracks.csv", tables.Track, tables.tracks(frames))
    tables.write_csv(folder / "events.csv", tables.Event, tables.events(frames))
    records = (
        (item.frame.name, _records(item, result))
        for item, result in zip(items, written, strict=True)
    )
    experiment.write_json(folder / f"{name}.json", records)
    report.seconds["written"] = perf_counter() - began


def _records(item: LabelledInput, result: dict[str, list]) -> list[dict]:
    """Records of the kept masks, in the order of the input."""
    records = []
    for k, (index, value) in enumerate(
        zip(item.labels.kept.tolist(), item.labels.labels, strict=True)
    ):
        record = dict(item.frame.records[index])
        given = {name: values[k] for name, values in result.items() if values[k] is not None}
        if given:  # pixel files win the "segmentation" over run lengths beside them
            record["segmentation"] = given.pop("masks", None) or given.pop("rle")
        records.append(record | given | {"label": value, "mask_index": index})
    return sorted(records, key=lambda record: record["mask_index"])


def describe(dataset: Dataset, backend: Any, options: Options, report: Report) -> dict:
    """Content of run.json."""
    return {
        "input": {
            "path": str(dataset.layout.root.resolve()),
            "format": dataset.layout.format,
        },
        "parameters": vars(options) | {"output": list(options.output)},
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
