"""Flags that say what is drawn, and how."""

import argparse
from pathlib import Path

from consistency.cli.common import fraction, natural, plain_name, positive
from consistency.cli.input import add_input_flags
from consistency.draw import PICTURES
from consistency.options import (
    EXPERIMENTS,
    FPS,
    PALETTES,
    PICTURES_FOLDER,
    SelectionOptions,
    StyleOptions,
)


def add_source_flags(parser: argparse.ArgumentParser) -> None:
    """Add what says which masks are drawn, and where to."""
    add = parser.add_argument
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--exp-name",
        type=experiment_name,
        help="name of the experiment to draw; NAME/SEQUENCE where several were marked in one run",
    )
    source.add_argument(
        "--data-path", type=Path, help="folder or file with masks to draw as they are"
    )
    add("--experiments", type=Path, default=EXPERIMENTS, help="where experiments are kept")
    add_input_flags(parser.add_argument_group("with --data-path"))
    images = parser.add_mutually_exclusive_group()
    images.add_argument(
        "--frames-path",
        type=Path,
        help="folder with the images, to draw the masks over them; default: those that the run was "
        'given, or a folder "frames" in the data or beside them',
    )
    images.add_argument("--plain", action="store_true", help="draw the masks over no images")
    add("--out", type=Path, default=PICTURES_FOLDER, help="folder for the pictures")
    add("--format", nargs="+", choices=tuple(PICTURES), default=["gif"], help="what to write")
    add("--overwrite", action="store_true", help="replace pictures of this name")
    add("--workers", type=positive, default=1, help="number of processes")
    add("--quiet", action="store_true", help="no progress bar, no summary")


def add_selection_flags(parser: argparse.ArgumentParser) -> None:
    """Add what says which frames and labels are drawn."""
    add = parser.add_argument
    panels = parser.add_mutually_exclusive_group()
    panels.add_argument("--before", action="store_true", help="draw the unlabelled input instead")
    panels.add_argument("--side-by-side", action="store_true", help="draw input and result")
    add("--only", type=label_list, metavar="LABELS", help="draw these labels only, as in 3,7")
    add("--hide-shorter", type=positive, metavar="N", help="leave out tracks of fewer frames")
    add("--start", type=natural, default=0, help="first frame, counted from 0")
    add("--stop", type=natural, help="frame to stop before; default: the end")
    add("--step", type=positive, default=1, help="draw every so many frames")


def add_style_flags(parser: argparse.ArgumentParser) -> None:
    """Add what says how pictures look."""
    add = parser.add_argument
    style = StyleOptions
    add("--palette", choices=PALETTES, default=style.palette, help="colours of the labels")
    add("--alpha", type=fraction, default=style.alpha, help="opacity of masks over images")
    add("--outline", action="store_true", help="draw the borders of all masks")
    add("--numbers", action="store_true", help="write every label into its mask")
    add("--no-captions", action="store_true", help="nothing above GIFs and videos")
    add(
        "--legend",
        action="store_true",
        help="name the labels of the most frames beside GIFs and videos",
    )
    add(
        "--scale",
        type=above_zero,
        default=style.scale,
        help="size of the picture over size of the masks",
    )
    add("--fps", type=above_zero, default=FPS, help="frames per second")


def selection_of(args: argparse.Namespace) -> SelectionOptions:
    """Return which frames and labels the flags choose."""
    both = ("before", "after") if args.side_by_side else ("after",)
    return SelectionOptions(
        panels=("before",) if args.before else both,
        only=args.only,
        hide_shorter=args.hide_shorter,
        frames=slice(args.start, args.stop, args.step),
        frames_path=args.frames_path,
        plain=args.plain,
    )


def style_of(args: argparse.Namespace) -> StyleOptions:
    """Return the looks that the flags choose."""
    return StyleOptions(
        palette=args.palette,
        scale=args.scale,
        alpha=args.alpha,
        outline=args.outline,
        numbers=args.numbers,
        captions=not args.no_captions,
        legend=args.legend,
    )


def experiment_name(text: str) -> str:
    """Argument type: plain names with slashes between them."""
    return "/".join(plain_name(part) for part in text.split("/"))


def above_zero(text: str) -> float:
    """Argument type: a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    # A comparison with NaN is false, so it is refused as well.
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def label_list(text: str) -> tuple[int, ...]:
    """Argument type: labels with commas between them."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of labels such as 3,7") from error
