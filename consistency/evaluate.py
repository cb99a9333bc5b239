"""Compare an experiment's labels with ground truth, or describe them without.

    python -m consistency.evaluate EXPERIMENT --ground-truth PATH
    python -m consistency.evaluate EXPERIMENT

EXPERIMENT is a folder of experiments/.  PATH is truth.json of its input, or any labelled data set:
MOTS text, SA-V, COCO, label images, Cell Tracking Challenge.  Frames are paired by their names.
"""

import argparse
import json
import sys
from pathlib import Path

from consistency.cli.common import run_cli
from consistency.cli.parser import Parser
from consistency.options import EVALUATION_NEEDS

# Need a partition of the frame: they have no meaning where masks overlap.
REFUSED = ("STQ", "VPQ", "PQ")
OF_BOUNDARIES = ("F", "J&F")


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = Parser(__doc__.splitlines()[0], EVALUATION_NEEDS)
    add = result.add_argument
    add("experiment", type=Path, help="folder of the experiment")
    add("--ground-truth", type=Path, help="truth.json or a labelled data set")
    add("--json", type=Path, metavar="FILE", help="write the figures to FILE too")
    add("--boundaries", action="store_true", help="DAVIS F too: reads all pixels")
    add("--metric", nargs="+", metavar="NAME", help="only these")
    return result


def evaluate(args: argparse.Namespace) -> int:
    """Print the figures; returns the exit code."""
    from consistency.experiment import open_experiment
    from consistency.metrics.ground_truth import open_truth
    from consistency.metrics.scores import scores
    from consistency.metrics.without_truth import label_statistics, summarise_frames

    experiment = open_experiment(args.experiment)
    if args.ground_truth:
        check_boundaries(args.metric, args.boundaries)
        truth = open_truth(args.ground_truth, experiment)
        figures: dict = chosen(scores(experiment, truth, args.boundaries), args.metric)
        print_table({"": figures})
    else:
        before, after = summarise_frames(experiment)
        figures = {"before": label_statistics(before), "after": label_statistics(after)}
        print_table(figures)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


def check_boundaries(names: list[str] | None, boundaries: bool) -> None:
    """Raise ValueError if ``names`` and --boundaries do not fit; None stands for all figures."""
    if names is None:
        return
    wanted = [name for name in names if name in OF_BOUNDARIES]
    if boundaries and not wanted:
        raise ValueError(
            f"--boundaries has no effect on --metric {' '.join(names)}; it is for "
            f"{' and '.join(OF_BOUNDARIES)}"
        )
    if wanted and not boundaries:
        raise ValueError(f"--metric {wanted[0]} compares boundaries; add --boundaries")


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
    return run_cli(evaluate, parser().parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
