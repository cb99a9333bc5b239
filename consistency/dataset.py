"""What a sequence of masks consists of, before any pixel is read."""

import importlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from consistency.masks.packed import PackedMasks

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
    """All frames of one sequence, in the order of time.

    Attributes
    ----------
    layout, frames : where the pixels are; what there is of every frame.
    parents : {identity: identity it came from by division}, where the input knows it.
    categories : {category_id of the records: name}, where the input knows it.
    opened_as : the arguments of ``open_dataset``, as text, to open it again.
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
            raise ValueError(f"{where}: frame name {frame.name!r} is no plain name; rename it")
        if frame.stem in seen:
            raise ValueError(
                f"{where}: frames {seen[frame.stem]!r} and {frame.name!r} share the stem "
                f"{frame.stem!r} and would overwrite each other; rename one"
            )
        seen[frame.stem] = frame.name
    return frames


def open_dataset(
    path: Path, input_format: str = "auto", sort: str = "natural", sequence: str | None = None
) -> Dataset:
    """Open the dataset at ``path``.

    Parameters
    ----------
    path : folder, or the one file that is the dataset.
    input_format : a name from ``consistency.formats.READERS``, or "auto": the one that fits.
    sort : "natural" leaves frames in the order of time that the format has, or sorts names with
        numbers compared as numbers; "lexical" sorts names as text; anything else is a text file
        with one frame name (or stem) a line, and frames that it does not name are left out.
    sequence : which one, where the input holds several (videos of one JSON, text files of one
        folder).

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file.
    ValueError
        If no format fits, or several do; for malformed input, with file and frame.
    """
    from consistency import formats
    from consistency.formats.source import Source

    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such folder; give the data folder with --data-path")
    source = Source(path, sequence)
    dataset = formats.find(source, input_format).open_dataset(source)
    opened_as = {
        "path": str(path.resolve()),
        "format": dataset.layout.format,
        "sort": sort if sort in ("natural", "lexical") else str(Path(sort).resolve()),
        "sequence": sequence,
    }
    frames = _sorted(dataset.frames, sort)
    return replace(dataset, frames=frames, opened_as=opened_as)


def reopen(opened_as: dict[str, str | None]) -> Dataset:
    """Open a dataset again from its ``opened_as``; raises as ``open_dataset``."""
    return open_dataset(
        Path(opened_as["path"]),
        opened_as.get("format") or "auto",
        opened_as.get("sort") or "natural",
        opened_as.get("sequence"),
    )


def _sorted(frames: tuple[Frame, ...], sort: str) -> tuple[Frame, ...]:
    if sort == "natural":
        return frames
    if sort == "lexical":
        return tuple(sorted(frames, key=lambda frame: frame.name))
    if not Path(sort).is_file():
        raise FileNotFoundError(f"{sort}: no such list; --sort takes natural, lexical or a file")
    by_name = {frame.stem: frame for frame in frames} | {frame.name: frame for frame in frames}
    wanted = [line.strip() for line in Path(sort).read_text().splitlines() if line.strip()]
    missing = [name for name in wanted if name not in by_name]
    chosen = tuple(by_name[name] for name in wanted if name in by_name)
    if missing or not chosen or len({frame.name for frame in chosen}) < len(chosen):
        problem = f"frame {missing[0]!r} is not in the data" if missing else "empty or has a repeat"
        raise ValueError(f"{sort}: {problem}; name every wanted frame once, one a line")
    return chosen
