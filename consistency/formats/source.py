"""What lies at the path of a dataset, looked at once for all formats."""

import csv
import gc
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar, overload

from consistency.dataset import natural_key
from consistency.limits import OutsideError, check_file, check_inside, inside
from consistency.plain_text import plain_field

if TYPE_CHECKING:
    from consistency.formats.images import Header

Kind = TypeVar("Kind")

# Images that lose no pixel; those that were segmented may have others, see ``photographs``.
MASK_SUFFIXES = (".png", ".tif", ".tiff", ".bmp")
NATIVE_JSON = "sk_masks.json"
# What Windows and macOS leave in folders, beside names that begin with a dot.
FOREIGN = ("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx")


def _is_foreign(name: str) -> bool:
    return name.startswith(".") or name.lower() in FOREIGN


# What values of JSON are called.
NAMES: dict[type, str] = {dict: "an object", list: "a list", int: "a whole number", str: "text"}


class Source:
    """A folder or file that some format may read.

    All formats are shown the same one: what is listed or parsed for one of them is there for the
    others, and for the one that opens it.

    Attributes
    ----------
    path : of the folder or file.
    sequence : name of the wanted sequence where the input holds several, or None.
    root : the data folder, which no link may lead out of (see ``limits``).
    left_out : what formats would have read outside of it.
    """

    def __init__(self, path: Path, sequence: str | None = None, root: Path | None = None):
        self.path = Path(path)
        self.sequence = sequence
        # The JSON that is given alone may name files beside it.
        self.root = root or (self.path if self.path.is_dir() else self.path.parent)
        self._loaded: dict[Path, object] = {}
        self._inside: dict[Path, Source] = {}
        self.left_out: list[OutsideError] = []

    @cached_property
    def _listed(self) -> tuple[Path, ...]:
        if not self.path.is_dir():
            return ()
        # Before the folder is listed: a link may lead to any place of the disk.
        with inside(self.root):
            check_inside(self.path)
        return tuple(self.path.iterdir())

    @cached_property
    def entries(self) -> tuple[Path, ...]:
        """Entries of the folder but for ``ignored``, in natural order; of a file: none."""
        visible = (p for p in self._listed if not _is_foreign(p.name))
        return tuple(sorted(visible, key=lambda p: natural_key(p.name)))

    @property
    def ignored(self) -> tuple[Path, ...]:
        """Hidden entries and those of operating systems, here and in the folders looked into."""
        here = sorted(p for p in self._listed if _is_foreign(p.name))
        # What leads out of the data folder is not listed.
        inner = [source for source in self._inside.values() if "_listed" in vars(source)]
        return (*here, *(path for source in inner for path in source.ignored))

    @cached_property
    def folders(self) -> tuple[Path, ...]:
        """Folders among the entries."""
        return tuple(p for p in self.entries if p.is_dir())

    def inside(self, folder: Path) -> "Source":
        """What lies in a folder of this one."""
        return self._inside.setdefault(folder, Source(folder, root=self.root))

    def files(self, *suffixes: str) -> tuple[Path, ...]:
        """Files among the entries that end in one of ``suffixes`` (with the dot, lower case)."""
        return tuple(p for p in self.entries if p.suffix.lower() in suffixes and p.is_file())

    @property
    def json_files(self) -> tuple[Path, ...]:
        """The path itself, if it is a file, else the JSON files of the folder."""
        return (self.path,) if self.path.is_file() else self.files(".json")

    @cached_property
    def images(self) -> tuple[Path, ...]:
        """PNG, TIFF and BMP files of the folder."""
        return self.files(*MASK_SUFFIXES)

    def is_file(self, *suffixes: str) -> bool:
        """Whether the path itself is a file that ends in one of ``suffixes``."""
        return self.path.suffix.lower() in suffixes and self.path.is_file()

    def load(self, path: Path) -> Any:
        """Content of a JSON file, parsed once whoever asks; raises as ``load_json``."""
        if path not in self._loaded:
            self._loaded[path] = load_json(path)
        return self._loaded[path]

    @property
    def content(self) -> Any:
        """Content of the JSON file at the path itself, else None."""
        return self.load(self.path) if self.is_file(".json") else None

    @cached_property
    def texts(self) -> tuple[Path, ...]:
        """JSON files of the folder, without the native format's: no other one looks into that."""
        return tuple(path for path in self.files(".json") if path.name != NATIVE_JSON)

    @cached_property
    def sample(self) -> Any:
        """Content of the first of ``texts`` that is not empty, else None."""
        contents = (self.load(path) for path in self.texts)
        return next((content for content in contents if content), None)

    @cached_property
    def sample_image(self) -> "Header | None":
        """Header of the folder's first image (see ``images.Header``), else None."""
        from consistency.formats.images import read_header

        return read_header(self.images[0]) if self.images else None


