"""What a backend is given, and what it gives."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from consistency.masks.packed import PackedMasks


class Backend(Protocol):
    """Where and how the work runs.

    Attributes
    ----------
    name, workers : for the record; work is cut for ``workers`` to share.
    intersections : the counting kernel, a picklable function (earlier, later) -> int64 (n, m),
        bit-identical in every backend.
    shares_folder : whether workers look for relative paths in the same folder as this process.
    """

    name: str
    workers: int
    shares_folder: bool
    intersections: Callable[[PackedMasks, PackedMasks], np.ndarray]

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Yield ``function(item)`` for each item, lazily and in order.

        ``function`` is a picklable top-level function (or a functools.partial of one).  An
        exception in a worker reaches the caller with its message.  Closing the generator gives up
        what no worker has begun.  RuntimeError if a worker dies.
        """


@dataclass(frozen=True)
class Wanted:
    """What the user wants of a backend; each takes what it knows.

    Attributes
    ----------
    workers : number of workers; None = the backend's choice.
    kernel : what counts shared pixels, one of ``backends.KERNELS``.
    scheduler : address of a scheduler that is already running.
    preload : modules that workers will need, to be imported while the caller still opens its data.
    """

    workers: int | None = None
    kernel: str = "numpy"
    scheduler: str | None = None
    preload: tuple[str, ...] = ()
