"""How a stage that takes long tells how far it is."""

from collections.abc import Callable, Iterable

# (items, name of the stage, number of items) -> the same items, shown as they go by
Progress = Callable[[Iterable, str, int], Iterable]


def silent(items: Iterable, stage: str, total: int) -> Iterable:
    """No progress bar."""
    return items
