#!/usr/bin/env python3
"""Write masks in another format, all of them and unlabelled: python -m consistency.convert.

OUT is laid out as an experiment.  Labels are the identities of the input; where it has none, masks
are numbered within their frame, and formats of tracks refuse them.
"""

import argparse
import sys
from pathlib import Path

from consistency.cli.backend import add_backend_flags, chosen_backend
from consistency.cli.common import bars, run_command, say
from consistency.cli.input import add_input_flags, open_input
from consistency.cli.limits import add_limit_flags
from consistency.cli.needs import BACKEND_NEEDS, output_needs
from consistency.cli.output import add_output_flags, writing_options
from consistency.cli.parser import Parser
from consistency.cli.summary import counted
from consistency.formats import WRITERS
from consistency.options import ONLY_IDS, Options


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = Parser(__doc__, (*BACKEND_NEEDS, *output_needs("--to")))
    add = result.add_argument
    add("input", metavar="IN", type=Path, help="folder or file with the masks")
    add("output", metavar="OUT", type=Path, help="folder to write")
    add("--to", nargs="+", required=True, choices=tuple(WRITERS), help="formats to write")
    add("--overwrite", action="store_true", help="replace OUT")
    add_backend_flags(result)
    add("--quiet", action="store_true", help="no progress bars, no summary")
    add_input_flags(result)
    add_output_flags(result.add_argument_group("outputs"))
    add_limit_flags(result.add_argument_group("limits"))
    return result


def convert(args: argparse.Namespace) -> int:
    """Run the conversion; returns the exit code."""
    from consistency.pipeline import run

    names = tuple(dict.fromkeys(args.to))
    options = Options(given_ids=ONLY_IDS, output=names, writing=writing_options(args))
    with chosen_backend(args) as backend:
        if backend is None:  # one of many ranks, its work done
            return 0
        dataset = open_input(args.input, args)
        report = run(dataset, args.output, backend, options, args.overwrite, bars(args.quiet))
    if not args.quiet:
        count = report.counters
        say(
            f"{args.output}: {dataset.layout.format} to {' '.join(names)}: "
            f"{counted(count['frames'], 'frame')}, {counted(count['kept'], 'mask')}, "
            f"{counted(count['labels'], 'label')}, {counted(count['empty'], 'empty mask')} "
            f"left out; {report.seconds['total']:.2f} seconds"
        )
    return 0


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    return run_command(convert, parser().parse_args, argv)


if __name__ == "__main__":
    sys.exit(main())
