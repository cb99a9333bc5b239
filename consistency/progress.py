"""How a stage that takes long tells how far it is."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Progress(Protocol):
    """Yields the same items, and shows them as they go by."""

    def __call__(self, items: Iterable[Item], stage: str, total: int) -> Iterable[Item]:
        """Show ``items``, of which there are ``total``, under the name of the stage."""
        ...


def silent(items: Iterable[Item], stage: str, total: int) -> Iterable[Item]:
    """No progress bar."""
    return items
