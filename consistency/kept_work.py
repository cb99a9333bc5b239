"""What workers do for a run that keeps a journal: the work, and what is kept of it."""

import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from consistency.encoding import classes_in, decode, encode
from consistency.formats import writing
from consistency.formats.writing import LabelledInput, WriteResult
from consistency.measure.chunks import Chunk, measure_chunk
from consistency.measure.frame import FrameMeasurement

MEASURED_CLASSES = tuple(classes_in(FrameMeasurement))
SLICE = 1 << 20  # bytes that are read at a time


class Kept:
    """A value, and how a journal keeps it; only that travels, and is the value where it arrives."""

    def __init__(self, value: Any, classes: Sequence[type]):
        self.data, self._classes = encode(value), classes
        self._value = value

    def __getstate__(self) -> tuple[bytes, Sequence[type]]:
        return self.data, self._classes

    def __setstate__(self, state: tuple[bytes, Sequence[type]]) -> None:
        self.data, self._classes = state
        self._value = decode(*state)

    @property
    def value(self) -> Any:
        """What was kept."""
        return self._value


def measure(chunk: Chunk, **how: Any) -> Kept:
    """Measure as ``measure_chunk`` does, in a worker."""
    return Kept(measure_chunk(chunk, **how), MEASURED_CLASSES)


@dataclass(frozen=True, eq=False)
class Written:
    """What a worker has written of one chunk of frames.

    Attributes
    ----------
    results : what each output returned, one dict per frame.
    files : names relative to the folder of the output, with size, and time or checksum.
    """

    results: list[dict[str, WriteResult[Any]]]
    files: list[tuple[str, int, int]]


@dataclass(frozen=True, eq=False)
class WriteTask:
    """A chunk of frames to write; ``known`` is what a journal says of it, None if nothing."""

    chunk: Sequence[LabelledInput]
    known: Written | None


def write(task: WriteTask, folder: Path, by_content: bool, **how: Any) -> Kept | None:
    """Write a chunk as ``writing.write_chunk`` does, in a worker.

    What is known is not written again if its files are still the same.  Returns None if it was
    known: what is written then is the same once more.
    """
    stamp = partial(_checksum, space=np.empty(SLICE // 8, np.uint64)) if by_content else _time
    if task.known is not None and _holds(task.known, folder, stamp):
        return None
    names: list[str] = []
    results = writing.write_chunk(task.chunk, folder=folder, files=names, **how)
    if task.known is not None:
        return None
    return Kept(
        Written(results, [(name, *stamp(folder / name)) for name in names]), WRITTEN_CLASSES
    )


WRITTEN_CLASSES = (Written, WriteResult)
Stamp = Callable[[Path], tuple[int, int]]  # returns size, and time or checksum


def _holds(known: Written, folder: Path, stamp: Stamp) -> bool:
    try:
        return all(stamp(folder / name) == (*now,) for name, *now in known.files)
    except OSError:
        return False


def _time(path: Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def _checksum(path: Path, space: np.ndarray) -> tuple[int, int]:
    """Return size and checksum of a file, read through ``space``, uint64 (SLICE // 8,).

    The checksum is the sum of all 64-bit words.  A CRC would take a tenth of the time that writing
    takes, and the sum, too, tells what a run or a disk may do to a file: to leave parts out.
    Holes of a sparse file add nothing and are not read.
    """
    total, memory = 0, space.view(np.uint8).data
    with io.FileIO(path) as file:
        size = os.fstat(file.fileno()).st_size
        for start, stop in _stretches(file.fileno(), size):
            for at in range(start, stop, SLICE):
                file.seek(at)
                count = file.readinto(memory[: min(SLICE, stop - at)])
                words = -(-count // 8)
                memory[count : 8 * words] = bytes(8 * words - count)
                total += int(space[:words].sum())
    return size, total % (1 << 64)


def _stretches(file: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield where an open file has data; all of it where nobody knows."""
    at = 0
    while at < size:
        start, stop = at, size
        if hasattr(os, "SEEK_DATA"):
            try:
                start = os.lseek(file, at, os.SEEK_DATA)
            except OSError:  # a hole to the end
                return
            stop = os.lseek(file, start, os.SEEK_HOLE)
        yield start // 8 * 8, stop
        at = stop
