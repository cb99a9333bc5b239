"""Flags that say how the input is read."""

import argparse
from pathlib import Path

from consistency.dataset import Dataset
from consistency.formats import READERS, open_source
from consistency.formats.source import Source
from consistency.options import AUTO, NATURAL, SORTS


def add_input_flags(parser: argparse._ActionsContainer) -> None:
    """Add --input-format, --sort and --sequence to a parser or a group of one."""
    add = parser.add_argument
    add(
        "--input-format",
        choices=(AUTO, *READERS),
        default=AUTO,
        metavar="FORMAT",
        help=f"format of the masks: {', '.join((AUTO, *READERS))}",
    )
    add(
        "--sort",
        default=NATURAL,
        metavar=f"{{{','.join(SORTS)},FILE}}",
        help="order of frames; FILE lists the wanted ones, one per line",
    )
    add("--sequence", help="which one, where the input holds several")


def open_input(
    source: Source | Path, args: argparse.Namespace, split_pieces: int | None = None
) -> Dataset:
    """Open the dataset, or the one at a path, as the flags say; raises as ``open_dataset``.

    ``split_pieces`` as in ``open_source``.
    """
    if not isinstance(source, Source):
        source = Source(source, args.sequence)
    return open_source(source, args.input_format, args.sort, split_pieces)


def name_of(path: Path) -> str:
    """Name of a folder, or of a file without its ending."""
    # Resolved, as the name of "." is empty.
    path = path.resolve()
    return path.stem if path.is_file() else path.name
