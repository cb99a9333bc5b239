"""How much an input may ask for and where its files may lie: asked before memory is taken.

``within(limits)`` puts limits in force, for whatever is called inside: readers need not hand them
on.  A dataset's ``Layout`` takes those in force when it is made along to the workers.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

# A larger size is beyond any camera: it is a mistake or an attack.  --max-pixels changes it, up to
# what positions of 32 bits hold.
MAX_PIXELS = 16_384 * 16_384
MOST_PIXELS = 1 << 30
CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class OutsideError(ValueError):
    """A path or link that leads out of the data folder."""


@dataclass(frozen=True)
class Limits:
    """What an input may ask for.

    Attributes
    ----------
    max_pixels : of one mask.
    max_memory : bytes that one process may take; None: what the machine has.
    follow_links : whether links and paths may lead out of the data folder.
    root : the data folder, without links; None: files may lie anywhere.
    read_all : mask files are read whole, even where their records tell which rows hold the mask.
    """

    max_pixels: int = MAX_PIXELS
    max_memory: int | None = None
    follow_links: bool = False
    root: str | None = None
    read_all: bool = False

    @property
    def memory(self) -> int:
        """Bytes that one process may take."""
        return usable_memory() if self.max_memory is None else self.max_memory


_DEFAULT = Limits()
_IN_FORCE: ContextVar[Limits | None] = ContextVar("limits", default=None)


def in_force() -> Limits:
    """Return the limits that hold here."""
    return _IN_FORCE.get() or _DEFAULT


@contextmanager
def within(limits: Limits) -> Iterator[None]:
    """Put ``limits`` in force until the end."""
    before = _IN_FORCE.set(limits)
    try:
        yield
    finally:
        _IN_FORCE.reset(before)


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Let files be read in ``folder`` alone until the end, unless links are to be followed."""
    with within(replace(in_force(), root=os.path.realpath(folder))):
        yield


def check_pixels(shape: Sequence[int], where: str = "") -> None:
    """Raise ValueError, which begins with ``where``, unless a mask may have (height, width)."""
    height, width = shape[:2]
    most = in_force().max_pixels
    if height < 1 or width < 1 or height * width > most:
        raise ValueError(
            f"{where}says it has {height} × {width} pixels; allowed: 1 to {most}, see --max-pixels"
        )


def check_memory(needed: int, what: str) -> None:
    """Raise ValueError that begins with ``what`` if it needs more bytes than a process may take."""
    limits = in_force()
    if needed > limits.memory:
        whose = "this machine has" if limits.max_memory is None else "--max-memory allows"
        raise ValueError(
            f"{what}: needs about {in_words(needed)} of memory, and {whose} "
            f"{in_words(limits.memory)}; give it more, or cut the frames up"
        )


def check_file(path: Path | str, what: str = "file") -> int:
    """Return the size of a file that may be read, bytes.

    Raises
    ------
    FileNotFoundError
        If there is none, or a folder.
    ValueError
        If it is a device or a pipe, which would be waited for; OutsideError (a ValueError) if it
        leads out of the data folder.
    """
    path = os.fspath(path)
    try:
        found = os.lstat(path)
        check_inside(path, stat.S_ISLNK(found.st_mode))
        if stat.S_ISLNK(found.st_mode):
            found = os.stat(path)
    except OutsideError:
        raise
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # a null character
        raise FileNotFoundError(f"{path}: no such {what}; restore it or drop it") from error
    if stat.S_ISDIR(found.st_mode):
        raise FileNotFoundError(f"{path}: no such {what}, but a folder; restore it or drop it")
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path}: is a device or a pipe; replace it by a file")
    return found.st_size


def check_inside(path: Path | str, is_link: bool = True) -> None:
    """Raise OutsideError if ``path``, its links followed, leads out of the data folder.

    ``is_link`` False: the path is known to be a file, and no link.
    """
    limits = in_force()
    if limits.root is None or limits.follow_links:
        return
    path = os.fspath(path)
    if is_link:
        good = _lies_in(path, os.getcwd(), limits.root)
    else:  # a folder is looked at once for all of its files: it takes longer than to open one
        good = _folder_lies_in(os.path.dirname(path), os.getcwd(), limits.root)
    if not good:
        raise OutsideError(
            f"{path}: leads out of the data folder, to {os.path.realpath(path)}; copy it into the "
            "folder, or add --follow-links if you trust the data"
        )


def _lies_in(path: str, here: str, root: str) -> bool:
    real = os.path.realpath(os.path.join(here, path))
    return real == root or real.startswith(os.path.join(root, ""))


_folder_lies_in = lru_cache(maxsize=4096)(_lies_in)


@lru_cache(maxsize=1)
def usable_memory() -> int:
    """Bytes of memory of this machine, or of the container that this process is in."""
    try:
        found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (AttributeError, ValueError, OSError):  # Windows
        found = [1 << 63]
    for file in CGROUPS:
        try:
            text = Path(file).read_text(encoding="ascii").strip()
        except OSError:
            continue
        found += [int(text)] if text.isdecimal() else []  # "max": no limit
    return min(found)


def in_words(size: int) -> str:
    """Return a number of bytes as people read it: "1.5 GB"."""
    for unit, name in ((1 << 30, "GB"), (1 << 20, "MB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{-(-size // 1024)} kB"
