"""The backend "multi": a pool of processes on this machine."""

import importlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection

from backends.interface import Wanted
from backends.thread_limits import one_thread_each
from backends.windowed import run_in_order
from consistency.backend import Item, Result
from consistency.endings import STOPS, held_back
from consistency.masks.intersections import intersections

# Items handed out for each worker: one it computes, one it finds when it is done, one whose result
# waits for its turn.
WINDOW = 3
# Seconds that a thread of a pool may take to see that its processes have ended.
THREADS_END = 1
MOST_ON_WINDOWS = 61  # limit of concurrent.futures there


class Processes:
    """See ``consistency.backend`` for the contract."""

    name = "multi"
    shares_folder = True
    intersections = staticmethod(intersections)

    def __init__(self, executor: ProcessPoolExecutor, workers: int):
        self._executor = executor
        self.workers = workers

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Generator[Result, None, None]:
        """Yield ``function(item)`` for each item; RuntimeError if a worker process dies."""
        try:
            yield from run_in_order(self._executor, function, items, WINDOW * self.workers)
        except BrokenProcessPool as error:
            raise RuntimeError(
                "a worker process died, killed from outside or for want of memory; "
                f"try again with fewer than {self.workers} --workers"
            ) from error


@contextmanager
def open(wanted: Wanted) -> Iterator[Processes]:
    """Yield the backend with so many processes; default: the CPUs this process may use."""
    workers = wanted.workers or usable_cpus()
    if sys.platform == "win32":
        workers = min(workers, MOST_ON_WINDOWS)
    others, threads = set(multiprocessing.active_children()), set(threading.enumerate())
    # Fresh interpreters ("spawn") are the one way to start that Linux, macOS and Windows share and
    # that inherits neither threads nor locks.
    context = multiprocessing.get_context("spawn")
    _start_tracker()
    executor = ProcessPoolExecutor(workers, context, _prepare, (wanted.preload,))
    ends = _our_ends(executor)
    with one_thread_each():
        try:
            # A worker that is still importing when Ctrl-C reaches it would print a traceback.
            with held_back():
                for _ in range(workers):  # the pool starts a process only when there is work for it
                    executor.submit(_nothing)
            yield Processes(executor, workers)
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - others:
                process.kill()  # they hold back the signals that ask for an end
            # Python would speak to threads of the pool that are about to end, and complain.
            _end([t for t in set(threading.enumerate()) - threads if not t.daemon], ends)
            raise
        finally:
            executor.shutdown()


def _our_ends(executor: ProcessPoolExecutor) -> list[Connection]:
    """Return the ends of the pool's pipes that workers use and this process holds open, too."""
    # The pool has no other way to say so; where a later Python calls them something else, nothing
    # is closed.
    ends = (("_result_queue", "_writer"), ("_call_queue", "_reader"))
    found = (getattr(getattr(executor, queue, None), end, None) for queue, end in ends)
    return [end for end in found if isinstance(end, Connection)]


def _end(threads: list[threading.Thread], ends: list[Connection]) -> None:
    """Let the threads of a pool end whose processes have been killed.

    Parameters
    ----------
    ends : of the pool's pipes.  A thread that reads what a killed worker has sent half of, or
        writes what nobody will read, waits for ever while they are open, and Python for it.
    """
    for end in ends:
        with suppress(OSError):  # a thread has just closed it
            end.close()
        # One after the other: threads that see that processes have ended close the second, but
        # not those of Python 3.10, which may write there.
        until = time.monotonic() + THREADS_END
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        if not any(thread.is_alive() for thread in threads):
            return


def _start_tracker() -> None:
    """Start the process in which Python cleans up after processes that were killed.

    Python would start it in any case, as one that ends with its terminal, and that warns there of
    what it cleans up.
    """
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, [before, "ignore:resource_tracker"]))
    try:
        with held_back():
            resource_tracker.ensure_running()
    finally:
        del os.environ["PYTHONWARNINGS"]
        if before is not None:
            os.environ["PYTHONWARNINGS"] = before


def usable_cpus() -> int:
    """Return the number of CPUs that this process may use."""
    if hasattr(os, "process_cpu_count"):  # from Python 3.13
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _prepare(modules: tuple[str, ...]) -> None:
    """Start of a worker process."""
    for number in STOPS:  # they reach all processes of a terminal or a job
        signal.signal(number, signal.SIG_IGN)  # the parent ends the workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for module in modules:
        importlib.import_module(module)


def _end_with_parent() -> None:
    # A worker holds both ends of the pool's queue, so it would wait for ever for a killed parent.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _nothing() -> None:
    pass
