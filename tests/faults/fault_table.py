"""All faults, and what is expected of each.

A fault is provoked in a ``Scene``: a data set, an experiment of an earlier run with other flags,
and what an undisturbed run gives.  Nothing may be lost: the input and the earlier experiment are
there or, when all is over, its successor is, with the bytes of the undisturbed run.
"""

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from fault_kinds import (
    WRITES,
    changes_while_read,
    clock_jumps,
    corrupted,
    corrupted_about,
    dask_worker_killed,
    disk_is_full,
    duplicate_frame,
    killed,
    slow,
    torn,
    torn_mask,
    two_at_once,
    two_resumed_at_once,
    vanishes,
    vanishes_while_written,
    worker_killed,
    write_fails,
)
from fault_scene import Scene
from places import Place
from strike import STAGES


@dataclass(frozen=True)
class Fault:
    """One row of the table."""

    name: str
    expected: str
    provoke: Callable[[Scene], str]
    fast: bool = False
    needs: Place | None = field(default=None)


def some(name: str, expected: str, provoke: Callable[[Scene], str]) -> Fault:
    """Return a fault of the fast half."""
    return Fault(name, expected, provoke, fast=True)


PLACES = [Place("no"), Place("multi", 2), Place("mpi", 2), Place("dask", 2)]
KEEPS = "old one stays; --resume gives the same bytes"


def table() -> list[Fault]:
    """All faults."""
    rows = [
        Fault(
            f"killed {stage}, `{place.backend}`",
            "new one stays" if "clearing" in stage else KEEPS,
            partial(killed, stage, place),
            fast=place.backend == "no" and stage in ("while writing", "while measuring"),
            needs=place,
        )
        for stage in STAGES
        for place in PLACES
    ]
    rows += [
        Fault(
            f"{fault}, `{place.backend}`", KEEPS, partial(worker_killed, fault, place), needs=place
        )
        for fault, place in (
            ("worker is killed", PLACES[1]),
            ("worker is killed", PLACES[2]),
            ("worker has no memory", PLACES[1]),
        )
    ]
    rows.append(Fault("worker is killed, `dask`", KEEPS, dask_worker_killed, needs=PLACES[3]))
    rows += [
        Fault(f"slow reader, SIGTERM, `{place.backend}`", KEEPS, partial(slow, place), needs=place)
        for place in PLACES[:2]
    ]
    for number, word in ((errno.ENOSPC, "ENOSPC"), (errno.EIO, "EIO")):
        rows += [
            Fault(
                f"{word}: {where}",
                "one line; " + KEEPS,
                partial(write_fails, where, number),
                fast=True,
            )
            for where in WRITES
        ]
    again = "done again from there; the same bytes"
    return [
        *rows,
        some("file system of 512 kB is full", "one line; " + KEEPS, disk_is_full),
        some("torn write: measurements", again, partial(torn, "measurements")),
        some("torn write: what was written", again, partial(torn, "written")),
        some("torn write: mask", "written again; the same bytes", torn_mask),
        some("corrupted journal: measurements", again, partial(corrupted, "measurements")),
        some("corrupted journal: what was written", again, partial(corrupted, "written")),
        some("corrupted journal: about.json", "refused in one line", corrupted_about),
        some("file changes while it is read", "told", changes_while_read),
        some("file vanishes before it is read", "one line; old one stays", vanishes),
        some("file vanishes before it is written", "one line", vanishes_while_written),
        some("clock jumps by a day", again, clock_jumps),
        some("duplicate frame", "one line; old one stays", duplicate_frame),
        some("two runs at once", "second one refused", two_at_once),
        some("two runs continue at once", "second one refused", two_resumed_at_once),
    ]
