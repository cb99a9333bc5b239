"""Which files an input consists of, and whether they are still the same."""

import ast
import gzip
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

BLOCK = 1 << 20  # bytes that are hashed at a time
SHOWN = 3  # of the files that have changed


def listed(paths: Iterable[Path], without: Path, by_content: bool) -> Iterator[str]:
    """Yield one line per file: its size, its time or hash, and its name; in one order always.

    Parameters
    ----------
    paths : files, and folders that are looked through to the bottom, links followed.  Hidden
        entries are left out: no reader looks at them.
    without : an entry of such a folder that is left out; what the run itself writes.
    by_content : hash the bytes, which takes as long as reading them; else the time of the last
        change, in nanoseconds.
    """
    for path in paths:
        start = str(path.resolve())
        files = _files(start, str(without.resolve()), ()) if path.is_dir() else [start]
        for name in files:
            try:
                status = os.stat(name)
                hashed = by_content and stat.S_ISREG(status.st_mode)  # a pipe has no end
                stamp = _hash(name) if hashed else str(status.st_mtime_ns)
                yield f"{status.st_size}\t{stamp}\t{name!a}\n"
            except OSError as error:  # a link to nowhere, say; readers complain if they need it
                yield f"-\t{error.errno}\t{name!a}\n"


def _files(path: str, without: str, above: tuple[str, ...]) -> Iterator[str]:
    real = os.path.realpath(path)
    if real in above:  # a link to a folder that it lies in
        return
    with os.scandir(path) as entries:
        visible = [entry for entry in entries if not entry.name.startswith(".")]
    for entry in sorted(visible, key=lambda entry: entry.name):
        if entry.path == without:
            continue
        if entry.is_dir():
            yield from _files(entry.path, without, (*above, real))
        else:
            yield entry.path


def _hash(name: str) -> str:
    result = hashlib.sha256()
    with open(name, "rb") as file:
        while block := file.read(BLOCK):
            result.update(block)
    return result.hexdigest()


def digest(lines: Iterable[str], keep: Path | None = None) -> str:
    """Return one hash of all lines; keep them in a file if one is named."""
    result = hashlib.sha256()
    if keep is None:
        for line in lines:
            result.update(line.encode())
        return result.hexdigest()
    with gzip.open(keep, "wt", compresslevel=1, encoding="utf-8", newline="\n") as file:
        for line in lines:
            result.update(line.encode())
            file.write(line)
    return result.hexdigest()


def changes(kept: Path, lines: Iterable[str]) -> str:
    """Tell which files differ from those of ``digest(..., kept)``; empty if none does."""
    try:
        with gzip.open(kept, "rt", encoding="utf-8") as file:
            before = dict(_name_and_stamp(line) for line in file)
    except (OSError, EOFError, ValueError, SyntaxError):
        return "what it was is no longer known"
    now = dict(_name_and_stamp(line) for line in lines)
    found = [f"{name} is gone" for name in before if name not in now]
    found += [f"{name} is new" for name in now if name not in before]
    found += [f"{name} has changed" for name in now if before.get(name, now[name]) != now[name]]
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more


def _name_and_stamp(line: str) -> tuple[str, str]:
    size, stamp, name = line.rstrip("\n").split("\t")
    return ast.literal_eval(name), f"{size} {stamp}"
