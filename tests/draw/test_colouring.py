"""Colours of labels: how different they look, and that neighbours differ."""

import numpy as np
import pytest
from conftest import squares, write_dataset
from hypothesis import given
from hypothesis import strategies as st

from consistency.draw import colour_difference, colouring, colours, scene
from consistency.experiment import open_experiment

# Sharma, Wu, Dalal (2005), table 1: L*, a*, b* of two colours, and their difference.
PUBLISHED = [
    (50, 2.6772, -79.7751, 50, 0, -82.7485, 2.0425),
    (50, -1.3802, -84.2814, 50, 0, -82.7485, 1.0),
    (50, 0, 0, 50, -1, 2, 2.3669),
    (50, 2.49, -0.001, 50, -2.49, 0.0009, 7.1792),
    (50, 2.49, -0.001, 50, -2.49, 0.0011, 7.2195),
    (50, 2.5, 0, 50, 0, -2.5, 4.3065),
    (50, 2.5, 0, 73, 25, -18, 27.1492),
    (50, 2.5, 0, 61, -5, 29, 22.8977),
    (50, 2.5, 0, 56, -27, -3, 31.903),
    (50, 2.5, 0, 58, 24, 15, 19.4535),
    (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
    (6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377),
    (2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082),
]


def test_differences_are_those_published():
    rows = np.array(PUBLISHED)
    found = colour_difference.ciede2000(rows[:, :3], rows[:, 3:6])
    np.testing.assert_allclose(found, rows[:, 6], atol=5e-5)
    back = colour_difference.ciede2000(rows[:, 3:6], rows[:, :3])
    np.testing.assert_allclose(back, found)


def test_lab_of_known_colours():
    rgb = np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)
    known = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20], [32.30, 79.19, -107.86]]
    np.testing.assert_allclose(colour_difference.lab(rgb), known, atol=0.03)


def test_red_and_green_are_alike_to_some():
    red_green = np.array([[213, 94, 0], [120, 140, 0]], np.uint8)
    normal, blind = (colour_difference.table(red_green, d)[0, 1] for d in (False, True))
    assert normal > 2 * blind


@given(st.lists(st.sets(st.integers(1, 400), max_size=30), min_size=1, max_size=12))
def test_labels_of_a_frame_differ(frames):
    frames = [sorted(labels) for labels in frames]
    differences = colouring.table("distinct")
    numbers, apart = colouring.assigned(frames, differences)
    worst = np.inf
    for labels in frames:
        chosen = np.array([numbers[label] for label in labels], int)
        assert len(set(chosen.tolist())) == len(labels)
        between = differences[np.ix_(chosen - 1, chosen - 1)]
        worst = min(worst, between[np.triu_indices(len(labels), 1)].min(initial=np.inf))
    assert apart == (worst >= 15)


def test_a_label_keeps_its_own_colour_where_it_can():
    differences = colouring.table("distinct")
    assert colouring.assigned([[1, 2, 3], [4]], differences)[0] == {1: 1, 2: 2, 3: 3, 4: 4}
    like = int(np.argsort(differences[0])[1]) + 1
    assert differences[0, like - 1] < 15, "a colour much like that of label 1"
    together = colouring.assigned([[1, like]], differences)[0]
    assert together[1] == 1
    assert differences[0, together[like] - 1] >= 15
    assert colouring.assigned([[1], [like]], differences)[0] == {1: 1, like: like}


def test_neighbours_differ_where_a_frame_has_more_labels_than_colours_so_far_apart():
    side = 14
    frame = list(range(1, side * side + 1))
    beside = {
        label: {
            other
            for other in frame
            if other != label
            and abs((other - 1) // side - (label - 1) // side) <= 1
            and abs((other - 1) % side - (label - 1) % side) <= 1
        }
        for label in frame
    }
    differences = colouring.table("distinct")
    assert not colouring.assigned([frame], differences)[1]
    numbers, apart = colouring.assigned([frame], differences, beside)
    assert apart
    assert len(set(numbers.values())) == len(frame)
    for label in frame:
        for other in beside[label]:
            assert differences[numbers[label] - 1, numbers[other] - 1] >= 15


def test_more_labels_than_colours_are_still_drawn():
    frame = list(range(1, 301))
    numbers, apart = colouring.assigned([frame], colouring.table("distinct"))
    assert not apart
    assert len({tuple(c) for c in colours.colours(numbers.values()).tolist()}) > 280


def test_neighbours_are_boxes_that_nearly_touch(tmp_path, mark):
    masks = [squares((2, 2, 10), (12, 2, 8), (40, 25, 9))] * 2
    folder = mark(write_dataset(tmp_path / "data", masks))
    found = colouring.neighbours(scene.labelled(open_experiment(folder)))
    labels = open_experiment(folder).frames[0].labels
    assert found == {labels[0]: {labels[1]}, labels[1]: {labels[0]}}


@pytest.mark.parametrize("palette", ["davis", "grey"])
def test_conventions_are_left_as_they_are(tmp_path, mark, palette):
    folder = mark(write_dataset(tmp_path / "data", [squares((2, 2, 10))]))
    assert colouring.numbers_of(scene.labelled(open_experiment(folder)), palette) == {}
