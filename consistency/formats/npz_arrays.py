"""Arrays of a NumPy archive: their names, small ones whole, large ones image by image."""

import io
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from consistency.formats import npy
from consistency.limits import check_file, check_memory, check_pixels


def names_of(path: Path) -> list[str]:
    """Names of the arrays in an archive; ValueError if it is damaged."""
    check_file(path)
    with npy.unpacking(path), zipfile.ZipFile(path) as archive:
        return [n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy")]


def read_column(path: Path, name: str, shape: tuple[int, ...] | None = None) -> np.ndarray | None:
    """Read a small array of an archive; None if it has another ``shape``, or holds no values."""
    with npy.open_array(path, name) as (file, header):
        if shape is not None and header.shape != shape:
            return None
        if header.dtype.kind not in "buifUS" or not header.dtype.itemsize:
            return None
        return whole(file, path, header, f"{path}: array {name!r}")


def whole(file: io.RawIOBase, path: Path, header: npy.Header, where: str) -> np.ndarray:
    """Read an open array at once; ValueError that begins with ``where`` if it is too large."""
    check_memory(header.nbytes, where)
    # Filled flat and shaped afterwards, as the file may be in either order.
    array = np.empty(math.prod(header.shape), header.dtype)
    npy.read_into(file, path, array)
    return array.reshape(header.shape, order="F" if header.fortran else "C")


def images(file: io.RawIOBase, path: Path, header: npy.Header) -> Iterator[np.ndarray]:
    """Yield (h, w) arrays of an (n, h, w) one, each in the same memory."""
    # Its frames are scattered over the whole file, which would have to be held in memory.
    if header.fortran:
        raise ValueError(f"{path}: in Fortran order; save numpy.ascontiguousarray of it")
    npy.check_numbers(header, path)
    check_pixels(header.shape[1:], f"{path}: ")
    # Who takes an image is done with it before the next one: one frame of memory for all.
    image = np.empty(header.shape[1:], header.dtype)
    for _ in range(header.shape[0]):
        npy.read_into(file, path, image)
        yield image
