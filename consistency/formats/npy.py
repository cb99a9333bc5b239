"""NumPy files read slice by slice into one reused buffer, and written the same way."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tokenize import TokenError
from typing import cast

import numpy as np

from consistency.formats.buffer import SLICE_BYTES, Buffer

BLOCK = 1 << 14  # pixels; a block without foreground is not written
# The header is a Python literal, and a huge one can bring its parser down.
MAX_HEADER = 1 << 16
# What zipfile and zlib raise for damaged archives.
DAMAGED = (zipfile.BadZipFile, zlib.error, NotImplementedError)


@dataclass(frozen=True)
class Header:
    """What a .npy file says of its array."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype


@lru_cache(maxsize=64)
def _parse(major: int, raw: bytes) -> Header:
    read = (
        np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    )
    return Header(*read(io.BytesIO(raw), max_header_size=MAX_HEADER))


@contextmanager
def open_array(path: Path, name: str | None = None) -> Iterator[tuple[io.RawIOBase, Header]]:
    """Open the array of a .npy file, or one of a .npz file: ``name``, else "masks" or the only one.

    Yields the file at its first element and the header.  Raises FileNotFoundError if there is no
    such file, ValueError if it is damaged.
    """
    try:
        # Unbuffered: slices go from the system into the reused buffer without a copy in between.
        if path.suffix != ".npz":
            with open(path, "rb", buffering=0) as file:
                yield file, read_header(file, path)
            return
        with zipfile.ZipFile(path) as archive, archive.open(_member(archive, path, name)) as member:
            file_inside = cast(io.RawIOBase, member)  # has readinto, which its type does not tell
            yield file_inside, read_header(file_inside, path)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise FileNotFoundError(f"{path}: no such mask file; restore it or drop it") from error
    except (EOFError, *DAMAGED) as error:
        raise ValueError(f"{path}: damaged archive ({error}); write the file again") from error


def _member(archive: zipfile.ZipFile, path: Path, name: str | None) -> str:
    if name is not None:
        return f"{name}.npy"
    names = [name for name in archive.namelist() if name.endswith(".npy")]
    if "masks.npy" in names:
        return "masks.npy"
    if len(names) != 1:
        found = ", ".join(name[:-4] for name in names) or "nothing"
        raise ValueError(f"{path}: holds {found}; name the stack of masks 'masks'")
    return names[0]


def read_header(file: io.RawIOBase, path: Path) -> Header:
    """Read the header of an open .npy file and leave the file at its first element.

    Raises ValueError for a file that is not a .npy file, is cut short, or holds Python objects.
    """
    magic = file.read(8)
    if magic[:6] != b"\x93NUMPY" or len(magic) < 8 or magic[6] not in (1, 2, 3):
        raise ValueError(f"{path}: not a .npy file; save each mask with numpy.save")
    size = file.read(2 if magic[6] == 1 else 4)
    length = int.from_bytes(size, "little")
    text = file.read(min(length, MAX_HEADER))
    try:
        header = _parse(magic[6], size + text)
    except (ValueError, SyntaxError, TypeError, TokenError) as error:
        raise ValueError(f"{path}: broken .npy header; write the file again") from error
    if header.dtype.hasobject:
        raise ValueError(
            f"{path}: holds Python objects, which are refused because loading them can run code; "
            "save masks as bool or integers"
        )
    if header.dtype.kind not in "buif":
        raise ValueError(f"{path}: dtype {header.dtype}; masks are bool, integer or float")
    return header


def foreground(pixels: np.ndarray, path: Path) -> np.ndarray:
    """Return uint8 or bool pixels, non-zero is foreground; refuse NaN and negative values."""
    kind = pixels.dtype.kind
    # Nothing to check or to convert, and these are nearly all masks: the fast way.
    if kind == "b" or pixels.dtype == np.uint8:
        return pixels.view(np.uint8)
    if kind == "f" and np.isnan(pixels).any():
        raise ValueError(f"{path}: holds NaN; write 0 for background")
    if kind in "if" and pixels.size and pixels.min() < 0:
        raise ValueError(f"{path}: holds negative values; write 0 for background")
    return pixels != 0


