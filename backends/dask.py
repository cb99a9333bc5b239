"""The backend "dask": the workers of a Dask cluster that is already running.

Items and results travel as bytes that this module pickles itself.  So Dask neither looks for tasks
of its own inside them nor hands out arrays that cannot be written to.
"""

import importlib
import logging
import pickle
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, InvalidStateError
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from backends.failures import said_by
from backends.interface import Wanted
from backends.windowed import run_in_order
from consistency import __version__
from consistency.backend import Item, Result
from consistency.masks.intersections import intersections

INSTALL = "pip install -r requirements-dask.txt"
GONE = "the Dask scheduler is gone; see what it logged"
ADDRESS = re.compile(r"((tcp|tls|ws|wss|ucx|ucxx)://)?(\[[^]]+\]|[^/:]+):\d+/?")
# Items handed out for each worker, see backends.multi.
WINDOW = 3
# Seconds until a scheduler that does not answer counts as missing.
CONNECT = 10
# Seconds that workers may take to join their scheduler: a job script starts all of them at once.
JOIN = 30


class Cluster:
    """See ``consistency.backend`` for the contract."""

    name = "dask"
    shares_folder = False
    intersections = staticmethod(intersections)

    def __init__(self, executor: "Tasks", workers: int):
        self._executor = executor
        self.workers = workers

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Generator[Result, None, None]:
        """Yield ``function(item)`` for each item; an error's message begins with its worker."""
        yield from run_in_order(self._executor, function, items, WINDOW * self.workers)


@contextmanager
def open(wanted: Wanted) -> Iterator[Cluster]:
    """Yield the backend, once there are workers.

    Raises
    ------
    ValueError
        Without the address of a scheduler, if it is not one, or where workers run another version
        of this project.
    ImportError
        Without Dask, here or there, or where workers do not find this project.
    OSError
        If there is no scheduler, or it has fewer workers than were asked for.
    """
    if not wanted.scheduler:
        raise ValueError(
            "--multi dask needs the address of a running scheduler: --scheduler tcp://HOST:8786; "
            "start one with: dask scheduler; for processes of this machine use --multi multi"
        )
    if not ADDRESS.fullmatch(wanted.scheduler):
        raise ValueError(f"--scheduler {wanted.scheduler!r} is not an address; tcp://HOST:8786 is")
    try:
        distributed = importlib.import_module("distributed")
    except ModuleNotFoundError as error:
        raise ImportError(
            f"--multi dask needs Dask ({error.name} is missing); install it: {INSTALL}"
        ) from error
    with _silence(), _connect(distributed, wanted.scheduler) as client:
        executor = Tasks(client)
        workers = _join(client, wanted)
        try:
            yield Cluster(executor, workers)
        except (distributed.comm.CommClosedError, TimeoutError) as error:
            # Where the client was talking to the scheduler when that ended, Dask itself says so.
            raise RuntimeError(GONE) from error


