"""Where and how the work runs.  A backend is a module of this package and a line in BACKENDS.

``open_backend(name, workers=None)`` is a context manager.  It yields an object with

``map(function, items)``
    yields ``function(item)`` for each item, lazily and in order.  ``function`` is a picklable
    top-level function (or a functools.partial of one).  An exception in a worker reaches the
    caller with its message and stops the run.
``intersections``
    the counting kernel, a picklable function (earlier, later) -> int64 (n, m), bit-identical in
    every backend.
``name``, ``workers``
    for the record.

A backend whose package is missing raises ImportError, whose library or device is missing OSError,
with the command that mends it; none falls back to another.  A worker that dies is a RuntimeError.
Each module has ``open(workers)``, a context manager.
"""

import importlib.util
from contextlib import AbstractContextManager

BACKENDS = {"no": "serial", "multi": "multi", "mpi": "mpi", "cupy": "cupy"}
ALIASES = {"serial": "no"}


def open_backend(name: str, workers: int | None = None) -> AbstractContextManager:
    """Return the context manager of backend ``name``.

    Raises
    ------
    ValueError
        If there is no such backend, or its module is not part of this version.
    """
    name = ALIASES.get(name, name)
    if name not in BACKENDS:
        raise ValueError(f"backend {name!r}; allowed: {', '.join([*BACKENDS, *ALIASES])}")
    module = f"{__name__}.{BACKENDS[name]}"
    if importlib.util.find_spec(module) is None:
        raise ValueError(f"backend {name!r} is not part of this version; use --multi no")
    return importlib.import_module(module).open(workers)
