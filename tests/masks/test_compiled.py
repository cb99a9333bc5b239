"""What is compiled gives what NumPy gives, to the bit; other tests of this folder run with both."""

import importlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from consistency.formats import rle
from consistency.masks import compiled
from consistency.masks.intersections import intersections, self_intersections
from consistency.masks.packing import Packer, pack
from consistency.masks.thumbnail_pool import ThumbnailPool
from consistency.masks.thumbnails import thumbnails

NATIVE = compiled.native
pytestmark = pytest.mark.skipif(
    NATIVE is None,
    reason="the inner loops are not compiled: python setup.py build_ext --inplace",
)
often = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(autouse=True)
def as_it_was():
    yield
    compiled.native = NATIVE


def both(way):
    """What ``way`` gives without what is compiled, and with it."""
    compiled.native = None
    plain = way()
    compiled.native = NATIVE
    return plain, way()


def same(plain, native):
    assert plain.dtype == native.dtype
    assert plain.shape == native.shape
    assert np.array_equal(plain, native, equal_nan=plain.dtype.kind == "f")


def frame(seed, count=None):
    """Masks (n, h, w), bool: noise, boxes, empty ones, in narrow and in wide pictures."""
    random = np.random.default_rng(seed)
    height, width = random.integers(1, 200, 2)
    count = random.integers(1, 6) if count is None else count
    masks = np.zeros((count, height, width), bool)
    for mask in masks:
        y, x = random.integers(0, height), random.integers(0, width)
        mask[y : y + random.integers(0, height + 1), x : x + random.integers(0, width + 1)] = True
        mask &= random.random(mask.shape) < random.choice([0.02, 0.5, 1.0, 1.0])
    return masks


seeds = st.integers(0, 2**32 - 1)
orders = st.sampled_from("CF")


@often
@given(seeds, orders)
def test_packed_words(seed, order):
    masks = frame(seed)
    plain, native = both(lambda: pack(masks, masks.shape[1:], order))
    for name in ("position", "mask", "word"):
        same(getattr(plain, name), getattr(native, name))


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
def test_what_is_not_0_is_foreground_in_slices_too(dtype):
    mask = (np.arange(300).reshape(3, 100) % 7).astype(dtype)

    def way():
        packer = Packer(mask.shape)
        packer.add_pixels(mask)
        flat = mask.ravel().astype(np.uint8)
        packer.add_flat(flat[begin : begin + 64] for begin in range(0, 300, 64))
        return packer.finish()

    plain, native = both(way)
    same(plain.word, native.word)
    assert np.array_equal(native.unpack(0), mask != 0)
    assert np.array_equal(native.unpack(1), mask != 0)


@often
@given(seeds, orders)
def test_tables_places_and_thumbnails(seed, order):
    masks, others = frame(seed), frame(seed)[::-1]
    shape = masks.shape[1:]
    one, two = pack(masks, shape, order), pack(others, shape, order)
    same(*both(lambda: intersections(one, two)))
    same(*both(lambda: self_intersections(one)))
    for plain, native in zip(*both(one.boxes_and_centroids), strict=True):
        same(plain, native)
    one = one.select(np.flatnonzero(one.areas()))
    boxes, _ = one.boxes_and_centroids()
    plain, native = both(lambda: thumbnails(one, boxes))
    for name in ("level", "origin", "words", "cells"):
        same(getattr(plain, name), getattr(native, name))
    if not one.count:
        return
    random = np.random.default_rng(seed)
    pairs = random.integers(0, one.count, (2, 40))
    way = random.normal(0, 1, (40, 2)) * random.choice([0, 5, 100, 1000], (40, 1))
    near = random.random(40) < 0.5
    pool = ThumbnailPool(plain)
    same(*both(lambda: pool.iou(*pairs, way, shape, near)))


