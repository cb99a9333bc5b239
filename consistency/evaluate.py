"""Compare an experiment's labels with ground truth, or describe them without.

    python -m consistency.evaluate EXPERIMENT --ground-truth PATH
    python -m consistency.evaluate EXPERIMENT --against OTHER
    python -m consistency.evaluate EXPERIMENT

EXPERIMENT is a folder of experiments/.  PATH is truth.json of its input, or any labelled data set:
MOTS text, SA-V, COCO, label images, Cell Tracking Challenge.  Frames are paired by their names.
EXPERIMENT may also be a folder of many sequences: the truth of NAME is then PATH/NAME, PATH/NAME.*
or the sequence NAME of the data set PATH.  OTHER is an experiment on the same masks, or a folder of
as many sequences: told is which labels differ, and with a truth what that is worth.
"""

import argparse
import sys
from pathlib import Path

from consistency.cli.common import run_command
from consistency.cli.limits import add_limit_flags
from consistency.cli.needs import EVALUATION_NEEDS
from consistency.cli.parser import Parser
from consistency.plain_text import to_json

# Need a partition of the frame: they have no meaning where masks overlap.
REFUSED = ("STQ", "VPQ", "PQ")
OF_BOUNDARIES = ("F", "J&F")
ALL = "all"  # sequences together


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = Parser(__doc__.splitlines()[0], EVALUATION_NEEDS)
    add = result.add_argument
    add("experiment", type=Path, help="folder of the experiment")
    add("--ground-truth", type=Path, help="truth.json or a labelled data set")
    add("--against", type=Path, metavar="OTHER", help="another experiment on the same masks")
    add("--json", type=Path, metavar="FILE", help="write the figures to FILE too")
    add("--boundaries", action="store_true", help="DAVIS F too: reads all pixels")
    add("--metric", nargs="+", metavar="NAME", help="only these")
    add_limit_flags(result)
    return result


def evaluate(args: argparse.Namespace) -> int:
    """Print the figures; returns the exit code."""
    from consistency.experiment import open_experiment

    check_boundaries(args.metric, args.boundaries)
    folders = sequences_in(args.experiment)
    if args.against:
        figures: dict = against(args, folders)
    elif folders:
        figures = of_many(args, folders)
    elif args.ground_truth:
        from consistency.metrics import scores

        figures = chosen(scores.figures(counted(args, args.experiment, False)), args.metric)
        print_table({"": figures})
    else:
        from consistency.metrics.without_truth import label_statistics, summarise_frames

        by_iou, own = summarise_frames(open_experiment(args.experiment))
        figures = {"IoU alone": label_statistics(by_iou), "labels": label_statistics(own)}
        print_table(figures)
    if args.json:
        args.json.write_text(to_json(figures, indent=1) + "\n")
    return 0


def sequences_in(folder: Path) -> list[Path]:
    """Return the experiments in ``folder``, in natural order; none where it is one itself."""
    from consistency.dataset import natural_key

    if not folder.is_dir() or (folder / f"{folder.resolve().name}.json").is_file():
        return []
    found = (p for p in folder.iterdir() if (p / f"{p.name}.json").is_file())
    return sorted(found, key=lambda path: natural_key(path.name))


def of_many(args: argparse.Namespace, folders: list[Path]) -> dict:
    """Print a line for each sequence and one for all of them; returns their figures.

    "all" are the figures of counts added up over sequences, so that a long one counts more.
    """
    from consistency.metrics import counts, scores

    if args.ground_truth is None:
        raise ValueError(
            f"{args.experiment}: {len(folders)} sequences; give one of them, such as {folders[0]}, "
            "or their truth with --ground-truth"
        )
    found = {folder.name: counted(args, folder, True) for folder in folders}
    rows = {name: scores.figures(value) for name, value in found.items()}
    everything = scores.figures(counts.add(found.values()))
    names = args.metric or ["HOTA", "DetA", "AssA", "IDF1", "MOTSA", "IDSW", "TP", "FP", "FN"]
    print_rows({name: chosen(row, names) for name, row in (rows | {ALL: everything}).items()})
    some = {name: chosen(row, args.metric) for name, row in rows.items()}
    return {"sequences": some, ALL: chosen(everything, args.metric)}


