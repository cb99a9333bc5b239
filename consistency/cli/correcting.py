"""Flags that say which corrections labels are made with."""

import argparse
import logging
from dataclasses import replace
from pathlib import Path

from consistency.options import Options

log = logging.getLogger("consistency")


def add_correction_flags(parser: argparse._ActionsContainer) -> None:
    """Add --corrections and --no-corrections."""
    add_corrections(parser)
    parser.add_argument(
        "--no-corrections",
        action="store_true",
        help="leave out those that the experiment to be replaced was made with",
    )


def add_corrections(parser: argparse._ActionsContainer) -> None:
    """Add --corrections."""
    parser.add_argument(
        "--corrections",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="what is wrong with labels, made in the viewer or by hand; all else is decided around "
        "it (docs/checking.md)",
    )


def with_corrections(options: Options, args: argparse.Namespace, folder: Path) -> Options:
    """Return the options with the corrections that hold for the experiment ``folder``.

    Those of an experiment that is replaced or continued are applied again, and a note says so.
    """
    from consistency import correction_files
    from consistency.experiment import is_experiment

    files = [correction_files.read(path) for path in args.corrections]
    known = []
    if (args.overwrite or args.resume) and not args.no_corrections and is_experiment(folder):
        known = correction_files.kept_in(folder)
    if known and files and files[0].input is None:
        raise ValueError(
            f"{files[0].where}: does not say which labels it is for, and {folder} was corrected "
            'before; give it the "labels" of run.json as "input", or add --no-corrections'
        )
    # A file for the labels before the known corrections takes their place.
    if known and (not files or correction_files.made_for(files[0], folder)):
        remedy = "" if files else "; --no-corrections leaves them out"
        log.warning("%s: its corrections are applied again%s", folder, remedy)
        files = [*known, *files]
    return replace(options, corrections=tuple(files))
