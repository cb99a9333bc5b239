"""Folders of NumPy files: which frames and masks there are, from names and headers alone.

DATA/numpy_masks/<frame>/<i>.npy    one (h, w) array per mask
DATA/numpy_masks/<frame>.npy|.npz   one (n, h, w) stack per frame

Without ``numpy_masks`` in between it is the same if DATA holds nothing else.  An empty array, as
``np.array([])`` writes it, is a frame without masks.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from consistency.dataset import Frame
from consistency.formats import npy
from consistency.formats.source import Source
from consistency.limits import check_memory, check_pixels

NAME = "numpy_masks"
RECORD_BYTES = 300  # that a mask takes before its pixels are read
MASK, STACK = 2, 3  # dimensions


def find(source: Source) -> Source | None:
    """Return the folder of NumPy files in a folder, or the folder itself; None if it is neither."""
    if (source.path / NAME).is_dir():
        return source.inside(source.path / NAME)
    files = _only_arrays(source)
    if files and _dimensions(files) == STACK:
        return source if _is_binary(files[0]) else None
    folders = [source.inside(folder) for folder in source.folders]
    # A file beside the folders says that this is something else, of which no format may be sure.
    if not folders or len(folders) < len(source.entries):
        return None
    inner = [path for folder in folders for path in _only_arrays(folder)]
    # An empty folder is a frame without masks; one of other files is not.
    bare = any(folder.entries and not _only_arrays(folder) for folder in folders)
    return source if inner and not bare and _dimensions(inner) == MASK else None


def unclear(source: Source) -> str:
    """What a folder of single arrays may be; empty if it is none."""
    files = _only_arrays(source)
    dimensions = _dimensions(files)
    if dimensions == STACK and not _is_binary(files[0]):
        return (
            f"{files[0]}: a stack of several numbers; if they are label images (t, h, w) give the "
            f"file itself, if they are masks (n, h, w) move the files to {source.path.name}/{NAME}/"
        )
    if dimensions != MASK:
        return ""
    return (
        f"{files[0]}: is one (h, w) array; the masks of a frame are a stack (n, h, w), or files "
        f"{files[0].stem}/0.npy, {files[0].stem}/1.npy, ...; label images are one array (t, h, w)"
    )


def _only_arrays(folder: Source) -> tuple[Path, ...]:
    """The .npy files of a folder of nothing else."""
    files = folder.files(".npy")
    return files if len(files) == len(folder.entries) else ()


def _dimensions(files: tuple[Path, ...] | list[Path]) -> int:
    """Dimensions of the first array that is not empty; 0 if all are."""
    # Lazy: the first header with pixels decides, and thousands of others stay closed.
    return next((len(shape) for shape in map(_shape, files) if 0 not in shape), 0)


def _is_binary(path: Path) -> bool:
    """Whether a stack has one value beside 0, or is of a kind that label images never have."""
    with npy.open_array(path) as (file, header):
        if header.dtype.kind not in "ui":
            return True
        # The stack, its values other than 0, and the copy that np.unique sorts.
        check_memory(3 * header.nbytes, str(path))
        stack = np.empty(header.shape, header.dtype)
        npy.read_into(file, path, stack)
        return np.unique(stack[stack != 0]).size <= 1


def _shape(path: Path) -> tuple[int, ...]:
    with npy.open_array(path) as (_, header):
        return header.shape


def frames(folder: Source, root: Path) -> Iterator[Frame]:
    """Yield the frames of ``folder``, whose records name files relative to ``root``."""
    for entry in folder.entries:
        relative = entry.relative_to(root).as_posix()
        if entry.is_dir():
            files = [p for p in folder.inside(entry).entries if p.suffix == ".npy"]
            # More than one header per frame is not looked at: there may be many thousands.
            if len(files) == 1 and _shape(files[0]) == (0,):
                files = []
            yield Frame(entry.name, tuple({"segmentation": f"{relative}/{p.name}"} for p in files))
        elif entry.suffix in (".npy", ".npz"):
            count = _stack_length(entry)
            yield Frame(
                entry.stem, tuple({"segmentation": relative} for _ in range(count)), "stack"
            )


def _stack_length(path: Path) -> int:
    with npy.open_array(path) as (_, header):
        npy.check_numbers(header, path)
        if header.shape == (0,):
            return 0
        if len(header.shape) != STACK or 0 in header.shape[1:]:
            raise ValueError(
                f"{path}: shape {header.shape}; the stack of a frame is (masks, height, width), "
                f"a single mask goes to {path.with_suffix('')}/0.npy"
            )
        if npy.looks_transposed(header.shape):
            raise ValueError(
                f"{path}: shape {header.shape} looks like (height, width, masks); the stack of a "
                "frame is (masks, height, width): save np.moveaxis(masks, -1, 0), or each mask as "
                f"{path.with_suffix('')}/0.npy, 1.npy, ... if there are so many"
            )
        check_pixels(header.shape[1:], f"{path}: ")
        # A header of a few bytes may claim any number of masks of hardly any pixels.
        check_memory(header.shape[0] * RECORD_BYTES, f"{path}: {header.shape[0]} masks")
        return header.shape[0]
