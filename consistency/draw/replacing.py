"""Pictures that appear under their name when they are complete; which ones may be replaced."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from consistency import publishing
from consistency.publishing import MADE_BY

MARK = ".pictures.json"  # in a folder of pictures: says which files the tool has put there


@contextmanager
def drawing(path: Path, overwrite: bool) -> Iterator[Path]:
    """Yield a name beside ``path`` to write to; it takes the place of ``path`` if all goes well.

    Raises
    ------
    ValueError
        As ``check_free``, or if another run is writing ``path``.
    OSError
        If the disk fails; ``path`` is as it was.
    """
    with publishing.replacing(path, partial(check_free, overwrite=overwrite)) as partial_path:
        yield partial_path
        # Inside the folder, so that it goes wherever the folder is moved to.
        if partial_path.is_dir():
            mark = {"made_by": MADE_BY, "files": _files(partial_path)}
            (partial_path / MARK).write_text(json.dumps(mark) + "\n")


def check_free(path: Path, overwrite: bool) -> None:
    """Raise ValueError if ``path`` exists and must not be replaced.

    A file is replaced if the user wants that; a folder only if all in it is the tool's.
    """
    if path.is_symlink():
        raise ValueError(f"{path}: is a symbolic link; remove it, or choose another --out")
    if not path.exists():
        return
    if not overwrite:
        raise ValueError(f"{path}: exists; add --overwrite or choose another --out")
    # A user has made it: the tool gives endings to files alone.
    if path.is_dir() and path.suffix:
        raise ValueError(f"{path}: is a folder, so it is not overwritten; move it away")
    if path.is_dir():
        foreign = _foreign(path)
        if foreign:
            raise ValueError(
                f"{path}: holds {foreign}, which vis.py did not write, so it is not overwritten; "
                "move it away"
            )


def _foreign(folder: Path) -> str:
    """Return the first file of ``folder`` that is not the tool's; empty if all are."""
    try:
        mark = json.loads((folder / MARK).read_text())
        # A list of names, not just the mark: somebody may have put files of his own beside ours.
        ours = set(mark["files"]) if mark["made_by"] == MADE_BY else set()
    except (OSError, ValueError, KeyError, TypeError):
        ours = set()
    return next((name for name in _files(folder) if name not in ours and name != MARK), "")


def _files(folder: Path) -> list[str]:
    """Names of all files under ``folder``, relative to it; links to folders count as files."""
    paths = (p for p in folder.rglob("*") if p.is_symlink() or not p.is_dir())
    return sorted(p.relative_to(folder).as_posix() for p in paths)
