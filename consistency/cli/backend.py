"""Flags that say where the work runs."""

import argparse
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from backends import ALIASES, BACKENDS, open_backend
from backends.launcher import is_launched
from consistency.cli.common import positive

if TYPE_CHECKING:  # NumPy is not loaded for --help
    from consistency.backend import Backend

# What workers of the pipeline import while this process is still opening its data.
PRELOAD = ("consistency.measure.chunks", "consistency.formats.writing", "consistency.journal")


log = logging.getLogger("consistency")


def add_backend_flags(parser: argparse._ActionsContainer) -> None:
    """Add --multi, --workers and --scheduler."""
    add = parser.add_argument
    add(
        "--multi",
        choices=[*BACKENDS, *ALIASES],
        default="no",
        help="where the work runs: this process, processes, MPI ranks, GPU, Dask cluster",
    )
    add(
        "--workers",
        type=positive,
        help="number of processes; default: the backend's choice; dask: wait for so many workers",
    )
    add("--scheduler", metavar="ADDRESS", help="for dask: the running scheduler, tcp://HOST:8786")


@contextmanager
def chosen_backend(
    args: argparse.Namespace, kernel: str | None = None
) -> "Iterator[Backend | None]":
    """Yield the backend that the flags name; None on ranks that have nothing left to do.

    Paths in ``args`` become absolute where workers look for relative ones in a folder of their own.
    """
    with open_backend(args.multi, args.workers, kernel, args.scheduler, PRELOAD) as backend:
        if backend is not None and not backend.shares_folder:
            paths = {name: value for name, value in vars(args).items() if isinstance(value, Path)}
            vars(args).update({name: path.absolute() for name, path in paths.items()})
        if args.multi == "mpi" and backend is not None and not is_launched():
            log.warning("--multi mpi without a launcher is one rank; for four: mpirun -n 4 ...")
        yield backend
