"""Flags that say where the work runs."""

import argparse

from backends import ALIASES, BACKENDS
from consistency.cli.common import positive


def add_backend_flags(parser: argparse.ArgumentParser) -> None:
    """Add --multi and --workers."""
    add = parser.add_argument
    add(
        "--multi",
        choices=[*BACKENDS, *ALIASES],
        default="no",
        help="where the work runs: this process, processes, MPI ranks, GPU",
    )
    add("--workers", type=positive, help="number of processes; default: the backend's choice")