def test_shapes_of_very_different_size_share_nothing_or_little():
    masks = np.zeros((3, 3000, 2000), bool)
    masks[0], masks[1, 1500, 1000], masks[2, 1500:1520, 1000:1030] = True, True, True
    packed = pack(masks, masks.shape[1:])
    pool = ThumbnailPool(thumbnails(packed, packed.boxes_and_centroids()[0]))
    first, second = np.divmod(np.arange(9), 3)
    same(*both(lambda: pool.iou(first, second, np.zeros((9, 2)))))


def test_a_frame_of_unknown_size_is_refused():
    masks = np.ones((1, 8, 8), bool)
    packed = pack(masks, (8, 8))
    pool = ThumbnailPool(thumbnails(packed, packed.boxes_and_centroids()[0]))
    one, still = np.array([0]), np.zeros((1, 2))

    def compare():
        with pytest.raises(ValueError, match="within needs the size of the frame"):
            pool.iou(one, one, still, None, np.array([True]))
        return pool.iou(one, one, still)

    same(*both(compare))


@often
@given(seeds)
def test_run_lengths(seed):
    masks = frame(seed)
    records = coco.encode(np.asfortranarray(masks.transpose(1, 2, 0).astype(np.uint8)))
    plain, native = both(lambda: rle.decode(records, masks.shape[1:]))
    for name in ("position", "mask", "word"):
        same(getattr(plain, name), getattr(native, name))
    for k, mask in enumerate(masks):
        assert np.array_equal(native.unpack(k), mask)


@often
@given(seeds, st.data())
def test_damaged_run_lengths_are_refused_in_the_same_words(seed, data):
    masks = frame(seed, count=3)
    records = coco.encode(np.asfortranarray(masks.transpose(1, 2, 0).astype(np.uint8)))
    which = data.draw(st.integers(0, 2))
    text = bytearray(records[which]["counts"])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text)))
        how = data.draw(st.sampled_from(["put", "cut", "set"]))
        if how == "put":
            text[place:place] = bytes([data.draw(st.integers(40, 120))])
        elif how == "cut":
            del text[place : place + 2]
        elif place < len(text):
            text[place] = data.draw(st.integers(0, 255))
    records[which]["counts"] = bytes(text)

    def way():
        try:
            found = rle.decode(records, masks.shape[1:])
        except ValueError as error:
            return str(error)
        return found.position.tolist(), found.mask.tolist(), found.word.tolist()

    plain, native = both(way)
    assert plain == native


def test_more_words_than_may_be_are_left_to_the_check_of_memory():
    text = coco.encode(np.asfortranarray(np.ones((640, 640), np.uint8)))["counts"]
    ends = np.array([len(text)])
    assert NATIVE.unpack_texts(text, ends, 640 * 640, 6402) is not None
    assert NATIVE.unpack_texts(text, ends, 640 * 640, 6400) is None


def test_a_buffer_that_is_too_small_is_refused():
    room = np.zeros(2, np.int32), np.zeros(2, np.uint64)
    with pytest.raises(ValueError, match="no room"):
        NATIVE.pack(np.ones(128, np.uint8), 0, 0, *room)


@often
@given(seeds, orders)
def test_tallies_and_chosen_masks(seed, order):
    masks = frame(seed)
    packed = pack(masks, masks.shape[1:], order)
    chosen = np.random.default_rng(seed).permutation(len(masks))[: len(masks) // 2 + 1]

    def way():
        fresh = packed.select(range(packed.count))
        part = packed.select(chosen)
        return [*fresh.tallies, fresh.per_position, part.position, part.mask, part.word]

    for plain, native in zip(*both(way), strict=True):
        same(plain, native)


def test_what_was_built_of_an_older_source_is_left_out(monkeypatch):
    monkeypatch.setattr("consistency.masks._compiled.INTERFACE", compiled.INTERFACE - 1)
    assert importlib.reload(compiled).native is None
    monkeypatch.undo()
    assert importlib.reload(compiled).native is NATIVE
