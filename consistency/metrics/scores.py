"""All metrics of an experiment against ground truth."""

from pathlib import Path

import numpy as np

from consistency.experiment import Experiment
from consistency.formats.damage import naming_file
from consistency.formats.source import read_table
from consistency.metrics import mot
from consistency.metrics.boundary import boundary_f
from consistency.metrics.counts import Counts
from consistency.metrics.ctc import count_lineage, lineage_of
from consistency.metrics.ground_truth import Truth, compare


def count(experiment: Experiment, truth: Truth, boundaries: bool = False) -> Counts:
    """Count what the metrics of an experiment are made of; counts of several can be added."""
    frames, overlaps = [], []
    for frame in compare(experiment, truth):
        overlaps.append(frame.overlaps)
        frames.append(
            mot.MetricFrame(frame.overlaps.identities, frame.overlaps.labels, frame.similarity)
        )
    parents = label_parents(experiment.folder)
    result = {
        "hota": mot.count_hota(frames),
        "identity": mot.count_identity(frames),
        "clear": mot.count_clear(frames),
        "region": mot.count_region(frames),
        "lineage": count_lineage(overlaps, truth.parents, parents),
        "divisions": len(truth.parents) + len(parents),
    }
    if boundaries:
        mapped, known = mot.global_map(frames)
        # The pairs of J, so that J and F speak of the same tracks.
        labels = {name: mapped.get(name) for name in known}
        result["F"] = boundary_means(experiment, truth, labels)
    return result


def figures(counts: Counts) -> dict[str, float]:
    """Return all metrics from counts of one sequence, or of several added up."""
    result = mot.hota_of(counts["hota"]) | mot.identity_of(counts["identity"])
    result |= mot.clear_of(counts["clear"]) | mot.region_of(counts["region"])
    if "F" in counts:
        result["F"] = float(np.mean(counts["F"])) if counts["F"] else 0.0
        result["J&F"] = (result["J"] + result["F"]) / 2
    # They score trees of labels; without a division on either side there is none.
    if counts["divisions"]:
        result |= lineage_of(counts["lineage"])
    return result


def boundary_means(
    experiment: Experiment, truth: Truth, mapped: dict[int, int | None]
) -> list[float]:
    """F of DAVIS: for each identity the mean over frames, 0-1.

    ``mapped`` is {identity: its label or None}.
    """
    values: dict[int, list[float]] = {name: [] for name in mapped}
    for frame in compare(experiment, truth):
        row = {v: i for i, v in enumerate(frame.overlaps.identities.tolist())}
        column = {v: j for j, v in enumerate(frame.overlaps.labels.tolist())}
        for name, label in mapped.items():
            i, j = row.get(name), column.get(label)
            # Where neither side has the object they agree, as in J.
            value = float(i is None and j is None)
            if i is not None and j is not None:
                value = boundary_f(frame.true_masks.unpack(i), frame.masks.unpack(j))
            values[name].append(value)
    return [float(np.mean(v)) for v in values.values()]


def label_parents(folder: Path) -> dict[int, int]:
    """Return {label: parent} from tracks.csv."""
    _, rows = read_table(folder / "tracks.csv")
    with naming_file(folder / "tracks.csv"):
        return {int(row["label"]): int(row["parent"]) for row in rows if row.get("parent")}
