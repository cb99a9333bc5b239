"""The images of a sequence, where nobody has said where they are: those that the run was given, or
a folder "frames" in the data or beside them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from consistency.dataset import Frame
from consistency.formats.photographs import find_photograph

BESIDE = "frames"


def find_folder(
    run: dict[str, Any] | None, data: Path, frames: Sequence[Frame], size: tuple[int, int]
) -> Path | None:
    """Return the first known folder that has an image of each frame, of the masks' size.

    Parameters
    ----------
    run : content of run.json, None for a data set.
    data : folder or file of the input.
    frames : those that are drawn.
    size : (height, width) of the masks in pixels.
    """
    # What lies there may be the masks themselves.
    folders = (f for f in _candidates(run, data) if f.resolve() != data.resolve())
    return next((f for f in folders if _fits(f, frames, size)), None)


def _candidates(run: dict[str, Any] | None, data: Path) -> Iterator[Path]:
    parameters = run["parameters"] if run else {}
    filling = parameters.get("filling")
    for part in (parameters, filling if isinstance(filling, dict) else {}):
        if isinstance(part.get("frames_path"), str):
            yield Path(part["frames_path"])
    yield data / BESIDE
    yield data.parent / BESIDE


def _fits(folder: Path, frames: Sequence[Frame], size: tuple[int, int]) -> bool:
    """Whether a folder has the images; one that is left unused costs nobody anything."""
    if not folder.is_dir():
        return False
    try:
        # Cameras note a rotation instead of carrying it out, so either order fits.
        return all(
            sorted(_size(find_photograph(frame, folder))) == sorted(size) for frame in frames
        )
    except (OSError, SyntaxError, Image.DecompressionBombError):
        return False


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size
