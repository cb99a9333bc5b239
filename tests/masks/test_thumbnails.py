"""Thumbnails against the pixels that they stand for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consistency.masks.packing import pack
from consistency.masks.thumbnail_pool import ThumbnailPool
from consistency.masks.thumbnails import SIDE, joined, thumbnails
from consistency.masks.words import every_second_bit

pytestmark = pytest.mark.usefixtures("inner_loops")


def shapes(seed, count=3):
    """Masks (h, w): boxes with holes, of all sizes, also at the frame's edge."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 300, 2)
    masks = []
    for _ in range(count):
        y, x = rng.integers(0, height), rng.integers(0, width)
        mask = np.zeros((height, width), bool)
        mask[y : y + rng.integers(1, height + 1), x : x + rng.integers(1, width + 1)] = True
        mask &= rng.random((height, width)) < rng.choice([0.05, 0.5, 1.0])
        mask[y, x] = True
        masks.append(mask)
    return masks


def made(masks, order="C"):
    packed = pack(masks, masks[0].shape, order)
    return thumbnails(packed, packed.boxes_and_centroids()[0])


def drawn(thumbs, i):
    """Thumbnail ``i`` as bool (64, 64), y, x, and the x, y of its first cell."""
    cells = np.unpackbits(
        thumbs.words[i, :SIDE].view(np.uint8).reshape(SIDE, 8), axis=1, bitorder="little"
    )
    if thumbs.column_major:
        return cells.T.astype(bool), thumbs.origin[i, ::-1]
    return cells.astype(bool), thumbs.origin[i]


@pytest.mark.parametrize("order", ["C", "F"])
@settings(deadline=None)
@given(seed=st.integers(0, 10**6))
def test_a_thumbnail_holds_every_sample_of_its_mask(order, seed):
    masks = shapes(seed)
    thumbs = made(masks, order)
    for i, mask in enumerate(masks):
        samples = mask[:: 1 << thumbs.level[i], :: 1 << thumbs.level[i]]
        cells, (x, y) = drawn(thumbs, i)
        canvas = np.zeros((600, 600), bool)
        canvas[y : y + SIDE, x : x + SIDE] = cells
        expected = np.zeros((600, 600), bool)
        expected[: samples.shape[0], : samples.shape[1]] = samples
        np.testing.assert_array_equal(canvas, expected)
        assert thumbs.cells[i, 0] == samples.sum()


def test_the_grid_is_the_finest_that_covers_the_box():
    masks = [np.zeros((200, 300), bool) for _ in range(3)]
    masks[0][10:74, 5:69] = True  # 64 × 64 pixels
    masks[1][10:74, 5:70] = True  # one column more
    masks[2][:, :] = True
    assert made(masks).level.tolist() == [0, 1, 3]


def samples_iou(masks, step, move, frame=None):
    """IoU of every ``step``-th sample after moving the first mask by whole samples, x, y."""
    first, second = (np.pad(mask[::step, ::step], 400) for mask in masks)
    seen = np.pad(np.ones_like(masks[0][::step, ::step]), 400)
    way = {"shift": (move[1], move[0]), "axis": (0, 1)}
    first, shown = np.roll(first, **way), seen & np.roll(seen, **way)
    if frame:
        first, second = first & shown, second & shown
    union = (first | second).sum()
    return (first & second).sum() / union if union else 0.0


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("order", ["C", "F"])
@settings(deadline=None)
@given(seed=st.integers(0, 10**6))
def test_iou_equals_that_of_the_moved_samples(order, inside, seed):
    masks = shapes(seed, 2)
    thumbs = made(masks, order)
    step = 1 << int(thumbs.level.max())
    move = np.random.default_rng(seed).integers(-40, 40, 2)
    pool = ThumbnailPool(thumbs)
    pair = np.array([0]), np.array([1]), np.array([move * step], float)
    found = pool.iou(*pair, masks[0].shape, np.array([inside]))[0]
    assert found == pytest.approx(samples_iou(masks, step, move, inside))


def test_a_shape_overlaps_nothing_that_is_a_hundred_times_as_large():
    masks = [np.zeros((1 << 13, 1 << 13), bool) for _ in range(2)]
    masks[0][:3, :3] = True
    masks[1][:, ::1000] = True
    thumbs = made(masks)
    assert np.diff(thumbs.level) == [7]
    assert ThumbnailPool(thumbs).iou(np.array([0]), np.array([1]), np.zeros((1, 2))) == 0


@given(seed=st.integers(0, 10**6))
def test_a_pool_gives_each_thumbnail_its_own_place(seed):
    rng = np.random.default_rng(seed)
    pool, there = ThumbnailPool(), {}  # number: thumbnail of its own
    for _ in range(4):
        new = made(shapes(seed, rng.integers(1, 5)))
        numbers = pool.add(new).tolist()
        assert not set(numbers) & set(there)
        there |= {number: new.take(np.array([k])) for k, number in enumerate(numbers)}
        for number, own in there.items():
            alone = ThumbnailPool(own, new.take(np.array([0])))
            pair = np.array([number]), np.array(numbers[:1]), np.zeros((1, 2))
            assert pool.iou(*pair) == alone.iou(np.array([0]), np.array([1]), np.zeros((1, 2)))
        there = {number: own for number, own in there.items() if rng.random() < 0.5}
        pool.keep(np.array(list(there), np.int64))


def test_joined_thumbnails_are_those_of_their_frames():
    parts = [made(shapes(seed)) for seed in range(3)]
    both = joined(parts)
    for k, part in enumerate(parts):
        np.testing.assert_array_equal(both.take(3 * k + np.arange(3)).words, part.words)


@given(st.integers(0, 2**64 - 1))
def test_every_second_bit(value):
    bits = [value >> k & 1 for k in range(0, 64, 2)]
    expected = sum(bit << k for k, bit in enumerate(bits))
    assert int(every_second_bit(np.array([value], np.uint64))[0]) == expected
