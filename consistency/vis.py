"""Draw an experiment, or a data set: every object in the colour of its label."""

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from consistency.cli.common import bars, run_command, say
from consistency.cli.drawing import (
    add_selection_flags,
    add_source_flags,
    add_style_flags,
    selection_of,
    style_of,
)
from consistency.cli.input import name_of, open_input
from consistency.cli.limits import add_limit_flags
from consistency.cli.needs import DRAWING_NEEDS
from consistency.cli.parser import Parser
from consistency.draw import OVER_IMAGES, ending, writer
from consistency.draw.replacing import check_free, drawing
from consistency.formats import list_masks
from consistency.options import StyleOptions

if TYPE_CHECKING:
    from consistency.backend import Backend
    from consistency.draw.render_job import RenderJob


GIF_BYTES = 100_000  # per frame, beyond which a line says how to get below

# What --help shows; the rest is for --help-all.
MATTER_MOST = (
    "--exp-name", "--data-path", "--format", "--side-by-side", "--frames-path", "--out",
    "--overwrite", "--scale", "--numbers", "--only",
)  # fmt: skip


def parser() -> Parser:
    """Return the command line."""
    result = Parser(__doc__, DRAWING_NEEDS, MATTER_MOST)
    result.usage = "%(prog)s (--exp-name NAME | --data-path DATA) [flags]"
    add_source_flags(result)
    add_selection_flags(result)
    add_style_flags(result)
    add_limit_flags(result)
    return result


def show(args: argparse.Namespace) -> int:
    """Draw; returns the exit code."""
    from backends import open_backend

    pictures = {name: path_of(args, name) for name in dict.fromkeys(args.format)}
    for path in pictures.values():
        check_free(path, args.overwrite)  # before the first is drawn
        check_inputs(args, path)
    with open_backend("multi" if args.workers > 1 else "no", args.workers) as backend:
        assert backend is not None  # as it is on ranks of a launcher alone
        job = open_job(args, backend)
        check_alpha(args, job)
        for name, path in pictures.items():
            with drawing(path, args.overwrite) as partial_path:
                writer(name)(job, partial_path, backend, bars(args.quiet))
            if not args.quiet:
                over = f" over {job.images}" if job.photographs and name in OVER_IMAGES else ""
                say(f"{path}: {job.count} frames{over}{size_note(name, path, job)}")
    return 0


def size_note(name: str, path: Path, job: "RenderJob") -> str:
    """Say how a GIF that is large for its length gets smaller; empty where it is not."""
    size = path.stat().st_size
    if name != "gif" or size <= GIF_BYTES * job.count:
        return ""
    # Bytes go with the area, so the side with its root; one digit more would be no better.
    scale = max(0.1, math.floor(10 * job.style.scale * (GIF_BYTES * job.count / size) ** 0.5) / 10)
    ways = f"--scale {scale:g}, --plain or --format mp4" if job.photographs else "--scale 0.5"
    return f"; {size / 1e6:.0f} MB, less with {ways}"


def check_alpha(args: argparse.Namespace, job: "RenderJob") -> None:
    """Raise ValueError for an opacity of masks that lie over nothing."""
    if args.alpha != StyleOptions.alpha and not job.photographs:
        raise ValueError(
            "--alpha has no effect without images, and none are known for these frames; add "
            "--frames-path DIR"
        )


def path_of(args: argparse.Namespace, name: str) -> Path:
    """Return where the picture of format ``name`` goes."""
    return args.out / ((args.exp_name or name_of(args.data_path)) + ending(name))


def check_inputs(args: argparse.Namespace, path: Path) -> None:
    """Raise ValueError if what is drawn lies in ``path``."""
    from consistency.experiment import check_outside

    for source in (args.data_path, args.frames_path):
        if source is not None:
            check_outside(source, path)


def open_job(args: argparse.Namespace, backend: "Backend") -> "RenderJob":
    """Open what is to be drawn; raises ValueError or OSError."""
    from consistency.draw import render_job
    from consistency.experiment import open_experiment

    selection, style = selection_of(args), style_of(args)
    if args.data_path is None:
        folder = args.experiments / args.exp_name
        render_job.check_single(folder, args.exp_name)
        experiment = open_experiment(folder)
        return render_job.of_experiment(experiment, selection, tuple(args.format), style, args.fps)
    dataset = list_masks(open_input(args.data_path, args), backend.map)
    return render_job.of_dataset(name_of(args.data_path), dataset, selection, style, args.fps)


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    return run_command(show, parser().parse_args, argv)


if __name__ == "__main__":
    sys.exit(main())
