"""Where and how the work runs.  A backend is a module of this package and a line in BACKENDS.

``open_backend(name, workers=None, kernel=None)`` is a context manager.  It yields an object with

``map(function, items)``
    a generator of ``function(item)`` for each item, lazy and in order.  ``function`` is a picklable
    top-level function (or a functools.partial of one).  An exception in a worker reaches the
    caller with its message.  Closing the generator gives up what no worker has begun.
``intersections``
    the counting kernel, a picklable function (earlier, later) -> int64 (n, m), bit-identical in
    every backend.
``name``, ``workers``
    for the record; work is cut for ``workers`` to share.

Under ``mpirun`` every rank calls ``open_backend``; it yields None on all but rank 0, once there is
nothing left to do for them.

A backend whose package is missing raises ImportError, whose library or device is missing OSError,
with the command that mends it; none falls back to another.  A worker that dies is a RuntimeError.
Each module has ``open(workers)``, a context manager.
"""

import importlib.util
from contextlib import AbstractContextManager

from backends.launcher import check_alone

BACKENDS = {"no": "serial", "multi": "multi", "mpi": "mpi", "cupy": "cupy"}
ALIASES = {"serial": "no"}
KERNELS = ("numpy", "cupy")


def open_backend(
    name: str, workers: int | None = None, kernel: str | None = None
) -> AbstractContextManager:
    """Return the context manager of backend ``name``.

    ``kernel`` is "numpy" or "cupy": what counts shared pixels; None is the backend's own choice.

    Raises
    ------
    ValueError
        If there is no such backend, if its module is not part of this version, if it has no
        such kernel, or if several ranks of a launcher call a backend that knows of none.
    """
    name = ALIASES.get(name, name)
    if name not in BACKENDS:
        raise ValueError(f"backend {name!r}; allowed: {', '.join([*BACKENDS, *ALIASES])}")
    if name != "mpi":
        check_alone(name)
    module = f"{__name__}.{BACKENDS[name]}"
    if importlib.util.find_spec(module) is None:
        raise ValueError(f"backend {name!r} is not part of this version; use --multi no")
    own = "cupy" if name == "cupy" else "numpy"
    if name == "mpi":
        return importlib.import_module(module).open(workers, kernel or own)
    if kernel not in (None, own):
        raise ValueError(f"--kernel {kernel} with --multi {name}; use --multi mpi or --multi cupy")
    return importlib.import_module(module).open(workers)
