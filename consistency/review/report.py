"""report.html and report.csv of an experiment: the moments most worth checking, with pictures."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from urllib.parse import quote

import numpy as np

from consistency.backend import Backend
from consistency.draw import scene
from consistency.draw.replacing import check_free, drawing
from consistency.experiment import Experiment, write_csv
from consistency.formats.damage import naming_file
from consistency.formats.source import read_table
from consistency.measurements import Measurements
from consistency.options import Options
from consistency.progress import Progress, silent
from consistency.review.moments import MOST, Doubts, Moment
from consistency.review.page import Shown, write_page
from consistency.review.pictures import Pictures
from consistency.track.results import TrackedFrame, collect
from consistency.track.thumbnail_store import ThumbnailStore
from consistency.track.tracklets import NONE

PAGE, TABLE = "report.html", "report.csv"
EVERY_MASK = Options(duplicate_iou=1.0)  # an IoU is never above 1: none is a duplicate
DIGITS = 3  # of probabilities and sums of them


@dataclass(frozen=True)
class Line:
    """One line of report.csv.

    Attributes
    ----------
    rank : from 1.
    kind : see ``consistency.review.moments``.
    frame, label, mask_index : of the mask that the doubt is about.
    before_frame, before_label, before_mask_index : of the mask before it; empty if there is none.
    rival_frame, rival_label, rival_mask_index : of the one that may belong there instead.
    probability : that labels are wrong here, 0-1.
    masks : mask-frames that hang on it.
    expected : wrong mask-frames to be expected.
    """

    rank: int
    kind: str
    frame: str
    label: int
    mask_index: int
    before_frame: str | None
    before_label: int | None
    before_mask_index: int | None
    rival_frame: str | None
    rival_label: int | None
    rival_mask_index: int | None
    probability: float
    masks: float
    expected: float


def check(folder: Path, overwrite: bool) -> None:
    """Raise ValueError if ``folder`` has a report that must not be replaced."""
    for name in (PAGE, TABLE):
        check_free(folder / name, overwrite)


def write(
    experiment: Experiment,
    backend: Backend,
    overwrite: bool = False,
    progress: Progress = silent,
    frames_path: Path | None = None,
    viewer: Path | None = None,
) -> list[Line]:
    """Write the report of an experiment into its folder, and return its lines.

    Parameters
    ----------
    frames_path : folder with the images, to draw over.
    viewer : the page of vis.py that moments are linked to; None: where vis.py puts it.

    Raises
    ------
    ValueError, OSError
        For masks that are gone or damaged, and for a report that is there already.
    """
    check(experiment.folder, overwrite)
    frames, thumbnails, confidence = _measured(experiment, backend, progress)
    with naming_file(experiment.folder / f"{experiment.name}.json"):  # labels of any length
        label = np.array(list(chain.from_iterable(f.labels for f in frames)), np.int64)
    found: list[Moment] = []
    if (label > 0).any():
        doubts = Doubts(frames, thumbnails, label, confidence, _parents(experiment))
        found = doubts.moments(MOST)
    views = scene.labelled(experiment)
    if frames_path is not None:
        views = scene.with_photographs(views, frames_path)
    places = _Places(frames)
    lines = [places.line(rank, moment) for rank, moment in enumerate(found, 1)]
    viewer = viewer or Path("vis_consistent") / f"{experiment.name}.html"
    link = quote(os.path.relpath(viewer, experiment.folder).replace(os.sep, "/"))
    shown = []
    pictures = Pictures(views, frames) if found else None
    for line, moment in zip(lines, progress(found, "draw", len(found)), strict=True):
        assert pictures is not None
        where = f"{link}#frame={quote(line.frame, safe='')}&label={line.label}"
        shown.append(Shown(line.rank, _sentence(line), where, pictures.of(moment)))
    with drawing(experiment.folder / TABLE, overwrite) as path:
        write_csv(path, Line, lines)
    with drawing(experiment.folder / PAGE, overwrite) as path:
        write_page(path, experiment.name, viewer, shown)
    return lines


def _measured(
    experiment: Experiment, backend: Backend, progress: Progress
) -> tuple[list[TrackedFrame], ThumbnailStore, np.ndarray]:
    """Measure the masks of an experiment; label 0 of those that it has left out.

    Returns
    -------
    frames : with labels.
    thumbnails : of all masks.
    confidence : float64 (N,), of links; NaN where the experiment does not say it.
    """
    measurements = Measurements(experiment.dataset, backend, EVERY_MASK)
    store, labelled, confidence = ThumbnailStore(), [], list[float]()
    # Records of the input may have a "confidence" of their own, which is not ours.
    own = experiment.dataset.layout.root == experiment.folder
    coming = progress(measurements, "measure", len(experiment.frames))
    for now, known, frame in zip(coming, experiment.frames, experiment.dataset.frames, strict=True):
        store.add(now.thumbnails)
        if len(set(known.labels)) < len(known.labels):
            raise ValueError(
                f"{experiment.folder}: frame {known.name!r} has a label twice; mark it with "
                "another --matching"
            )
        of_mask = dict(zip(known.indices, known.labels, strict=True))
        labelled.append((now, [of_mask.get(index, 0) for index in now.kept.tolist()]))
        for index in now.kept.tolist():
            sure = frame.records[index].get("confidence") if own and index in of_mask else None
            confidence.append(float(sure) if isinstance(sure, int | float) else np.nan)
    return collect(labelled), store, np.array(confidence, np.float64)


def _parents(experiment: Experiment) -> dict[int, int]:
    """Return what labels came out of, from tracks.csv: {label: mother}."""
    path = experiment.folder / "tracks.csv"
    with naming_file(path):
        rows = read_table(path)[1]
        return {int(row["label"]): int(row["parent"]) for row in rows if row.get("parent")}


class _Places:
    """What files call the masks of a sequence."""

    def __init__(self, frames: Sequence[TrackedFrame]) -> None:
        self._of = [
            (frame.name, label, index)
            for frame in frames
            for label, index in zip(frame.labels, frame.kept.tolist(), strict=True)
        ]

    def line(self, rank: int, moment: Moment) -> Line:
        before, rival = (
            (None, None, None) if mask == NONE else self._of[mask]
            for mask in (moment.before, moment.rival)
        )
        values = (moment.wrong, moment.hangs, moment.expected)
        numbers = (round(value, DIGITS) for value in values)
        return Line(rank, moment.kind, *self._of[moment.after], *before, *rival, *numbers)


def _sentence(line: Line) -> str:
    """Return what a person is asked."""
    here = f"label {line.label} in frame {line.frame}"
    then = f"in frame {line.before_frame}"
    asked = {
        "weak link": f"Is {here} the same object as {then}?",
        "gap": f"Is {here} the same object as {then}, before it was away?",
        "switch": f"Have labels {line.label} and {line.rival_label} changed places in frame "
        f"{line.frame}?",
        "begins": f"{here[0].upper()}{here[1:]} begins in plain view. Is it the rest of another?",
        "split": f"{here[0].upper()}{here[1:]} is said to have come out of another. Is it new?",
        "flickers": f"{here[0].upper()}{here[1:]} comes and goes. Is it one object?",
    }[line.kind]
    if line.kind in ("begins", "split") and line.before_label is not None:
        asked += f" Label {line.before_label} ended {then}."
    chance = f"Wrong with a probability of {100 * line.probability:.0f}\xa0%"
    return f"{asked} {chance}; {line.masks:.0f} masks hang on it."
