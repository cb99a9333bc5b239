"""What was the same before is found, all else is counted, as nested loops over pixels do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import SHAPES, orders, random_masks

from consistency.masks.intersections import PairTable, intersections
from consistency.masks.packing import pack
from consistency.masks.unchanged import (
    NONE,
    Comparable,
    find_same,
    follow,
    shared_between,
    shared_within,
)
from consistency.measure.work import BLOCK, changed_blocks

pytestmark = pytest.mark.usefixtures("inner_loops")


def two_frames(seed, shape):
    """Masks of two frames, some of them the same, in another order; some doubled, some empty."""
    rng = np.random.default_rng(seed)
    earlier = random_masks(seed, int(rng.integers(0, 7)), shape)
    new = random_masks(seed + 1, int(rng.integers(0, 4)), shape)
    again = earlier[rng.random(len(earlier)) < 0.6]
    later = np.concatenate([again, new, again[:1]])
    return earlier, later[rng.permutation(len(later))]


pairs = st.builds(two_frames, st.integers(0, 10**6), st.sampled_from(SHAPES))


def loops(a, b):
    return np.array([[int((x & y).sum()) for y in b] for x in a], np.int64).reshape(len(a), len(b))


def words_anded(a, b, shape, order, wanted):
    """Pairs of words, one of each frame, at the positions of ``wanted``; the slow obvious way."""

    def occupied(mask):
        flat = mask.ravel(order=order)
        flat = np.pad(flat, (0, -flat.size % 64)).reshape(-1, 64)
        return flat.any(axis=1)

    where = np.any([occupied(m) for m in wanted], axis=0) if len(wanted) else np.zeros(1, bool)
    return sum(int((occupied(x) & occupied(y) & where).sum()) for x, y in zip(a, b, strict=True))


@given(pairs, orders)
def test_what_reuse_gives_is_what_pixels_give(frames, order):
    earlier, later = frames
    shape = later.shape[1:] or earlier.shape[1:]
    before, now = (Comparable(pack(masks, shape, order)) for masks in frames)
    same = find_same(before, now)
    for mask, index in zip(later, same.tolist(), strict=True):
        is_there = [bool((mask == other).all()) and mask.any() for other in earlier]
        assert (index != NONE) == any(is_there)
        assert index == NONE or is_there[index]
    within, _ = shared_within(before, np.full(len(earlier), NONE), None)
    np.testing.assert_array_equal(within, loops(earlier, earlier))
    within, words = shared_within(now, same, PairTable.of(within))
    np.testing.assert_array_equal(within, loops(later, later))
    fresh = later[same == NONE]
    first, second = np.triu_indices(len(later), 1)
    assert words == words_anded(later[first], later[second], shape, order, fresh)
    between, words = shared_between(
        before.masks, now.masks, same, PairTable.of(within), intersections
    )
    np.testing.assert_array_equal(between, loops(earlier, later))
    gone = [m for i, m in enumerate(earlier) if i not in same]
    i, j = np.indices((len(earlier), len(later))).reshape(2, -1)
    assert words == words_anded(earlier[i], later[j], shape, order, [*fresh, *gone])


def test_masks_of_another_size_or_order_are_not_the_same():
    mask = np.ones((4, 64), bool)
    one, turned = Comparable(pack([mask], (4, 64))), Comparable(pack([mask], (4, 64), "F"))
    assert find_same(one, Comparable(pack([mask], (4, 64)))).tolist() == [0], "the premise"
    assert find_same(one, turned).tolist() == [NONE]
    assert find_same(one, Comparable(pack([mask.T], (64, 4)))).tolist() == [NONE]


def test_equal_sums_are_no_equal_masks():
    a, b = np.zeros((1, 192), bool), np.zeros((1, 192), bool)
    a[0, [0, 64, 128]], b[0, [1, 65, 129]] = True, True  # areas and positions of words agree
    first, second = (Comparable(pack([m], a.shape)) for m in (a, b))
    assert first.keys == second.keys, "the premise"
    assert find_same(first, second).tolist() == [NONE]


def test_following_masks_over_frames():
    # t - 2: A B     t - 1: B C     t: C D B
    assert follow(np.array([1, NONE, 0]), np.array([1, NONE])).tolist() == [NONE, NONE, 1]
    assert follow(np.array([NONE]), np.zeros(0, np.int64)).tolist() == [NONE]


@given(pairs, orders)
def test_changed_blocks_hold_the_words_of_masks_that_came_or_went(frames, order):
    earlier, later = frames
    shape = later.shape[1:]
    before, now = (Comparable(pack(masks, shape, order)) for masks in frames)
    same = find_same(before, now)
    found = changed_blocks(now.masks, same, before.masks)
    y, x = (np.arange(side) // BLOCK for side in shape)
    expected = np.zeros((y[-1] + 1, x[-1] + 1), bool)
    rows, columns = np.indices(shape)
    rows, columns = (each.ravel(order=order) // BLOCK for each in (rows, columns))
    for mask in [*later[same == NONE], *(m for i, m in enumerate(earlier) if i not in same)]:
        flat = mask.ravel(order=order)
        for begin in range(0, flat.size, 64):
            if flat[begin : begin + 64].any():
                expected[rows[begin : begin + 64], columns[begin : begin + 64]] = True
    np.testing.assert_array_equal(found, expected)
