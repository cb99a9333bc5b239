"""What a backend gives: where and how the work runs; those that there are stand in ``backends``.

It stands here so that the pipeline can name the type without knowing any backend.
"""

from collections.abc import Callable, Generator, Iterable
from typing import Protocol, TypeVar

from consistency.masks.intersections import Kernel

Item = TypeVar("Item")
Result = TypeVar("Result")


class Backend(Protocol):
    """Where and how the work runs.

    Attributes
    ----------
    name, workers : for the record; work is cut for ``workers`` to share.
    shares_folder : whether workers look for relative paths in the same folder as this process.
    intersections : the counting kernel, a picklable function (earlier, later) -> int64 (n, m),
        bit-identical in every backend.
    """

    @property
    def name(self) -> str: ...

    @property
    def workers(self) -> int: ...

    @property
    def shares_folder(self) -> bool: ...

    @property
    def intersections(self) -> Kernel: ...

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Generator[Result, None, None]:
        """Yield ``function(item)`` for each item, lazily and in order.

        ``function`` is a picklable top-level function (or a functools.partial of one).  An
        exception in a worker reaches the caller with its message.  Closing the generator gives up
        what no worker has begun.  RuntimeError if a worker dies.
        """
        ...
