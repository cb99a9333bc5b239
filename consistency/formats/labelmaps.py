"""Plain label images: a folder of 8- or 16-bit grey PNG, BMP or TIFF files, one per frame.

A pixel holds the number of its object, 0 is background.  Numbers are identities where the same
number means the same object in every frame, which only the user knows.

Written: label_maps/<frame stem>.png, 8 bits where they hold all labels, else 16.
"""

from functools import partial

from consistency.dataset import Dataset, Frame, Layout, in_order
from consistency.formats import ctc, flatten, label_images
from consistency.formats.buffer import Buffer
from consistency.formats.labelled import LabelledSequence
from consistency.formats.numbering import gather_numbers, number_labels
from consistency.formats.source import Source
from consistency.formats.writing import FrameTask, Output, WriteResult
from consistency.masks.packed import PackedMasks
from consistency.options import WritingOptions

FOLDER = "label_maps"
LIMIT = 65_535


def matches(source: Source) -> bool:
    """Whether the folder holds single grey images that no file beside them says more about."""
    header = source.sample_image
    return (
        header is not None
        and header.kind == "numbers"
        # The rest belongs to formats that know more: stacks, images of ctc, images whose JSON lists
        # their ids.
        and header.pages == 1
        and not any(map(ctc.is_track_image, source.images))
        and not {p.stem for p in source.files(".json")} & {p.stem for p in source.images}
    )


def open_dataset(source: Source) -> Dataset:
    """List the frames; what is in them is known when they are read."""
    frames = in_order(label_images.label_frames(source.path, source.images), source.path)
    return Dataset(Layout(source.path, "labelmaps"), frames)


def read_unlisted(layout: Layout, frame: Frame) -> tuple[Frame, PackedMasks]:
    """List and pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    return label_images.read_unlisted(layout.root, frame)


def read_masks(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    return label_images.read_label_frame(layout.root, frame)


def _plan(sequence: LabelledSequence, options: WritingOptions) -> flatten.ImagePlan[None]:
    numbering = number_labels(sequence, options, LIMIT, "labelmaps")
    # No dtype: 8 bits where the numbers allow it, as most viewers show those.
    return flatten.plan(sequence, options, numbering, None, None)


def _write_frame(task: FrameTask, drawing: flatten.Drawing[None]) -> WriteResult[None]:
    image, lost = flatten.draw(task, drawing)
    flatten.save_png(task.path(FOLDER, f"{task.reader.frame.stem}.png"), image)
    return WriteResult(lost=lost)


OUTPUT = Output(_write_frame, _plan, partial(gather_numbers, file=f"{FOLDER}/numbers.csv"))
