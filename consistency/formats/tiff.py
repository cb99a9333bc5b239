"""Microscopy stacks: one TIFF file of label images (T, Y, X); several where masks overlap.

DATA.tif, or a folder with one stack, or with NAME_layer0.tif, NAME_layer1.tif, ... whose masks all
belong to the same frames.  Frames are numbered from 0.

Written: tiff/NAME.tif or its layers, 8, 16 or 32 bits as labels need, zlib-compressed.  A label
stays in one layer: labels that overlap anywhere are in different ones.
"""

import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from consistency.dataset import Dataset, Frame, Layout, in_order
from consistency.formats import images, label_images
from consistency.formats.buffer import Buffer
from consistency.formats.labelled import LabelledSequence
from consistency.formats.layers import Layers, draw_layers, plan_layers
from consistency.formats.source import Source
from consistency.formats.writing import FrameTask, Output, Plan, WriteResult
from consistency.masks.packed import PackedMasks
from consistency.masks.packing import Packer, sort_words
from consistency.options import WritingOptions

if TYPE_CHECKING:
    from tifffile import TiffFile

LAYER = re.compile(r"(.+)_layer(\d+)")
ZLIB_LEVEL = 2  # label images are long runs of one value: fast levels are as small as slow ones


def matches(source: Source) -> bool:
    """Whether this is a TIFF file, or a folder of nothing but stacks."""
    if source.path.is_file():
        return source.is_file(*images.TIFF_SUFFIXES)
    files = source.files(*images.TIFF_SUFFIXES)
    if not files or len(files) < len(source.images) or source.sample_image is None:
        return False
    # One image alone is a frame of label images; named as a layer it is a stack of one frame.
    layers = all(LAYER.fullmatch(path.stem) for path in files)
    return (len(files) == 1 or layers) and (source.sample_image.pages > 1 or layers)


def open_dataset(source: Source) -> Dataset:
    """List the frames; ValueError if a file is not a (T, Y, X) stack of integers."""
    one = source.path.is_file()
    root = source.path.parent if one else source.path
    files = (source.path,) if one else source.files(*images.TIFF_SUFFIXES)
    lengths = {path.name: _length(path) for path in files}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"{root}: layers of different lengths: {lengths}; they share their frames")
    names = tuple(lengths)
    frames = [Frame(f"{t:04d}", (), (t, names), listed=False) for t in range(lengths[names[0]])]
    return Dataset(Layout(root, "tiff"), in_order(frames, root, key=None))


def _length(path: Path) -> int:
    """Number of frames of one stack."""
    with _open(path) as pages:
        return pages.length


class _Pages:
    """The images of an open stack, by index."""

    def __init__(self, path: Path, file: "TiffFile"):
        images.first_page(path, file)
        series = file.series[0]
        shaped = len(series.shape) in (2, 3) and series.axes.endswith("YX")
        if not shaped or series.dtype.kind not in "bui":
            raise ValueError(
                f"{path}: {series.dtype} of shape {series.shape} ({series.axes}); a stack of label "
                "images is (T, Y, X) of integers"
            )
        # One page for many frames is never compressed, so the file must be as long as its pixels.
        if series.nbytes > path.stat().st_size and len(file.pages) < series.shape[0]:
            raise ValueError(
                f"{path}: damaged image (too short for {series.shape}); write it again"
            )
        self.path, self.file, self.series = path, file, series
        self.length = series.shape[0] if len(series.shape) == 3 else 1

    def __call__(self, t: int) -> np.ndarray:
        """Label image of frame ``t``, integer (h, w)."""
        if len(self.file.pages) >= self.length:
            pixels = images.page_pixels(self.path, self.file.pages[t])
        else:  # one page for all frames, as large stacks of ImageJ are
            images.check_size(self.path, self.series.shape[-2:], self.series.dtype.itemsize)
            images.check_segments(self.path, self.file.pages[0])
            # Mapped, not read: only the part of this frame is loaded.
            pixels = self.series.asarray(out="memmap")[t]
        return images.numbers(self.path, pixels)