def counted(args: argparse.Namespace, folder: Path, one_of_many: bool) -> dict:
    """Count the experiment ``folder`` against its truth; ValueError names one of many."""
    from consistency.experiment import open_experiment
    from consistency.metrics import scores
    from consistency.metrics.ground_truth import open_truth

    experiment, path, within = open_experiment(folder), args.ground_truth, None
    if one_of_many:
        path = truth_of(args.ground_truth, folder.name)
        within = folder.name if path == args.ground_truth else None
    try:
        return scores.count(experiment, open_truth(path, experiment, within), args.boundaries)
    except ValueError as error:
        lead = f"sequence {folder.name!r}: " if one_of_many else ""
        raise ValueError(f"{lead}{error}") from error


def truth_of(folder: Path, name: str) -> Path:
    """Return where the truth of the sequence ``name`` is; ``folder`` itself if not in it."""
    from consistency.formats import fitting
    from consistency.formats.source import Source

    if not folder.is_dir():
        return folder
    found = [p for p in folder.iterdir() if p.name == name or p.stem == name]
    if len(found) > 1:
        raise ValueError(f"{folder}: {found[0].name} and {found[1].name} for {name}; remove one")
    if not found and not fitting(Source(folder)):
        raise ValueError(
            f"{folder}: no ground truth for sequence {name!r}; expected {folder / name}"
        )
    return found[0] if found else folder


def against(args: argparse.Namespace, folders: list[Path]) -> dict:
    """Print what differs from another experiment; returns the figures, of the truth too."""
    from consistency.experiment import open_experiment
    from consistency.metrics import differences
    from consistency.metrics.counts import add

    others = [args.against / folder.name for folder in folders] or [args.against]
    pairs = list(zip(folders or [args.experiment], others, strict=True))
    found = {
        here.name: differences.count(open_experiment(here), open_experiment(there))
        for here, there in pairs
    }
    rows = {name: differences.figures(value) for name, value in found.items()}
    if folders:
        rows[ALL] = differences.figures(add(found.values()))
    print_rows(rows)
    if args.ground_truth is None:
        return rows
    here, there = (
        _scores_of(args, [pair[side] for pair in pairs], bool(folders)) for side in (0, 1)
    )
    table = {
        "here": here,
        "there": there,
        "difference": {name: here[name] - there[name] for name in here if name in there},
    }
    print()
    print_table({title: {k: v for k, v in t.items() if k in there} for title, t in table.items()})
    return {"labels": rows, "truth": table}


def _scores_of(args: argparse.Namespace, folders: list[Path], many: bool) -> dict[str, float]:
    """Figures of some sequences together, against their truth."""
    from consistency.metrics import counts, scores

    found = [counted(args, folder, many) for folder in folders]
    return chosen(scores.figures(counts.add(found)), args.metric)


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


def print_rows(rows: dict[str, dict]) -> None:
    """Print one line a name, one column a figure."""
    width = max(map(len, rows)) + 2
    names = list(next(iter(rows.values())))
    wide = [max(9, len(name) + 2) for name in names]
    print(" " * width + "".join(f"{name:>{w}}" for name, w in zip(names, wide, strict=True)))
    for title, row in rows.items():
        kinds = ["d" if isinstance(v, int) else ".4f" for v in row.values()]
        texts = (f"{v:{w}{k}}" for v, w, k in zip(row.values(), wide, kinds, strict=True))
        print(f"{title:{width}}" + "".join(texts))


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    return run_command(evaluate, parser().parse_args, argv)


if __name__ == "__main__":
    sys.exit(main())
