"""What the second look remembers of a sequence."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from consistency.masks.thumbnails import STEPS, WORDS, Thumbnails
from consistency.track.endpoint_shapes import ENDPOINT_MASKS, EndpointShapes, keys


def marked(numbers):
    """Thumbnails that are told apart by their levels."""
    count = len(numbers)
    words, cells = np.zeros((count, WORDS), np.uint64), np.zeros((count, STEPS + 1), np.int64)
    return Thumbnails(np.array(numbers, np.int64), np.zeros((count, 2), np.int64), words, cells)


def sequence(seed, length=200):
    """Labels and areas of frames, some tracks with gaps."""
    rng = np.random.default_rng(seed)
    first, duration = rng.integers(0, length, 12), rng.integers(1, length, 12)
    for t in range(length):
        there = (first <= t) & (t < first + duration) & (rng.random(12) < 0.8)
        labels = rng.permutation(np.flatnonzero(there) + 1)
        yield labels.tolist(), rng.integers(1, 20, labels.size)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6))
def test_the_largest_masks_near_both_ends_are_remembered(seed):
    shapes, seen, number = EndpointShapes(longest=30), {}, 0
    for t, (labels, areas) in enumerate(sequence(seed)):
        numbers = [number + k for k in range(len(labels))]
        number += len(labels)
        shapes.add(labels, areas, marked(numbers))
        for mask, (label, area) in enumerate(zip(labels, areas.tolist(), strict=True)):
            seen.setdefault(label, []).append((area, t, mask, numbers[mask]))
    wanted = [
        max(end, key=lambda item: item[0])  # the first of equal ones
        for masks in seen.values()
        for end in (masks[:ENDPOINT_MASKS], masks[-ENDPOINT_MASKS:])
    ]
    _, frames, masks, expected = np.array(wanted).T
    assert shapes.find(keys(frames, masks)).level.tolist() == expected.tolist()


def test_memory_follows_the_number_of_tracks():
    going, over = [], []
    for length in (200, 2000):
        shapes = EndpointShapes(longest=30)
        for t in range(length):
            shapes.add([1, 2, t + 3], np.array([5, 5, 5]), marked([0, 0, 0]))
        shapes.find(np.array([0]))
        going.append(shapes._table.size)
        over.append(sum(len(block) for _, block in shapes._over))
    assert going[0] == going[1] < 100
    assert over[0] < over[1] < 2000 * 8 * WORDS / 4
