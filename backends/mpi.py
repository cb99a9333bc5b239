"""The backend "mpi": the ranks of mpirun, mpiexec or srun.

Every rank starts the same command.  Rank 0 runs the pipeline, hands out items and computes its own
share of them; the other ranks stay inside ``open`` and compute what they are handed, until rank 0
is done.  mpi4py.futures carries items and results; pixels never travel.
"""

import functools
import socket
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backends.failures import said_by
from backends.interface import Wanted
from backends.launcher import placement, refuse
from backends.thread_limits import one_thread_each
from backends.windowed import run_in_order
from consistency.backend import Item, Result
from consistency.endings import exit_code, put_off, unanswered
from consistency.masks.intersections import Kernel

# Items handed out for each rank, see backends.multi.
WINDOW = 3
# Seconds that a failed run gives the other ranks to finish what they are computing.
GRACE = 4
# Seconds after a signal at which a rank that rank 0 has not ended goes by itself.
PUT_OFF = 4.5
# How the names of such memory begin under MPICH.
SEGMENTS = "/dev/shm/mpich_shm_"


class Ranks:
    """See ``consistency.backend`` for the contract."""

    name = "mpi"
    shares_folder = True  # launchers start all ranks in one folder

    def __init__(self, executor: Any, size: int, intersections: Kernel):
        self.intersections = intersections
        self._executor = executor
        self.workers = size

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Generator[Result, None, None]:
        """Yield ``function(item)`` for each item; an error's message begins with its rank."""
        call = functools.partial(_call, function)
        if self.workers == 1:
            yield from map(call, items)
        else:
            yield from run_in_order(self._executor, call, items, WINDOW * self.workers, own=call)


@contextmanager
def open(wanted: Wanted) -> Iterator[Ranks | None]:
    """Yield the backend on rank 0, and None on the other ranks when all work is done.

    With the kernel "cupy" the ranks of a machine take its GPUs in turn.

    Raises ImportError without mpi4py (or CuPy), OSError without an MPI library (or a GPU),
    ValueError for a number of workers other than that of the ranks.
    """
    with one_thread_each():
        with put_off(PUT_OFF):  # a rank that stopped alone would leave others waiting for it
            world = _world()
            if wanted.workers not in (None, world.size):
                refuse(
                    f"--workers {wanted.workers} with --multi mpi; their number is that of the "
                    f"ranks: mpirun -n {wanted.workers} python mark_label.py --multi mpi ..."
                )
            intersections = _kernel(world, wanted.kernel)
            _leave_no_segments(world)
            from mpi4py.futures import MPICommExecutor

            group = MPICommExecutor(world, root=0)
            executor: Any = group.__enter__()  # the other ranks work in here
        if executor is None:
            yield None
            return
        try:
            yield Ranks(executor, world.size, intersections)
        except BaseException as error:
            # Not waited for here: the caller reports the error first.
            executor.shutdown(wait=False, cancel_futures=True)
            _abort_later(world, exit_code(error))
            raise
        # Not in a ``finally``: after an error it would wait for ranks that are busy or dead.
        group.__exit__(None, None, None)


def _world() -> Any:
    """Return MPI's communicator of all ranks."""
    try:
        # Ranks wait here for one another and let no Python code run: one that was signalled a
        # moment earlier, and has ended, would be waited for for ever.
        with unanswered():
            from mpi4py import MPI
    except ImportError as error:
        if error.name == "mpi4py":
            raise ImportError(
                "--multi mpi needs mpi4py; install it: pip install mpi4py mpich"
            ) from error
        raise OSError(f"mpi4py finds no MPI library: pip install mpich ({error})") from error
    except RuntimeError as error:
        raise OSError(f"mpi4py finds no MPI library: pip install mpich ({error})") from error
    started = placement()[1]
    if started > 1 and MPI.COMM_WORLD.size == 1:
        refuse(
            f"the launcher started {started} ranks that do not see one another: it belongs to "
            "another MPI than mpi4py; use the mpirun of the library that mpi4py was built with, or "
            "srun --mpi=pmi2 (MPICH) or --mpi=pmix (Open MPI)"
        )
    return MPI.COMM_WORLD


def from_first(value: Any) -> Any:
    """Return what rank 0 gives, on every rank; all of them have to call it."""
    return _world().bcast(value, root=0)


def _kernel(world: Any, name: str) -> Kernel:
    """Return the counting kernel; where one rank has no GPU, all ranks end and rank 0 says why."""
    if name == "numpy":
        from consistency.masks.intersections import intersections

        return intersections
    from mpi4py import MPI

    from backends import cupy

    problem = None
    try:
        cupy.bind(world.Split_type(MPI.COMM_TYPE_SHARED).rank)
    except (ImportError, OSError) as error:
        problem = error
    problems = world.gather(problem, root=0)
    found = [(rank, error) for rank, error in enumerate(problems or ()) if error]
    if world.bcast(bool(found), root=0):
        if world.rank > 0:
            raise SystemExit(0)
        rank, first = found[0]
        raise type(first)(f"rank {rank}: {first}")
    return cupy.intersections


def _call(function: Callable[[Any], Any], item: Any) -> Any:
    """Run ``function(item)`` on this rank; an error says on which."""
    try:
        return function(item)
    except Exception as error:
        from mpi4py import MPI

        raise said_by(f"rank {MPI.COMM_WORLD.rank} on {socket.gethostname()}", error) from error


def _leave_no_segments(world: Any) -> None:
    """Take away the names of the memory that ranks of one machine share, now that all have it.

    MPICH does so at an orderly end alone: the memory of ranks that are killed would stay for ever.
    """
    world.Barrier()
    maps = Path("/proc/self/maps")
    for line in maps.read_text().splitlines() if maps.exists() else ():
        name = line[line.find("/") :]
        if name.startswith(SEGMENTS) and Path(name).exists():
            Path(name).unlink(missing_ok=True)  # another rank may be faster


def _abort_later(world: Any, code: int) -> None:
    """End all ranks if the run has not come to an orderly end after GRACE seconds."""
    timer = threading.Timer(GRACE, world.Abort, [code])
    timer.daemon = True
    timer.start()