def load_json(path: Path) -> Any:
    """Read a JSON file; ValueError with line and column if it is not one or has a key twice."""
    # orjson takes half the time, but keeps the last of two values under one key, turns integers
    # above 64 bits, as the labels of --matching seed may be, into rounded floats and refuses the
    # NaN that Python writes.  To look for the first two afterwards costs as much as it saves:
    # 112 MB took 0.55 + 0.55 s against 1.1 s here.  msgspec keeps such integers and is twice as
    # fast as orjson; but to count keys afterwards, for one that is there twice, takes longer than
    # is saved: 110 MB took 0.73 s in all, against 0.60 s here.
    text = read_text(path)
    try:
        with without_collection():
            return json.loads(text, object_pairs_hook=_unique)
    except (
        ValueError,
        RecursionError,
    ) as error:  # ValueError: a number of thousands of digits, too
        reason = str(error).split(";")[0]
        raise ValueError(f"{path}: invalid JSON ({reason}); write the file again") from error
    except KeyError as error:
        raise ValueError(f"{path}: key {error} appears twice in one object") from error


def read_text(path: Path) -> str:
    """Return the content of a text file; ValueError if it is not UTF-8, or not a regular file."""
    check_file(path)
    try:
        # With or without a byte order mark, which Windows' editors write.
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: byte {error.start + 1} is not UTF-8 text; save the file as UTF-8"
        ) from error
    # Ends of lines as Python's own text files have them, without a second copy where all are so.
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def is_number(word: str) -> bool:
    """Whether a word of a text file is a whole number from 0 that 64 bits hold."""
    # isdigit alone lets superscripts and other scripts through, which int() refuses or reads.
    return word.isascii() and word.isdigit() and len(word) <= 18


def read_table(path: Path) -> tuple[Sequence[str], list[dict[str, str]]]:
    """Return the columns of a CSV file and its lines, without empty ones.

    Raises ValueError for a line that is damaged or has more fields than the first, and as
    ``read_text``.
    """
    # newline="": csv handles ends of lines itself, also those inside quotes.
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), restval="", strict=True)
    rows = []
    try:
        for row in reader:
            # DictReader puts fields without a column under None.
            if None in row:
                raise ValueError(f"{path}, line {reader.line_num}: more fields than in line 1")
            rows.append({key: plain_field(value) for key, value in row.items()})
        return reader.fieldnames or (), rows
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num + 1}: not CSV ({error})") from error


@contextmanager
def without_collection() -> Iterator[None]:
    """Put off the search for cycles, which takes half of the time where records are many."""
    # A program that uses the package may have switched it off itself.
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            # What was made stays: among the old objects it is not looked through as soon as the
            # search is on again.  Where a program has frozen some of its own, these stay frozen.
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def _unique(pairs: list[tuple[str, object]]) -> dict:
    content = dict(pairs)
    # Only now the slow search: objects with a key twice are rare.
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        raise KeyError(next(key for key in keys if keys.count(key) > 1))
    return content


@overload
def value_of(content: object, key: str, kind: type[Kind], where: str) -> Kind: ...


@overload
def value_of(content: object, key: str, kind: tuple[type, ...], where: str) -> Any: ...


def value_of(content: object, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    """Return ``content[key]``; ValueError if ``content`` is not an object with such a value."""
    if not isinstance(content, dict) or key not in content:
        raise ValueError(f"{where}: no {key!r}")
    value = content[key]
    # true is an int to Python; nothing that is read here is a bool.
    if not isinstance(value, kind) or isinstance(value, bool):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wanted = " or ".join(NAMES.get(k, k.__name__) for k in kinds)
        raise ValueError(f"{where}: {key!r} is {type(value).__name__}, not {wanted}")
    return value


def category_names(content: dict, where: str) -> dict[int, str]:
    """Return {id: name} of the "categories" that a JSON file may have; ValueError for others."""
    found = content.get("categories")
    if found is None:
        return {}
    categories = value_of(content, "categories", list, where)
    return {
        value_of(c, "id", int, f"{where}: category {i}"): str(c.get("name", c["id"]))
        for i, c in enumerate(categories)
    }


def without_parent(names: dict) -> dict:
    """Cut a folder that all file names share: "video1/0001.jpg" is frame "0001.jpg"."""
    parents = {str(PurePosixPath(name).parent) for name in names.values()}
    # With several folders the folder is part of the name: video1/0001 and video2/0001.
    if len(parents) > 1 or ".." in "".join(parents):
        return dict(names)
    return {key: PurePosixPath(name).name for key, name in names.items()}


def choose(source: Source, found: dict[str, Kind]) -> Kind:
    """Return the value of the sequence that the user wants, or of the only one.

    Raises ValueError that lists the names if there are several and none, or no such one, is named.
    """
    if source.sequence is None and len(found) == 1:
        return next(iter(found.values()))
    if source.sequence not in found:
        shown = ", ".join(list(found)[:20]) or "none"
        what = f"no sequence {source.sequence!r}" if source.sequence else f"{len(found)} sequences"
        raise ValueError(f"{source.path}: {what}; choose one with --sequence: {shown}")
    return found[source.sequence]
