"""Flags that say what outputs write."""

import argparse

from consistency.cli.common import natural, positive
from consistency.formats import WRITERS
from consistency.options import DROPS, RULES, Options, WritingOptions


def add_output_choice(parser: argparse._ActionsContainer) -> None:
    """Add --output."""
    parser.add_argument(
        "--output",
        nargs="+",
        # The first three of the table are the tool's own.
        choices=tuple(WRITERS),
        default=list(Options.output),
        metavar="FORMAT",
        help="masks: labelled .npy files; rle: run lengths in the JSON; none: labels only; or "
        f"formats of other tools: {', '.join(list(WRITERS)[3:])}",
    )


def add_output_flags(parser: argparse._ActionsContainer) -> None:
    """Add what outputs want to know."""
    add = parser.add_argument
    add("--flatten", choices=RULES, help="who wins a pixel of several masks in label images")
    add("--max-ids", type=positive, help="most objects in label images; default: what they hold")
    add("--drop", choices=DROPS, help="which objects go where there are more; default: refuse")
    add("--ids", type=positive, nargs="+", default=[], help="labels for outputs of chosen objects")
    add("--invert", action="store_true", help="chosen objects are black instead of white")
    add("--transforms", help="transforms.json to extend with paths of masks")
    add(
        "--first-frame",
        type=natural,
        default=WritingOptions.first_frame,
        help="number of the first frame where they count",
    )
    add(
        "--class-id",
        type=positive,
        default=WritingOptions.class_id,
        help="class of masks without one, where one is due",
    )
    add(
        "--link-unchanged",
        action="store_true",
        help="mask files that equal one of the frame before are hard links to it",
    )


def writing_options(args: argparse.Namespace) -> WritingOptions:
    """Return what the flags say."""
    return WritingOptions(
        flatten=args.flatten,
        max_ids=args.max_ids,
        drop=args.drop,
        ids=tuple(args.ids),
        invert=args.invert,
        transforms=args.transforms,
        first_frame=args.first_frame,
        class_id=args.class_id,
        link_unchanged=args.link_unchanged,
    )
