"""Memory that files are read through, slice by slice.

A fresh array for every mask of 1920 × 1080 costs ten times the reading of its bytes; slices of
1 MiB stay in the processor's cache until they have been packed.
"""

import numpy as np

SLICE_BYTES = 1 << 20


class Buffer:
    """Memory that is reused for every slice and every file of one worker."""

    def __init__(self) -> None:
        self.wrong_boxes = 0  # records whose box or area was not that of the mask
        self.spared = 0  # bytes of files that were not read, as a box told where the mask is
        self.bytes = memoryview(bytearray(SLICE_BYTES))
        self.marked = np.empty(SLICE_BYTES, bool)
        self.out = np.empty(SLICE_BYTES * 8, np.uint8)  # memory is taken only as it is used
