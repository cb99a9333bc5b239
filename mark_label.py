#!/usr/bin/env python3
"""Give the masks of one object one label over a whole sequence."""

import argparse
import sys
from pathlib import Path
from typing import Any

from backends import ALIASES, BACKENDS, open_backend
from backends.launcher import one_voice
from consistency.command import bars, fraction, guard, make_parser, natural, plain_name, positive
from consistency.format_flags import add_input_flags, add_output_flags, open_input, settings
from consistency.formats import WRITERS

MATCHINGS = ("optimal", "greedy", "seed")


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = make_parser(__doc__)
    add = result.add_argument
    add("--data-path", type=Path, default=Path("data"), help="folder or file with the masks")
    add_input_flags(result)
    add("--exp-name", type=plain_name, help="name of the experiment; default: the data folder's")
    add("--experiments", type=Path, default=Path("experiments"), help="where experiments are kept")
    add("--overwrite", action="store_true", help="replace an experiment of this name")
    add(
        "--multi",
        choices=[*BACKENDS, *ALIASES],
        default="no",
        help="where the work runs: this process, processes, MPI ranks, GPU",
    )
    add("--workers", type=positive, help="number of processes; default: the backend's choice")
    add(
        "--matching",
        choices=MATCHINGS,
        default="optimal",
        help="one-to-one with the largest sum of IoU, always the best pair left, or the labels of "
        "the predecessor, errors included",
    )
    add("--min-iou", type=fraction, default=0.05, help="least IoU of masks with one label")
    add("--memory", type=natural, default=1, help="frames a track may miss and still return")
    add("--duplicate-iou", type=fraction, default=0.5, help="drop a mask above this IoU")
    add(
        "--duplicate-containment",
        type=fraction,
        help="drop a mask above this intersection over the smaller area; default: off",
    )
    add(
        "--keep",
        choices=("area", "score"),
        default="area",
        help="of duplicates keep the largest, or the best predicted_iou · stability_score",
    )
    add(
        "--output",
        nargs="+",
        choices=tuple(WRITERS),
        default=["masks"],
        help="labelled .npy masks, run lengths in the JSON, labels only, or formats of other tools",
    )
    add_output_flags(result)
    add("--quiet", action="store_true", help="no progress bars, no summary")
    return result


def mark(args: argparse.Namespace) -> int:
    """Run the pipeline; returns the exit code."""
    with open_backend(args.multi, args.workers) as backend:
        if backend is None:  # one of many ranks, its work done
            return 0
        return run(args, backend)


def run(args: argparse.Namespace, backend: Any) -> int:
    """Mark what the command line names on ``backend``; returns the exit code."""
    from consistency import pipeline

    if "none" in args.output and len(set(args.output)) > 1:
        raise ValueError("--output none writes nothing beside the labels; leave the others out")
    options = pipeline.Options(
        matching=args.matching,
        min_iou=args.min_iou,
        memory=args.memory,
        duplicate_iou=args.duplicate_iou,
        duplicate_containment=args.duplicate_containment,
        keep=args.keep,
        output=tuple(dict.fromkeys(args.output)),
        writing=settings(args),
    )
    path = args.data_path.resolve()
    folder = args.experiments / (args.exp_name or (path.stem if path.is_file() else path.name))
    dataset = open_input(args.data_path, args)
    report = pipeline.run(dataset, folder, backend, options, args.overwrite, bars(args.quiet))
    if not args.quiet:
        print(summary(report, folder))
    return 0


def summary(report, folder: Path) -> str:
    """Return the one line that tells what was done."""
    count, seconds = report.counters, report.seconds
    return (
        f"{folder}: {count['frames']} frames, {count['masks']} masks, "
        f"{count['duplicates']} duplicates, {count['labels']} labels; seconds "
        f"read {seconds['read']:.2f}, measured {seconds['measured']:.2f}, "
        f"propagated {seconds['propagated']:.2f}, written {seconds['written']:.2f}"
    )


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    with one_voice():
        args = parser().parse_args(argv)
    return guard(mark, args)


if __name__ == "__main__":
    sys.exit(main())
