"""A file or folder that appears under its name only when it is complete."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a name beside ``path`` to write to; it takes the place of ``path`` if all goes well.

    Raises ValueError if ``path`` is a folder with anything but PNGs in it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and any(p.is_file() and p.suffix != ".png" for p in path.rglob("*")):
        raise ValueError(f"{path}: holds other files than .png, so it is not replaced; move it")
    partial_path = path.with_name(f"{path.stem}.partial{path.suffix}")
    _remove(partial_path)  # what a killed run left
    try:
        yield partial_path
        if path.is_dir():
            rmtree(path)
        partial_path.replace(path)
    finally:
        _remove(partial_path)


def _remove(path: Path) -> None:
    if path.is_dir():
        rmtree(path)
    else:
        path.unlink(missing_ok=True)
