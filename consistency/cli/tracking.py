"""Flags that say which masks are kept and how labels are carried."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from consistency.cli.common import fraction, natural, positive, whole_number
from consistency.cli.filling import filling_of
from consistency.cli.output import writing_options
from consistency.options import (
    CUT_OVERLAP,
    IGNORE,
    KEEP,
    KEEP_IDS,
    LONG_MEMORY,
    MATCHINGS,
    MEMORY,
    MEMORY_OF_IOU,
    MOTIONS,
    ON_SPLIT,
    PASSES,
    WHOLE,
    Options,
)


def add_association_flags(parser: argparse.ArgumentParser) -> None:
    """Add --matching and what goes with it."""
    add = parser.add_argument_group("labels").add_argument
    add(
        "--matching",
        choices=MATCHINGS,
        default=Options.matching,
        help="follow motion and shape; IoU alone, one-to-one with the largest sum or always the "
        "best pair left; or the labels of the predecessor, errors included",
    )
    add(
        "--min-iou",
        type=fraction,
        default=Options.min_iou,
        help="optimal, greedy: least IoU of one label",
    )
    add(
        "--memory",
        type=natural,
        # No default of argparse: it depends on the matching.
        help=f"frames a track may miss and still return; default: {MEMORY}, with --matching "
        f"optimal or greedy {MEMORY_OF_IOU}",
    )
    add(
        "--min-length",
        type=positive,
        default=Options.min_length,
        help="leave out tracks with fewer masks",
    )
    add(
        "--compact",
        action="store_true",
        help="number labels 1, 2, … in the order in which they appear, without holes where tracks "
        "are left out or corrected",
    )
    _add_track_flags(parser)


def _add_track_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("labels by --matching track").add_argument
    add(
        "--long-memory",
        type=natural,
        help="frames a track may miss where the camera's motion is known, and place and shape fit; "
        f"default: {LONG_MEMORY}",
    )
    add(
        "--motion",
        choices=MOTIONS,
        default=Options.motion,
        help="motion of the camera, from the edges of the masks; frames: of each mask, from images",
    )
    add(
        "--frames-path",
        type=Path,
        help="folder with the images, for --motion frames and for frames that are filled in",
    )
    add(
        "--on-split",
        choices=ON_SPLIT,
        default=Options.on_split,
        help="cells that divide: find out whether there are any, and give daughters new labels; "
        "keep the label on one piece; or look for divisions without asking whether there are any",
    )
    add(
        "--passes",
        type=int,
        choices=PASSES,
        default=Options.passes,
        help="2: join tracks afterwards",
    )


def add_window_flags(parser: argparse._ActionsContainer) -> None:
    """Add what cuts a sequence into windows."""
    add = parser.add_argument
    add(
        "--cut-size",
        type=window_size,
        default=Options.cut_size,
        metavar="N",
        help=f"label windows of N frames independently, in parallel, and join them; {WHOLE}: whole",
    )
    add(
        "--cut-overlap",
        type=positive,
        metavar="M",
        help=f"frames that windows share; default: {CUT_OVERLAP}, at most half of a window",
    )
    add("--low-memory", action="store_true", help="keep one window at a time")


def window_size(text: str) -> int:
    """Argument type: WHOLE, or a number of frames that can share some with the next window."""
    value = whole_number(text)
    if value != WHOLE and value < 2:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a window: {WHOLE} for the whole sequence, or 2 frames and more, as "
            "windows share frames"
        )
    return value


def windows_of(args: argparse.Namespace) -> dict[str, Any]:
    """Return what the flags say of windows; ValueError where they do not fit one another."""
    size, overlap = args.cut_size, args.cut_overlap
    for flag, value in (("--cut-overlap", overlap), ("--low-memory", args.low_memory)):
        if size == WHOLE and value:
            raise ValueError(f"{flag} has no effect with --cut-size {WHOLE}, the whole sequence")
    if overlap is not None and overlap >= size:
        raise ValueError(
            f"--cut-overlap {overlap}: windows of --cut-size {size} frames share {size - 1} at most"
        )
    return {"cut_size": size, "cut_overlap": overlap, "low_memory": args.low_memory}


def add_mask_flags(parser: argparse._ActionsContainer) -> None:
    """Add what decides which masks are kept, and which of them are labelled already."""
    add = parser.add_argument
    add(
        "--keep-ids",
        action="store_true",
        help="labels are the identities that the input has; only masks without one are matched",
    )
    add(
        "--duplicate-iou",
        type=fraction,
        default=Options.duplicate_iou,
        help="drop a mask above this IoU",
    )
    add(
        "--duplicate-containment",
        type=fraction,
        help="drop a mask above this intersection over the smaller area; default: off",
    )
    add(
        "--keep",
        choices=KEEP,
        default=Options.keep,
        help="of duplicates keep the largest, or the best predicted_iou · stability_score",
    )


def add_split_flag(parser: argparse._ActionsContainer) -> None:
    """Add --split-pieces, which changes what the masks are."""
    parser.add_argument(
        "--split-pieces",
        type=natural,
        metavar="N",
        help="cut masks of several pieces: a mask for each of more than N pixels; smaller ones are "
        "left out; default: off",
    )


def check_split(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """End as ``parser.error`` does if identities are to be kept of masks that are cut up."""
    if args.keep_ids and args.split_pieces is not None:
        parser.error(
            "--split-pieces makes several masks of one identity, and --keep-ids takes one; leave "
            "one of them out"
        )


def options_of(args: argparse.Namespace) -> Options:
    """Return what the flags say, of outputs too; ValueError where one needs another."""
    return with_outputs(labels_of(args), args)


def labels_of(args: argparse.Namespace) -> Options:
    """Return what the flags say, of all but outputs; ValueError where one needs another."""
    return replace(labelling_of(args), **windows_of(args), filling=filling_of(args))


def with_outputs(options: Options, args: argparse.Namespace) -> Options:
    """Return ``options`` with the outputs that the flags ask for; ValueError if they do not go."""
    output = tuple(dict.fromkeys(args.output))
    if "none" in output and len(output) > 1:
        raise ValueError("--output none writes nothing beside the labels; leave the others out")
    return replace(options, output=output, writing=writing_options(args))


def labelling_of(args: argparse.Namespace) -> Options:
    """Return what the flags say of labels of one sequence; ValueError where one needs another."""
    if args.motion == "frames" and args.frames_path is None:
        raise ValueError("--motion frames needs the images; give their folder with --frames-path")
    return Options(
        matching=args.matching,
        min_iou=args.min_iou,
        memory=args.memory,
        long_memory=args.long_memory,
        motion=args.motion,
        # Absolute: workers on other machines start in other folders.
        frames_path=args.frames_path and str(args.frames_path.resolve()),
        on_split=args.on_split,
        passes=args.passes,
        min_length=args.min_length,
        compact=args.compact,
        duplicate_iou=args.duplicate_iou,
        duplicate_containment=args.duplicate_containment,
        keep=args.keep,
        given_ids=KEEP_IDS if args.keep_ids else IGNORE,
    )
