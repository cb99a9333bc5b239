#!/usr/bin/env python3
"""Give the masks of one object one label over a whole sequence."""

import argparse
import sys
from pathlib import Path

from backends import ALIASES, BACKENDS
from consistency.command import bars, fraction, guard, make_parser, natural, plain_name, positive

MATCHINGS = ("optimal", "greedy", "seed")
OUTPUTS = ("masks", "rle", "none", "labelmaps", "coco", "mots", "ctc")
RULES = ("small-on-top", "large-on-top", "score")
DROPS = ("smallest", "shortest")
READERS = ("native", "sav", "coco", "mots", "ctc", "labelmaps")


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = make_parser(__doc__)
    add = result.add_argument
    add("--data-path", type=Path, default=Path("data"), help="folder or file with the masks")
    add("--input-format", choices=("auto", *READERS), default="auto", help="its format")
    add(
        "--sort",
        default="natural",
        metavar="{natural,lexical,FILE}",
        help="order of frames; FILE lists the wanted ones, one a line",
    )
    add("--sequence", help="which one, where the input holds several")
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
        choices=OUTPUTS,
        default=["masks"],
        help="labelled .npy masks, run lengths in the JSON, or labels only",
    )
    outputs = result.add_argument_group("outputs")
    add = outputs.add_argument
    add("--flatten", choices=RULES, help="who wins a pixel of several masks in label images")
    add("--max-ids", type=positive, help="most objects in label images; default: what they hold")
    add("--drop", choices=DROPS, help="which objects go where there are more; default: refuse")
    add("--ids", type=positive, nargs="+", default=[], help="labels for outputs of chosen objects")
    add("--invert", action="store_true", help="chosen objects are black instead of white")
    add("--transforms", help="transforms.json to extend with paths of masks")
    add("--first-frame", type=natural, default=0, help="number of the first frame where they count")
    add("--class-id", type=positive, default=1, help="class of masks without one, where one is due")
    add = result.add_argument
    add("--quiet", action="store_true", help="no progress bars, no summary")
    return result


def mark(args: argparse.Namespace) -> int:
    """Run the pipeline; returns the exit code."""
    from backends import open_backend
    from consistency.dataset import open_dataset
    from consistency.pipeline import Options, run

    if "none" in args.output and len(set(args.output)) > 1:
        raise ValueError("--output none writes nothing beside the labels; leave the others out")
    options = Options(
        matching=args.matching,
        min_iou=args.min_iou,
        memory=args.memory,
        duplicate_iou=args.duplicate_iou,
        duplicate_containment=args.duplicate_containment,
        keep=args.keep,
        output=tuple(dict.fromkeys(args.output)),
        writing=settings(args),
    )
    folder = args.experiments / (args.exp_name or args.data_path.resolve().name)
    dataset = open_dataset(args.data_path, args.input_format, args.sort, args.sequence)
    with open_backend(args.multi, args.workers) as backend:
        report = run(dataset, folder, backend, options, args.overwrite, bars(args.quiet))
    if not args.quiet:
        print(summary(report, folder))
    return 0


def settings(args: argparse.Namespace):
    """What the outputs want to know, from their flags."""
    from consistency.outputs import Settings

    return Settings(
        flatten=args.flatten,
        max_ids=args.max_ids,
        drop=args.drop,
        ids=tuple(args.ids),
        invert=args.invert,
        transforms=args.transforms,
        first_frame=args.first_frame,
        class_id=args.class_id,
    )


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
    return guard(mark, parser().parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
