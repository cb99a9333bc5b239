"""Ranges of numbers, many at a time."""

import numpy as np


def members(begin: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of the range, and member, for all members of ranges; int64 (count.sum(),) twice."""
    row = np.arange(count.size).repeat(count)
    return row, np.arange(row.size) + (begin - np.cumsum(count) + count).repeat(count)
