"""What ``--output`` writes, frame by frame, in workers.

An output is a function and a line in OUTPUTS.  It writes the files of one frame into the
experiment's folder and returns a value for each kept mask that goes into its record of
<name>.json: the new "segmentation", or None to leave the record as it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from consistency.dataset import Frame, Layout
from consistency.formats import npy, rle
from consistency.labels import FrameLabels
from consistency.packed import PackedMasks

MASK_FOLDER = "numpy_masks"


@dataclass(frozen=True, eq=False)
class LabelledInput:
    """A frame of the input and what is known of its kept masks; travels to a worker."""

    frame: Frame
    labels: FrameLabels


class FrameReader:
    """Reads the masks of one frame once, when the first output asks for them."""

    def __init__(self, layout: Layout, frame: Frame, buffer: npy.Buffer):
        self.layout, self.frame, self.buffer = layout, frame, buffer
        self._masks: PackedMasks | None = None

    def masks(self) -> PackedMasks:
        """All masks of the input frame, packed."""
        if self._masks is None:
            self._masks = self.layout.read(self.frame, self.buffer)
        return self._masks

    def pixel_slices(self, index: int):
        """Pixels of one mask, row by row (see Packer.add_flat), the cheapest way there is."""
        direct = getattr(self.layout.module, "pixel_slices", None)
        slices = direct(self.layout, self.frame, index, self.buffer) if direct else None
        if slices is not None:
            return slices
        pixels = self.masks().unpack(index).ravel().view(np.uint8)
        return (pixels[i : i + npy.SLICE_BYTES] for i in range(0, pixels.size, npy.SLICE_BYTES))


def write_masks(reader: FrameReader, labels: FrameLabels, folder: Path, dtype: np.dtype) -> list:
    """Write mask × label as numpy_masks/<frame stem>/<mask index>.npy, (h, w) of ``dtype``."""
    relative = f"{MASK_FOLDER}/{reader.frame.stem}"
    (folder / relative).mkdir(parents=True, exist_ok=True)
    paths = []
    for index, label in zip(labels.kept.tolist(), labels.labels, strict=True):
        paths.append(f"{relative}/{index}.npy")
        slices = reader.pixel_slices(index)
        npy.write_labelled(folder / paths[-1], labels.shape, slices, label, dtype, reader.buffer)
    return paths


def write_rle(reader: FrameReader, labels: FrameLabels, folder: Path, dtype: np.dtype) -> list:
    """Return COCO run lengths; writes no file."""
    if not labels.labels:
        return []
    kept = reader.masks().select(labels.kept)
    return [rle.encode(kept, i, box) for i, box in enumerate(labels.boxes)]


def write_none(reader: FrameReader, labels: FrameLabels, folder: Path, dtype: np.dtype) -> list:
    """Leave the records pointing at the input."""
    return [None] * len(labels.labels)


Output = Callable[[FrameReader, FrameLabels, Path, np.dtype], list]
OUTPUTS: dict[str, Output] = {"masks": write_masks, "rle": write_rle, "none": write_none}


def write_chunk(
    chunk: Sequence[LabelledInput],
    layout: Layout,
    folder: Path,
    outputs: Sequence[str],
    dtype: np.dtype,
) -> list[dict[str, list]]:
    """Write all outputs of some frames; returns {output: value a mask} for each frame."""
    buffer = npy.Buffer()
    results = []
    for item in chunk:
        reader = FrameReader(layout, item.frame, buffer)
        results.append(
            {name: OUTPUTS[name](reader, item.labels, folder, dtype) for name in outputs}
        )
    return results
