"""A video made of pieces: a frame may have masks of several data sets.

Not a format of files: it reads through the formats that the pieces have.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from consistency.dataset import Frame, Layout
from consistency.formats import read_masks as read_any
from consistency.formats.buffer import Buffer
from consistency.masks.packed import PackedMasks
from consistency.masks.packing import repacked, together


@dataclass(frozen=True)
class Part:
    """Some masks of one frame of a piece.

    Attributes
    ----------
    piece : number of the piece.
    frame : its frame.
    masks : indices of the masks.
    """

    piece: int
    frame: Frame
    masks: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class JoinedLayout(Layout):
    """The layout of a joined video: ``pieces`` are those of its pieces, by number."""

    pieces: tuple[Layout, ...]


def layout_of(pieces: Sequence[Layout]) -> JoinedLayout:
    """Return the layout of a video made of pieces."""
    orders = {piece.order for piece in pieces}
    # Where they differ all are flattened row after row, as most formats are.
    order = orders.pop() if len(orders) == 1 else "C"
    first = pieces[0]
    return JoinedLayout(first.root, "joined", order, first.limits, pieces=tuple(pieces))


def frame_of(name: str, parts: Sequence[Part]) -> Frame:
    """Return a frame with the masks of all parts, in their order."""
    records = [part.frame.records[i] for part in parts for i in part.masks]
    return Frame(name, tuple(records), source=tuple(parts))


def read_masks(layout: JoinedLayout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    found = []
    for part in frame.source:
        masks = read_any(layout.pieces[part.piece], part.frame, buffer).select(part.masks)
        found.append(repacked(masks, layout.order))
    return together(found)
