"""Where each backend runs in the tests.

A backend that is listed in BACKENDS is tested as it stands; COUNTS and MISSING below have the few
that want a number of workers, a launcher, or something that is not on every machine.
"""

import functools
import importlib.util
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

import psutil
import pytest
from launch import MPIEXEC, PIPES, ROOT, ranks

from backends import BACKENDS, open_backend

sys.path.append(str(ROOT / "running_time"))

from dask_cluster import Running, cluster

DASK_WORKERS = 2
COUNTS = {"multi": (1, 2, 3), "mpi": (1, 2, 3, 5), "dask": (DASK_WORKERS,)}


def why_no_gpu() -> str:
    from backends.cupy import bind

    try:
        bind(0)
    except (ImportError, OSError) as error:
        return str(error)
    return ""


def why_no_dask() -> str:
    found = importlib.util.find_spec("distributed")
    return "" if found else "no Dask: pip install -r requirements-dask.txt"


# Backends that not every machine can run; each function says why not, empty if it can.
MISSING: dict[str, Callable[[], str]] = {
    "mpi": lambda: "" if MPIEXEC else "no mpiexec beside this Python: pip install mpi4py mpich",
    "cupy": functools.cache(why_no_gpu),
    "dask": why_no_dask,
}


@dataclass(frozen=True)
class Place:
    """A backend, and the number of its workers; None = the backend's choice."""

    backend: str
    count: int | None = None

    def launcher(self) -> list[str]:
        """What starts the command."""
        return ranks(self.count) if self.backend == "mpi" else []

    def options(self) -> list[str]:
        """Flags of the command line."""
        count = [] if self.count is None or self.backend == "mpi" else [str(self.count)]
        scheduler = ["--scheduler", SHARED.address()] if self.backend == "dask" else []
        return ["--multi", self.backend, *(["--workers", *count] if count else []), *scheduler]

    def open(self):
        """Open the backend in this process."""
        scheduler = SHARED.address() if self.backend == "dask" else None
        return open_backend(self.backend, self.count, scheduler=scheduler)


class SharedCluster:
    """One cluster of Dask for all tests that want one, started for the first of them."""

    def __init__(self):
        self._running: Running | None = None

    def address(self) -> str:
        """Return its address; start it if it is not there."""
        if self._running is None:
            self._context = cluster(DASK_WORKERS, f"{ROOT / 'tests'}{os.pathsep}{PIPES}")
            self._running = self._context.__enter__()
        return self._running.address

    def processes(self) -> list[psutil.Process]:
        """The processes that outlive a test."""
        return self._running.processes() if self._running else []

    def stop(self) -> None:
        """End it, and fail if something of it is left."""
        if self._running is not None:
            processes, self._running = self.processes(), None
            self._context.__exit__(None, None, None)
            assert psutil.wait_procs(processes, timeout=10)[1] == []


SHARED = SharedCluster()
PLACES = [Place(name, count) for name in BACKENDS for count in COUNTS.get(name, (None,))]

# Each backend once, with most workers.
MOST = list({place.backend: place for place in PLACES}.values())


def places(*more: Place, without: tuple[str, ...] = ()) -> list:
    """Parameters of a test that runs over all backends, and ``more``."""
    return [
        pytest.param(place, id=f"{place.backend}-{place.count}" if place.count else place.backend)
        for place in [*PLACES, *more]
        if place.backend not in without
    ]


def skip_if_missing(place: Place) -> None:
    """Skip the test, with the reason, where the backend cannot run."""
    reason = MISSING.get(place.backend, lambda: "")()
    if reason:
        pytest.skip(reason)
