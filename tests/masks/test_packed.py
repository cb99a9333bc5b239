"""PackedMasks against pixels: every number that bits give must equal the one that arrays give."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco
from strategies import SHAPES, frames, orders, random_masks

from consistency.formats import rle
from consistency.masks.intersections import containment, intersections, iou, self_intersections
from consistency.masks.packing import pack, pack_runs

pytestmark = pytest.mark.usefixtures("inner_loops")


def nested_loop_intersections(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The slow obvious version."""
    return np.array([[int((x & y).sum()) for y in b] for x in a], np.int64).reshape(len(a), len(b))


@given(frames, orders)
def test_pack_and_unpack_are_inverse(masks, order):
    packed = pack(masks, masks.shape[1:], order)
    assert packed.count == len(masks)
    for i, mask in enumerate(masks):
        np.testing.assert_array_equal(packed.unpack(i), mask)


@pytest.mark.parametrize("size", [1, 63, 64, 257])
def test_more_masks_than_there_is_room_for_at_first(size):
    random = np.random.default_rng(size)
    masks = random.random((200, size, size)) < 0.5  # no word is empty
    packed = pack(masks, (size, size))
    assert np.array_equal([packed.unpack(k) for k in range(200)], masks)


@given(frames, orders)
def test_areas_boxes_and_centroids_equal_those_of_pixels(masks, order):
    packed = pack(masks, masks.shape[1:], order)
    areas = packed.areas()
    boxes, centroids = packed.boxes_and_centroids()
    for i, mask in enumerate(masks):
        y, x = np.nonzero(mask)
        assert areas[i] == y.size
        if y.size == 0:
            assert boxes[i].tolist() == [0, 0, 0, 0]
            assert np.isnan(centroids[i]).all()
            continue
        box = [x.min(), y.min(), x.max() - x.min() + 1, y.max() - y.min() + 1]
        assert boxes[i].tolist() == box
        np.testing.assert_allclose(centroids[i], [x.mean(), y.mean()], rtol=1e-12)


@given(frames, orders, st.data())
def test_crop_equals_slicing(masks, order, data):
    height, width = masks.shape[1:]
    packed = pack(masks, (height, width), order)
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    w, h = data.draw(st.integers(0, width - x)), data.draw(st.integers(0, height - y))
    for i, mask in enumerate(masks):
        np.testing.assert_array_equal(packed.crop(i, (x, y, w, h)), mask[y : y + h, x : x + w])


