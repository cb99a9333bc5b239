"""Masks that consist of several pieces, and masks of their pieces."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from consistency.masks.packed import PackedMasks
from consistency.masks.packing import pack_runs

TOUCHING = np.ones((3, 3))  # pixels that touch at a corner are of one piece


def number_pieces(
    masks: PackedMasks, index: int, box: Sequence[int] | np.ndarray
) -> tuple[np.ndarray, int]:
    """Return the pieces of a mask, which do not even touch at a corner.

    Parameters
    ----------
    box : x, y, width, height in pixels, around all pixels of the mask; not empty.

    Returns
    -------
    numbers : int32 (height, width) of the box, 1, 2, ... row by row where a piece begins; 0 outside
        the mask.
    count : number of pieces.
    """
    from scipy import ndimage  # takes a third of a second, and few runs need it

    return ndimage.label(masks.crop(index, box), TOUCHING)


@dataclass(frozen=True, eq=False)
class Pieces:
    """Masks of the pieces of masks.

    Attributes
    ----------
    masks : the pieces, those of one mask side by side.
    owner : int64 (n,), index of the mask that each is a piece of.
    cut : bool (n,), whether that mask had several.
    left_out : int64 (m, 3), for each mask of which pieces are left out: its index, their number,
        their pixels.
    """

    masks: PackedMasks
    owner: np.ndarray
    cut: np.ndarray
    left_out: np.ndarray


def split(masks: PackedMasks, above: int) -> Pieces:
    """Make masks of the pieces of each mask that has several.

    Parameters
    ----------
    above : of a mask of several pieces, those of so many pixels or fewer are left out.  A mask of
        one piece, or without pixels, stays as it is.
    """
    boxes, _ = masks.boxes_and_centroids()
    owner: list[int] = []
    cut: list[bool] = []
    left_out: list[tuple[int, int, int]] = []
    runs = [np.zeros((3, 0), np.int64)]
    for i, box in enumerate(boxes.tolist()):
        # A mask without pixels is dropped later, with that reason.
        numbers, count = number_pieces(masks, i, box) if box[2] else (np.zeros((0, 0), int), 1)
        areas = np.bincount(numbers.ravel(), minlength=count + 1)[1:]
        wanted = areas > (above if count > 1 else -1)
        if not wanted.all():
            left_out.append((i, int(np.count_nonzero(~wanted)), int(areas[~wanted].sum())))
        chosen = np.append(False, wanted)
        # 0 is outside of the mask, and where a piece is left out.
        renumbered = np.where(chosen, np.cumsum(chosen), 0)
        piece, start, stop = _runs(renumbered[numbers], box, masks)
        by_piece = np.argsort(piece, kind="stable")
        runs.append(np.stack([piece + len(owner) - 1, start, stop])[:, by_piece])
        owner += [i] * np.count_nonzero(chosen)
        cut += [count > 1] * np.count_nonzero(chosen)
    mask, start, stop = np.concatenate(runs, axis=1)
    pieces = pack_runs(masks.shape, len(owner), mask, start, stop, masks.order)
    gone = np.array(left_out, np.int64).reshape(-1, 3)
    return Pieces(pieces, np.array(owner, np.int64), np.array(cut, bool), gone)


def _runs(
    numbers: np.ndarray, box: Sequence[int], masks: PackedMasks
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return number, start and stop of the runs of one number > 0, as the frame is flattened."""
    x, y = box[:2]
    by_row = masks.order == "C"
    lines = numbers if by_row else numbers.T
    length, line, column = (masks.shape[1], y, x) if by_row else (masks.shape[0], x, y)
    padded = np.pad(lines, ((0, 0), (1, 1)))
    row, at = np.nonzero(padded[:, 1:] != padded[:, :-1])
    flat = (line + row) * length + column + at
    before, after = padded[row, at], padded[row, at + 1]
    return after[after > 0], flat[after > 0], flat[before > 0]
