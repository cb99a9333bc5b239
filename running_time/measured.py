"""Sequences of the study, with faults or without, measured once and kept in a folder.

What is kept is found again by the content of the data set's files and of the code that made it.
"""

import hashlib
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import faults

import consistency
from backends import open_backend
from consistency.dataset import Dataset
from consistency.measure.frame import FrameMeasurement
from consistency.measurements import Measurements
from consistency.options import Options

PACKAGE = Path(consistency.__file__).parent
DATASET = ("dataset.py", "limits.py")  # of the package: what a data set is made of
MEASURING = (*DATASET, "formats", "masks", "measure")  # ... and what measures it
FAULTS = Path(faults.__file__)


@dataclass(frozen=True)
class Cache:
    """A folder of pickles.  Only for what this program wrote: a pickle may run code."""

    folder: Path

    def get(self, name: str, make: Callable[[], Any], *parts: object) -> Any:
        """Return what is kept under ``name`` and ``parts``, or what ``make`` gives, and keep it.

        A part is known by its ``repr``.
        """
        path = self.folder / f"{name}-{_digest(repr(parts).encode())}.pickle"
        if path.is_file():
            return pickle.loads(path.read_bytes())
        value = make()
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")  # another process may make the same
        partial.write_bytes(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
        partial.replace(path)
        return value


@dataclass(frozen=True)
class Source:
    """One sequence of the study.

    Attributes
    ----------
    folder : holds data/ and truth.json.
    step : every how many frames one is taken.
    level : of the faults; 0 for none.
    seed : of the faults.
    """

    folder: Path
    step: int = 1
    level: float = 0.0
    seed: int = 0

    def key(self) -> tuple:
        """What its masks depend on."""
        made_by = code(FAULTS) if self.level else ""
        return of_files(self.folder), self.step, self.level, self.seed, made_by

    def open(self, cache: Cache) -> Dataset:
        """Return its frames with identities; ValueError or OSError for bad input."""
        dataset = faults.open_sequence(self.folder)
        dataset = replace(dataset, frames=dataset.frames[:: self.step])
        if not self.level:
            return dataset

        def make() -> Dataset:
            return faults.add_faults(dataset, self.level, self.seed)[0]

        # A data set of other code may lack fields.
        by = code(*(PACKAGE / name for name in DATASET))
        return cache.get("faulty", make, self.key(), by)

    def measure(self, dataset: Dataset, options: Options, cache: Cache) -> list[FrameMeasurement]:
        """Measure ``dataset``, which is this sequence opened."""

        def make() -> list[FrameMeasurement]:
            with open_backend("no") as backend:
                return list(Measurements(dataset, backend, options))

        by = code(*(PACKAGE / name for name in MEASURING))
        return cache.get("measured", make, self.key(), options.measuring(), by)


@cache
def of_files(folder: Path) -> str:
    """Digest of names and contents of all files of a sequence."""
    files = [folder / "truth.json", *(folder / "data").rglob("*")]
    return _of_files(folder, files)


@cache
def code(*places: Path) -> str:
    """Digest of all Python files at or below ``places``."""
    files = [f for p in places for f in (p.rglob("*.py") if p.is_dir() else (p,))]
    return _of_files(PACKAGE.parent, files)


def _of_files(root: Path, files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in sorted(f for f in files if f.is_file()):
        digest.update(f"{os.path.relpath(file, root)}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:24]
