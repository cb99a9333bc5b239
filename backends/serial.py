"""The backend "no": everything in this process, one thing after the other."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager

from backends.interface import Wanted
from consistency.backend import Item, Result
from consistency.masks.intersections import intersections


class Serial:
    """See ``consistency.backend`` for the contract."""

    name = "no"
    workers = 1
    shares_folder = True
    intersections = staticmethod(intersections)

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Generator[Result, None, None]:
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
