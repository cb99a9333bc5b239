"""The flow fields of a sequence at a reduced size: read, or computed from images."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from consistency.dataset import natural_key
from consistency.flow.dis import SMALLEST_SIDE, dense_flow
from consistency.flow.fields import SUFFIXES, find_field, read_field
from consistency.formats.photographs import SUFFIXES as IMAGES
from consistency.limits import check_memory, inside

# Memory for each pixel of the reduced fields and each region: shares, residuals, fields and their
# temporary copies.
BYTES_PER_SHARE = 64


@dataclass(frozen=True, eq=False)
class Fields:
    """Flow of a sequence.

    Attributes
    ----------
    names : of the frames that the fields begin at.
    shape : (height, width) of a frame in pixels.
    flow : float32 (frames, h, w, 2), x and y in pixels of the reduced size.
    known : float32 (frames, h, w), share of the pixels whose flow is known.
    """

    names: list[str]
    shape: tuple[int, int]
    flow: np.ndarray
    known: np.ndarray


def of_files(
    folder: Path, size: tuple[int, int], regions: int, progress: Callable[..., Any]
) -> Fields:
    """Read all flow fields of a folder.

    Parameters
    ----------
    size : (height, width) to reduce them to.
    regions : as many as there will be; for how much memory that takes.
    progress : see ``consistency.progress``.

    Raises
    ------
    FileNotFoundError
        If there are none.
    ValueError
        If one is damaged or of another size, or if numbers between them are missing.
    """
    names = _names(folder, SUFFIXES, "flow fields", "--flow-path")

    def fields() -> Iterator[tuple[Path, np.ndarray, np.ndarray]]:
        for name in names:
            path = find_field(folder, name)
            with inside(folder):
                field = read_field(path)
            yield path, field.vectors, field.known

    return _reduced(names, fields(), size, regions, progress)


def of_images(
    folder: Path, size: tuple[int, int], regions: int, preset: str, progress: Callable[..., Any]
) -> Fields:
    """Compute the flow from each image of a folder to the next; raises as ``of_files``.

    That of the last one is the reversed flow to the one before.
    """
    names = _names(folder, IMAGES, "images", "--frames-path")
    if len(names) < 2:
        raise ValueError(f"{folder}: one image has no motion; give two or more")
    # Of several images of one name the first.
    files = {p.stem: p for p in sorted(folder.iterdir(), reverse=True) if _fits(p, IMAGES)}
    paths = [files[name] for name in names]

    def fields() -> Iterator[tuple[Path, np.ndarray, np.ndarray]]:
        last: np.ndarray | None = None
        for (_, first), (path, second) in pairwise(_greys(paths)):
            flow = dense_flow(first, second, preset)
            yield path, flow, np.ones(flow.shape[:2], bool)
            last = dense_flow(second, first, preset) if path == paths[-1] else None
        assert last is not None  # there are two images at least
        yield paths[-1], -last, np.ones(last.shape[:2], bool)

    return _reduced(names, fields(), size, regions, progress)


def _greys(paths: Sequence[Path]) -> Iterator[tuple[Path, np.ndarray]]:
    import cv2

    shape: tuple[int, ...] | None = None
    for path in paths:
        with inside(path.parent):
            image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if image is None:
            raise ValueError(f"{path}: cannot be read as an image")
        if min(image.shape) < SMALLEST_SIDE:
            raise ValueError(
                f"{path}: smaller than {SMALLEST_SIDE} pixels a side, which has no flow"
            )
        _check_shape(path, image.shape, shape)
        shape = image.shape
        yield path, image


def _names(folder: Path, suffixes: Sequence[str], what: str, flag: str) -> list[str]:
    """Stems of the files of a folder, in the order of time."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; give the {what} with {flag}")
    found = {p.stem for p in folder.iterdir() if _fits(p, suffixes)}
    if not found:
        raise FileNotFoundError(f"{folder}: no {what}; allowed: {', '.join(suffixes)}")
    names = sorted(found, key=natural_key)
    for one, other in pairwise(names):
        # Names that end in numbers say which frames there ought to be.
        first, second = (re.fullmatch(r"(.*?)(\d+)", name) for name in (one, other))
        if first is None or second is None or first[1] != second[1]:
            continue
        step = int(second[2]) - int(first[2])
        if step != 1:
            raise ValueError(
                f"{folder}: {one} is followed by {other}; {step - 1} frames are missing between "
                f"them: add their {what}, or number the files without gaps"
            )
    return names


def _fits(path: Path, suffixes: Sequence[str]) -> bool:
    return path.suffix.lower() in suffixes and not path.name.startswith(".")


def _check_shape(path: Path, now: tuple[int, ...], first: tuple[int, ...] | None) -> None:
    if first is not None and now != first:
        raise ValueError(
            f"{path}: {now[0]} × {now[1]} pixels, but {first[0]} × {first[1]} before; all frames "
            "of a sequence have one size"
        )


def _reduced(
    names: list[str],
    fields: Iterator[tuple[Path, np.ndarray, np.ndarray]],
    size: tuple[int, int],
    regions: int,
    progress: Callable[..., Any],
) -> Fields:
    shape: tuple[int, int] | None = None
    flow: list[np.ndarray] = []
    known: list[np.ndarray] = []
    for path, vectors, sure in progress(fields, "flow", len(names)):
        if shape is None:
            # Fields that are small already stay as they are.
            height, width = vectors.shape[:2]
            size = min(size[0], height), min(size[1], width)
            needed = BYTES_PER_SHARE * regions * len(names) * size[0] * size[1]
            check_memory(needed, f"{len(names)} frames of {size[0]} × {size[1]} pixels")
        _check_shape(path, vectors.shape[:2], shape)
        shape = vectors.shape[0], vectors.shape[1]
        small, share = _reduce(vectors, sure, size)
        flow.append(small)
        known.append(share)
    assert shape is not None  # as there are names
    return Fields(names, shape, np.stack(flow), np.stack(known))


def _reduce(
    vectors: np.ndarray, known: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean flow of the known pixels in pixels of the new size, and their share."""
    import cv2

    old, new = known.shape, size[::-1]
    share = cv2.resize(known.astype(np.float32), new, interpolation=cv2.INTER_AREA)
    # Where a vector is not known it is 0, so that it adds nothing to the mean.
    mean = (
        cv2.resize(vectors, new, interpolation=cv2.INTER_AREA) / np.maximum(share, 1e-6)[..., None]
    )
    factor = np.array([size[1] / old[1], size[0] / old[0]], np.float32)
    return (mean * factor).astype(np.float32), share
