"""Show which labels of an experiment are most worth checking: python -m consistency.report.

Writes report.html and report.csv into EXPERIMENT: twenty moments, those first at which most wrong
masks are to be expected.
"""

import argparse
import sys
from pathlib import Path

from consistency.cli.backend import add_backend_flags, chosen_backend
from consistency.cli.common import bars, run_command, say
from consistency.cli.limits import add_limit_flags
from consistency.cli.needs import BACKEND_NEEDS
from consistency.cli.parser import Parser


def parser() -> Parser:
    """Return the command line."""
    result = Parser(__doc__, BACKEND_NEEDS)
    add = result.add_argument
    add("experiment", metavar="EXPERIMENT", type=Path, help="folder of the experiment")
    add("--frames-path", type=Path, help="folder with the images, to draw the masks over them")
    add("--viewer", type=Path, help="page of vis.py to link to; default: vis_consistent/NAME.html")
    add("--overwrite", action="store_true", help="replace the report of EXPERIMENT")
    add_backend_flags(result)
    add("--quiet", action="store_true", help="no progress bars, no summary")
    add_limit_flags(result)
    return result


def report(args: argparse.Namespace) -> int:
    """Write the report; returns the exit code."""
    from consistency.experiment import open_experiment
    from consistency.review.report import check, write

    with chosen_backend(args) as backend:
        if backend is None:  # one of many ranks, its work done
            return 0
        experiment = open_experiment(args.experiment)
        check(experiment.folder, args.overwrite)
        how = args.overwrite, bars(args.quiet), args.frames_path, args.viewer
        lines = write(experiment, backend, *how)
    if not args.quiet:
        say(f"{experiment.folder / 'report.html'}: {len(lines)} moments to check")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    return run_command(report, parser().parse_args, argv)


if __name__ == "__main__":
    sys.exit(main())
