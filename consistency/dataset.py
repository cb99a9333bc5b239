"""What a sequence of masks consists of, before any pixel is read."""

import importlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from consistency.packed import PackedMasks

# Only these endings are cut off a frame's name: "frame.0001" and "frame.0002" are two frames.
FRAME_SUFFIXES = {
    ".bmp", ".exr", ".gif", ".jpeg", ".jpg", ".json", ".npy", ".npz",
    ".png", ".ppm", ".tif", ".tiff", ".webp",
}  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """One time step.

    Attributes
    ----------
    name : as in the input, for example "0000.png".
    records : one dict a mask, with all keys of the input.
    source : what the format needs to find the pixels, where the records do not say it.
    identities : the object that each mask shows, where the input knows it; never used for
        labelling unless asked for.
    """

    name: str
    records: tuple[dict, ...]
    source: Any = None
    identities: tuple[int | None, ...] | None = None

    @property
    def stem(self) -> str:
        """Name without the ending of an image file; names the frame's output files."""
        path = PurePosixPath(self.name)
        return str(path.with_suffix("")) if path.suffix.lower() in FRAME_SUFFIXES else str(path)


@dataclass(frozen=True)
class Layout:
    """Where the pixels of a dataset are and how to read them; small and picklable.

    Attributes
    ----------
    root : folder (or file) of the dataset.
    format : module of ``consistency.formats`` that reads it.
    order : order in which its pixels are packed, "C" or "F"; one for the whole dataset.
    """

    root: Path
    format: str
    order: str = "C"

    @property
    def module(self):
        """The format's module."""
        return importlib.import_module(f"consistency.formats.{self.format}")

    def read(self, frame: Frame, buffer: Any) -> PackedMasks:
        """Pack all masks of ``frame`` in the order of its records.

        Raises ValueError or FileNotFoundError with the file or record and the frame in question.
        """
        return self.module.read_masks(self, frame, buffer)


@dataclass(frozen=True)
class Dataset:
    """All frames of one sequence, in the order of time."""

    layout: Layout
    frames: tuple[Frame, ...] = field(repr=False)

    @property
    def masks(self) -> int:
        """Number of masks in all frames."""
        return sum(len(frame.records) for frame in self.frames)


def natural_key(name: str) -> tuple:
    """Sort key with numbers compared as numbers: "2" before "10"; ties broken by the text."""
    parts = re.split(r"(\d+)", name)
    return tuple((int(p), "") if i % 2 else (-1, p) for i, p in enumerate(parts)), name


def in_order(frames: Iterable[Frame], where: Path) -> tuple[Frame, ...]:
    """Return frames in natural order.

    Raises ValueError if there is none, if a name would leave the output folder, or if two frames
    would write to the same files.
    """
    frames = tuple(sorted(frames, key=lambda frame: natural_key(frame.name)))
    if not frames:
        raise ValueError(f"{where}: no frames; put at least one frame with a list of masks in it")
    seen: dict[str, str] = {}
    for frame in frames:
        path = PurePosixPath(frame.name.replace("\\", "/"))
        if not frame.name or path.is_absolute() or ".." in path.parts or "\0" in frame.name:
            raise ValueError(f"{where}: frame name {frame.name!r} is no plain name; rename it")
        if frame.stem in seen:
            raise ValueError(
                f"{where}: frames {seen[frame.stem]!r} and {frame.name!r} share the stem "
                f"{frame.stem!r} and would overwrite each other; rename one"
            )
        seen[frame.stem] = frame.name
    return frames


def open_dataset(path: Path) -> Dataset:
    """Open the dataset at ``path`` in whichever format it has.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If no format fits.
    """
    from consistency import formats

    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such folder; give the data folder with --data-path")
    return formats.find(path).open_dataset(path)
