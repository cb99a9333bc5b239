"""Write an experiment: its records and tables, the outputs that are asked for, and run.json."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from consistency import correction_files, experiment
from consistency.backend import Backend
from consistency.dataset import Dataset
from consistency.formats import writing
from consistency.formats.filled import count_filled
from consistency.formats.labelled import LabelledSequence, Track
from consistency.formats.named import with_names
from consistency.formats.writing import LabelledInput, Plan, WriteResult
from consistency.journal import Journal
from consistency.labelling import Labelling
from consistency.options import IGNORE, ONLY_IDS, Options
from consistency.plain_text import to_json
from consistency.progress import Progress, silent
from consistency.resuming import input_of, parameters_of
from consistency.track import given_ids, tables
from consistency.track.mending import CORRECTION
from consistency.track.parts import find_parts
from consistency.track.results import TrackedFrame, written_confidence

MOTION_DIGITS = 6  # of a transform in run.json: a thousandth of a pixel at a thousand pixels
WRITE_FRAMES = 4  # frames a worker writes at a time


@dataclass(frozen=True)
class Report:
    """What a run did: counters, and seconds by stage.

    ``read`` and ``measured`` add up what all workers spent; ``measuring`` is the wall time from the
    first frame to the last label (tracking goes on as frames come in);
    ``propagated``, ``written`` and ``total`` are wall times.  ``median_length`` is that of tracks,
    in masks; ``alone`` is the number of masks that are the only one of their track.
    """

    counters: dict[str, int]
    seconds: dict[str, float]
    median_length: float = 0.0
    alone: int = 0


def write(
    labelling: Labelling,
    folder: Path,
    name: str,
    backend: Backend,
    options: Options,
    progress: Progress = silent,
    journal: Journal | None = None,
) -> Report:
    """Write all files of the experiment ``name`` into ``folder``; raises as ``run``.

    The folder is empty, or holds what the journal says.
    """
    began = perf_counter()
    writing.require_extras(options.output)
    sequence = _sequence(labelling, name, options)
    # All outputs are planned before the first one writes: a refusal comes at once.
    plans = {output: writing.plan(output, sequence, options.writing) for output in options.output}
    writing_began = perf_counter()
    _write_tables(labelling, sequence, plans, folder, backend, progress, journal)
    ended = perf_counter()
    before = labelling.seconds["measuring"] + labelling.seconds.get("filled", 0.0)
    seconds = {"written": ended - writing_began, "total": before + ended - began}
    report = _report(labelling, seconds)
    content = run_record(labelling.dataset, backend, options, report)
    # Versions of when labelling began, not of now: see Labelling.
    content |= {"versions": labelling.made_with} | camera(labelling.frames) | labelling.more
    content["labels"] = labelling.mended.fingerprint
    correction_files.write(labelling.mended, folder, name)
    if journal is not None:
        content["fingerprint"] = journal.fingerprint
    (folder / "run.json").write_text(to_json(content, indent=1) + "\n")
    return report


def _sequence(labelling: Labelling, name: str, options: Options) -> LabelledSequence:
    """Gather what outputs may know."""
    dataset = labelling.dataset
    parents, tracked = labelling.lineage.parents, True
    if options.given_ids != IGNORE:
        shift = given_ids.first_label(dataset.frames)
        # Parents are given by the input's numbers, labels begin at 1 where those begin at 0.
        parents = {child + shift: mother + shift for child, mother in dataset.parents.items()}
    if options.given_ids == ONLY_IDS:
        tracked = given_ids.has_identities(dataset.frames)
    frames = labelling.frames
    tracks = tables.tracks(frames, labelling.lineage, find_parts(frames))
    given = with_names(dataset.frames, frames, dataset.categories, labelling.mended.names)
    return LabelledSequence(name, given[0], frames, parents, given[1], tracked, tracks)


def _report(labelling: Labelling, seconds: dict[str, float]) -> Report:
    """Count what was done; ``seconds`` are those of writing, and the total."""
    lengths = list(Counter(v for frame in labelling.frames for v in frame.labels).values())
    return Report(
        counters=_counters(labelling),
        seconds=labelling.seconds | seconds,
        # ``median`` refuses an empty list.
        median_length=median(lengths or [0]),
        alone=lengths.count(1),
    )


def _counters(labelling: Labelling) -> dict[str, int]:
    dataset, frames = labelling.dataset, labelling.frames
    changes = labelling.lineage.changes
    reasons = Counter(d.reason for frame in frames for d in frame.dropped)
    filled = sum(map(count_filled, dataset.frames))
    return {
        "frames": len(frames),
        "masks": dataset.masks - filled,
        "kept": sum(len(frame.labels) for frame in frames),
        "duplicates": reasons["iou"] + reasons["containment"],
        "short": reasons["short"],
        "corrected": reasons[CORRECTION],
        "empty": reasons["empty"],
        "small_pieces": sum(each.pieces for f in dataset.frames for each in f.left_out),
        "labels": len({value for frame in frames for value in frame.labels}),
        "splits": sum(change.kind == "split" for change in changes),
        # A mother's label ends when she divides; a label that is cut goes on with one piece.
        "divisions": sum(c.kind == "split" and c.label not in c.others for c in changes),
        "merges": sum(change.kind == "merge" for change in changes),
        # The first frame has none before it that a motion could come from.
        "motion_unknown": sum(not frame.motion.known for frame in frames[1:]),
    } | ({"filled": filled} if filled else {})


def _write_tables(
    labelling: Labelling,
    sequence: LabelledSequence,
    plans: dict[str, Plan],
    folder: Path,
    backend: Backend,
    progress: Progress,
    journal: Journal | None,
) -> None:
    """Write the records, tracks.csv and events.csv, and what is planned besides."""
    dataset, frames, lineage = labelling.dataset, labelling.frames, labelling.lineage
    if journal is not None:
        # Files of an earlier run are good only if it gave the very same labels.
        journal.begin_writing(folder, _digest(frames))
    items = _items(sequence, plans)
    shared = {name: plan.shared for name, plan in plans.items()}
    how = {"layout": dataset.layout, "folder": folder, "shared": shared}
    experiment.write_csv(folder / "tracks.csv", Track, sequence.tracks)
    happened = [
        *tables.changes(frames, lineage),
        *tables.left_out(dataset.frames),
        *filled_events(dataset, frames),
    ]
    with ExitStack() as stack:
        # Closed by the stack, also on an error: workers must not go on writing into a folder that
        # is removed.
        results = stack.enter_context(closing(_groups(items, how, backend, journal)))
        written = progress((result for group in results for result in group), "write", len(items))
        adders = _gatherers(sequence, plans, folder, stack)

        def records() -> Iterator[tuple[str, list[dict]]]:
            # One pass does three things, as results are let go of as soon as they are used: the
            # JSON of a long sequence never is in memory whole.
            for item, result in zip(items, written, strict=True):
                for name, add in adders.items():
                    add(item.t, result[name].rows)
                happened.extend(tables.covered(item.t, item.labelled_frame, result))
                own = dataset.frames[item.t].records
                yield item.frame.name, _records(item, own, frames[item.t].confidence, result)

        # Writing it drives the workers: records are made as results come in.
        experiment.write_json(folder / f"{sequence.name}.json", records())
    # Only now: drawing has told which masks others cover.
    events = tables.events(frames, happened)
    experiment.write_csv(folder / "events.csv", tables.Event, events)


def _digest(frames: Sequence[TrackedFrame]) -> bytes:
    """Tell labels apart from others."""
    labels = sha256()
    for frame in frames:
        labels.update(repr(frame.labels).encode())
    return labels.digest()


def filled_events(dataset: Dataset, frames: list[TrackedFrame]) -> Iterator[tables.Timed]:
    """Yield an event for every filled mask."""
    for t, (frame, tracked) in enumerate(zip(dataset.frames, frames, strict=True)):
        yield from tables.filled(t, tracked, len(frame.records) - count_filled(frame))


def _groups(
    items: list[LabelledInput],
    how: dict[str, Any],
    backend: Backend,
    journal: Journal | None,
) -> Generator[list[dict[str, WriteResult]], None, None]:
    """Write all frames in workers; yields the results of one group after the other."""
    # Several frames share one trip to a worker, and its buffer.
    groups = [items[i : i + WRITE_FRAMES] for i in range(0, len(items), WRITE_FRAMES)]
    if journal is None:
        with closing(backend.map(partial(writing.write_chunk, **how), groups)) as results:
            yield from results
        return
    yield from journal.written_by(backend, groups, how)


def _items(sequence: LabelledSequence, plans: dict[str, Plan]) -> list[LabelledInput]:
    numbered = {name: plan.numbers for name, plan in plans.items() if plan.numbers is not None}
    return [
        LabelledInput(t, *frames, {name: numbers[t] for name, numbers in numbered.items()})
        for t, frames in enumerate(zip(sequence.frames, sequence.labelled_frames, strict=True))
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


def _records(
    item: LabelledInput,
    own: Sequence[dict],
    confidence: np.ndarray,
    result: dict[str, WriteResult],
) -> list[dict]:
    """Records of the kept masks, in the order of the input.

    ``own`` are the records of the input, which know no names of labels; ``confidence`` is as in
    TrackedFrame.
    """
    records = []
    # Pixel files win the "segmentation" over run lengths beside them.
    given = {name: w.segmentations for name, w in result.items() if w.segmentations is not None}
    first = given.pop("masks", None) or given.pop("rle", None)
    for k, (index, value) in enumerate(
        zip(item.labelled_frame.kept.tolist(), item.labelled_frame.labels, strict=True)
    ):
        # A copy: the records of the input are shared by all outputs.
        record = dict(own[index])
        if first:
            record["segmentation"] = first[k]
        more = {name: values[k] for name, values in given.items()}
        # Null rather than no key: what an earlier run said of a record must not pass for ours.
        sure = written_confidence(confidence[k])
        found = {"label": value, "mask_index": index, "confidence": sure}
        records.append(record | more | found)
    return sorted(records, key=lambda record: record["mask_index"])


def camera(frames: list[TrackedFrame]) -> dict:
    """Motion of the camera for run.json: a 2 × 3 transform a frame, from the frame before to it.

    None where there is no estimate; nothing at all where no frame has one.
    """
    motions = [frame.motion for frame in frames]
    steps = [m.transform.round(MOTION_DIGITS).tolist() if m.known else None for m in motions]
    # No key rather than a list of nulls: a matching by IoU alone looks at no motion.
    return {"motion": steps} if any(steps) else {}


def run_record(dataset: Dataset, backend: Backend, options: Options, report: Report) -> dict:
    """What run.json says of the input, the parameters in effect and the work."""
    return {
        "input": input_of(dataset),
        "parameters": parameters_of(options),
        "backend": {"name": backend.name, "workers": backend.workers},
        "counters": report.counters,
        "seconds": {stage: round(value, 4) for stage, value in report.seconds.items()},
    }
