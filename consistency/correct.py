"""Correct the labels of an experiment: python -m consistency.correct EXPERIMENT FILE.

FILE is corrections.json of the viewer, or made by hand (docs/checking.md).  Labels are renumbered
and written again; nothing is matched anew, as mark_label.py --corrections does.
"""

import argparse
import sys
from pathlib import Path

from consistency.cli.backend import add_backend_flags, chosen_backend
from consistency.cli.common import bars, run_command, say
from consistency.cli.limits import add_limit_flags
from consistency.cli.needs import BACKEND_NEEDS
from consistency.cli.parser import Parser
from consistency.cli.summary import next_step


def parser() -> Parser:
    """Return the command line."""
    result = Parser(__doc__, BACKEND_NEEDS)
    add = result.add_argument
    add("experiment", metavar="EXPERIMENT", type=Path, help="folder of the experiment")
    add("files", metavar="FILE", type=Path, nargs="+", help="corrections, applied in order")
    add("--out", type=Path, help="folder to write; default: EXPERIMENT-corrected")
    add("--overwrite", action="store_true", help="replace EXPERIMENT or, with --out, that folder")
    add_backend_flags(result)
    add("--quiet", action="store_true", help="no progress bars, no summary")
    add_limit_flags(result)
    return result


def correct(args: argparse.Namespace) -> int:
    """Write the corrected experiment; returns the exit code."""
    from consistency.correction_files import read
    from consistency.experiment import open_experiment
    from consistency.renumbering import renumber

    source = args.experiment
    beside = source if args.overwrite else source.with_name(f"{source.name}-corrected")
    target = args.out or beside
    with chosen_backend(args) as backend:
        if backend is None:  # one of many ranks, its work done
            return 0
        files = [read(path) for path in args.files]
        how = backend, args.overwrite, bars(args.quiet)
        report = renumber(open_experiment(source), files, target, *how)
    if not args.quiet:
        count = sum(len(file.items) for file in files)
        say(f"{target}: {count} corrections, {report.counters['labels']} objects")
        say(f"next: {next_step(target)}")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    return run_command(correct, parser().parse_args, argv)


if __name__ == "__main__":
    sys.exit(main())
