"""Measurements as they travel and wait: tables of pairs without their zeros.

Of all pairs of masks few touch.  With 500 masks a frame the full tables take 6 MB, what is not
zero in them some tens of kilobytes.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from consistency.measure import FrameMeasurement

NO_PAIRS = np.zeros((0, 0), np.int64)


@dataclass(frozen=True, eq=False)
class Sparse:
    """A table without its zeros.

    Attributes
    ----------
    shape : of the table.
    index : uint32 (k,), positions in the flattened table; tables have fewer than 2**32 pairs.
    value : int64 (k,), not zero.
    """

    shape: tuple[int, int]
    index: np.ndarray
    value: np.ndarray


@dataclass(frozen=True, eq=False)
class Compact:
    """A FrameMeasurement with its tables (``within``, then all of ``earlier``) set aside."""

    rest: "FrameMeasurement"
    tables: tuple[Sparse, ...]


def compact(measurement: "FrameMeasurement") -> Compact:
    """Set the tables of a measurement aside without their zeros."""
    tables = (measurement.within, *measurement.earlier)
    rest = replace(measurement, within=NO_PAIRS, earlier=())
    return Compact(rest, tuple(_sparse(table) for table in tables))


def expand(item: Compact) -> "FrameMeasurement":
    """Return the measurement as it was."""
    within, *earlier = (_dense(table) for table in item.tables)
    return replace(item.rest, within=within, earlier=tuple(earlier))


def _sparse(table: np.ndarray) -> Sparse:
    index = np.flatnonzero(table)
    return Sparse(table.shape, index.astype(np.uint32), table.ravel()[index])


def _dense(table: Sparse) -> np.ndarray:
    full = np.zeros(table.shape[0] * table.shape[1], np.int64)
    full[table.index] = table.value
    return full.reshape(table.shape)
