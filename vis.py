#!/usr/bin/env python3
"""Draw an experiment, or a data set: every object in the colour of its label."""

import argparse
import sys
from pathlib import Path

from consistency.cli.common import bars, fraction, guard, make_parser, natural, plain_name, positive
from consistency.formats import READERS

FORMATS = ("gif", "mp4", "png", "html", "timeline", "contact", "motion")
PALETTES = ("distinct", "davis", "grey")


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = make_parser(__doc__)
    _add_source(result)
    _add_choice(result)
    _add_look(result)
    return result


def _add_source(result: argparse.ArgumentParser) -> None:
    add = result.add_argument
    source = result.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--exp-name",
        type=experiment_name,
        help="name of the experiment to draw; NAME/SEQUENCE where several were marked in one run",
    )
    source.add_argument(
        "--data-path", type=Path, help="folder or file with masks to draw as they are"
    )
    add("--experiments", type=Path, default=Path("experiments"), help="where experiments are kept")
    add("--input-format", choices=("auto", *READERS), default="auto", help="of --data-path")
    add("--sort", default="natural", metavar="{natural,lexical,FILE}", help="of --data-path")
    add("--sequence", help="of --data-path: which one, where it holds several")
    add("--frames-path", type=Path, help="folder with the images, to draw the masks over them")
    add("--out", type=Path, default=Path("vis_consistent"), help="folder for the pictures")
    add("--format", nargs="+", choices=FORMATS, default=["gif"], help="what to write")
    add("--workers", type=positive, default=1, help="number of processes")
    add("--quiet", action="store_true", help="no progress bar, no summary")


def _add_choice(result: argparse.ArgumentParser) -> None:
    add = result.add_argument
    panels = result.add_mutually_exclusive_group()
    panels.add_argument("--before", action="store_true", help="draw the unlabelled input instead")
    panels.add_argument("--side-by-side", action="store_true", help="draw input and result")
    add("--only", type=label_list, metavar="LABELS", help="draw these labels only, as in 3,7")
    add("--hide-shorter", type=positive, metavar="N", help="leave out tracks of fewer frames")
    add("--start", type=natural, default=0, help="first frame, counted from 0")
    add("--stop", type=natural, help="frame to stop before; default: the end")
    add("--step", type=positive, default=1, help="draw every so many frames")


def _add_look(result: argparse.ArgumentParser) -> None:
    add = result.add_argument
    add("--palette", choices=PALETTES, default="distinct", help="colours of the labels")
    add("--alpha", type=fraction, default=0.5, help="opacity of masks over images")
    add("--outline", action="store_true", help="draw the borders of all masks")
    add("--numbers", action="store_true", help="write every label into its mask")
    add("--scale", type=above_zero, default=1.0, help="size of the picture over size of the masks")
    add("--fps", type=above_zero, default=10.0, help="frames a second")


def experiment_name(text: str) -> str:
    """Argument type: plain names with slashes between them."""
    return "/".join(plain_name(part) for part in text.split("/"))


def above_zero(text: str) -> float:
    """Argument type: a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def label_list(text: str) -> tuple[int, ...]:
    """Argument type: labels with commas between them."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of labels such as 3,7") from error


def show(args: argparse.Namespace) -> int:
    """Draw; returns the exit code."""
    from backends import open_backend
    from consistency.draw import look

    chosen = open_show(args)
    with open_backend("multi" if args.workers > 1 else "no", args.workers) as backend:
        for name in dict.fromkeys(args.format):
            ending, write = look.writer(name)
            path = args.out / ((args.exp_name or chosen.name) + ending)
            write(chosen, path, backend, bars(args.quiet))
            if not args.quiet:
                print(f"{path}: {chosen.count} frames")
    return 0


def open_show(args: argparse.Namespace):
    """Open what is to be drawn; raises ValueError or OSError."""
    from consistency.dataset import open_dataset
    from consistency.draw import look
    from consistency.experiment import open_experiment

    both = ("before", "after") if args.side_by_side else ("after",)
    choice = look.Choice(
        panels=("before",) if args.before else both,
        only=args.only,
        hide_shorter=args.hide_shorter,
        frames=slice(args.start, args.stop, args.step),
        frames_path=args.frames_path,
    )
    names = ("palette", "scale", "alpha", "outline", "numbers")
    style = {name: getattr(args, name) for name in names}
    if args.data_path is None:
        folder = args.experiments / args.exp_name
        look.check_single(folder, args.exp_name)
        experiment = open_experiment(folder)
        return look.show_experiment(experiment, choice, tuple(args.format), style, args.fps)
    dataset = open_dataset(args.data_path, args.input_format, args.sort, args.sequence)
    path = args.data_path.resolve()
    name = path.stem if path.is_file() else path.name
    return look.show_dataset(name, dataset, choice, style, args.fps)


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    return guard(show, parser().parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
