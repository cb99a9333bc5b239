"""The backend "no": everything in this process, one thing after the other."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from backends.interface import Wanted
from consistency.masks.intersections import intersections


class Serial:
    """See ``backends.interface`` for the contract."""

    name = "no"
    workers = 1
    shares_folder = True
    intersections = staticmethod(intersections)

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Yield ``function(item)`` for each item."""
        yield from map(function, items)


@contextmanager
def open(wanted: Wanted) -> Iterator[Serial]:
    """Yield the backend; a number of workers other than 1 is a ValueError."""
    if wanted.workers not in (None, 1):
        raise ValueError(
            f"--workers {wanted.workers} with --multi no, which has one; use --multi multi"
        )
    yield Serial()
