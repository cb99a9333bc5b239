"""Run a function over items on an executor: lazily, in order, with few results waiting."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import Any

# Seconds that a failed run waits for the items its workers are busy with, so that none of them
# writes into a folder that is being removed.
PATIENCE = 3


def run_in_order(
    executor: Executor,
    function: Callable[[Any], Any],
    items: Iterable[Any],
    window: int,
    own: Callable[[Any], Any] | None = None,
) -> Iterator[Any]:
    """Yield ``function(item)`` for each item in order, computed by the executor's workers.

    Parameters
    ----------
    window : number of items handed out and not yet yielded; bounds the memory, whatever the number
        of items.
    own : computes an item in this process while the next result is not there, so that the process
        which hands out the work does its share of it; None to only wait.
    """
    pending: deque[tuple[Future, Any]] = deque()
    try:
        for item in items:
            pending.append((executor.submit(function, item), item))
            if len(pending) >= window:
                yield _next_result(pending, own)
        while pending:
            yield _next_result(pending, own)
    finally:
        running = [future for future, _ in pending if not future.cancel()]
        wait(running, timeout=PATIENCE)


def _next_result(pending: deque, own: Callable[[Any], Any] | None) -> Any:
    """Wait for the first of ``pending`` and take it off; an error of any other is raised first."""
    while not pending[0][0].done():
        free = None
        if own:  # cancelling succeeds for items that no worker has begun; the first of them is ours
            free = next((k for k, (future, _) in enumerate(pending) if future.cancel()), None)
        if free is None:
            wait([f for f, _ in pending if not f.done()], return_when=FIRST_COMPLETED)
        else:
            pending[free] = _done(own, pending[free][1]), pending[free][1]
        for future, _ in pending:
            if future.done():
                future.result()
    return pending.popleft()[0].result()


def _done(own: Callable[[Any], Any], item: Any) -> Future:
    future: Future = Future()
    future.set_result(own(item))
    return future
