"""The native layout: ``sk_masks.json`` with .npy files or run lengths, or ``numpy_masks/``.

DATA/sk_masks.json                  {frame: [{"segmentation": PATH or RLE, ...}, ...]}
DATA/numpy_masks/<frame>/<i>.npy    without the JSON: one (h, w) array per mask
DATA/numpy_masks/<frame>.npy|.npz   without the JSON: one (n, h, w) stack per frame
DATA/<frame>/<i>.npy, <frame>.npy   the same without the folder, where there is nothing else

DATA may also be the JSON file itself, whatever its name, or the folder of an experiment, whose
labels are then the identities.
"""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from consistency.dataset import Dataset, Frame, Layout, in_order, natural_key, short
from consistency.formats import box_rows, npy, numpy_folders, rle, values
from consistency.formats.buffer import Buffer
from consistency.formats.source import NATIVE_JSON, Source
from consistency.formats.writing import FrameTask, Output, WriteResult
from consistency.limits import OutsideError, check_memory, check_pixels, in_force
from consistency.masks.packed import PackedMasks
from consistency.masks.packing import Packer


def matches(source: Source) -> bool:
    """Whether ``source`` holds the JSON or the folder of the native layout."""
    if source.path.is_file():
        return _is_frames(source.content)
    return _records_file(source.path).is_file() or numpy_folders.find(source) is not None


unclear = numpy_folders.unclear


def _records_file(folder: Path) -> Path:
    """The JSON of a data folder or of an experiment."""
    # An experiment wins over a sk_masks.json beside it: its labels are what is asked for.
    own = folder / f"{folder.resolve().name}.json"
    if _is_experiment(own):
        return own
    renamed = experiment_name(folder)
    if renamed and not (folder / NATIVE_JSON).exists():
        raise ValueError(
            f"{folder}: is experiment {renamed!r} under another name; rename {renamed}.json to "
            f"{own.name}, else its labels are not found"
        )
    return folder / NATIVE_JSON


def experiment_name(folder: Path) -> str | None:
    """Name that the experiment in ``folder`` had when it was written; None if it is none."""
    if not (folder / "run.json").is_file() or not (folder / "tracks.csv").is_file():
        return None
    return next((p.stem for p in sorted(folder.glob("*.json")) if p.name != "run.json"), None)


def _is_experiment(file: Path) -> bool:
    """Whether this is the JSON of an experiment."""
    named = file.stem == file.parent.resolve().name
    return named and file.is_file() and (file.parent / "run.json").is_file()


def _order(file: Path) -> Callable | None:
    """How frames are sorted: those of an experiment are in the order of time as they stand."""
    return None if _is_experiment(file) else natural_key


def _is_frames(content: object) -> bool:
    """Whether this is {frame: [record with a segmentation, ...]}."""
    if not isinstance(content, dict) or not all(isinstance(v, list) for v in content.values()):
        return False
    # All records, not the first: frames without masks come first in many sequences.
    records = [record for value in content.values() for record in value]
    return all(isinstance(r, dict) and "segmentation" in r for r in records) and (
        "images" not in content and "videos" not in content
    )


def open_dataset(source: Source) -> Dataset:
    """List the frames; ValueError with file and frame for a malformed JSON or folder."""
    path = source.path
    file = path if path.is_file() else _records_file(path)
    if file.is_file():
        return dataset_of_records(file.parent, source.load(file), file, _order(file))
    folder = numpy_folders.find(source) or source
    frames = in_order(numpy_folders.frames(folder, path), folder.path)
    return Dataset(Layout(path, "native"), frames)


def dataset_of_records(
    root: Path, content: object, path: Path, key: Callable | None = natural_key
) -> Dataset:
    """Build a dataset from the content of a native JSON file; ``key`` as in ``in_order``."""
    frames = in_order(_frames_of_json(content, path), path, key)
    # Words hold the same pixels only if all frames are flattened alike.  Run lengths go down the
    # columns; a dataset of nothing else is packed that way and never needs pixels.
    only_runs = all(isinstance(r["segmentation"], dict) for f in frames for r in f.records)
    return Dataset(Layout(root, "native", "F" if only_runs else "C"), frames)


def _frames_of_json(content: object, path: Path) -> list[Frame]:
    if not isinstance(content, dict):
        raise ValueError(f"{path}: holds a {type(content).__name__}, not {{frame: [record, ...]}}")
    for name, records in content.items():
        if not isinstance(records, list):
            raise ValueError(f"{path}: frame {name!r} is not a list of records")
        for i, record in enumerate(records):
            # Most records of large files are good, which takes less time to see than to say where.
            if type(record) is dict and type(record.get("segmentation")) is dict:
                continue
            _check_record(record, f"{path}: frame {name!r}, mask {i}")
    return [
        Frame(name, tuple(records), identities=_identities(records))
        for name, records in content.items()
    ]


def _identities(records: list[dict]) -> tuple[int | None, ...] | None:
    """Labels that an earlier run gave, if any."""
    labels = [record.get("label") for record in records]
    # ``type``, not isinstance: True is an int to Python, and no label.
    known = tuple(v if type(v) is int and v > 0 else None for v in labels)
    return known if any(known) else None


