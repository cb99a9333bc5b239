#!/usr/bin/env python3
"""Draw an experiment: every object in the colour of its label."""

import argparse
import sys
from pathlib import Path

from consistency.command import bars, guard, make_parser, plain_name


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = make_parser(__doc__)
    add = result.add_argument
    add("--exp-name", type=plain_name, required=True, help="name of the experiment")
    add("--experiments", type=Path, default=Path("experiments"), help="where experiments are kept")
    add("--out", type=Path, default=Path("vis_consistent"), help="folder for the pictures")
    panels = result.add_mutually_exclusive_group()
    panels.add_argument("--before", action="store_true", help="draw the unlabelled input instead")
    panels.add_argument("--side-by-side", action="store_true", help="draw input and result")
    add("--scale", type=above_zero, default=1.0, help="size of the picture over size of the masks")
    add("--fps", type=above_zero, default=10.0, help="frames a second")
    add("--quiet", action="store_true", help="no progress bar, no summary")
    return result


def above_zero(text: str) -> float:
    """Argument type: a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def show(args: argparse.Namespace) -> int:
    """Draw; returns the exit code."""
    from backends import open_backend
    from consistency import gif, pictures, render, scene
    from consistency.experiment import open_experiment

    experiment = open_experiment(args.experiments / args.exp_name)
    scenes = [scene.labelled(experiment)]
    if args.before or args.side_by_side:
        scenes.insert(0, scene.before(experiment))
    if args.before:
        scenes.pop()
    labels = [view.labels for s in scenes for view in s.views]
    palette = render.make_palette(labels, limit=render.GIF_COLOURS)
    style = pictures.Style(scenes[-1].size(), palette, args.scale)
    path = args.out / f"{args.exp_name}.gif"
    with open_backend("no") as backend, pictures.replacing(path) as partial:
        frames = pictures.draw_all(scenes, style, backend)
        frames = bars(args.quiet)(frames, "draw", len(scenes[0].views))
        gif.save(partial, frames, palette.colours, args.fps)
    if not args.quiet:
        print(f"{path}: {len(scenes[0].views)} frames")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    return guard(show, parser().parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