def slices(
    file: io.RawIOBase, path: Path, dtype: np.dtype, count: int, buffer: Buffer
) -> Iterator[np.ndarray]:
    """Yield the next ``count`` elements as foreground slices (see Packer.add_flat).

    Raises ValueError where the file ends early.
    """
    left = count * dtype.itemsize
    while left:
        view = buffer.bytes[: min(left, SLICE_BYTES)]
        filled = 0
        while filled < len(view):
            got = file.readinto(view[filled:])
            if not got:
                raise ValueError(f"{path}: cut short, {left - filled} bytes are missing")
            filled += got
        left -= filled
        yield foreground(np.frombuffer(view, dtype), path)


def read_into(file: io.RawIOBase, path: Path, array: np.ndarray) -> None:
    """Fill a C-ordered ``array`` with the next elements; ValueError where the file ends early."""
    view, filled = array.reshape(-1).view(np.uint8).data, 0
    while filled < len(view):
        got = file.readinto(view[filled:])
        if not got:
            raise ValueError(f"{path}: cut short, {len(view) - filled} bytes are missing")
        filled += got


def rows(
    file: io.RawIOBase, path: Path, header: Header, shape: tuple[int, int], buffer: Buffer
) -> Iterator[np.ndarray]:
    """Yield the next (height, width) mask row by row, whatever the order in the file."""
    parts = slices(file, path, header.dtype, shape[0] * shape[1], buffer)
    if not header.fortran:
        yield from parts
        return
    # Rows are scattered over a file in Fortran order, so the whole mask has to be there at once.
    columns = np.concatenate([part.astype(bool) for part in parts])
    yield columns.reshape(shape, order="F").ravel()


@lru_cache(maxsize=64)
def header_bytes(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    """Return the header that numpy.save writes for a C-ordered array."""
    out = io.BytesIO()
    descr = np.lib.format.dtype_to_descr(dtype)
    np.lib.format.write_array_header_1_0(
        out, {"descr": descr, "fortran_order": False, "shape": shape}
    )
    return out.getvalue()


def write_labelled(
    path: Path,
    shape: tuple[int, int],
    pixel_slices: Iterator[np.ndarray],
    label: int,
    dtype: np.dtype,
    buffer: Buffer,
) -> None:
    """Write a mask as ``label`` on its pixels and 0 elsewhere, without ever holding all of it.

    Stretches without foreground are skipped, not written: the file reads as zeros there and takes
    no room on disk (a sparse file), and most of a mask's picture is background.

    ``pixel_slices`` are flattened row by row, uint8 or bool, non-zero is foreground.
    """
    dtype = np.dtype(dtype)
    out = buffer.out[: SLICE_BYTES * dtype.itemsize].view(dtype)
    value = dtype.type(label)
    with open(path, "wb", buffering=0) as file:
        header = header_bytes(shape, dtype)
        write_all(file, memoryview(header))
        begin = len(header)
        for pixels in pixel_slices:
            piece, marked = out[: pixels.size], buffer.marked[: pixels.size]
            # Two passes over a slice in cache: a bool file may hold bytes other than 0 and 1.
            np.not_equal(pixels.view(np.uint8), 0, out=marked)
            for start, stop in filled_stretches(marked):
                np.multiply(marked[start:stop].view(np.uint8), value, out=piece[start:stop])
                file.seek(begin + start * dtype.itemsize)
                write_all(file, piece[start:stop].data.cast("B"))
            begin += piece.nbytes
        # The last stretch may have been skipped; truncating also makes a file longer.
        file.truncate(begin)


def filled_stretches(marked: np.ndarray) -> list[tuple[int, int]]:
    """Stretches (start, stop) of a bool (pixels,) in whole blocks that hold all True."""
    blocks = marked[: marked.size // BLOCK * BLOCK].reshape(-1, BLOCK).any(axis=1)
    rest = marked[blocks.size * BLOCK :]
    filled = np.concatenate([[False], blocks, [rest.any()], [False]])
    edges = np.flatnonzero(filled[1:] != filled[:-1]) * BLOCK
    stops = np.minimum(edges[1::2], marked.size)
    return list(zip(edges[0::2].tolist(), stops.tolist(), strict=True))


def write_all(file: io.RawIOBase, data: memoryview) -> None:
    """Write all of ``data``; an unbuffered file may take less than it is given."""
    done = 0
    while done < len(data):
        done += file.write(data[done:])