@given(frames, orders, st.randoms())
def test_select_renumbers(masks, order, random):
    indices = list(range(len(masks)))
    random.shuffle(indices)
    indices = indices[: len(indices) // 2]
    chosen = pack(masks, masks.shape[1:], order).select(indices)
    assert chosen.count == len(indices)
    for new, old in enumerate(indices):
        np.testing.assert_array_equal(chosen.unpack(new), masks[old])
    np.testing.assert_array_equal(
        self_intersections(chosen), nested_loop_intersections(masks[indices], masks[indices])
    )


@given(st.integers(0, 10**6), st.integers(0, 9), st.integers(0, 9), st.sampled_from(SHAPES), orders)
def test_intersections_and_iou_equal_the_nested_loop(seed, n, m, shape, order):
    a, b = random_masks(seed, n, shape), random_masks(seed + 1, m, shape)
    packed_a, packed_b = pack(a, shape, order), pack(b, shape, order)
    shared = intersections(packed_a, packed_b)
    assert shared.dtype == np.int64
    expected = nested_loop_intersections(a, b)
    np.testing.assert_array_equal(shared, expected)
    np.testing.assert_array_equal(self_intersections(packed_a), nested_loop_intersections(a, a))
    values = iou(shared, packed_a.areas(), packed_b.areas())
    inside = containment(shared, packed_a.areas(), packed_b.areas())
    for i in range(n):
        for j in range(m):
            union, smaller = int((a[i] | b[j]).sum()), min(a[i].sum(), b[j].sum())
            assert values[i, j] == (expected[i, j] / union if union else 0)
            assert inside[i, j] == (expected[i, j] / smaller if smaller else 0)


@given(st.integers(0, 10**6), st.sampled_from(SHAPES))
def test_iou_is_symmetric_and_one_with_itself(seed, shape):
    masks = random_masks(seed, 6, shape)
    packed = pack(masks, shape)
    values = iou(self_intersections(packed), packed.areas(), packed.areas())
    np.testing.assert_array_equal(values, values.T)
    np.testing.assert_array_equal(np.diag(values), masks.any(axis=(1, 2)).astype(float))


def test_hundreds_of_overlapping_masks_equal_pycocotools():
    shape = (90, 131)
    masks = random_masks(3, 300, shape)
    encoded = [coco.encode(np.asfortranarray(mask.view(np.uint8))) for mask in masks]
    packed = rle.decode(
        [{"size": list(shape), "counts": e["counts"].decode()} for e in encoded], shape
    )
    shared = intersections(packed, packed)
    assert (shared.sum(axis=1) > shared.diagonal()).sum() > 100  # the premise: they do overlap
    values = iou(shared, packed.areas(), packed.areas())
    expected = np.asarray(coco.iou(encoded, encoded, [0] * 300))
    filled = masks.any(axis=(1, 2))  # pycocotools gives NaN-like values for empty masks
    both = np.ix_(filled, filled)
    np.testing.assert_allclose(values[both], expected[both], rtol=1e-12)


def test_integer_masks_are_foreground_where_not_zero():
    mask = np.array([[0, 7], [300, 0]], np.int64)
    assert pack([mask], (2, 2)).areas().tolist() == [2]


def test_frames_of_different_size_or_order_do_not_overlap():
    masks = np.ones((1, 4, 6), bool)
    with pytest.raises(ValueError, match=r"\(4, 6\) pixels cannot overlap masks of \(6, 4\)"):
        intersections(pack(masks, (4, 6)), pack(masks.reshape(1, 6, 4), (6, 4)))
    with pytest.raises(ValueError, match="order 'C' against 'F'"):
        intersections(pack(masks, (4, 6)), pack(masks, (4, 6), "F"))


@given(frames)
@settings(max_examples=200)
def test_run_lengths_equal_those_of_pycocotools(masks):
    shape = masks.shape[1:]
    theirs = [coco.encode(np.asfortranarray(mask.view(np.uint8))) for mask in masks]
    texts = [{"size": list(shape), "counts": t["counts"].decode()} for t in theirs]
    packed = rle.decode(texts, shape)
    for order in "CF":
        from_pixels = pack(masks, shape, order)
        boxes, _ = from_pixels.boxes_and_centroids()
        for i, text in enumerate(texts):
            np.testing.assert_array_equal(packed.unpack(i), masks[i])
            assert rle.encode(from_pixels, i, boxes[i]) == text


@given(frames)
def test_run_lengths_may_be_lists_texts_and_bytes_in_one_frame(masks):
    shape = masks.shape[1:]
    records = []
    for i, mask in enumerate(masks):
        flat = mask.ravel(order="F").astype(np.int8)
        edges = np.flatnonzero(np.diff(flat, prepend=0, append=2))
        runs = np.diff(edges, prepend=0)
        forms = [
            runs.tolist(),
            coco.encode(np.asfortranarray(mask.view(np.uint8)))["counts"],
            coco.encode(np.asfortranarray(mask.view(np.uint8)))["counts"].decode(),
        ]
        records.append({"size": list(shape), "counts": forms[i % 3]})
    packed = rle.decode(records, shape)
    for i, mask in enumerate(masks):
        np.testing.assert_array_equal(packed.unpack(i), mask)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([3, 4], r"add up to 7 pixels, not 4 · 5 = 20"),
        ([30, -10], "mask 1: run lengths add up"),
        ("11", "mask 1: run lengths add up to 2 pixels"),
        ("\x10", "mask 1: counts hold a foreign character"),
        ("d", "mask 1: counts are cut short"),
        ("", "mask 1: counts are cut short"),
        ([1.5, 18.5], "mask 1: counts are list"),
        (None, "mask 1: counts are NoneType"),
        ("o" * 12 + "0", "mask 1: a run length is too long"),
    ],
)
def test_damaged_run_lengths_are_refused(counts, message):
    good = {"size": [4, 5], "counts": [20]}
    with pytest.raises(ValueError, match=message):
        rle.decode([good, {"size": [4, 5], "counts": counts}], (4, 5))


@pytest.mark.parametrize("size", [None, [4], [4, 0], [4, 5.0], [True, 5], [1 << 20, 1 << 20]])
def test_impossible_sizes_are_refused(size):
    with pytest.raises(ValueError, match=r"size|--max-pixels"):
        rle.read_size({"size": size, "counts": [20]})


@given(frames, orders)
def test_runs_are_those_of_the_pixels_and_pack_again(masks, order):
    shape = masks.shape[1:]
    mask, start, stop = pack(masks, shape, order).runs()
    expected = []
    for i, pixels in enumerate(masks):
        edges = np.flatnonzero(np.diff(np.pad(pixels.ravel(order=order).astype(int), 1)))
        expected += [(i, *edge) for edge in edges.reshape(-1, 2).tolist()]
    assert list(zip(mask.tolist(), start.tolist(), stop.tolist(), strict=True)) == expected
    again = pack_runs(shape, len(masks), mask, start, stop, order)
    for i, pixels in enumerate(masks):
        np.testing.assert_array_equal(again.unpack(i), pixels)
