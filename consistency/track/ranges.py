"""Ranges of numbers, many at a time."""

from collections.abc import Iterator

import numpy as np


def members(begin: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of the range, and member, for all members of ranges; int64 (count.sum(),) twice."""
    row = np.arange(count.size).repeat(count)
    return row, np.arange(row.size) + (begin - np.cumsum(count) + count).repeat(count)


def blocks(count: np.ndarray, most: int) -> Iterator[np.ndarray]:
    """Numbers of neighbouring ranges that have about ``most`` members together, int64 (k,)."""
    cuts = np.flatnonzero(np.diff(np.cumsum(count) // most)) + 1
    yield from np.split(np.arange(count.size), cuts)