@contextmanager
def _silence() -> Iterator[None]:
    """Let only this module say what is wrong: Dask logs the same once more, in many lines."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _connect(distributed: Any, address: str) -> Iterator[Any]:
    """Yield a client of the scheduler at ``address``."""
    try:
        client = distributed.Client(address, timeout=CONNECT, set_as_default=False)
    except OSError as error:
        raise OSError(
            f"no Dask scheduler answers at --scheduler {address}; look up the address that it "
            "printed when it started, or start one: dask scheduler"
        ) from error
    try:
        yield client
    finally:
        with suppress(OSError):  # of a scheduler that is gone nothing has to be taken leave
            client.close()


def _join(client: Any, wanted: Wanted) -> int:
    """Wait for the workers and let them import what they need; returns their number of threads."""
    address, count = wanted.scheduler, wanted.workers or 1
    try:
        client.wait_for_workers(count, timeout=JOIN)
    except TimeoutError as error:
        raise OSError(
            f"the Dask scheduler {address} has {len(client.nthreads())} workers, not {count}, "
            f"after {JOIN} seconds; start more: dask worker {address}"
        ) from error
    try:
        versions = client.run(_prepare, wanted.preload)
    except ImportError as error:
        raise ImportError(
            f"a worker of the Dask scheduler {address} does not find this project ({error}); "
            "install it there: pip install ., or start workers with its folder in PYTHONPATH"
        ) from error
    for worker, version in versions.items():
        if version != __version__:
            raise ValueError(
                f"worker {worker} runs version {version} of this project, not {__version__}; "
                "install the same there"
            )
    return sum(client.nthreads().values())


class Tasks(Executor):
    """Hands out work, and ends what is pending when a worker dies with a part of it.

    Dask alone would give the work of a dead worker to others, or wait for ever where there are
    none.  It would not say so, and a worker that dies for want of memory takes the next with it.
    """

    def __init__(self, client: Any):
        self._client = client
        self._pending: set[Task] = set()
        client.subscribe_topic("all", self._watch)

    def submit(  # type: ignore[override]  # one item, and no more arguments
        self, function: Callable[[Any], Any], item: Any
    ) -> "Task":
        """Return the future of ``function(item)``."""
        call = pickle.dumps(Call(function, item), pickle.HIGHEST_PROTOCOL)
        # Not pure: Dask would take equal calls for one and compute it once.
        task = Task(self._client, self._client.submit(pickle.loads, call, pure=False))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)
        return task

    def _watch(self, event: tuple[float, dict[str, Any]]) -> None:
        """See what happens on the cluster; called in the client's thread."""
        what = event[1]
        if what.get("action") != "remove-worker" or what.get("expected"):
            return
        lost = {*what["processing-tasks"], *what["lost-computed-tasks"]}
        if any(task.key in lost for task in self._pending.copy()):
            for task in self._pending.copy():
                task.fail(
                    f"worker {what['worker']} died, killed from outside or for want of memory; "
                    "see what it logged, and give workers more memory"
                )


class Task(Future[Any]):
    """The future of one item, computed somewhere else."""

    def __init__(self, client: Any, remote: Any):
        super().__init__()
        self.key = remote.key
        self._client, self._remote = client, remote
        remote.add_done_callback(self._finish)

    def _finish(self, remote: Any) -> None:
        """Take over the outcome; called in a thread of the client."""
        if self.done():
            return
        if remote.cancelled():
            self.fail(GONE)
            return
        settle: Callable[[], None]
        try:
            settle = partial(self.set_result, pickle.loads(remote.result()))
        except Exception as error:
            settle = partial(self.set_exception, error)
        self._remote = None  # so that the worker forgets the result
        with suppress(InvalidStateError):
            settle()

    def fail(self, message: str) -> None:
        """End with a RuntimeError, unless it is done."""
        with suppress(InvalidStateError):
            self.set_exception(RuntimeError(message))

    def cancel(self) -> bool:
        """Give the item up; returns False if a worker is busy with it, or it is done."""
        if self.done() or self._is_running():
            return self.cancelled()
        cancelled, remote = super().cancel(), self._remote
        if cancelled and remote is not None:
            with suppress(Exception):  # the scheduler may be gone
                remote.cancel()
        return cancelled

    def _is_running(self) -> bool:
        try:
            return any(self._client.call_stack(keys=[self.key]).values())
        except Exception:  # the task, its worker or the scheduler is gone
            return False


class Call:
    """A call that happens where it is unpickled.

    The scheduler unpickles the functions that it hands on, and may not have this project: so it
    sees nothing but ``pickle.loads`` and bytes.
    """

    def __init__(self, function: Callable[[Any], Any], item: Any):
        self._work = function, item

    def __reduce__(self) -> tuple[Callable[[bytes], bytes], tuple[bytes]]:
        return _call, (pickle.dumps(self._work, pickle.HIGHEST_PROTOCOL),)


def _prepare(modules: tuple[str, ...]) -> str:
    """Start of a run on a worker; returns the version of its code."""
    for module in modules:
        importlib.import_module(module)
    return __version__


def _call(payload: bytes) -> bytes:
    """Run a function on this worker; an error says on which."""
    from distributed import get_worker

    try:
        function, item = pickle.loads(payload)
        return pickle.dumps(function(item), pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise said_by(f"worker {get_worker().address}", error) from error
