"""Run mark_label.py with a fault in it: ``python strike.py FAULT [flags]``.

The processes of ``--multi multi`` import this file again, and all ranks run it: a fault that begins
with "worker" strikes there, any other in the process that has been started.
"""

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from consistency import disk, journal, mark_label, publishing
from consistency.measure import frame

STRUCK = (
    "8.png"  # the frame at which workers are struck; ranks at any, as they share them by chance
)
RANK = os.environ.get("PMI_RANK")


def kill() -> None:
    """End this process as the system does when it has no more memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def after(module, name: str, count: int, then) -> None:
    """Call ``then`` behind the ``count``-th call of a function, counted from 0."""
    true, calls = getattr(module, name), iter(range(1000))

    def called(*args, **kwargs):
        result = true(*args, **kwargs)
        if next(calls) == count:
            then()
        return result

    setattr(module, name, called)


def before(module, name: str, count: int, then) -> None:
    """Call ``then`` before the ``count``-th call of a function, counted from 0."""
    true, calls = getattr(module, name), iter(range(1000))

    def called(*args, **kwargs):
        if next(calls) == count:
            then()
        return true(*args, **kwargs)

    setattr(module, name, called)


def no_memory() -> None:
    raise MemoryError("Unable to allocate 9 GiB")


# What ends the process that was started, where.  With 9 frames there are 2 or 3 chunks.
STAGES = {
    "before the first record": lambda: before(journal, "_append", 0, kill),
    "while measuring": lambda: after(journal, "_append", 0, kill),
    "while labelling": lambda: before(journal.Journal, "begin_writing", 0, kill),
    "while writing": lambda: after(journal.Journal, "begin_writing", 0, while_writing),
    "before files are on the disk": lambda: before(disk, "sync", 0, kill),
    "before names change": lambda: before(publishing, "_swap", 0, kill),
    "between the changes of a name": lambda: before(Path, "rename", 1, kill),
    "while clearing up": lambda: before(publishing, "_remove", 0, kill),
}


def while_writing() -> None:
    after(journal, "_append", 0, kill)


WORKERS = {
    "worker is killed": kill,
    "worker has no memory": no_memory,
    "worker is slow": lambda: time.sleep(60),
}


def strike(fault: str) -> None:
    """Put the fault in place."""
    if fault in STAGES:
        STAGES[fault]()
        return
    true = frame.read_frame

    def read(layout, given, buffer):
        mark = os.environ.get("STRUCK_ONCE")
        if (RANK or given.name == STRUCK) and not (mark and Path(mark).exists()):
            if mark:
                Path(mark).touch()
            WORKERS[fault]()
        return true(layout, given, buffer)

    frame.read_frame = read


def kill_worker_when_kept(out: str) -> None:
    """Strike a worker as soon as the run in the folder ``out`` has kept something to go on with."""

    def wait_and_kill() -> None:
        while not any(path.stat().st_size for path in Path(out).glob(".*.journal/measurements")):
            time.sleep(0.01)
        kill()

    WORKERS["worker is killed"] = wait_and_kill
    strike("worker is killed")


if __name__ in ("__main__", "__mp_main__"):
    # Rank 0 computes its share, too, and is not a worker that may be lost.
    first = __name__ == "__main__" and RANK in (None, "0")
    if first if sys.argv[1] in STAGES else RANK != "0":
        strike(sys.argv[1])
if __name__ == "__main__":
    sys.exit(mark_label.main(sys.argv[2:]))
