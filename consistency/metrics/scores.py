"""All metrics of an experiment against ground truth."""

import csv
from pathlib import Path

import numpy as np

from consistency.experiment import Experiment
from consistency.metrics import mot
from consistency.metrics.boundary import boundary_f
from consistency.metrics.ctc import lineage
from consistency.metrics.ground_truth import Truth, compare


def scores(experiment: Experiment, truth: Truth, boundaries: bool = False) -> dict[str, float]:
    """Return all metrics of an experiment against the ground truth."""
    frames, overlaps = [], []
    for frame in compare(experiment, truth):
        overlaps.append(frame.overlaps)
        frames.append(
            mot.MetricFrame(frame.overlaps.identities, frame.overlaps.labels, frame.similarity)
        )
    result = mot.hota(frames) | mot.identity(frames) | mot.clear(frames)
    result |= mot.region(frames)
    if boundaries:
        mapped, known = mot.global_map(frames)
        labels = {name: mapped.get(name) for name in known}
        result["F"] = boundary_mean(experiment, truth, labels)
        result["J&F"] = (result["J"] + result["F"]) / 2
    parents = label_parents(experiment.folder)
    if truth.parents or parents:
        result |= lineage(overlaps, truth.parents, parents)
    return result


def boundary_mean(experiment: Experiment, truth: Truth, mapped: dict[int, int | None]) -> float:
    """F of DAVIS: mean over identities of the mean over frames, 0-1.

    ``mapped`` is {identity: its label or None}.
    """
    values: dict[int, list[float]] = {name: [] for name in mapped}
    for frame in compare(experiment, truth):
        row = {v: i for i, v in enumerate(frame.overlaps.identities.tolist())}
        column = {v: j for j, v in enumerate(frame.overlaps.labels.tolist())}
        for name, label in mapped.items():
            i, j = row.get(name), column.get(label)
            value = float(i is None and j is None)
            if i is not None and j is not None:
                value = boundary_f(frame.true_masks.unpack(i), frame.masks.unpack(j))
            values[name].append(value)
    return float(np.mean([np.mean(v) for v in values.values()])) if values else 0.0


def label_parents(folder: Path) -> dict[int, int]:
    """Return {label: parent} from tracks.csv."""
    with open(folder / "tracks.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {int(row["label"]): int(row["parent"]) for row in rows if row.get("parent")}
