"""Where a folder is labelled and written when a program asks for it."""

import argparse
from collections.abc import Callable
from typing import TypeVar

from backends import serial
from backends.interface import Wanted
from backends.launcher import placement
from consistency.backend import Backend
from consistency.cli.backend import chosen_backend

HERE = ("no", "serial")
Result = TypeVar("Result")


def run(args: argparse.Namespace, work: Callable[[Backend], Result]) -> Result:
    """Return ``work(backend)`` on the backend that ``args`` name; ValueError for a wrong one.

    With "mpi" every rank of a program calls this, and has what rank 0 has found, the error too.
    What the ranks of a program label else is its own affair, as long as each works in its own
    process.
    """
    if args.multi in HERE:
        with serial.open(Wanted()) as backend:
            return work(backend)
    if args.multi == "mpi":
        return _on_all_ranks(args, work)
    if placement()[1] > 1:
        raise ValueError(
            f"backend {args.multi!r} under a launcher of {placement()[1]} ranks; use backend "
            "'mpi', or leave it out and let each rank label folders of its own"
        )
    with chosen_backend(args) as chosen:
        assert chosen is not None  # as it is without ranks
        return work(chosen)


def _on_all_ranks(args: argparse.Namespace, work: Callable[[Backend], Result]) -> Result:
    found: tuple[Result] | Exception | None = None
    with chosen_backend(args) as backend:
        if backend is not None:
            try:
                found = (work(backend),)
            # Bad input.  Beyond this context it would end all ranks: the backend knows of no
            # program that goes on.
            except (ValueError, OSError) as error:
                found = error
    from backends.mpi import from_first

    found = from_first(found)
    if isinstance(found, Exception):
        raise found
    return found[0]
