"""Labels of two stretches that share frames."""

import itertools

import numpy as np
import pytest

from consistency.track.seams import Contradiction, SharedFrame, match

SHAPE = (6, 12)


def shared_frame(earlier: dict, later: dict) -> SharedFrame:
    """A frame of masks {label: bool (h, w)} on both sides, counted pixel by pixel."""
    table = [[sum(map(bool, (a & b).flat)) for b in later.values()] for a in earlier.values()]
    return SharedFrame(
        list(earlier),
        list(later),
        np.array([a.sum() for a in earlier.values()], np.int64),
        np.array([b.sum() for b in later.values()], np.int64),
        np.array(table, np.int64).reshape(len(earlier), len(later)),
    )


def overlap(a, b) -> float:
    return (a & b).sum() / (a | b).sum()


def best_sum(frames, pairs=None) -> float:
    """Oracle: the largest sum of IoUs of all one-to-one maps; or that of ``pairs``."""
    ours = sorted({v for earlier, _ in frames for v in earlier})
    theirs = sorted({v for _, later in frames for v in later})

    def value(chosen):
        return sum(
            overlap(earlier[a], later[b])
            for earlier, later in frames
            for b, a in chosen
            if a in earlier and b in later
        )

    if pairs is not None:
        return value(pairs.items())
    free = ours + [None] * len(theirs)
    return max(
        value(list(zip(theirs, chosen, strict=True)))
        for chosen in set(itertools.permutations(free, len(theirs)))
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_sum_of_ious_over_the_frames_is_the_largest(seed):
    random = np.random.default_rng(seed)
    frames = [
        tuple(
            {k: random.random(SHAPE) < 0.5 for k in range(1, 5) if random.random() < 0.8}
            for _ in range(2)
        )
        for _ in range(3)
    ]
    found = match([shared_frame(*frame) for frame in frames]).pairs
    assert len(set(found.values())) == len(found)
    assert best_sum(frames, found) == pytest.approx(best_sum(frames))


def box(begin: int, end: int) -> np.ndarray:
    pixels = np.zeros(SHAPE, bool)
    pixels[:, begin:end] = True
    return pixels


def test_frames_decide_together():
    # One frame alone says otherwise.
    frames = [
        ({1: box(0, 4), 2: box(6, 10)}, {5: box(0, 4), 6: box(6, 10)}),
        ({1: box(0, 4), 2: box(6, 10)}, {5: box(0, 4), 6: box(6, 10)}),
        ({1: box(6, 10), 2: box(0, 4)}, {5: box(0, 4), 6: box(6, 10)}),
    ]
    seam = match([shared_frame(*frame) for frame in frames])
    assert seam.pairs == {5: 1, 6: 2}
    assert seam.agreement == {5: pytest.approx(2 / 3), 6: pytest.approx(2 / 3)}


def test_what_hardly_overlaps_is_not_one_object():
    frame = shared_frame({1: box(0, 6)}, {5: box(4, 12)})  # IoU 2 / 12
    assert match([frame], 0.1).pairs == {5: 1}
    assert match([frame], 0.2).pairs == {}
    assert match([shared_frame({1: box(0, 6)}, {5: box(6, 12)})]).pairs == {}
    assert match([]).pairs == {}


def test_two_objects_that_are_one_in_the_other_stretch_contradict_it():
    two, one = {1: box(0, 7), 2: box(7, 10)}, {9: box(0, 10)}
    seam = match([shared_frame(two, one)] * 2, 0.3)
    assert seam.pairs == {9: 1}
    assert seam.merged == (Contradiction(one=9, kept=1, others=(2,)),)
    assert seam.split == ()
    seam = match([shared_frame(one, two)] * 2, 0.3)
    assert seam.pairs == {1: 9}
    assert seam.split == (Contradiction(one=9, kept=1, others=(2,)),)
    assert seam.merged == ()


def test_parts_of_a_whole_contradict_nothing():
    whole, part = box(0, 10), box(2, 5)
    # The other stretch has not found the part.
    seam = match([shared_frame({1: whole, 2: part}, {9: whole})], 0.3)
    assert seam.pairs == {9: 1}
    assert seam.merged == ()
    # It has found both.
    seam = match([shared_frame({1: whole, 2: part}, {9: whole, 8: part})], 0.3)
    assert seam.pairs == {9: 1, 8: 2}
    assert seam.merged == seam.split == ()
