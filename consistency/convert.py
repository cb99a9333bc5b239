#!/usr/bin/env python3
"""Write masks in another format, all of them and unlabelled: python -m consistency.convert.

OUT is laid out as an experiment.  Labels are the identities of the input; where it has none, masks
are numbered within their frame, and formats of tracks refuse them.
"""

import argparse
import sys
from pathlib import Path

from consistency.cli.common import bars, guard, make_parser, positive
from consistency.cli.formats import add_input_flags, add_output_flags, open_input, settings
from consistency.formats import WRITERS


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    from backends import ALIASES, BACKENDS

    result = make_parser(__doc__)
    add = result.add_argument
    add("input", metavar="IN", type=Path, help="folder or file with the masks")
    add("output", metavar="OUT", type=Path, help="folder to write")
    add("--to", nargs="+", required=True, choices=tuple(WRITERS), help="formats to write")
    add("--overwrite", action="store_true", help="replace OUT")
    add("--multi", choices=[*BACKENDS, *ALIASES], default="no", help="where the work runs")
    add("--workers", type=positive, help="number of processes; default: the backend's choice")
    add("--quiet", action="store_true", help="no progress bars, no summary")
    add_input_flags(result)
    add_output_flags(result)
    return result


def convert(args: argparse.Namespace) -> int:
    """Run the conversion; returns the exit code."""
    from backends import open_backend
    from consistency.pipeline import Options, run

    names = tuple(dict.fromkeys(args.to))
    options = Options(identities="only", output=names, writing=settings(args))
    with open_backend(args.multi, args.workers) as backend:
        if backend is None:  # one of many ranks, its work done
            return 0
        dataset = open_input(args.input, args)
        report = run(dataset, args.output, backend, options, args.overwrite, bars(args.quiet))
    if not args.quiet:
        count = report.counters
        print(
            f"{args.output}: {dataset.layout.format} to {' '.join(names)}: {count['frames']} "
            f"frames, {count['kept']} masks, {count['labels']} labels, {count['empty']} empty "
            f"masks left out; {report.seconds['total']:.2f} seconds"
        )
    return 0


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    from backends.launcher import one_voice

    with one_voice():
        args = parser().parse_args(argv)
    return guard(convert, args)


if __name__ == "__main__":
    sys.exit(main())
