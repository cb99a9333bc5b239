"""NumPy files read slice by slice into one reused buffer, and written the same way."""

import errno
import io
import lzma
import math
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import numpy as np

from consistency.formats.buffer import SLICE_BYTES, Buffer
from consistency.formats.damage import short_reason
from consistency.limits import check_file, check_memory

BLOCK = 1 << 14  # pixels; a block without foreground is not written
# The header is a Python literal, and a huge one can bring its parser down.
MAX_HEADER = 1 << 16
# No byte of an archive stands for more of what was packed: the most that deflate (1032) and bzip2
# reach on zeros, and what LZMA reaches on nearly all.
MOST_PACKED = 20_000
# What zipfile and what it unpacks with raise for damaged archives; RuntimeError: a password.
DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, EOFError,
    struct.error,
)  # fmt: skip


class ObjectsError(ValueError):
    """An array of Python objects, which would have to be unpickled; ``shape`` is the array's."""

    def __init__(self, message: str, shape: tuple[int, ...] = ()):
        super().__init__(message)
        self.shape = shape


@dataclass(frozen=True)
class Header:
    """What a .npy file says of its array."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return math.prod(self.shape) * self.dtype.itemsize


@lru_cache(maxsize=64)
def _parse(major: int, raw: bytes) -> Header:
    read = (
        np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    )
    with warnings.catch_warnings():
        # Of a file that Python 2 may have written: it is read, and nobody has to do anything.
        warnings.simplefilter("ignore")
        # Versions 2 and 3 differ only in the encoding of field names, which no array of masks has.
        return Header(*read(io.BytesIO(raw), max_header_size=MAX_HEADER))


@contextmanager
def open_array(path: Path, name: str | None = None) -> Iterator[tuple[io.RawIOBase, Header]]:
    """Open the array of a .npy file, or one of a .npz file: ``name``, else "masks" or the only one.

    Yields the file at its first element and the header, which asks for no more than there is.
    Raises FileNotFoundError if there is no such file, ValueError if it is damaged.
    """
    size = check_file(path, "mask file")
    # Unbuffered: slices go from the system into the reused buffer without a copy in between.
    if path.suffix.lower() != ".npz":
        with open(path, "rb", buffering=0) as file:
            header = read_header(file, path)
            check_length(header, size - file.tell(), path)
            yield file, header
        return
    with (
        unpacking(path),
        zipfile.ZipFile(path) as archive,
        open_member(archive, path, _member(archive, path, name)) as opened,
    ):
        yield opened


@contextmanager
def open_member(
    archive: zipfile.ZipFile, path: Path, member: str
) -> Iterator[tuple[io.RawIOBase, Header]]:
    """Open one array of an open archive, as ``open_array``; ``member`` ends in .npy."""
    info = archive.getinfo(member)
    if info.compress_type == zipfile.ZIP_LZMA:
        check_memory(_dictionary(archive, info), f"{path}: {member}")
    with archive.open(info) as opened:
        file = cast(io.RawIOBase, opened)  # has readinto, which its type does not tell
        header = read_header(file, path)
        # What an archive says of its parts may be as wrong as a header.
        most = min(info.file_size, MOST_PACKED * min(info.compress_size, path.stat().st_size))
        check_length(header, most, path)
        yield file, header


def _dictionary(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """Bytes that unpacking a part takes at once, by what it says itself (APPNOTE 5.8.8)."""
    assert archive.fp is not None
    archive.fp.seek(info.header_offset)
    local = archive.fp.read(30)
    # Behind the local header: its name and more, version, length of what follows, a byte.
    beyond = sum(int.from_bytes(local[k : k + 2], "little") for k in (26, 28))
    archive.fp.seek(info.header_offset + 30 + beyond)
    return int.from_bytes(archive.fp.read(9)[5:], "little")


@contextmanager
def unpacking(path: Path) -> Iterator[None]:
    """Turn what is raised for a damaged archive into ValueError."""
    try:
        yield
    except DAMAGED as error:
        raise ValueError(
            f"{path}: damaged archive ({short_reason(error)}); write the file again"
        ) from error
    except OSError as error:  # of bzip2, without a number, and of places that no file has
        if error.errno not in (None, errno.EINVAL):
            raise
        raise ValueError(f"{path}: damaged archive ({error}); write the file again") from error


def check_length(header: Header, size: int, path: Path) -> None:
    """Raise ValueError if an array has negative dimensions or more than ``size`` bytes."""
    if min(header.shape, default=0) < 0:
        raise ValueError(f"{path}: broken .npy header, shape {header.shape}; write the file again")
    if header.nbytes > size:
        raise ValueError(
            f"{path}: cut short, {header.nbytes - size} bytes are missing for {header.dtype} of "
            f"shape {header.shape}; write the file again"
        )


def _member(archive: zipfile.ZipFile, path: Path, name: str | None) -> str:
    if name is not None:
        if f"{name}.npy" not in archive.namelist():
            raise ValueError(f"{path}: no array {name!r}; write the file again")
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
        # The raw bytes are the key of the cache: the masks of a sequence share one header, and
        # parsing it takes longer than reading a small mask.
        header = _parse(magic[6], size + text)
    except Exception as error:  # it goes through Python's tokenizer and parser
        raise ValueError(f"{path}: broken .npy header; write the file again") from error
    # Here and not only in numpy.load, which is never called: objects are pickles.
    if header.dtype.hasobject:
        raise ObjectsError(
            f"{path}: holds Python objects, which are refused because loading them can run code; "
            "save masks as bool or integers",
            header.shape,
        )
    return header


def check_numbers(header: Header, path: Path) -> None:
    """Raise ValueError unless an array holds what masks are made of."""
    if header.dtype.kind not in "buif" or not header.dtype.itemsize:
        raise ValueError(f"{path}: dtype {header.dtype}; masks are bool, integer or float")


def foreground(pixels: np.ndarray, path: Path | str) -> np.ndarray:
    """Return uint8 or bool pixels, non-zero is foreground; refuse NaN, negative and fractions."""
    kind = pixels.dtype.kind
    # Nothing to check or to convert, and these are nearly all masks: the fast way.
    if kind == "b" or pixels.dtype == np.uint8:
        return pixels.view(np.uint8)
    # NaN is not equal to 0 and would pass for foreground.
    if kind == "f" and np.isnan(pixels).any():
        raise ValueError(f"{path}: holds NaN; write 0 for background")
    if kind in "if" and pixels.size and pixels.min() < 0:
        raise ValueError(f"{path}: holds negative values; write 0 for background")
    # Whole numbers are labels, or 255: anything else says how sure a model is.
    fractions = pixels[pixels != np.floor(pixels)] if kind == "f" else pixels[:0]
    if fractions.size:
        raise ValueError(
            f"{path}: holds fractions such as {fractions[0]:.3g}; if they are probabilities, save "
            "mask > 0.5, or above what your model calls foreground"
        )
    return pixels != 0


def looks_transposed(shape: tuple[int, ...]) -> bool:
    """Whether a stack that should be (masks, height, width) is rather (height, width, masks)."""
    n, height, width = shape
    # Few masks and wide images are the rule; the last axis is the smallest only if it counts masks.
    return 0 < width < min(n, height)


def slices(
    file: io.RawIOBase, path: Path | str, dtype: np.dtype, count: int, buffer: Buffer
) -> Iterator[np.ndarray]:
    """Yield the next ``count`` elements as foreground slices (see Packer.add_flat).

    Raises ValueError where the file ends early.
    """
    left = count * dtype.itemsize
    while left:
        # SLICE_BYTES is a power of two, so no element of a usual dtype is cut at the end of a
        # slice.
        view = buffer.bytes[: min(left, SLICE_BYTES)]
        # Neither a system call nor a member of an archive has to fill the buffer in one go.
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
    # Both are views: the bytes land in ``array`` itself.
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
    first: int = 0,
) -> None:
    """Write a mask as ``label`` on its pixels and 0 elsewhere, without ever holding all of it.

    Stretches without foreground are skipped, not written: the file reads as zeros there and takes
    no room on disk (a sparse file), and most of a mask's picture is background.

    ``pixel_slices`` are flattened row by row, uint8 or bool, non-zero is foreground; they begin
    with the pixel ``first``, and what they do not reach is background.
    """
    dtype = np.dtype(dtype)
    out = buffer.out[: SLICE_BYTES * dtype.itemsize].view(dtype)
    # A scalar of the dtype decides the type of the product.  A Python int would have to fit uint8,
    # the type of the pixels (NumPy 2).
    value = dtype.type(label)
    with open(path, "wb", buffering=0) as file:
        header = header_bytes(shape, dtype)
        write_all(file, memoryview(header))
        begin = len(header) + first * dtype.itemsize
        for pixels in pixel_slices:
            piece, marked = out[: pixels.size], buffer.marked[: pixels.size]
            # Two passes over a slice in cache: a bool file may hold bytes other than 0 and 1.
            np.not_equal(pixels.view(np.uint8), 0, out=marked)
            for start, stop in filled_stretches(marked):
                # 0 or 1 times the label, without a branch per pixel and without a new array.
                np.multiply(marked[start:stop].view(np.uint8), value, out=piece[start:stop])
                file.seek(begin + start * dtype.itemsize)
                write_all(file, piece[start:stop].data.cast("B"))
            begin += piece.nbytes
        # What lies behind may have been skipped; truncating also makes a file longer.
        file.truncate(len(header) + shape[0] * shape[1] * dtype.itemsize)


def filled_stretches(marked: np.ndarray) -> list[tuple[int, int]]:
    """Stretches (start, stop) of a bool (pixels,) in whole blocks that hold all True."""
    blocks = marked[: marked.size // BLOCK * BLOCK].reshape(-1, BLOCK).any(axis=1)
    rest = marked[blocks.size * BLOCK :]
    # False at both ends, so that every stretch has a start and a stop; the rest of less than a
    # block counts as one.
    filled = np.concatenate([[False], blocks, [rest.any()], [False]])
    edges = np.flatnonzero(filled[1:] != filled[:-1]) * BLOCK
    # The last block may reach beyond the slice.
    stops = np.minimum(edges[1::2], marked.size)
    return list(zip(edges[0::2].tolist(), stops.tolist(), strict=True))


def write_all(file: io.RawIOBase, data: memoryview) -> None:
    """Write all of ``data``; an unbuffered file may take less than it is given."""
    done = 0
    while done < len(data):
        done += file.write(data[done:])
