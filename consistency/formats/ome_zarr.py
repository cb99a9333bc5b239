"""OME-Zarr labels (OME-NGFF 0.4, Moore et al. 2021): label images in chunks; only written.

ome-zarr/NAME.zarr/labels/NAME/0    array (t, y, x), a chunk a frame, zlib-compressed

In layers NAME_layer0, NAME_layer1, ... where masks overlap: a label stays in one layer.  Beside an
image, the folder ``labels`` goes into the image's .zarr.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from consistency.formats.labelled import LabelledSequence
from consistency.formats.layers import Layers, draw_layers, plan_layers
from consistency.formats.writing import Extra, FrameTask, Output, Plan, WriteResult
from consistency.options import WritingOptions
from consistency.plain_text import to_json

VERSION = "0.4"
AXES = [
    {"name": "t", "type": "time"},
    {"name": "y", "type": "space"},
    {"name": "x", "type": "space"},
]
ZLIB_LEVEL = 2  # label images are long runs of one value: fast levels are as small as slow ones
EXTRA = Extra("zarr", "create_array", " 3 or later (Python 3.11 or later)")
Shared = tuple[str, Layers, int]  # name of the experiment, layers, number of frames


def _plan(sequence: LabelledSequence, options: WritingOptions) -> Plan[Shared, None]:
    layers = plan_layers(sequence, "ome-zarr")
    return Plan((sequence.name, layers, len(sequence.frames)), None)


def _folder(name: str) -> str:
    return f"ome-zarr/{name}.zarr/labels"


def _array(layers: Layers, length: int) -> tuple[Any, dict[str, Any]]:
    """Return an array (t, y, x) in memory and what would be on disk, {file: zarr's buffer}."""
    import zarr
    from numcodecs import Zlib

    files: dict[str, Any] = {}
    array = zarr.create_array(
        zarr.storage.MemoryStore(files),
        # One frame a chunk: each file is written by one worker, and read for one frame.
        shape=(length, *layers.shape),
        chunks=(1, *layers.shape),
        dtype=layers.dtype,
        zarr_format=2,
        compressors=Zlib(ZLIB_LEVEL),
        fill_value=0,
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )
    return array, files


def _write_frame(task: FrameTask, shared: Shared) -> WriteResult[None]:
    """Write the chunk of a frame in each layer; a chunk of nothing but background has no file."""
    name, layers, length = shared
    for layer, image in zip(layers.names(name), draw_layers(task, layers), strict=True):
        # Workers share no array: each makes its chunk in memory, so that nobody waits for a file
        # that another one writes, and all files of a frame are known to who resumes a run.
        array, files = _array(layers, length)
        array[task.t] = image
        for file, content in files.items():
            # .zarray and .zattrs describe the array; ``_gather`` writes them once.
            if file[0] != ".":
                path = task.path(_folder(name), layer, "0", *file.split("/"))
                path.write_bytes(content.to_bytes())
    return WriteResult()


@contextmanager
def _gather(
    sequence: LabelledSequence, plan: Plan[Shared, None], folder: Path
) -> Iterator[Callable[[int, None], None]]:
    """Write what describes the groups and arrays."""
    yield lambda t, rows: None
    _, layers, length = plan.shared
    names = layers.names(sequence.name)
    labels = folder / _folder(sequence.name)
    _write_group(labels.parent, {})
    _write_group(labels, {"labels": names})
    for name in names:
        _write_group(labels / name, _description(name))
        (labels / name / "0").mkdir(exist_ok=True)
        # Of an array that nothing was put into there are no chunks, only what describes it.
        for file, content in _array(layers, length)[1].items():
            (labels / name / "0" / file).write_bytes(content.to_bytes())


def _write_group(path: Path, attributes: dict[str, Any]) -> None:
    path.mkdir(parents=True, exist_ok=True)
    (path / ".zgroup").write_text(to_json({"zarr_format": 2}) + "\n")
    (path / ".zattrs").write_text(to_json(attributes, indent=1) + "\n")


def _description(name: str) -> dict[str, Any]:
    """What OME-NGFF asks of a label image: one resolution, a pixel and a frame long."""
    scale = {"type": "scale", "scale": [1.0, 1.0, 1.0]}
    dataset = {"path": "0", "coordinateTransformations": [scale]}
    image = {"version": VERSION, "name": name, "axes": AXES, "datasets": [dataset]}
    return {"multiscales": [image], "image-label": {"version": VERSION}}


OUTPUT = Output(_write_frame, _plan, _gather, extra=EXTRA)
