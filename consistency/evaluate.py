"""Compare an experiment's labels with ground truth, or describe them without.

    python -m consistency.evaluate EXPERIMENT --ground-truth PATH
    python -m consistency.evaluate EXPERIMENT

EXPERIMENT is a folder of experiments/.  PATH is truth.json of its input, or any labelled data set:
MOTS text, SA-V, COCO, label images, Cell Tracking Challenge.
"""

import argparse
import json
import sys
from pathlib import Path

from consistency.cli.common import guard, make_parser

# Need a partition of the frame: they have no meaning where masks overlap.
REFUSED = ("STQ", "VPQ", "PQ")


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = make_parser(__doc__.splitlines()[0])
    result.prog = "python -m consistency.evaluate"
    add = result.add_argument
    add("experiment", type=Path, help="folder of the experiment")
    add("--ground-truth", type=Path, help="truth.json or a labelled data set")
    add("--json", type=Path, metavar="FILE", help="write the figures to FILE too")
    add("--boundaries", action="store_true", help="DAVIS F too: reads all pixels")
    add("--metric", nargs="+", metavar="NAME", help="only these")
    return result


def scores(experiment, truth, boundaries: bool = False) -> dict[str, float]:
    """Return all metrics of an ``Experiment`` against a ``ground_truth.Truth``."""
    from consistency.metrics import mot
    from consistency.metrics.ctc import lineage
    from consistency.metrics.ground_truth import compare

    steps, overlaps = [], []
    for both in compare(experiment, truth):
        overlaps.append(both.overlaps)
        steps.append(mot.Step(both.overlaps.identities, both.overlaps.labels, both.similarity))
    result = mot.hota(steps) | mot.identity(steps) | mot.clear(steps)
    result |= mot.region(steps)
    if boundaries:
        mapped, known = mot.global_map(steps)
        labels = {name: mapped.get(name) for name in known}
        result["F"] = boundary_mean(experiment, truth, labels)
        result["J&F"] = (result["J"] + result["F"]) / 2
    parents = label_parents(experiment.folder)
    if truth.parents or parents:
        result |= lineage(overlaps, truth.parents, parents)
    return result


def boundary_mean(experiment, truth, mapped: dict[int, int | None]) -> float:
    """F of DAVIS: mean over identities of the mean over frames, 0-1.

    ``mapped`` is {identity: its label or None}.
    """
    import numpy as np

    from consistency.metrics.boundary import boundary_f
    from consistency.metrics.ground_truth import compare

    values: dict[int, list[float]] = {name: [] for name in mapped}
    for both in compare(experiment, truth):
        row = {v: i for i, v in enumerate(both.overlaps.identities.tolist())}
        column = {v: j for j, v in enumerate(both.overlaps.labels.tolist())}
        for name, label in mapped.items():
            i, j = row.get(name), column.get(label)
            value = float(i is None and j is None)
            if i is not None and j is not None:
                value = boundary_f(both.true_masks.unpack(i), both.masks.unpack(j))
            values[name].append(value)
    return float(np.mean([np.mean(v) for v in values.values()])) if values else 0.0


def label_parents(folder: Path) -> dict[int, int]:
    """Return {label: parent} from tracks.csv."""
    import csv

    with open(folder / "tracks.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {int(row["label"]): int(row["parent"]) for row in rows if row.get("parent")}


def evaluate(args: argparse.Namespace) -> int:
    """Print the figures; returns the exit code."""
    from consistency.experiment import open_experiment
    from consistency.metrics.ground_truth import open_truth
    from consistency.metrics.without_truth import describe, look

    experiment = open_experiment(args.experiment)
    if args.ground_truth:
        truth = open_truth(args.ground_truth, experiment)
        figures: dict = chosen(scores(experiment, truth, args.boundaries), args.metric)
        print_table({"": figures})
    else:
        before, after = look(experiment)
        figures = {"before": describe(before), "after": describe(after)}
        print_table(figures)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


def chosen(figures: dict[str, float], names: list[str] | None) -> dict[str, float]:
    """Return some figures, by name; ValueError for one that is not there."""
    for name in names or ():
        if name in REFUSED:
            raise ValueError(
                f"--metric {name}: is defined for frames without overlap, and these masks may "
                "overlap; flatten them first (--output labelmaps) and use HOTA on that"
            )
        if name not in figures:
            raise ValueError(f"--metric {name}: not among {', '.join(figures)}")
    return {name: figures[name] for name in names} if names else figures


def print_table(columns: dict[str, dict]) -> None:
    """Print one line a figure, one column a name."""
    names = list(next(iter(columns.values())))
    width = max(map(len, names)) + 2
    if any(columns):
        print(" " * width + "".join(f"{name:>12}" for name in columns))
    for name in names:
        values = (column[name] for column in columns.values())
        texts = (f"{v:12d}" if isinstance(v, int) else f"{v:12.4f}" for v in values)
        print(f"{name:{width}}" + "".join(texts))


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    return guard(evaluate, parser().parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
