"""Masks from motion alone: regions of coherent motion of a whole sequence, segmented in one shot.

OUT becomes a data set of masks whose labels hold throughout.
"""

import argparse
import re
import sys
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from backends import KERNELS, array_module
from consistency.cli.common import bars, positive, run_command, say
from consistency.cli.limits import add_limit_flags
from consistency.cli.needs import MOTION_MASKS_NEEDS
from consistency.cli.parser import Parser
from consistency.options import FLOW_MEDIUM, FLOW_PRESETS

if TYPE_CHECKING:  # NumPy is not loaded for --help
    from consistency.motion.fields import Fields

REGIONS, SIZE = 4, (128, 224)
SMALLEST, LARGEST = 8, 4096  # pixels of a side of the reduced fields


def parser() -> Parser:
    """Return the command line."""
    result = Parser(__doc__, MOTION_MASKS_NEEDS)
    add = result.add_argument
    source = result.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--flow-path",
        type=Path,
        metavar="DIR",
        help="flow fields: .flo, .npy, KITTI .png",
    )
    source.add_argument(
        "--frames-path", type=Path, metavar="DIR", help="images, from which flow is computed (DIS)"
    )
    add("--masks", type=positive, default=REGIONS, metavar="L", help="number of regions")
    add("--out", type=Path, required=True, metavar="DATA", help="folder to write")
    add(
        "--size",
        type=field_size,
        default=SIZE,
        metavar="HEIGHTxWIDTH",
        help="size that flow is reduced to; default: 128x224",
    )
    add("--flow-preset", choices=FLOW_PRESETS, default=FLOW_MEDIUM, help="how flow is computed")
    add("--kernel", choices=KERNELS, default=KERNELS[0], help="what computes: NumPy, or a GPU")
    add("--quiet", action="store_true", help="no progress bars, no summary")
    add_limit_flags(result.add_argument_group("limits"))
    return result


def field_size(text: str) -> tuple[int, int]:
    """Argument type: height and width, as in 128x224."""
    match = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text)
    height, width = map(int, match.groups()) if match else (0, 0)
    if not all(SMALLEST <= side <= LARGEST for side in (height, width)):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a size; give height and width, {SMALLEST} to {LARGEST}, as in 128x224"
        )
    return height, width


def segment(args: argparse.Namespace) -> int:
    """Segment a sequence; returns the exit code."""
    from consistency.motion.model import to_numpy
    from consistency.motion.search import find_regions
    from consistency.motion.writing import write
    from consistency.publishing import replacing

    began, progress = perf_counter(), bars(args.quiet)
    xp = array_module(args.kernel)
    with ExitStack() as stack:
        # Asked before the work: who has waited wants no such answer.
        folder = stack.enter_context(replacing(args.out, check_new))
        fields = read(args)
        fit, tried = find_regions(fields.flow, fields.known, args.masks, xp, progress)
        count = write(folder, fields, to_numpy(fit.shares), progress)
    if not args.quiet:
        say(
            f"{args.out}: {len(fields.names)} frames, {count} masks of {args.masks} regions; "
            f"log-likelihood {fit.likelihood:.3f} a pixel "
            f"{'after' if fit.converged else 'and still rising after'} {len(fit.steps)} steps from "
            f"the best of {len(tried)} beginnings; {perf_counter() - began:.1f} seconds"
        )
    return 0


def read(args: argparse.Namespace) -> "Fields":
    """Return the flow fields; raises ValueError or OSError."""
    from consistency.motion.fields import of_files, of_images

    progress = bars(args.quiet)
    if args.flow_path is not None:
        return of_files(args.flow_path, args.size, args.masks, progress)
    return of_images(args.frames_path, args.size, args.masks, args.flow_preset, progress)


def check_new(path: Path) -> None:
    """Raise ValueError if there is anything at ``path``."""
    if path.exists() or path.is_symlink():
        raise ValueError(f"{path}: is there already and is not replaced; choose another --out")


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    return run_command(segment, parser().parse_args, argv)


if __name__ == "__main__":
    sys.exit(main())
