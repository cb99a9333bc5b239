"""Tables of pairs of masks, without their zeros.

Of all pairs of masks few touch.  With 500 masks a frame the full tables take 6 MB, what is not
zero in them some tens of kilobytes: so they travel, and so they are read.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class PairTable:
    """Common pixels of two lists of n and m masks.

    Attributes
    ----------
    shape : (n, m).
    index : uint32 (k,), positions in the flattened table, sorted; tables have fewer than 2**32
        pairs.
    value : int64 (k,), pixels, not 0.
    """

    shape: tuple[int, int]
    index: np.ndarray
    value: np.ndarray

    @classmethod
    def of(cls, table: np.ndarray) -> "PairTable":
        """Take what is not zero in ``table`` int64 (n, m)."""
        index = np.flatnonzero(table)
        return cls(table.shape, index.astype(np.uint32), table.ravel()[index])

    def dense(self) -> np.ndarray:
        """Return the whole table, int64 (n, m)."""
        full = np.zeros(self.shape[0] * self.shape[1], np.int64)
        full[self.index] = self.value
        return full.reshape(self.shape)

    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the entries, int64 (k,) each."""
        rows, columns = np.divmod(self.index.astype(np.int64), max(self.shape[1], 1))
        return rows, columns

    def listed(self) -> np.ndarray:
        """Return the entries, int64 (k, 3): row, column, pixels; in this order."""
        return np.stack([*self.places(), self.value], axis=1)

    def at(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Look up entries, int64 (p,)."""
        if not self.index.size:
            return np.zeros(rows.size, np.int64)
        wanted = rows * self.shape[1] + columns
        place = np.minimum(np.searchsorted(self.index, wanted), self.index.size - 1)
        return np.where(self.index[place] == wanted, self.value[place], 0)


def no_pairs(n: int, m: int) -> PairTable:
    """Table of masks that share nothing."""
    return PairTable((n, m), np.zeros(0, np.uint32), np.zeros(0, np.int64))
