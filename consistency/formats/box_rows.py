"""Mask files of which only the rows are read that their records say hold the mask.

Records of Segment Anything have ``bbox`` and ``area``.  If the rows of the box hold exactly as many
pixels as the area, nothing lies elsewhere, unless the record is wrong twice; else the file is
read whole.
"""

import io
import math

from consistency.formats import npy
from consistency.formats.buffer import Buffer
from consistency.limits import in_force
from consistency.masks.packing import Packer
from consistency.masks.words import WORD_BITS

# Of a file that is nearly all box nothing is spared that the system has not read ahead.
WORTHWHILE = 0.9
# Where records were wrong so often, as areas from before masks were filled are, none is asked.
MOST_WRONG = 3


def add(
    packer: Packer, file: io.RawIOBase, header: npy.Header, record: dict, buffer: Buffer
) -> bool:
    """Add the mask of an open file by the rows of its box.

    Returns False, and leaves ``packer`` and ``file`` as they were, where the whole file has to be
    read; ValueError if the file ends early.
    """
    area = record.get("area")
    rows = _rows(record.get("bbox"), header.shape[0])
    if (
        rows is None
        or type(area) not in (int, float)
        or header.fortran
        or header.dtype.itemsize != 1  # of other kinds all values are looked at
        or not isinstance(file, io.FileIO)
        or buffer.wrong_boxes >= MOST_WRONG
        or in_force().read_all
    ):
        return False
    width, pixels = header.shape[1], header.shape[0] * header.shape[1]
    first, end = rows[0] * width // WORD_BITS, rows[1] * width
    count = end - first * WORD_BITS
    if count > WORTHWHILE * pixels:
        return False
    begin = file.tell()
    file.seek(begin + first * WORD_BITS)
    packer.add_flat(npy.slices(file, str(file.name), header.dtype, count, buffer), first)
    if packer.pixels_of_last() == area:
        buffer.spared += pixels - count
        return True
    buffer.wrong_boxes += 1
    packer.drop_last()
    file.seek(begin)
    return False


def _rows(box: object, height: int) -> tuple[int, int] | None:
    """First row, and the one behind the last, of x, y, width, height in pixels; None for nonsense.

    One row more than it says: boxes of Segment Anything end with the last pixel, not behind it.
    """
    if not isinstance(box, list | tuple) or len(box) != 4:
        return None
    if not all(type(v) in (int, float) and math.isfinite(v) and abs(v) < 1e9 for v in box):
        return None
    low, high = math.floor(box[1]), math.ceil(box[1] + box[3]) + 1
    low, high = max(low, 0), min(high, height)
    return (low, high) if low < high else None
