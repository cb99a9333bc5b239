"""What lies at the path of a dataset, looked at once for all formats."""

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar, overload

from consistency.dataset import natural_key

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


class Source:
    """A folder or file that some format may read.

    All formats are shown the same one: what is listed or parsed for one of them is there for the
    others, and for the one that opens it.

    Attributes
    ----------
    path : of the folder or file.
    sequence : name of the wanted sequence where the input holds several, or None.
    """

    def __init__(self, path: Path, sequence: str | None = None):
        self.path = Path(path)
        self.sequence = sequence
        self._loaded: dict[Path, object] = {}
        self._inside: dict[Path, Source] = {}

    @cached_property
    def _listed(self) -> tuple[Path, ...]:
        return tuple(self.path.iterdir()) if self.path.is_dir() else ()

    @cached_property
    def entries(self) -> tuple[Path, ...]:
        """Entries of the folder but for ``ignored``, in natural order; of a file: none."""
        visible = (p for p in self._listed if not _is_foreign(p.name))
        return tuple(sorted(visible, key=lambda p: natural_key(p.name)))

    @property
    def ignored(self) -> tuple[Path, ...]:
        """Hidden entries and those of operating systems, here and in the folders looked into."""
        here = sorted(p for p in self._listed if _is_foreign(p.name))
        return (*here, *(path for inner in self._inside.values() for path in inner.ignored))

    @cached_property
    def folders(self) -> tuple[Path, ...]:
        """Folders among the entries."""
        return tuple(p for p in self.entries if p.is_dir())

    def inside(self, folder: Path) -> "Source":
        """What lies in a folder of this one."""
        return self._inside.setdefault(folder, Source(folder))

    def files(self, *suffixes: str) -> tuple[Path, ...]:
        """Files among the entries that end in one of ``suffixes`` (with the dot, lower case)."""
        return tuple(p for p in self.entries if p.suffix.lower() in suffixes and p.is_file())

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

    def hint(self) -> str:
        """What to do about a path that no format fits."""
        if self.path.is_file():
            return "the file is in none of the formats of docs/formats.md"
        inside = [p.name for p in self.folders[:3]]
        deeper = f", or a folder inside it ({', '.join(inside)})" if inside else ""
        return (
            f"expected {self.path.name}/sk_masks.json, {self.path.name}/numpy_masks/ or another "
            f"format of docs/formats.md{deeper}"
        )


def load_json(path: Path) -> Any:
    """Read a JSON file; ValueError with line and column if it is not one or has a key twice."""
    # orjson takes half the time, but keeps the last of two values under one key, turns integers
    # above 64 bits, as the labels of --matching seed may be, into rounded floats and refuses the
    # NaN that Python writes.  To look for the first two afterwards costs as much as it saves:
    # 112 MB took 0.55 + 0.55 s against 1.1 s here.
    try:
        with open(path, encoding="utf-8") as file, without_collection():
            return json.load(file, object_pairs_hook=_unique)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: invalid JSON ({error}); write the file again") from error
    except KeyError as error:
        raise ValueError(f"{path}: key {error} appears twice in one object") from error


@contextmanager
def without_collection() -> Iterator[None]:
    """Put off the search for cycles, which takes half of the time where records are many."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _unique(pairs: list[tuple[str, object]]) -> dict:
    content = dict(pairs)
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
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{where}: {key!r} is {type(value).__name__}")
    return value


def without_parent(names: dict) -> dict:
    """Cut a folder that all file names share: "video1/0001.jpg" is frame "0001.jpg"."""
    parents = {str(PurePosixPath(name).parent) for name in names.values()}
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
