"""What a sequence of masks consists of, before any pixel is read."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from consistency.options import Order

# Only these endings are cut off a frame's name: "frame.0001" and "frame.0002" are two frames.
FRAME_SUFFIXES = {
    ".bmp", ".exr", ".gif", ".jpeg", ".jpg", ".json", ".npy", ".npz",
    ".png", ".ppm", ".tif", ".tiff", ".webp",
}  # fmt: skip


# Half a day of video; a larger number of a frame in a file is a mistake or an attack.
MAX_FRAMES = 1_000_000


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
    listed : False where records and identities are in the pixels, which nobody has read yet; see
        ``formats.read_frame``.
    """

    name: str
    records: tuple[dict, ...]
    source: Any = None
    identities: tuple[int | None, ...] | None = None
    listed: bool = True

    @property
    def stem(self) -> str:
        """Name without the ending of an image file; names the frame's output files."""
        path = PurePosixPath(self.name)
        return str(path.with_suffix("")) if path.suffix.lower() in FRAME_SUFFIXES else str(path)


@dataclass(frozen=True)
class Layout:
    """Where the pixels of a dataset are; small and picklable.

    Attributes
    ----------
    root : folder (or file) of the dataset.
    format : module of ``consistency.formats`` that reads it.
    order : order in which its pixels are packed, "C" or "F"; one for the whole dataset.
    """

    root: Path
    format: str
    order: Order = "C"


@dataclass(frozen=True)
class Dataset:
    """All frames of one sequence, in the order of time.

    Attributes
    ----------
    layout, frames : where the pixels are; what there is of every frame.
    parents : {identity: identity it came from by division}, where the input knows it.
    categories : {category_id of the records: name}, where the input knows it.
    opened_as : the arguments of ``formats.open_dataset``, as text, to open it again.
    """

    layout: Layout
    frames: tuple[Frame, ...] = field(repr=False)
    parents: dict[int, int] = field(default_factory=dict, repr=False)
    categories: dict[int, str] = field(default_factory=dict, repr=False)
    opened_as: dict[str, str | None] = field(default_factory=dict, repr=False)

    @property
    def masks(self) -> int:
        """Number of masks in all frames."""
        return sum(len(frame.records) for frame in self.frames)

    @property
    def listed(self) -> bool:
        """Whether the records of all frames are known."""
        return all(frame.listed for frame in self.frames)


def natural_key(name: str) -> tuple:
    """Sort key with numbers compared as numbers: "2" before "10"; ties broken by the text."""
    parts = re.split(r"(\d+)", name)
    return tuple((int(p), "") if i % 2 else (-1, p) for i, p in enumerate(parts)), name


def frame_range(numbers: Iterable[int], where: Path) -> range:
    """Return all numbers from the first frame to the last; ValueError for more than MAX_FRAMES."""
    numbers = list(numbers)
    if not numbers:
        return range(0)
    first, last = min(numbers), max(numbers)
    if last - first >= MAX_FRAMES:
        raise ValueError(
            f"{where}: frames {first} to {last}; allowed are {MAX_FRAMES}, so a number is wrong"
        )
    return range(first, last + 1)


def in_order(
    frames: Iterable[Frame], where: Path, key: Callable | None = natural_key
) -> tuple[Frame, ...]:
    """Return frames sorted by ``key(name)``; None leaves them as they are.

    Raises ValueError if there is none, if a name would leave the output folder, or if two frames
    would write to the same files.
    """
    frames = tuple(frames)
    if key is not None:
        frames = tuple(sorted(frames, key=lambda frame: key(frame.name)))
    if not frames:
        raise ValueError(f"{where}: no frames; put at least one frame with a list of masks in it")
    seen: dict[str, str] = {}
    for frame in frames:
        path = PurePosixPath(frame.name.replace("\\", "/"))
        if not frame.name or path.is_absolute() or ".." in path.parts or "\0" in frame.name:
            raise ValueError(f"{where}: frame name {frame.name!r} is not a plain name; rename it")
        if frame.stem in seen:
            raise ValueError(
                f"{where}: frames {seen[frame.stem]!r} and {frame.name!r} share the stem "
                f"{frame.stem!r} and would overwrite each other; rename one"
            )
        seen[frame.stem] = frame.name
    return frames
