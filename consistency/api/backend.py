"""Where a folder is labelled and written when a program asks for it."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from backends import serial
from backends.interface import Wanted
from backends.launcher import placement
from consistency.backend import Backend
from consistency.cli.backend import chosen_backend

HERE = ("no", "serial")


@contextmanager
def opened(args: argparse.Namespace) -> Iterator[Backend]:
    """Yield the backend that ``args`` name; ValueError for one that a program cannot have.

    A command that MPI starts on several ranks would write the same files on each, and is refused.
    What the ranks of a program label is its own affair, as long as each works in its own process.
    """
    if args.multi in HERE:
        with serial.open(Wanted()) as backend:
            yield backend
        return
    if args.multi == "mpi":
        raise ValueError(
            "backend 'mpi' starts a program on every rank; run the command instead: "
            "mpirun -n 4 mark-label --multi mpi ..."
        )
    if placement()[1] > 1:
        raise ValueError(
            f"backend {args.multi!r} under a launcher of {placement()[1]} ranks; leave it out, and "
            "let each rank label folders of its own"
        )
    with chosen_backend(args) as backend:
        assert backend is not None  # as it is without ranks
        yield backend
