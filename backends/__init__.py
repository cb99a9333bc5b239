"""Where and how the work runs.  A backend is a module of this package and a line in BACKENDS.

``open_backend(name, ...)`` is a context manager; ``consistency.backend`` says what it yields.
Each module has ``open(wanted)``, which does the same for one backend.

Under ``mpirun`` every rank calls ``open_backend``; it yields None on all but rank 0, once there is
nothing left to do for them.

A backend whose package is missing raises ImportError, whose library, device or cluster is missing
OSError, with the command that mends it; none falls back to another.
"""

import importlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import ModuleType
from typing import TYPE_CHECKING

from backends.interface import Wanted
from backends.launcher import check_alone

if TYPE_CHECKING:  # NumPy is not loaded for --help
    from consistency.backend import Backend

BACKENDS = {
    "no": "serial",
    "multi": "multi",
    "mpi": "mpi",
    "cupy": "cupy",
    "dask": "dask",
}
ALIASES = {"serial": "no"}
KERNELS = ("numpy", "cupy")


def array_module(kernel: str) -> ModuleType:
    """Return what computes with arrays, one of KERNELS; raises as ``backends.cupy.bind``."""
    if kernel == "cupy":
        importlib.import_module("backends.cupy").bind(0)
    return importlib.import_module(kernel)


def open_backend(
    name: str,
    workers: int | None = None,
    kernel: str | None = None,
    scheduler: str | None = None,
    preload: Sequence[str] = (),
) -> "AbstractContextManager[Backend | None]":
    """Return the context manager of backend ``name``.

    Parameters
    ----------
    workers : number of workers; None is the backend's own choice.
    kernel : one of KERNELS, what counts shared pixels; None is the backend's own choice.
    scheduler : address of the scheduler, for the backend "dask".
    preload : modules that workers import while the caller is still opening its data.

    Raises
    ------
    ValueError
        If there is no such backend, if it has no such kernel or no scheduler, or if several ranks
        of a launcher call a backend that knows of none.
    """
    name = ALIASES.get(name, name)
    if name not in BACKENDS:
        raise ValueError(f"backend {name!r}; allowed: {', '.join([*BACKENDS, *ALIASES])}")
    if name != "mpi":
        check_alone(name)
    own = "cupy" if name == "cupy" else "numpy"
    if kernel not in (None, own) and name != "mpi":
        raise ValueError(f"--kernel {kernel} with --multi {name}; use --multi mpi or --multi cupy")
    if scheduler and name != "dask":
        raise ValueError(f"--scheduler with --multi {name}, which has none; use --multi dask")
    # Only the one that is wanted: the packages of the others may be missing.
    module = importlib.import_module(f"{__name__}.{BACKENDS[name]}")
    return module.open(Wanted(workers, kernel or own, scheduler, tuple(preload)))
