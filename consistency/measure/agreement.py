"""Whether the masks of two frames agree that the camera moved.

Many objects that walk the same way look like a moving camera.  So the masks vote: each tells how
much better it finds itself in the later frame with the motion than without, and the motion counts
only where, region by region of the frame, much more is gained by it than lost.
"""

from dataclasses import dataclass

import numpy as np

from consistency.masks.thumbnail_pool import ThumbnailPool
from consistency.masks.thumbnails import Thumbnails

BLOCKS = 4  # the frame is divided into BLOCKS × BLOCKS blocks
# What the blocks that are better off with a motion gain, over what the others lose: one object in
# four may go its own way.  Where the camera stands, gains and losses are about the same.
LEAST_AGREEMENT = 3.0
# Masks whose boxes have a smaller IoU are not compared, to save time: theirs is small, too.
LEAST_BOX_IOU = 0.2


@dataclass(frozen=True, eq=False)
class Voters:
    """The n masks of a frame, n > 0.

    Attributes
    ----------
    shape : (height, width) of the frame in pixels.
    boxes : int64 (n, 4), x, y, width, height in pixels.
    centroids : float64 (n, 2), x, y in pixels; NaN for an empty mask.
    thumbnails : of the masks.
    """

    shape: tuple[int, int]
    boxes: np.ndarray
    centroids: np.ndarray
    thumbnails: Thumbnails

    def blocks(self) -> np.ndarray:
        """Return the number of the block that each mask's centroid is in, int64 (n,)."""
        # An empty mask is nowhere; any block will do, as it gains and loses nothing.
        places = np.nan_to_num(self.centroids) * BLOCKS // np.array(self.shape[::-1])
        x, y = places.astype(np.int64).T
        return y * BLOCKS + x


def agree(earlier: Voters, later: Voters, move: np.ndarray) -> bool:
    """Tell whether the frame as a whole is better off with a motion than without.

    The masks of a block are summed before gains and losses are: where segmentation is unsteady,
    neighbours make up for one another.

    Parameters
    ----------
    move : float64 (n, 2), x, y in pixels, by which the motion carries each earlier mask; NaN for
        an empty one.
    """
    by_block = np.bincount(earlier.blocks(), weights=_gains(earlier, later, move))
    gain, loss = by_block[by_block > 0].sum(), -by_block[by_block < 0].sum()
    return bool(gain > LEAST_AGREEMENT * loss)


def _gains(earlier: Voters, later: Voters, move: np.ndarray) -> np.ndarray:
    """How much larger each earlier mask's best IoU is moved than standing, float64 (n,)."""
    pool = ThumbnailPool()
    numbers = pool.add(earlier.thumbnails), pool.add(later.thumbnails)
    moved, standing = (
        _best_iou(earlier, later, by, pool, numbers) for by in (move, np.zeros_like(move))
    )
    return moved - standing


def _best_iou(
    earlier: Voters,
    later: Voters,
    move: np.ndarray,
    pool: ThumbnailPool,
    numbers: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Largest IoU of each earlier mask with a later one after a move, float64 (n,); 0 without any.

    Parameters
    ----------
    move : float64 (n, 2), x, y in pixels.
    numbers : of the earlier and the later thumbnails in the pool.
    """
    rows, columns = (_box_iou(earlier.boxes, later.boxes, move) > LEAST_BOX_IOU).nonzero()
    best = np.zeros(move.shape[0])
    # What comes into the frame or leaves it speaks neither for a motion nor against it.
    within = np.ones(rows.size, bool)
    pairs = numbers[0][rows], numbers[1][columns]
    np.maximum.at(best, rows, pool.iou(*pairs, move[rows], later.shape, within))
    return best


def _box_iou(earlier: np.ndarray, later: np.ndarray, move: np.ndarray) -> np.ndarray:
    """IoU of boxes (n, 4) moved by ``move`` (n, 2) and boxes (m, 4), float64 (n, m)."""
    low, there = earlier[:, None, :2] + move[:, None], later[None, :, :2]
    high = np.minimum(low + earlier[:, None, 2:], there + later[None, :, 2:])
    common = np.maximum(high - np.maximum(low, there), 0.0).prod(axis=2)
    area = earlier[:, None, 2:].prod(axis=2) + later[None, :, 2:].prod(axis=2)
    return common / np.maximum(area - common, 1.0)  # two empty boxes: 0 / 1
