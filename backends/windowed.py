"""Run a function over items on an executor: lazily, in order, with few results waiting."""

import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import Any

from consistency.backend import Item, Result

# Seconds that a failed run waits for the items its workers are busy with, so that none of them
# writes into a folder that is being removed.
PATIENCE = 3


def run_in_order(
    executor: Executor,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    window: int,
    own: Callable[[Item], Result] | None = None,
) -> Generator[Result, None, None]:
    """Yield ``function(item)`` for each item in order, computed by the executor's workers.

    Parameters
    ----------
    window : number of items handed out and not yet yielded; bounds the memory, whatever the number
        of items.
    own : computes an item in this process while the next result is not there, so that the process
        which hands out the work does its share of it; None to only wait.
    """
    pending: deque[tuple[Future[Any], Any]] = deque()
    ours = _Ours(own) if own else None
    try:
        for item in items:
            future = executor.submit(function, item)
            if ours:
                future.add_done_callback(ours.stop_if_failed)
            pending.append((future, item))
            # Items are taken only as results leave: a long sequence is never listed in full.
            if len(pending) >= window:
                yield _next_result(pending, ours)
        while pending:
            yield _next_result(pending, ours)
    finally:
        running = [future for future, _ in pending if not future.cancel()]
        wait(running, timeout=PATIENCE)


class _FailedElsewhereError(BaseException):
    """Not an Exception: nothing that computes an item may take it for its own."""


class _Ours:
    """Computes items in this process, and stops at once when an item fails in another.

    A chunk may take long, and who waits for its end learns late that the run is over.  The signal
    is one that systems ignore if nobody asked for it; it also ends a wait in the system, as far as
    the system lets waits be ended.
    """

    def __init__(self, function: Callable[[Any], Any]):
        self._function = function
        self._busy = self._failed = False
        self._thread = threading.get_ident()
        can_stop = threading.current_thread() is threading.main_thread()
        self._signal = getattr(signal, "SIGURG", None) if can_stop else None
        if self._signal:
            signal.signal(self._signal, self._stop)

    def _stop(self, *_: Any) -> None:
        if self._busy:
            self._busy = False
            raise _FailedElsewhereError

    def stop_if_failed(self, future: Future[Any]) -> None:
        """Tell the computing thread if ``future`` has failed; called in another thread."""
        if future.cancelled() or future.exception() is None:
            return
        self._failed = True
        if self._busy and self._signal:
            signal.pthread_kill(self._thread, self._signal)

    def compute(self, future: Future[Any], item: Any) -> None:
        """Give ``future`` its result; none if an item has failed elsewhere."""
        try:
            self._busy = True
            if self._failed:
                raise _FailedElsewhereError
            future.set_result(self._function(item))
        except _FailedElsewhereError:
            future.cancel()
        finally:
            self._busy = False


def _next_result(pending: deque[tuple[Future[Any], Any]], ours: _Ours | None) -> Any:
    """Wait for the first of ``pending`` and take it off; an error of any other is raised first."""
    while not pending[0][0].done():
        free = None
        if ours:  # cancelling succeeds for items that no worker has begun; the first is ours
            free = next((k for k, (future, _) in enumerate(pending) if future.cancel()), None)
        if ours is None or free is None:
            wait([f for f, _ in pending if not f.done()], return_when=FIRST_COMPLETED)
        else:
            _, item = pending[free]
            mine: Future[Any] = Future()
            pending[free] = mine, item
            ours.compute(mine, item)
        for future, _ in pending:
            if future.done() and not future.cancelled():
                future.result()
    return pending.popleft()[0].result()