def _check_record(record: object, where: str) -> None:
    if not isinstance(record, dict) or "segmentation" not in record:
        raise ValueError(f"{where}: no 'segmentation'; add the path of a .npy file or run lengths")
    value = record["segmentation"]
    if isinstance(value, dict):
        return
    if not isinstance(value, str):
        raise ValueError(f"{where}: segmentation is a {type(value).__name__}, not a path or RLE")
    if in_force().follow_links:
        return
    # By text alone, before any frame is read; links are met when the file is opened.
    inside = os.path.normpath(value)
    if os.path.isabs(inside) or inside.split(os.sep)[0] == "..":
        raise OutsideError(
            f"{where}: {short(value)} leads outside the data folder; use a path inside it, or add "
            "--follow-links if you trust the data"
        )


count_several = values.count_several


def read_masks(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    # A data set of run lengths alone is packed from its runs, without any pixels.
    if layout.order == "F":
        return rle.read_frame(frame)
    if frame.source == "stack":
        return _read_stack(layout, frame, buffer)
    return _read_files(layout, frame, buffer)


def _read_files(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    packer: Packer | None = None
    for i, record in enumerate(frame.records):
        value = record["segmentation"]
        if isinstance(value, dict):
            # Beside .npy files, run lengths have to be flattened as those are: row by row.
            shape, parts = _runs_as_pixels(value, i)
            packer = _of_one_size(packer, shape, i, "run lengths")
            packer.add_flat(parts)
            continue
        path = layout.root / value
        with _open_mask(path) as (file, header, shape):
            packer = _of_one_size(packer, shape, i, value)
            if not box_rows.add(packer, file, header, record, buffer):
                packer.add_flat(npy.rows(file, path, header, shape, buffer))
    return (packer or Packer((0, 0))).finish()


def _of_one_size(packer: Packer | None, shape: tuple[int, int], i: int, what: str) -> Packer:
    """The packer of a frame, made for its first mask."""
    if packer is None:
        return Packer(shape)
    if shape != packer.shape:
        raise ValueError(
            f"mask {i} ({what}) has {shape} pixels, mask 0 has {packer.shape}; all masks of a "
            "sequence have one size"
        )
    return packer


def _runs_as_pixels(value: dict, i: int) -> tuple[tuple[int, int], Iterator[np.ndarray]]:
    shape = rle.read_size(value)
    try:
        # One mask at a time, so that it is number 0 to ``decode``.
        packed = rle.decode([value], shape)
    except ValueError as error:
        raise ValueError(str(error).replace("mask 0", f"mask {i}", 1)) from error
    return shape, iter([packed.unpack(0).ravel()])


@contextmanager
def _open_mask(path: Path) -> Iterator[tuple[io.RawIOBase, npy.Header, tuple[int, int]]]:
    """Open a file of one mask, at its first pixel; yields (height, width) as well."""
    with npy.open_array(path) as (file, header):
        npy.check_numbers(header, path)
        if len(header.shape) != 2 or 0 in header.shape:
            raise ValueError(f"{path}: shape {header.shape}; a mask is (height, width)")
        check_pixels(header.shape, f"{path}: ")
        yield file, header, (header.shape[0], header.shape[1])


def _rows(path: Path, rows: tuple[int, int], buffer: Buffer) -> Iterator[np.ndarray]:
    """Yield the pixels of some rows of a mask file; it is closed behind the last."""
    with _open_mask(path) as (file, header, shape):
        begin, end = rows[0] * shape[1], rows[1] * shape[1]
        if header.fortran or not isinstance(file, io.FileIO):
            # Each slice is copied before the next is read into the same buffer.
            parts = [part.astype(bool) for part in npy.rows(file, path, header, shape, buffer)]
            yield np.concatenate(parts)[begin:end]
            return
        file.seek(file.tell() + begin * header.dtype.itemsize)
        yield from npy.slices(file, path, header.dtype, end - begin, buffer)


def _read_stack(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    if not frame.records:
        return Packer((0, 0)).finish()
    path = layout.root / frame.records[0]["segmentation"]
    with npy.open_array(path) as (file, header):
        packer = Packer((header.shape[1], header.shape[2]))
        if header.fortran:  # masks are interleaved: the whole stack is needed at once
            check_memory(3 * header.nbytes // header.dtype.itemsize, str(path))
            parts = npy.slices(file, path, header.dtype, int(np.prod(header.shape)), buffer)
            # As bool, each slice before the next is read into the same buffer.
            stack = np.concatenate([part.astype(bool) for part in parts])
            for mask in stack.reshape(header.shape, order="F"):
                packer.add_pixels(mask)
            return packer.finish()
        for _ in range(header.shape[0]):
            packer.add_flat(npy.rows(file, path, header, packer.shape, buffer))
    return packer.finish()


def pixel_slices(
    layout: Layout, frame: Frame, index: int, rows: tuple[int, int], buffer: Buffer
) -> Iterator[np.ndarray] | None:
    """Yield the pixels of some rows of a mask, or return None where only packing gives them."""
    value = frame.records[index]["segmentation"]
    # In a stack the pixels of a mask lie behind those of all masks before it.
    if frame.source == "stack" or isinstance(value, dict):
        return None
    return _rows(layout.root / value, rows, buffer)


def _write_rle(task: FrameTask, shared: None) -> WriteResult[None]:
    """Return COCO run lengths; writes no file."""
    return WriteResult(task.reader.run_lengths())


def _write_none(task: FrameTask, shared: None) -> WriteResult[None]:
    """Leave the records pointing at the input."""
    return WriteResult()


RLE: Output[None, None, None] = Output(_write_rle)
NONE: Output[None, None, None] = Output(_write_none)
