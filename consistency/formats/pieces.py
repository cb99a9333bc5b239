"""A data set whose masks of several pieces are cut up: each piece is a mask, in every worker.

Not a format of files: it reads through the format that the data set has.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from consistency.dataset import Dataset, Frame, Layout, LeftOut
from consistency.formats import check_listed as check_frames
from consistency.formats import read_frame, rle
from consistency.formats.buffer import Buffer
from consistency.masks.packed import PackedMasks
from consistency.masks.pieces import split


@dataclass(frozen=True, kw_only=True)
class PiecesLayout(Layout):
    """The layout of pieces.

    Attributes
    ----------
    (of Layout) : where the pixels are.
    whole : the layout of the masks that are cut up.
    above : pixels; smaller pieces are left out, and those of just so many.
    """

    whole: Layout
    above: int


def split_dataset(dataset: Dataset, above: int) -> Dataset:
    """Return the dataset with a mask for each piece of more than ``above`` pixels.

    All frames are unlisted: their records are those of whole masks until pixels are read.
    """
    whole = dataset.layout
    layout = PiecesLayout(whole.root, "pieces", whole.order, whole.limits, whole=whole, above=above)
    frames = tuple(replace(frame, source=frame, listed=False) for frame in dataset.frames)
    return replace(dataset, layout=layout, frames=frames)


def check_listed(layout: PiecesLayout, frames: Sequence[Frame]) -> None:
    """Check the frames as the format of the whole masks does."""
    check_frames(layout.whole, frames)


def read_unlisted(layout: PiecesLayout, frame: Frame) -> tuple[Frame, PackedMasks]:
    """List and pack the pieces in ``frame``; see ``consistency.formats`` for the contract."""
    whole, masks = read_frame(layout.whole, frame.source, Buffer())
    found = split(masks, layout.above)
    pieces, owner = found.masks, found.owner
    records = [whole.records[i] | {"piece_of": i} for i in owner.tolist()]
    areas, (boxes, _) = pieces.areas().tolist(), pieces.boxes_and_centroids()
    for i in np.flatnonzero(found.cut).tolist():
        # What the record says of the whole mask is wrong of a piece.
        own = {"area": areas[i], "bbox": boxes[i].tolist()}
        known_keys = records[i].keys() & own.keys()
        records[i] |= {"segmentation": rle.encode(pieces, i, boxes[i])}
        records[i] |= {key: own[key] for key in known_keys}
    known = whole.identities
    identities = None if known is None else tuple(known[i] for i in owner.tolist())
    # No source: that of the unlisted frame stays where it is, and does not travel back.
    left_out = tuple(LeftOut(*row) for row in found.left_out.tolist())
    return Frame(frame.name, tuple(records), None, identities, left_out=left_out), pieces


def read_masks(layout: PiecesLayout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the pieces in ``frame``; see ``consistency.formats`` for the contract."""
    _, masks = read_frame(layout.whole, frame.source, buffer)
    return split(masks, layout.above).masks
