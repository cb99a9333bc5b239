"""What a sequence of masks consists of, before any pixel is read."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from consistency.limits import Limits, in_force
from consistency.options import Order

# Only these endings are cut off a frame's name: "frame.0001" and "frame.0002" are two frames.
FRAME_SUFFIXES = {
    ".bmp", ".exr", ".gif", ".jpeg", ".jpg", ".json", ".npy", ".npz",
    ".png", ".ppm", ".tif", ".tiff", ".webp",
}  # fmt: skip


# Half a day of video; a larger number of a frame in a file is a mistake or an attack.
MAX_FRAMES = 1_000_000


@dataclass(frozen=True)
class LeftOut:
    """Pieces of a mask that are no masks: those too small for ``--split-pieces``.

    Attributes
    ----------
    mask : index of the mask in the input.
    pieces : their number.
    area : pixels of all of them.
    """

    mask: int
    pieces: int
    area: int


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
    listed : False where only the pixels, which nobody has read yet, tell records and identities;
        see ``formats.read_frame``.
    left_out : what of the masks in the input is in none of the records.
    """

    name: str
    records: tuple[dict, ...]
    source: Any = None
    identities: tuple[int | None, ...] | None = None
    listed: bool = True
    left_out: tuple[LeftOut, ...] = ()

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
    limits : what its files may ask for, and where they may lie.
    """

    root: Path
    format: str
    order: Order = "C"
    limits: Limits = field(default_factory=in_force)


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


# Of records, what is computed with; a whole number beyond 64 bits fits no array.
NUMBERS = frozenset({"area", "predicted_iou", "stability_score", "score"})
LARGEST_NUMBER = (1 << 63) - 1
PLAIN = frozenset({int, float, str, bool, type(None)})  # types that hold no others
DEEPEST = 20  # lists in lists of a record, beside its segmentation
LONGEST_STEM = 250  # bytes; a file system allows 255, endings take the rest


def check_records(frame: Frame, where: Path | str) -> None:
    """Raise ValueError that names frame and mask unless records and identities can be used."""
    for i, record in enumerate(frame.records):
        for key, value in record.items():
            # Of hundreds of thousands of records nearly all values are plain, and known by type.
            kind = type(value)
            if kind in PLAIN:
                if kind is int and key in NUMBERS and abs(value) > LARGEST_NUMBER:
                    raise ValueError(
                        f"{where}: frame {frame.name!r}, mask {i}: {key!r} is {short(value)}, "
                        "beyond 64 bits; correct it, or leave it out"
                    )
            elif key != "segmentation" and _too_deep(value):
                raise ValueError(
                    f"{where}: frame {frame.name!r}, mask {i}: {short(key)} is nested more than "
                    f"{DEEPEST} deep; leave it out"
                )
    for i, identity in enumerate(frame.identities or ()):
        if identity is not None and type(identity) is not int:
            raise ValueError(
                f"{where}: frame {frame.name!r}, mask {i}: the identity {short(identity)} is not a "
                "whole number; number the objects"
            )


def _too_deep(value: Any, left: int = DEEPEST) -> bool:
    if not isinstance(value, (list, dict)):
        return False
    inner = value.values() if isinstance(value, dict) else value
    if not left or PLAIN.issuperset(map(type, inner)):
        return not left
    return any(_too_deep(v, left - 1) for v in inner)


def _problem_of_name(name: str, stem: str) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    if not name or path.is_absolute() or ".." in path.parts or not path.parts:
        return "is not a plain name"
    if stem.rpartition("/")[2] in (".", ".."):  # of "..png" and "...png": a folder, not a file
        return "is not a plain name: nothing stands before its ending"
    if any(ord(c) < 32 or ord(c) == 127 for c in name):
        return "is not a plain name: it has a control character"
    try:
        longest = max(len(part.encode()) for part in stem.split("/"))
    except UnicodeEncodeError:
        return "is not UTF-8"
    return f"has more than {LONGEST_STEM} bytes" if longest > LONGEST_STEM else ""


def short(value: object) -> str:
    """Return a value as a message shows it: one line, and not for ever."""
    if type(value) is int and abs(value) > LARGEST_NUMBER:
        return f"a number of {value.bit_length()} bits"  # to write it out may be refused
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def natural_key(name: str) -> tuple:
    """Sort key with numbers compared as numbers: "2" before "10"; ties broken by the text."""
    parts = re.split(r"(\d+)", name)
    return tuple((_number(p), "") if i % 2 else (-1, p) for i, p in enumerate(parts)), name


def _number(digits: str) -> int:
    # Python refuses to read numbers of thousands of digits: no more count than a name may have.
    return int(digits[:LONGEST_STEM])


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

    Raises ValueError if there is none or there are too many, for a name that cannot name files of
    an output folder or is there twice, and for records that nobody can use.
    """
    frames = tuple(islice(frames, MAX_FRAMES + 1))
    if len(frames) > MAX_FRAMES:
        raise ValueError(f"{where}: more than {MAX_FRAMES} frames; cut the sequence up")
    if key is not None:
        frames = tuple(sorted(frames, key=lambda frame: key(frame.name)))
    if not frames:
        raise ValueError(f"{where}: no frames; put at least one frame with a list of masks in it")
    seen: dict[str, str] = {}
    for frame in frames:
        stem = frame.stem
        problem = _problem_of_name(frame.name, stem)
        if problem:
            raise ValueError(f"{where}: frame name {short(frame.name)} {problem}; rename it")
        check_records(frame, where)
        if stem in seen:
            raise ValueError(
                f"{where}: frames {seen[stem]!r} and {frame.name!r} share the stem "
                f"{stem!r} and would overwrite each other; rename one"
            )
        seen[stem] = frame.name
    return frames
