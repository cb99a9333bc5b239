"""What became of every label in the frames that are looked at, for figures and the viewer."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from consistency.draw.scene import View
from consistency.experiment import Experiment
from consistency.formats import source
from consistency.formats.damage import naming_file


@dataclass(frozen=True)
class Happening:
    """One line of events.csv, at a frame that is looked at.

    Attributes
    ----------
    frame : number of the frame among those looked at.
    kind : "birth", "gap", "return", "end", "dropped" or whatever else the table names.
    label : None for an event without one.
    columns : all other filled columns of the line, as text.
    """

    frame: int
    kind: str
    label: int | None
    columns: dict[str, str]

    @property
    def labels(self) -> tuple[int, ...]:
        """The label and, in a split or a merge, the other one."""
        other = self.columns.get("other")
        return tuple(v for v in (self.label, int(other) if other else None) if v is not None)


def spans(views: Sequence[View]) -> dict[int, list[tuple[int, int]]]:
    """First and last frame of every unbroken stretch of each label, in the order of births."""
    found: dict[int, list[tuple[int, int]]] = {}
    for t, view in enumerate(views):
        # In order of the labels: which mask comes first in a frame means nothing.
        for label in sorted(set(view.labels)):
            stretches = found.setdefault(label, [])
            if stretches and stretches[-1][1] == t - 1:
                stretches[-1] = (stretches[-1][0], t)
            else:
                stretches.append((t, t))
    return found


def happenings(folder: Path, views: Sequence[View]) -> list[Happening]:
    """Read events.csv of an experiment; leaves out frames and labels that are not looked at."""
    frames = {view.frame.name: t for t, view in enumerate(views)}
    labels = {label for view in views for label in view.labels}
    found = []
    with naming_file(folder / "events.csv"):
        for row in read_table(folder / "events.csv"):
            label = int(row.pop("label")) if row.get("label") else None
            frame = frames.get(row.pop("frame", ""))
            if frame is not None and (label is None or label in labels):
                # What else a line has stays text: the viewer shows it, nothing here depends on it.
                kind = row.pop("event", "")
                columns = {key: value for key, value in row.items() if value}
                found.append(Happening(frame, kind, label, columns))
                _ = found[-1].labels  # raises where they are not numbers
    return sorted(found, key=lambda happening: happening.frame)


def tracks(folder: Path) -> dict[int, dict[str, str]]:
    """Read tracks.csv of an experiment: {label: columns as text}."""
    with naming_file(folder / "tracks.csv"):
        return {int(row["label"]): row for row in read_table(folder / "tracks.csv")}


def names(experiment: Experiment, categories: dict[int, str]) -> dict[int, str]:
    """Names of labels: those that a person has given, else the class of most of their masks."""
    classes: dict[int, Counter] = {}
    for frame, read in zip(experiment.frames, experiment.dataset.frames, strict=True):
        for label, index in zip(frame.labels, frame.indices, strict=True):
            record = read.records[index]
            known = record.get("category_id")
            name = categories.get(known) if isinstance(known, int) else None
            name = name or record.get("class_name")
            if isinstance(name, str):
                classes.setdefault(label, Counter())[name] += 1
    found = {label: counts.most_common(1)[0][0] for label, counts in classes.items()}
    path = experiment.folder / "classes.csv"
    with naming_file(path):
        return found | {int(row["label"]): row["name"] for row in read_table(path)}


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a CSV file with a header; an experiment without it has an empty one."""
    return source.read_table(path)[1] if path.exists() else []