@contextmanager
def _open(path: Path) -> Iterator[_Pages]:
    with images.readable(path), images.open_tiff(path) as file:
        yield _Pages(path, file)


def read_unlisted(layout: Layout, frame: Frame) -> tuple[Frame, PackedMasks]:
    """List and pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    t, names = frame.source
    records: list[dict] = []
    packed: list[PackedMasks] = []
    for name in names:
        with _open(layout.root / name) as pages:
            values, masks = label_images.values_and_masks(pages(t))
        # Layer after layer: ``read_masks`` finds the masks in this order again.
        records += [{"segmentation": name, "value": value} for value in values]
        packed += [masks] if values else []
    identities = tuple(record["value"] for record in records)
    return Frame(frame.name, tuple(records), t, identities), _join(frame, packed)


def read_masks(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    values = defaultdict(list)
    for record in frame.records:
        values[record["segmentation"]].append(record["value"])
    packed: list[PackedMasks] = []
    for name, mine in values.items():
        with _open(layout.root / name) as pages:
            packed.append(label_images.pack_labels(pages(frame.source), mine))
    return _join(frame, packed)


def _join(frame: Frame, layers: Sequence[PackedMasks]) -> PackedMasks:
    """Put the masks of several layers into one frame, in order."""
    if not layers:
        return Packer((0, 0)).finish()
    if len({masks.shape for masks in layers}) > 1:
        raise ValueError(f"frame {frame.name!r}: layers differ in size; they share their frames")
    if len(layers) == 1:
        return layers[0]
    counts = [layer.count for layer in layers]
    # Masks of a layer are numbered behind those of all layers before it.
    before = [sum(counts[:i]) for i in range(len(counts))]
    mask = [layer.mask + b for layer, b in zip(layers, before, strict=True)]
    # The words of a layer are sorted by position, not by mask; a stable sort joins the layers.
    return sort_words(
        layers[0].shape,
        layers[0].order,
        sum(counts),
        np.concatenate([layer.position for layer in layers]),
        np.concatenate(mask).astype(np.int32),
        np.concatenate([layer.word for layer in layers]),
    )


def _plan(sequence: LabelledSequence, options: WritingOptions) -> Plan[Layers, None]:
    return Plan(plan_layers(sequence, "tiff"), None)


def _write_frame(task: FrameTask, layers: Layers) -> WriteResult[list[bytes]]:
    """Return the compressed page of each layer: kilobytes, as label images are."""
    # Compressed in the worker: the main process only appends, and kilobytes travel.
    pages = [zlib.compress(image.tobytes(), ZLIB_LEVEL) for image in draw_layers(task, layers)]
    return WriteResult(rows=pages)


@contextmanager
def _gather(
    sequence: LabelledSequence, plan: Plan[Layers, None], folder: Path
) -> Iterator[Callable[[int, list[bytes]], None]]:
    """Append the pages of every frame to the stacks."""
    import tifffile

    layers, shape, dtype = plan.shared, plan.shared.shape, plan.shared.dtype
    (folder / "tiff").mkdir(exist_ok=True)
    with ExitStack() as stack:
        files = []
        for name in layers.names(sequence.name):
            bytes_needed = len(sequence.frames) * shape[0] * shape[1] * dtype.itemsize
            # Offsets of a plain TIFF have 32 bits.  Pages are compressed, but how well is not known
            # yet.
            writer = tifffile.TiffWriter(
                folder / "tiff" / f"{name}.tif", bigtiff=bytes_needed > 2**32
            )
            files.append(stack.enter_context(writer))

        def add(t: int, pages: list[bytes]) -> None:
            for file, page in zip(files, pages, strict=True):
                file.write(
                    # An iterator of bytes is written as it is: the strip is compressed already.
                    iter([page]),
                    shape=shape,
                    dtype=dtype,
                    compression="zlib",
                    # One strip, as it was compressed in one go.
                    rowsperstrip=shape[0],
                    photometric="minisblack",
                    # With tifffile's own description each page would be a series of its own, of one
                    # frame.
                    metadata=None,
                )

        yield add


OUTPUT = Output(_write_frame, _plan, _gather)
