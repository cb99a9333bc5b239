#!/usr/bin/env python3
"""Join pieces of one long video that already have identities: python -m consistency.join.

PIECE is an experiment of this tool, or masks with identities in any format that is read; the order
is that of time.  Frames of the same name are the same frame, unless --overlap says how many frames
each piece shares with the one before.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from consistency.cli.backend import add_backend_flags, chosen_backend
from consistency.cli.common import bars, fraction, natural, plain_name, run_command, say
from consistency.cli.input import add_input_flags, open_input
from consistency.cli.limits import add_limit_flags
from consistency.cli.needs import BACKEND_NEEDS, output_needs
from consistency.cli.output import add_output_choice, add_output_flags
from consistency.cli.parser import Parser
from consistency.cli.summary import summary
from consistency.cli.tracking import with_outputs
from consistency.options import EXPERIMENTS, LONG_MEMORY, ONLY_IDS, PIECES_IOU, Options

if TYPE_CHECKING:  # NumPy is not loaded for --help
    from consistency.backend import Backend
    from consistency.video_pieces import Piece

HOLD_PIXELS = {"masks", "rle"}  # outputs without which an experiment needs its input


def parser() -> Parser:
    """Return the command line."""
    result = Parser(__doc__, (*BACKEND_NEEDS, *output_needs("--output")))
    add = result.add_argument
    add(
        "pieces",
        metavar="PIECE",
        nargs="+",
        type=Path,
        help="experiments, or masks with identities",
    )
    add("--out", type=plain_name, required=True, metavar="NAME", help="name of the experiment")
    add("--experiments", type=Path, default=EXPERIMENTS, help="where experiments are kept")
    add("--overwrite", action="store_true", help="replace an experiment of this name")
    add("--quiet", action="store_true", help="no progress bars, no summary")
    add(
        "--overlap",
        type=natural,
        metavar="N",
        help="frames that each piece shares with the one before; default: those of the same name",
    )
    add(
        "--min-iou",
        type=fraction,
        default=PIECES_IOU,
        help="least mean IoU of one object in shared frames",
    )
    add(
        "--memory",
        type=natural,
        default=LONG_MEMORY,
        help="frames that an object may be away between two pieces",
    )
    add_backend_flags(result)
    add_input_flags(result.add_argument_group("pieces that are not experiments"))
    outputs = result.add_argument_group("outputs")
    add_output_choice(outputs)
    add_output_flags(outputs)
    add_limit_flags(result.add_argument_group("limits"))
    return result


def join(args: argparse.Namespace) -> int:
    """Join the pieces; returns the exit code."""
    from consistency.joining import run
    from consistency.video_so_far import How

    if len(args.pieces) < 2:
        raise ValueError("one piece is nothing to join; give two or more, in the order of time")
    # All masks are kept: what the pieces hold is what the user wants.
    options = with_outputs(Options(duplicate_iou=1.0, memory=args.memory), args)
    if not HOLD_PIXELS & set(options.output):
        raise ValueError(
            f"--output {' '.join(options.output)}: pieces have no folder in common that the result "
            "could point at; add masks or rle"
        )
    folder = args.experiments / args.out
    with chosen_backend(args) as backend:
        if backend is None:  # one of many ranks, its work done
            return 0
        pieces = [open_piece(path, args, backend) for path in args.pieces]
        how = How(args.overlap, args.min_iou, args.memory)
        report = run(pieces, folder, backend, how, options, args.overwrite, bars(args.quiet))
    if not args.quiet:
        # What it says of matching is for who labels.
        given = replace(options, given_ids=ONLY_IDS)
        say(summary(report, folder, given, has_input=False))
    return 0


def open_piece(path: Path, args: argparse.Namespace, backend: "Backend") -> "Piece":
    """Open one piece; raises ValueError or OSError."""
    from consistency.experiment import is_experiment, open_experiment
    from consistency.formats import list_masks
    from consistency.metrics.scores import label_parents
    from consistency.video_pieces import of_dataset, of_experiment

    if is_experiment(path):
        return of_experiment(open_experiment(path), label_parents(path))
    return of_dataset(path, list_masks(open_input(path, args), backend.map))


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    return run_command(join, parser().parse_args, argv)


if __name__ == "__main__":
    sys.exit(main())
