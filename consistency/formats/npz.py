"""NumPy archives of a whole sequence, read once when opened and kept as run lengths.

masks (n, h, w) or packed bits, with frame_indices (n,) and, if known, object_ids (n,)
    every further array of n numbers is a field of the masks' records: scores, ...;
    packed bits are ``packbits`` (or ``packed``), np.packbits of each mask, of each row or of all,
    with ``shape`` (n, h, w);
label_maps (t, h, w), integer, or a .npy file of them
    a label image per frame;
an array for each mask or each frame
    named as in ``npz_named``.

An archive compresses the frames into one stream, so that frames cannot be looked up one by one.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from consistency.dataset import Dataset, Frame, Layout, frame_range, in_order, natural_key
from consistency.formats import not_masks, npy, npz_named, rle
from consistency.formats.buffer import Buffer
from consistency.formats.npz_arrays import images, names_of, read_column
from consistency.formats.source import Source
from consistency.formats.values import has_several_values
from consistency.limits import check_memory, check_pixels
from consistency.masks.packed import PackedMasks

PACKED = ("packbits", "packed")
INDEX = "frame_indices"
IDENTITY = "object_ids"
NARROWEST = 8  # height by width of an image; no camera has it
SHOWN = 8  # names of arrays

log = logging.getLogger("consistency")


def matches(source: Source) -> bool:
    """Whether this is such a file, or a folder with one of them."""
    path = _file(source)
    if path is None:
        return False
    # Nothing is opened here: an array that is not (t, h, w) gets a better error on opening than "no
    # masks found".
    if source.path.is_file():
        return True
    names = names_of(path)
    return INDEX in names or len(names) == 1 or bool(npz_named.parse(names))


def _file(source: Source) -> Path | None:
    if source.path.is_file():
        return source.path if source.is_file(".npz", ".npy") else None
    files = source.files(".npz")
    # Several archives may be a sequence each, and only the user knows.
    return files[0] if len(files) == 1 and not source.folders else None


def open_dataset(source: Source) -> Dataset:
    """Read the sequence; ValueError for arrays of other shapes, and for Python objects."""
    path = _file(source)
    if path is None:
        raise ValueError(f"{source.path}: expected one .npz or .npy file")
    names = names_of(path) if path.suffix.lower() == ".npz" else []
    try:
        return Dataset(Layout(path, "npz", "F"), in_order(*_frames(path, names)))
    except npy.ObjectsError as error:
        pickled = next(filter(partial(_is_pickled, path), names), "")
        name = None if npz_named.parse(names) else pickled  # None: each array is a frame
        raise ValueError(not_masks.of_objects(path, name, error.shape)) from error


def _is_pickled(path: Path, name: str) -> bool:
    try:
        with npy.open_array(path, name):
            return False
    except npy.ObjectsError:
        return True


def _frames(path: Path, names: list[str]) -> tuple[Iterable[Frame], Path, Callable | None]:
    """Return the frames, where they come from, and how they are sorted."""
    named = [] if INDEX in names else npz_named.parse(names)
    if named:
        return npz_named.frames(path, named), path, natural_key
    if INDEX in names:
        return _frames_of_masks(path, names), path, None
    if len(names) > 1:
        for name in names:  # one of Python objects has an error of its own
            with npy.open_array(path, name):
                pass
        more = f", ... ({len(names)} arrays)" if len(names) > SHOWN else ""
        raise ValueError(
            f"{path}: holds {', '.join(names[:SHOWN])}{more}; masks need {INDEX} (n,) beside them, "
            "or names FRAME/OBJECT; label images are one array (t, h, w)"
        )
    return _frames_of_labels(path, names[0] if names else None), path, None


def _frames_of_labels(path: Path, name: str | None) -> Iterator[Frame]:
    with npy.open_array(path, name) as (file, header):
        if len(header.shape) != 3 or header.dtype.kind not in "ui":
            raise ValueError(
                f"{path}: {header.dtype} of shape {header.shape}; label images of a sequence are "
                "(t, h, w) of integers, masks (n, h, w) need frame_indices"
            )
        if header.shape[2] and header.shape[1] > NARROWEST * header.shape[2]:
            raise ValueError(
                f"{path}: shape {header.shape} looks like (h, w, t); label images of a sequence "
                "are (t, h, w): save numpy.moveaxis(images, -1, 0).copy()"
            )
        for t, image in enumerate(images(file, path, header)):
            if header.dtype.kind == "i" and image.min() < 0:
                raise ValueError(f"{path}: frame {t}: negative values; background is 0")
            masks = rle.of_labels(image)
            records = tuple({"segmentation": s, "value": value} for value, s in masks.items())
            yield Frame(f"{t:06d}", records, None, tuple(masks))


def _frames_of_masks(path: Path, names: list[str]) -> list[Frame]:
    index = read_column(path, INDEX)
    if index is None or index.ndim != 1 or index.dtype.kind not in "ui" or (index < 0).any():
        found = "no array" if index is None else f"{index.dtype} {index.shape}"
        raise ValueError(f"{path}: {INDEX} is {found}, not (n,) of integers")
    others = [n for n in names if n not in ("masks", INDEX, "shape", *PACKED)]
    columns = {name: read_column(path, name, index.shape) for name in others}
    fields = {name: column for name, column in columns.items() if column is not None}
    stored = next((n for n in PACKED if n in names), "masks" if "masks" in names else None)
    if stored is None:
        raise ValueError(f"{path}: no array 'masks' or 'packbits'")
    # Frames without masks are listed nowhere, so they begin at 0 whatever the first index is.
    times = frame_range([0, *index.tolist()] if index.size else [], path)
    records: dict[int, list[dict]] = {t: [] for t in times}
    count = 0
    masks = _unpacked(path, stored) if stored in PACKED or "shape" in names else _plain(path)
    for i, pixels in enumerate(masks):
        if i >= index.size:
            raise ValueError(f"{path}: more masks than the {index.size} of {INDEX}")
        values = {name: column[i].item() for name, column in fields.items()}
        records[int(index[i])].append({"segmentation": npz_named.rle_of(pixels)} | values)
        count += 1
    if count < index.size:
        raise ValueError(f"{path}: {count} masks for {index.size} {INDEX}")
    return [_frame(t, tuple(mine)) for t, mine in records.items()]


def _frame(t: int, records: tuple[dict, ...]) -> Frame:
    identities = [record.get(IDENTITY) for record in records]
    # A column of floats or text is a field of the records like others.
    known = all(type(identity) is int for identity in identities)
    return Frame(f"{t:06d}", records, None, tuple(identities) if known else None)


def _plain(path: Path) -> Iterator[np.ndarray]:
    """Yield each mask of "masks" as bool (h, w)."""
    with npy.open_array(path, "masks") as (file, header):
        if len(header.shape) != 3:
            raise ValueError(f"{path}: masks of shape {header.shape}, not (n, h, w)")
        several = 0
        for image in images(file, path, header):
            several += has_several_values(image)
            yield npy.foreground(image, path) != 0
        if several:
            log.warning(
                "%s: %d masks have several values beside 0; each counts as the mask", path, several
            )


def _unpacked(path: Path, stored: str) -> Iterator[np.ndarray]:
    """Yield each mask of packed bits as bool (h, w)."""
    stated = read_column(path, "shape")
    if stated is None or stated.dtype.kind not in "ui" or stated.size not in (2, 3):
        raise ValueError(f"{path}: 'shape' is not two or three integers, (n, h, w) or (h, w)")
    shape = tuple(int(v) for v in stated.ravel())
    with npy.open_array(path, stored) as (file, header):
        dims = header.shape
        size = shape[-2] * shape[-1] if len(shape) in (2, 3) and min(shape) > 0 else 0
        count = shape[0] if len(shape) == 3 else dims[0]
        # The shape tells which of three ways was used; -(-a // 8) is a / 8 rounded up, as packbits
        # pads.
        bits = {2: (count, -(-size // 8)), 1: (-(-count * size // 8),)}.get(len(dims))
        if len(dims) == 3 and size:
            bits = (count, shape[-2], -(-shape[-1] // 8))
        if header.dtype != np.uint8 or not size or dims != bits or header.fortran:
            raise ValueError(
                f"{path}: {stored} is {header.dtype} {dims} for shape {shape}; expected "
                "np.packbits of (n, h, w), of its rows, or of each mask flattened"
            )
        check_pixels(shape[-2:], f"{path}: ")
        if len(dims) == 1:  # masks need not begin at a byte
            check_memory(header.nbytes, str(path))
            whole = np.empty(dims, np.uint8)
            npy.read_into(file, path, whole)
            for i in range(count):
                # The bits of neighbouring masks share a byte: unpacked with it, and cut off.
                first, last = i * size // 8, -(-(i + 1) * size // 8)
                flat = np.unpackbits(whole[first:last])[i * size - 8 * first :][:size]
                yield flat.reshape(shape[-2:]).astype(bool)
            return
        # Each mask, or each of its rows, begins at a byte here: one mask of memory is enough.
        part = np.empty(dims[1:], np.uint8)
        width = shape[-1] if len(dims) == 3 else size
        for _ in range(count):
            npy.read_into(file, path, part)
            yield np.unpackbits(part, axis=-1, count=width).reshape(shape[-2:]).astype(bool)


def read_masks(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    return rle.read_frame(frame)
