#!/usr/bin/env python3
"""Tell what is in a folder or file of masks, and what is wrong: python -m consistency.validate."""

import argparse
import sys
from functools import partial
from pathlib import Path

from consistency.cli.backend import add_backend_flags, chosen_backend
from consistency.cli.common import bars, run_command
from consistency.cli.input import add_input_flags, open_input
from consistency.cli.limits import add_limit_flags
from consistency.cli.needs import BACKEND_NEEDS
from consistency.cli.parser import Parser
from consistency.endings import BAD_INPUT
from consistency.formats import with_frames


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = Parser(__doc__, BACKEND_NEEDS)
    add = result.add_argument
    add("path", metavar="PATH", type=Path, help="folder or file with the masks")
    add_backend_flags(result)
    add("--quiet", action="store_true", help="no progress bar")
    add_input_flags(result)
    add_limit_flags(result)
    return result


def validate(args: argparse.Namespace) -> int:
    """Examine all frames; returns 0, or 2 if there are problems."""
    from consistency.measure.doubts import doubts
    from consistency.measure.inspection import examine, problems, summary_lines

    with chosen_backend(args) as backend:
        if backend is None:  # one of many ranks, its work done
            return 0
        dataset = open_input(args.path, args)
        found = backend.map(partial(examine, layout=dataset.layout), dataset.frames)
        findings = list(bars(args.quiet)(found, "examine", len(dataset.frames)))
    seen = (f.seen or frame for f, frame in zip(findings, dataset.frames, strict=True))
    dataset = with_frames(dataset, seen)
    print("\n".join(summary_lines(dataset, findings)))
    warnings = list(doubts(findings))
    print("\n  ".join([f"warnings: {len(warnings)}", *warnings]))
    return BAD_INPUT if any(problems(findings)) else 0


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    return run_command(validate, parser().parse_args, argv)


if __name__ == "__main__":
    sys.exit(main())
