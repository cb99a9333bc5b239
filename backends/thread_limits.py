"""One thread for each worker: the workers themselves fill the processor."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let libraries loaded from now on, here and in child processes, use one thread each.

    The environment is as before afterwards; a value that the user has set stays.
    """
    # Libraries read these variables when they are loaded, so they are set before, in the parent.
    added = [name for name in VARIABLES if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
