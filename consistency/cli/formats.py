"""Flags of formats, the same in all command lines; imports nothing heavy."""

import argparse
from pathlib import Path

from consistency.cli.common import natural, positive
from consistency.formats import READERS

RULES = ("small-on-top", "large-on-top", "score")
DROPS = ("smallest", "shortest")


def add_input_flags(parser: argparse.ArgumentParser) -> None:
    """Add --input-format, --sort and --sequence."""
    add = parser.add_argument
    add("--input-format", choices=("auto", *READERS), default="auto", help="format of the masks")
    add(
        "--sort",
        default="natural",
        metavar="{natural,lexical,FILE}",
        help="order of frames; FILE lists the wanted ones, one a line",
    )
    add("--sequence", help="which one, where the input holds several")


def open_input(path: Path, args: argparse.Namespace):
    """Open the dataset at ``path`` as the flags say; raises as ``open_dataset``."""
    from consistency.dataset import open_dataset

    return open_dataset(path, args.input_format, args.sort, args.sequence)


def add_output_flags(parser: argparse.ArgumentParser) -> None:
    """Add what outputs want to know."""
    add = parser.add_argument_group("outputs").add_argument
    add("--flatten", choices=RULES, help="who wins a pixel of several masks in label images")
    add("--max-ids", type=positive, help="most objects in label images; default: what they hold")
    add("--drop", choices=DROPS, help="which objects go where there are more; default: refuse")
    add("--ids", type=positive, nargs="+", default=[], help="labels for outputs of chosen objects")
    add("--invert", action="store_true", help="chosen objects are black instead of white")
    add("--transforms", help="transforms.json to extend with paths of masks")
    add("--first-frame", type=natural, default=0, help="number of the first frame where they count")
    add("--class-id", type=positive, default=1, help="class of masks without one, where one is due")


def settings(args: argparse.Namespace):
    """Return ``outputs.Settings`` from the flags."""
    from consistency.formats.writing import Settings

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
