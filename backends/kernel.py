"""The counting kernel for any array module with NumPy's functions: CuPy on a GPU, or NumPy.

Words are uploaded, not pixels; only the table of counts comes back.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from consistency.masks.intersections import check_same_layout
from consistency.masks.packed import PackedMasks

# Bytes of all temporary arrays for one pair of words.
BYTES_PER_PAIR = 96
FEWEST_PAIRS = 1 << 10
# Share of the free memory that temporary arrays may take.
SHARE = 0.5
# Uploaded frames that are kept: more than a frame is ever compared with.
KEEP_FRAMES = 16


@dataclass(frozen=True, eq=False)
class Uploaded:
    """Arrays of a PackedMasks on the device; ``source`` keeps its identity taken."""

    source: PackedMasks
    position: Any
    mask: Any
    word: Any


class Kernel:
    """Counts the pixels that the masks of two frames share, on the device of one thread.

    Parameters
    ----------
    xp : array module: cupy, or numpy.
    free_bytes : tells the free memory of the device.
    out_of_memory : what the module raises when there is not enough.
    release : gives unused memory back to the device.
    """

    def __init__(
        self,
        xp: ModuleType,
        free_bytes: Callable[[], int],
        out_of_memory: type[Exception] = MemoryError,
        release: Callable[[], None] = lambda: None,
    ):
        self._xp, self._free_bytes = xp, free_bytes
        self._out_of_memory, self._release = out_of_memory, release
        self._uploaded: OrderedDict[int, Uploaded] = OrderedDict()

    def __call__(self, earlier: PackedMasks, later: PackedMasks) -> np.ndarray:
        """Return int64 (n, m), rows ``earlier``, columns ``later``; exact.

        Raises ValueError as ``consistency.masks.intersections``, RuntimeError if even a small
        part of the work does not fit into the memory of the device.
        """
        check_same_layout(earlier, later)
        n, m = earlier.count, later.count
        if not (n and m and earlier.position.size and later.position.size):
            return np.zeros((n, m), np.int64)
        # The free memory is asked each time: other programs may use the same GPU.
        at_once = max(int(self._free_bytes() * SHARE) // BYTES_PER_PAIR, FEWEST_PAIRS)
        while True:
            try:
                return self._count(self._upload(earlier), self._upload(later), at_once)
            except self._out_of_memory as error:
                # The pool of CuPy keeps freed memory, which another size of array cannot use.
                self._release()
                at_once //= 2
                if at_once < FEWEST_PAIRS:
                    raise RuntimeError(
                        "the GPU has no memory left for even a small part of one frame; end other "
                        "programs that use it (nvidia-smi lists them)"
                    ) from error

    def _upload(self, masks: PackedMasks) -> Uploaded:
        """Bring a frame to the device, unless it is there from the comparison before."""
        found = self._uploaded.get(id(masks))
        if found is None:
            arrays = (masks.position, masks.mask, masks.word)
            found = Uploaded(masks, *(self._xp.asarray(array) for array in arrays))
            self._uploaded[id(masks)] = found
        self._uploaded.move_to_end(id(masks))
        while len(self._uploaded) > KEEP_FRAMES:
            self._uploaded.popitem(last=False)
        return found

    def _count(self, a: Uploaded, b: Uploaded, at_once: int) -> np.ndarray:
        """Join the words of ``a`` and ``b`` over positions, ``at_once`` pairs of words a time."""
        xp = self._xp
        n, m = a.source.count, b.source.count
        first = xp.searchsorted(a.position, b.position, side="left")
        partners = xp.searchsorted(a.position, b.position, side="right") - first
        ends = xp.cumsum(partners)
        shift = first - ends + partners  # row of a = shift of its word in b + number of the pair
        total = int(ends[-1])
        table = xp.zeros(n * m, np.float64)
        for start in range(0, total, at_once):
            pair = xp.arange(start, min(start + at_once, total))
            column = xp.searchsorted(ends, pair, side="right")
            row = shift[column] + pair
            pixels = popcount(xp, a.word[row] & b.word[column])
            key = a.mask[row].astype(np.int64) * m + b.mask[column]
            # Sums of integers in float64: exact below 2**53, in whichever order they are added.
            table += xp.bincount(key, pixels.astype(np.float64), minlength=n * m)
        return _fetch(table).astype(np.int64).reshape(n, m)


def _fetch(array: Any) -> np.ndarray:
    return array.get() if hasattr(array, "get") else array


def popcount(xp: ModuleType, words: Any) -> Any:
    """Count the bits of each uint64; modules without ``bitwise_count`` (CuPy < 14) add in pairs.

    Warren, Hacker's Delight (2nd ed. 2012), figure 5-2.
    """
    if hasattr(xp, "bitwise_count"):
        return xp.bitwise_count(words)
    words = words - ((words >> np.uint64(1)) & np.uint64(0x5555555555555555))
    pairs = np.uint64(0x3333333333333333)
    words = (words & pairs) + ((words >> np.uint64(2)) & pairs)
    words = (words + (words >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (words * np.uint64(0x0101010101010101)) >> np.uint64(56)
