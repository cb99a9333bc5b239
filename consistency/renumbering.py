"""An experiment written anew with corrected labels; nothing is matched again.

Its input is measured once more, for areas, overlaps and pixels; labels, confidences and lineage are
those of the experiment.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np

from consistency.backend import Backend
from consistency.correction_files import kept_in
from consistency.corrections import LARGEST, Corrections
from consistency.dataset import Frame
from consistency.experiment import Experiment, check_apart, writing
from consistency.formats.damage import naming_file
from consistency.formats.native import dataset_of_records
from consistency.formats.source import load_json, read_table
from consistency.labelling import Labelling
from consistency.measurements import Measurements
from consistency.options import Options, WritingOptions
from consistency.outputs import Report, write
from consistency.progress import Progress, silent
from consistency.track.mending import mend
from consistency.track.results import Change, Lineage, TrackedFrame, collect
from consistency.versions import versions

LEFT_OUT = 0  # label of masks that the experiment does not have


def renumber(
    experiment: Experiment,
    files: Sequence[Corrections],
    folder: Path,
    backend: Backend,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Report:
    """Apply files of corrections to an experiment and write the result as ``folder``.

    Raises
    ------
    ValueError
        For corrections that cannot be applied, an input that has changed, a folder that exists.
    FileNotFoundError
        If the input is gone.
    """
    dataset, options = experiment.input(), options_of(experiment)
    check_apart(dataset, folder)
    with writing(folder, overwrite) as partial_folder:
        measurements = Measurements(dataset, backend, options)
        measured = progress(measurements, "measure", len(dataset.frames))
        unlabelled = collect((now, [LEFT_OUT] * now.kept.size) for now in measured)
        frames = _with_labels(unlabelled, experiment)
        labels = {label for frame in frames for label in frame.labels}
        lineage = _lineage(experiment).among(labels)
        mended = mend(frames, lineage, files, options.min_length, None, options.compact)
        reasons = _reasons(experiment)
        mended = replace(
            mended,
            frames=[_with_reasons(frame, reasons) for frame in mended.frames],
            files=(*kept_in(experiment.folder), *mended.files),
        )
        seconds = {"read": measurements.seconds_read, "measuring": measurements.seconds_waited}
        more = {key: experiment.run[key] for key in ("windows",) if key in experiment.run}
        labelling = Labelling(measurements.dataset, mended, seconds, versions(), more)
        return write(labelling, partial_folder, folder.name, backend, options, progress)


def options_of(experiment: Experiment) -> Options:
    """Return the options that an experiment was made with; ValueError if they are damaged."""
    parameters = experiment.run["parameters"]
    own = {k: v for k, v in parameters.items() if k in Options.__dataclass_fields__}
    own.pop("corrections", None)
    if own.pop("filling", None) is not None:
        raise ValueError(
            f"{experiment.folder}: has masks that were filled in, so it cannot be renumbered; use "
            "mark_label.py --corrections"
        )
    given = own.pop("writing", {})
    with naming_file(experiment.folder / "run.json"):
        lists = {k: tuple(v) for k, v in own.items() if isinstance(v, list)}
        writing_options = WritingOptions(**given | {"ids": tuple(given.get("ids", ()))})
        options = Options(**own | lists, writing=writing_options)
        _check(options, Options())
        _check(writing_options, WritingOptions())
    return options


def _check(found: Options | WritingOptions, default: Options | WritingOptions) -> None:
    """Raise ValueError for a value that is of another kind than the default."""
    for name, usual in vars(default).items():
        value = getattr(found, name)
        fits = isinstance(value, int | float | str | None) if usual is None else False
        if not fits and type(value) is not type(usual):
            raise ValueError(f"parameter {name!r} is {type(value).__name__}")


def _with_labels(frames: list[TrackedFrame], experiment: Experiment) -> list[TrackedFrame]:
    """Give masks the labels and confidences of the experiment; ValueError if it has others."""
    path = experiment.folder / f"{experiment.name}.json"
    records = dataset_of_records(experiment.folder, load_json(path), path, key=None).frames
    pairs = zip(frames, records, strict=True)
    return [_labelled(frame, given, path) for frame, given in pairs]


def _labelled(frame: TrackedFrame, given: Frame, path: Path) -> TrackedFrame:
    known = {record["mask_index"]: record for record in given.records}
    extra = sorted(set(known) - set(frame.kept.tolist()))
    if extra:
        raise ValueError(
            f"{path}: frame {frame.name!r}: its input does not have mask {extra[0]} any more; "
            "mark it again"
        )
    records = [known.get(index, {}) for index in frame.kept.tolist()]
    sure = [record.get("confidence") for record in records]
    numbers = [value if isinstance(value, float | int) else np.nan for value in sure]
    labels = [record.get("label", LEFT_OUT) for record in records]
    if max(labels, default=0) > LARGEST:
        raise ValueError(f"{path}: frame {frame.name!r}: a label above {LARGEST}; mark it again")
    return replace(frame, labels=labels, confidence=np.array(numbers, np.float64))


def _lineage(experiment: Experiment) -> Lineage:
    """Return what tables of an experiment tell of splits and merges."""
    numbers = {frame.name: t for t, frame in enumerate(experiment.frames)}
    last = {label: t for t, frame in enumerate(experiment.frames) for label in frame.labels}
    with naming_file(experiment.folder / "tracks.csv"):
        rows = read_table(experiment.folder / "tracks.csv")[1]
        parents = {int(row["label"]): int(row["parent"]) for row in rows if row.get("parent")}
    changes = []
    with naming_file(experiment.folder / "events.csv"):
        events = read_table(experiment.folder / "events.csv")[1]
        found = (
            (numbers[row["frame"]], row["event"], int(row["label"]), int(row["other"]))
            for row in events
            if row["event"] in ("split", "merge")
        )
        for (t, kind, label), group in groupby(found, lambda row: row[:3]):
            goes_on = (label,) if kind == "split" and last.get(label, -1) >= t else ()
            changes.append(Change(t, kind, label, (*goes_on, *(row[3] for row in group))))
    return Lineage(parents, tuple(changes))


def _reasons(experiment: Experiment) -> dict[tuple[str, str], str]:
    """Return {(frame, mask): why the experiment left it out}."""
    rows = read_table(experiment.folder / "events.csv")[1]
    dropped = (row for row in rows if row.get("event") == "dropped")
    return {(row["frame"], row["mask_index"]): row["reason"] for row in dropped}


def _with_reasons(frame: TrackedFrame, reasons: dict[tuple[str, str], str]) -> TrackedFrame:
    """Name the first reason of masks that had been left out before."""
    dropped = (
        replace(d, reason=reasons.get((frame.name, str(d.mask_index)), d.reason))
        for d in frame.dropped
    )
    return replace(frame, dropped=tuple(dropped))
