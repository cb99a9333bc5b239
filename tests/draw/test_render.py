"""Colours are a fixed function of the label, and pictures agree with painting mask after mask."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from strategies import frames, orders

from consistency.draw import colours, render
from consistency.masks.packing import pack
from consistency.options import PALETTES
from docs import make_colours


@pytest.mark.parametrize("palette", PALETTES)
def test_no_two_of_the_first_256_labels_share_a_colour(palette):
    first = colours.colours(range(256), palette)
    assert first.shape == (256, 3)
    assert first[0].tolist() == [0, 0, 0]
    assert len({tuple(c) for c in first.tolist()}) == 256


def test_label_256_differs_from_all_before():
    assert len({tuple(c) for c in colours.colours(range(257)).tolist()}) == 257


@given(st.lists(st.integers(0, 10**6), max_size=20), st.sampled_from(PALETTES))
def test_a_colour_depends_on_the_label_alone(labels, palette):
    together = colours.colours(labels, palette)
    alone = [colours.colours([label], palette)[0] for label in labels]
    np.testing.assert_array_equal(together, np.array(alone, np.uint8).reshape(-1, 3))
    positive = [colour for label, colour in zip(labels, together, strict=True) if label]
    assert all(colour.any() for colour in positive)


def test_labels_near_in_number_are_far_apart_for_every_kind_of_vision():
    seen = make_colours.seen(colours.colours(range(1, 257)))
    for step in (1, 2, 3):
        pairs = [
            make_colours.distance(seen[:, [i]], seen[:, [i + step]])[0] for i in range(256 - step)
        ]
        assert min(pairs) > 0.09  # OKLab; 0.02 is about the least difference that people see


def test_davis_colours_are_those_of_the_data_set():
    known = {1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0), 8: (64, 0, 0), 255: (224, 224, 192)}
    assert [tuple(c) for c in colours.colours(known, "davis").tolist()] == list(known.values())


def painted_one_after_the_other(masks, numbers, order):
    """The slow obvious version."""
    image = np.zeros(masks.shape[1:], numbers.dtype)
    for i in order:
        image[masks[i]] = numbers[i]
    visible = [int((image == numbers[i]).sum()) for i in range(len(masks))]
    return image, visible


@given(frames, orders, st.sampled_from([np.uint8, np.uint16]), st.randoms())
def test_painting_words_equals_painting_pixels(masks, order, dtype, random):
    numbers = np.arange(1, len(masks) + 1).astype(dtype) * (300 if dtype is np.uint16 else 20)
    below_to_above = random.sample(range(len(masks)), len(masks))
    image, visible = pack(masks, masks.shape[1:], order).paint(numbers, below_to_above)
    expected, expected_visible = painted_one_after_the_other(masks, numbers, below_to_above)
    assert image.dtype == dtype
    np.testing.assert_array_equal(image, expected)
    assert visible.tolist() == expected_visible


def test_palette_gives_every_label_its_own_colour_up_to_the_limit():
    palette = colours.make_palette([range(1, 256)])
    assert palette.colours.shape == (256, 3)
    assert sorted(palette.number.values()) == list(range(1, 256))
    np.testing.assert_array_equal(
        palette.colours[palette.numbers([7, 200])], colours.colours([7, 200])
    )
    assert palette.numbers([255]).dtype == np.uint8


def test_labels_beyond_the_limit_borrow_the_nearest_colour():
    often, seldom = range(46, 301), [1, 2]
    palette = colours.make_palette([often, often, seldom])
    assert palette.colours.shape == (256, 3)
    for label in seldom:
        wanted = colours.colours([label]).astype(int)
        distances = ((palette.colours[1:].astype(int) - wanted) ** 2).sum(axis=1)
        assert distances[palette.number[label] - 1] == distances.min()
    own = [
        label
        for label in often
        if (palette.colours[palette.number[label]] == colours.colours([label])[0]).all()
    ]
    assert own == list(often)


def test_palette_for_text_ends_with_white():
    palette = colours.make_palette([range(1, 300)], text=True)
    assert palette.colours.shape == (256, 3)
    assert palette.colours[-1].tolist() == [255, 255, 255]
    assert max(palette.number.values()) == 254


def test_labels_as_large_as_products_have_colours():
    assert all(colours.colours([2**n, 2**n - 1]).any(axis=1).all() for n in range(1, 65))


@pytest.mark.parametrize("scale", [1, 0.5, 0.3, 2])
def test_hidden_masks_are_told_by_their_outline(scale):
    low, high = np.zeros((30, 40), bool), np.zeros((30, 40), bool)
    low[6:24, 8:30] = True
    high[4:24, 8:32] = True
    style = render.Style(size=(30, 40), scale=scale)
    # the mask of larger area is painted first, so here the smaller one is seen whole
    owners, hidden = render.paint_owners(pack([low, high], (30, 40)), style)
    assert list(hidden) == [1]
    assert owners.shape == style.picture_size
    shown = render.scaled(high, scale)
    inner = ndimage.binary_erosion(np.pad(shown, 1), border_value=0)[1:-1, 1:-1]
    expected = np.argwhere(shown & ~inner)
    np.testing.assert_array_equal(np.stack(hidden[1], axis=1), expected)


def test_inside_centre_lies_inside_where_the_centroid_does_not():
    ring = np.zeros((60, 60), bool)
    ring[5:55, 5:55] = True
    ring[15:55, 15:45] = False
    row, column, radius = render.inside_centre(ring)
    assert ring[int(row), int(column)]
    assert 4 <= radius <= 7
    assert not ring[tuple(np.argwhere(ring).mean(axis=0).astype(int))]


@given(st.integers(1, 300), st.integers(1, 300), st.data())
def test_inside_centre_is_inside(height, width, data):
    region = np.zeros((height, width), bool)
    region[data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))] = True
    row, column, radius = render.inside_centre(region)
    assert region[int(row), int(column)]
    assert radius >= 1


def test_borders_are_the_pixels_beside_another_owner():
    owners = np.array([[1, 1, 2], [1, 1, 2], [1, 1, 1]], np.uint8)
    expected = [[0, 1, 1], [0, 1, 1], [0, 0, 1]]
    np.testing.assert_array_equal(render.borders(owners), np.array(expected, bool))


def test_scaling_brings_no_new_values():
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.testing.assert_array_equal(
        render.scaled(image, 2), image.repeat(2, axis=0).repeat(2, axis=1)
    )
    np.testing.assert_array_equal(render.scaled(image, 0.5).shape, (2, 2))
    assert render.scaled(image, 0.01).shape == (1, 1)
