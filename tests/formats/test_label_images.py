"""Label images and run lengths become the same masks as one comparison a value."""

import json

import numpy as np
import pytest
import samples
import sequences
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from consistency.formats import images, label_images, rle

# pycocotools 2.0.11 with NumPy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40)) | st.sampled_from(
    [(1, 200), (200, 1), (1, 1), (64, 64), (65, 63), (8, 129)]
)


@st.composite
def pictures(draw):
    """A label image of few values in patches, as objects are, of any integer dtype."""
    shape = draw(SHAPES)
    dtype = draw(st.sampled_from([np.uint8, np.uint16, np.int32, np.uint32, np.int64]))
    small = draw(hnp.arrays(dtype, (3, 3), elements=st.sampled_from([0, 0, 1, 2, 7, 100])))
    grown = np.kron(small, np.ones((-(-shape[0] // 3), -(-shape[1] // 3)), dtype))
    image = np.ascontiguousarray(grown[: shape[0], : shape[1]])
    for _ in range(draw(st.integers(0, 5))):
        y = draw(st.integers(0, shape[0] - 1))
        x = draw(st.integers(0, shape[1] - 1))
        image[y, x] = draw(st.sampled_from([0, 1, 50]))
    return image


EMPTY = np.zeros((5, 7), np.uint8)
FULL = np.full((5, 7), 3, np.uint16)


@given(pictures())
@example(EMPTY)
@example(FULL)
def test_label_images_are_packed(image):
    values = label_images.values_of(image)
    assert values == [v for v in np.unique(image).tolist() if v]
    packed = label_images.pack_labels(image, values)
    assert (packed.shape, packed.count, packed.order) == (image.shape, len(values), "C")
    for i, value in enumerate(values):
        np.testing.assert_array_equal(packed.unpack(i), image == value)


@given(pictures(), st.randoms())
def test_masks_come_in_the_order_of_the_values_asked_for(image, random):
    values = [*label_images.values_of(image), 9999]
    random.shuffle(values)
    packed = label_images.pack_labels(image, values)
    for i, value in enumerate(values):
        np.testing.assert_array_equal(packed.unpack(i), image == value)


@given(pictures())
@example(EMPTY)
@example(FULL)
def test_run_lengths_of_a_label_image_are_those_of_pycocotools(image):
    runs = rle.of_labels(image)
    assert list(runs) == label_images.values_of(image)
    for value, found in runs.items():
        pixels = np.asfortranarray((image == value).astype(np.uint8))
        assert found["counts"] == coco.encode(pixels)["counts"].decode()
        assert found["size"] == list(image.shape)
    packed = rle.decode(list(runs.values()), image.shape)
    for i, value in enumerate(runs):
        np.testing.assert_array_equal(packed.unpack(i), image == value)


@given(SHAPES)
def test_masks_without_pixels_are_known_at_a_glance(shape):
    assert rle.is_empty(rle.empty(shape))
    assert (
        rle.empty(shape)["counts"]
        == coco.encode(np.zeros(shape, np.uint8, order="F"))["counts"].decode()
    )
    assert rle.is_empty({"size": list(shape), "counts": [shape[0] * shape[1]]})
    assert not rle.is_empty({"size": list(shape), "counts": [0, shape[0] * shape[1]]})


def test_colours_are_numbers_of_three_bytes():
    colours = np.array([[[1, 0, 0], [0, 1, 0], [0, 0, 1], [255, 255, 255]]], np.uint8)
    assert images.rgb_numbers(colours).tolist() == [[1, 256, 65536, 2**24 - 1]]


def test_disjoint_masks_with_large_boxes_are_encoded_in_one_pass(tmp_path, monkeypatch):
    """Stripes along the diagonal: every box is most of the frame."""
    y, x = np.mgrid[:60, :70]
    image = ((x + 2 * y) // 12 % 5).astype(np.uint8)
    samples.save(tmp_path / "data" / "0.png", image)
    monkeypatch.setattr(rle, "encode", None)  # one mask at a time
    experiment = sequences.mark(tmp_path / "data", tmp_path / "out", "--output", "rle")
    records = json.loads((experiment / "exp.json").read_text())["0.png"]
    assert len(records) == 4
    for record in records:
        pixels = np.asfortranarray((image == record["value"]).astype(np.uint8))
        assert record["segmentation"]["counts"] == coco.encode(pixels)["counts"].decode()
