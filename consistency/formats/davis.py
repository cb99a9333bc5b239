"""DAVIS and VOC (Pont-Tuset et al. 2017): a folder of PNG files with a palette, one per frame.

A pixel holds the number of its object, 0 is background.  254 and 255 are void (the documents and
the evaluation code of DAVIS disagree about which) and no object; so at most 253 are written.

Written: davis/<name>/<frame stem>.png.
"""

from functools import partial

import numpy as np

from consistency.dataset import Dataset, Frame, Layout, in_order
from consistency.formats import flatten, label_images
from consistency.formats.buffer import Buffer
from consistency.formats.labelled import LabelledSequence
from consistency.formats.numbering import gather_numbers, number_labels
from consistency.formats.source import Source
from consistency.formats.writing import FrameTask, Output, WriteResult
from consistency.masks.packed import PackedMasks
from consistency.options import WritingOptions

# Both, as either may mark what is not to be judged.
VOID = (254, 255)
LIMIT = 253


def matches(source: Source) -> bool:
    """Whether the folder holds palette images that no JSON file beside them says more about."""
    header = source.sample_image
    return (
        header is not None
        and header.kind == "palette"
        and not {p.stem for p in source.files(".json")} & {p.stem for p in source.images}
    )


def open_dataset(source: Source) -> Dataset:
    """List the frames; what is in them is known when they are read."""
    frames = in_order(label_images.label_frames(source.path, source.images), source.path)
    return Dataset(Layout(source.path, "davis"), frames)


def read_unlisted(layout: Layout, frame: Frame) -> tuple[Frame, PackedMasks]:
    """List and pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    # Void stays out here once and for all: only listed values are read later.
    return label_images.read_unlisted(layout.root, frame, VOID)


def read_masks(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    return label_images.read_label_frame(layout.root, frame)


def palette() -> bytes:
    """The 256 colours of VOC, 3 bytes each: bit 3 j + c of the number is bit 7 - j of channel c."""
    number = np.arange(256)[:, None]
    channel = np.arange(3)
    bits = [((number >> (3 * j + channel)) & 1) << (7 - j) for j in range(3)]
    # The bits never meet, so that a sum puts them together; row after row is r, g, b.
    return np.sum(bits, axis=0).astype(np.uint8).tobytes()


def _plan(sequence: LabelledSequence, options: WritingOptions) -> flatten.ImagePlan[str]:
    numbering = number_labels(sequence, options, LIMIT, "davis")
    return flatten.plan(sequence, options, numbering, np.dtype(np.uint8), sequence.name)


def _write_frame(task: FrameTask, drawing: flatten.Drawing[str]) -> WriteResult[None]:
    image, lost = flatten.draw(task, drawing)
    path = task.path("davis", drawing.extra, f"{task.reader.frame.stem}.png")
    flatten.save_png(path, image, palette())
    return WriteResult(lost=lost)


OUTPUT = Output(_write_frame, _plan, partial(gather_numbers, file="davis/numbers.csv"))
