"""What is put away packed must come back bit for bit."""

import numpy as np
import pytest

from consistency.masks.packing import pack
from consistency.masks.thumbnails import thumbnails
from consistency.track import thumbnail_store
from consistency.track.thumbnail_store import ThumbnailStore

FIELDS = ("level", "origin", "words", "cells")


def frames(order):
    """Thumbnails of frames of 0 to 6 masks: rectangles, noise, single pixels, 1 to 200 pixels."""
    random = np.random.default_rng(3)
    for count in (3, 0, 6, 1, 5):
        masks = np.zeros((count, 220, 330), bool)
        for mask in masks:
            h, w = random.integers(1, 200, 2)
            y, x = random.integers(0, 220 - h + 1), random.integers(0, 330 - w + 1)
            mask[y : y + h, x : x + w] = random.uniform(size=(h, w)) < random.choice([0.1, 1.0])
            mask[y, x] = True
        yield made(masks, order)


def made(masks, order="C"):
    packed = pack(list(masks), masks.shape[1:], order)
    return thumbnails(packed, packed.boxes_and_centroids()[0])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("kept", "block"), [(0, 1), (0, 4), (4, 4), (100, 4)])
def test_thumbnails_come_back_as_they_were(order, kept, block, monkeypatch):
    monkeypatch.setattr(thumbnail_store, "KEPT_MASKS", kept)
    monkeypatch.setattr(thumbnail_store, "BLOCK_MASKS", block)
    given = list(frames(order))
    store = ThumbnailStore()
    for some in given:
        store.add(some)
    total = sum(some.level.size for some in given)
    whole = {f: np.concatenate([getattr(some, f) for some in given]) for f in FIELDS}
    for numbers in (np.arange(total), np.array([0, 7, 8, total - 1]), np.array([5])):
        found = store.find(numbers)
        assert found.column_major == (order == "F")
        for field in FIELDS:
            expected = whole[field][numbers]
            assert getattr(found, field).dtype == expected.dtype
            assert np.array_equal(getattr(found, field), expected)
    assert store.find(np.zeros(0, np.int64)).level.size == 0


def test_packed_objects_take_an_eighth():
    masks = np.zeros((200, 64, 64), bool)
    for n, mask in enumerate(masks):
        mask[:, : 1 + n % 60] = True
    packed = thumbnail_store._Packed.of(made(masks))
    sizes = [part.nbytes for part in vars(packed).values() if isinstance(part, np.ndarray)]
    assert sum(sizes) < 1100 / 7 * masks.shape[0]
