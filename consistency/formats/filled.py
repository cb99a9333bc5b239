"""A data set with masks that nobody segmented: made of those of other frames, kept as run lengths.

Not a format of files: what was segmented is read through the format that the data set has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from consistency.dataset import Dataset, Frame, Layout
from consistency.formats import read_masks as read_whole
from consistency.formats import rle
from consistency.formats.buffer import Buffer
from consistency.masks.packed import PackedMasks
from consistency.masks.packing import Packer

FILLED = "filled"  # key of records, true


@dataclass(frozen=True, kw_only=True)
class FilledLayout(Layout):
    """The layout of a data set with filled masks.

    Attributes
    ----------
    (of Layout) : where the pixels are.
    whole : the layout of the masks that were segmented.
    """

    whole: Layout


@dataclass(frozen=True)
class Segmented:
    """What was segmented of a frame: so many of its first records, which ``source`` belongs to."""

    count: int
    source: Any


def with_filled(dataset: Dataset, filled: Mapping[int, Sequence[dict]]) -> Dataset:
    """Return the dataset with more masks behind those of some frames.

    Parameters
    ----------
    dataset : all its frames are listed.
    filled : {index of a frame: records, with run lengths as their "segmentation"}.
    """
    layout = dataset.layout
    if not isinstance(layout, FilledLayout):
        own = layout.root, "filled", layout.order, layout.limits
        layout = FilledLayout(*own, whole=dataset.layout)
    frames = [_with_more(frame, filled.get(t, ())) for t, frame in enumerate(dataset.frames)]
    return replace(dataset, layout=layout, frames=tuple(frames))


def _with_more(frame: Frame, more: Sequence[dict]) -> Frame:
    segmented = Segmented(len(frame.records), frame.source)
    known = frame.identities
    identities = None if known is None else known + (None,) * len(more)
    records = frame.records + tuple(more)
    return replace(frame, records=records, source=segmented, identities=identities)


def count_filled(frame: Frame) -> int:
    """Return how many masks of a frame, its last ones, are filled."""
    given = frame.source
    return len(frame.records) - given.count if isinstance(given, Segmented) else 0


def read_masks(layout: FilledLayout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    given: Segmented = frame.source
    known = None if frame.identities is None else frame.identities[: given.count]
    records = frame.records[: given.count]
    whole = replace(frame, records=records, source=given.source, identities=known)
    more = [record["segmentation"] for record in frame.records[given.count :]]
    if not more:
        return read_whole(layout.whole, whole, buffer)
    shape = rle.read_size(more[0])
    made = rle.decode(more, shape)
    if not records and made.order == layout.order:
        return made
    packer = Packer(shape, layout.order)
    for masks in (read_whole(layout.whole, whole, buffer), made) if records else (made,):
        for index in range(masks.count):
            packer.add_pixels(masks.unpack(index))
    return packer.finish()
