"""Masks that are, pixel by pixel, those of a frame before, and the words that the others touch.

Whatever two unchanged masks share, they shared before.  So only words at positions where a mask
is new, or where one is gone, have to be ANDed.
"""

from functools import cached_property

import numpy as np

from consistency.masks.intersections import Kernel, PairTable, self_intersections
from consistency.masks.packed import PackedMasks

NONE = -1  # no mask before is the same


class Comparable:
    """Masks of one frame that are looked for among those of another.

    Attributes
    ----------
    masks : the masks.
    areas : int64 (n,), pixels.
    """

    def __init__(self, masks: PackedMasks):
        self.masks = masks
        self.areas, self._sums, _ = masks.tallies

    @cached_property
    def keys(self) -> list[tuple[int, int]]:
        """Two numbers that equal masks have in common, and few others: area, sum of positions."""
        return list(zip(self.areas.tolist(), self._sums.tolist(), strict=True))

    def words_of(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions and words of one mask."""
        position, word, ends = self._grouped
        mine = slice(ends[index], ends[index + 1])
        return position[mine], word[mine]

    @cached_property
    def _grouped(self) -> tuple[np.ndarray, np.ndarray, list[int]]:
        """Positions and words of one mask after the other, and where each begins."""
        masks = self.masks
        # NumPy sorts 16 bits by radix, five times as fast.
        key = masks.mask.astype(np.uint16) if masks.count < 1 << 16 else masks.mask
        order = np.argsort(key, kind="stable")
        lengths = np.bincount(masks.mask, minlength=masks.count)
        return masks.position[order], masks.word[order], [0, *np.cumsum(lengths).tolist()]


def find_same(earlier: Comparable, later: Comparable) -> np.ndarray:
    """Index of an earlier mask that has the same pixels as each later one, int64 (n,), or NONE.

    Words are compared, not their checksums, so that no two masks are ever mistaken.  Empty masks
    are not looked for.
    """
    found = np.full(later.masks.count, NONE)
    layouts = [(each.masks.shape, each.masks.order) for each in (earlier, later)]
    if layouts[0] != layouts[1]:
        return found
    known: dict[tuple[int, int], list[int]] = {}
    for i, key in enumerate(earlier.keys):
        known.setdefault(key, []).append(i)
    for j, key in enumerate(later.keys):
        for i in known.get(key, ()) if key[0] else ():
            pairs = zip(earlier.words_of(i), later.words_of(j), strict=True)
            if all(np.array_equal(a, b) for a, b in pairs):
                found[j] = i
                break
    return found


def follow(same: np.ndarray, then: np.ndarray) -> np.ndarray:
    """Look up ``then``, int64 (m,), what the masks ``same``, int64 (n,), are; NONE stays NONE."""
    return np.append(then, NONE)[same]  # NONE is the last of all


def touched(masks: PackedMasks, chosen: np.ndarray) -> np.ndarray:
    """Positions at which one of the ``chosen`` masks, bool (n,), has pixels: bool (words,)."""
    if chosen.all():
        return masks.per_position > 0
    result = np.zeros(masks.words, bool)
    result[masks.position[chosen[masks.mask]]] = True
    return result


def pairs_of_words(earlier: PackedMasks, later: PackedMasks) -> int:
    """Count the words that are ANDed to compare two frames."""
    return int(np.dot(earlier.per_position, later.per_position))


def pairs_within(masks: PackedMasks) -> int:
    """Count the words that are ANDed to compare each mask of a frame with each other one."""
    # Of n masks at one position there are n (n - 1) / 2 pairs.
    return (pairs_of_words(masks, masks) - masks.position.size) // 2


def shared_within(
    now: Comparable, same: np.ndarray, before: PairTable | None
) -> tuple[np.ndarray, int]:
    """Pixels that the masks of a frame share, int64 (n, n), and how many words were ANDed for it.

    Parameters
    ----------
    same : of each mask, see ``find_same``.
    before : the table of the frame before; None where ``same`` is NONE.
    """
    known = np.flatnonzero(same != NONE)
    if before is None or not known.size:
        return self_intersections(now.masks, now.areas), pairs_within(now.masks)
    some = _at(now.masks, touched(now.masks, same == NONE))
    table = self_intersections(some)
    table[np.ix_(known, known)] = before.dense()[np.ix_(same[known], same[known])]
    return table, pairs_within(some)


def shared_between(
    earlier: PackedMasks, later: PackedMasks, same: np.ndarray, within: PairTable, kernel: Kernel
) -> tuple[np.ndarray, int]:
    """Pixels that two frames share, int64 (n, m), and how many words were ANDed for it.

    Parameters
    ----------
    same : of each later mask, see ``find_same``.
    within : pixels that the later masks share.
    """
    known = np.flatnonzero(same != NONE)
    if not known.size:
        return kernel(earlier, later), pairs_of_words(earlier, later)
    gone = np.ones(earlier.count, bool)
    gone[same[known]] = False
    positions = touched(earlier, gone) | touched(later, same == NONE)
    some = _at(earlier, positions), _at(later, positions)
    table = kernel(*some)
    # A mask has with the earlier picture of another what it has with its picture of now.
    table[np.ix_(same[known], known)] = within.select(known).dense()
    return table, pairs_of_words(*some)


def _at(masks: PackedMasks, positions: np.ndarray) -> PackedMasks:
    """Return the masks without their words at other ``positions``, bool (words,)."""
    chosen = np.flatnonzero(positions[masks.position])
    parts = masks.position[chosen], masks.mask[chosen], masks.word[chosen]
    return PackedMasks(masks.shape, masks.order, masks.count, *parts)
