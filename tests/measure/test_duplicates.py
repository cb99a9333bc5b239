"""Which masks of a frame are kept."""

import numpy as np
import pytest
from conftest import labels_of, squares, write_dataset
from hypothesis import given
from hypothesis import strategies as st
from strategies import random_masks

from consistency.masks.intersections import self_intersections
from consistency.masks.packing import pack
from consistency.measure.duplicates import (
    canonical_order,
    find_duplicates,
    find_duplicates_of_any,
)


def slow_iou(a, b):
    union = (a | b).sum()
    return (a & b).sum() / union if union else 0.0


@given(st.integers(0, 10**6), st.integers(0, 12), st.floats(0, 1))
def test_kept_masks_are_alike_to_none_and_dropped_ones_to_a_kept_one(seed, count, limit):
    masks = random_masks(seed, count, (9, 13))
    packed = pack(masks, (9, 13))
    areas = packed.areas()
    order = np.argsort(-areas, kind="stable")
    kept, dropped = find_duplicates(self_intersections(packed), areas, order, limit)
    assert sorted([*kept, *(d.mask_index for d in dropped)]) == list(range(count))
    rank = {int(mask): i for i, mask in enumerate(order)}
    for i in kept:
        assert masks[i].any()
        for j in kept:
            assert i == j or slow_iou(masks[i], masks[j]) <= limit
    for d in dropped:
        if d.reason == "empty":
            assert not masks[d.mask_index].any()
            continue
        assert d.kept in kept
        assert rank[d.kept] < rank[d.mask_index]
        assert d.value == slow_iou(masks[d.mask_index], masks[d.kept]) > limit


def test_chain_of_likes_keeps_the_third_but_not_for_the_predecessor():
    """A ~ B and B ~ C, but A and C differ: C's only twin is a mask that is gone itself."""
    masks = [np.zeros((1, 40), bool) for _ in range(3)]
    for mask, start, stop in zip(masks, (0, 3, 6), (20, 22, 24), strict=True):
        mask[0, start:stop] = True
    assert slow_iou(masks[0], masks[1]) > 0.7
    assert slow_iou(masks[1], masks[2]) > 0.7
    assert slow_iou(masks[0], masks[2]) < 0.7
    packed = pack(masks, (1, 40))
    arguments = self_intersections(packed), packed.areas(), np.arange(3), 0.7
    assert find_duplicates(*arguments)[0].tolist() == [0, 2]
    assert find_duplicates_of_any(*arguments)[0].tolist() == [0]


def test_a_mask_exactly_at_the_limit_stays():
    masks = [np.zeros((1, 40), bool) for _ in range(2)]
    masks[0][0, :20] = masks[1][0, :10] = True
    packed = pack(masks, (1, 40))
    shared, areas = self_intersections(packed), packed.areas()
    assert find_duplicates(shared, areas, np.arange(2), 0.5)[0].tolist() == [0, 1]
    assert find_duplicates(shared, areas, np.arange(2), 0.49)[0].tolist() == [0]
    assert find_duplicates_of_any(shared, areas, np.arange(2), 0.5)[0].tolist() == [0, 1]


NESTED = squares((5, 5, 20), (8, 8, 9), (5, 5, 19), (40, 5, 10))


def kept_indices(folder):
    import json

    content = json.loads((folder / "exp.json").read_text())
    return [record["mask_index"] for record in content["0.png"]]


def test_the_largest_of_duplicates_is_kept_and_nested_masks_stay(tmp_path, mark):
    data = write_dataset(tmp_path / "data", [NESTED])
    assert kept_indices(mark(data)) == [0, 1, 3]


def test_containment_drops_nested_masks(tmp_path, mark):
    data = write_dataset(tmp_path / "data", [NESTED])
    assert kept_indices(mark(data, "--duplicate-containment", "0.9")) == [0, 3]


def test_keep_score_keeps_the_best_of_duplicates(tmp_path, mark):
    scores = {"predicted_iou": [[0.8, 0.8, 0.9, 0.8]], "stability_score": [[0.9, 0.9, 0.9, 0.9]]}
    data = write_dataset(tmp_path / "data", [NESTED], **scores)
    assert kept_indices(mark(data)) == [0, 1, 3]
    assert kept_indices(mark(data, "--keep", "score")) == [1, 2, 3]


def test_keep_score_without_scores_is_one_clear_line(tmp_path, fails):
    data = write_dataset(tmp_path / "data", [NESTED])
    assert "frame '0.png': --keep score needs the numbers" in fails(data, "--keep", "score")


def test_empty_masks_are_dropped_and_said(tmp_path, mark):
    empty = np.zeros((40, 60), bool)
    data = write_dataset(tmp_path / "data", [[empty, NESTED[0]], [empty], [NESTED[0]]])
    folder = mark(data)
    assert labels_of(folder) == {"0.png": [1], "1.png": [], "2.png": [1]}
    lines = (folder / "events.csv").read_text().splitlines()
    assert "0.png,dropped,,0,empty,,," in lines
    assert "1.png,dropped,,0,empty,,," in lines


def test_every_duplicate_has_an_event_with_its_twin(tmp_path, mark):
    data = write_dataset(tmp_path / "data", [NESTED])
    lines = (mark(data) / "events.csv").read_text().splitlines()
    value = round(19 * 19 / 400, 4)
    assert f"0.png,dropped,,2,iou,0,{value}," in lines


@pytest.mark.parametrize("flag", ["--duplicate-iou", "--duplicate-containment", "--min-iou"])
def test_thresholds_are_fractions(tmp_path, capsys, flag):
    import mark_label

    with pytest.raises(SystemExit) as exit_:
        mark_label.main([flag, "1.5"])
    assert exit_.value.code == 2
    assert "'1.5' is not between 0 and 1" in capsys.readouterr().err


@pytest.mark.parametrize("empty", [0, 1, 2, 3])
def test_masks_without_pixels_come_last_in_canonical_order(empty):
    some = squares((2, 2, 5), (20, 3, 9))
    packed = pack([*(np.zeros_like(some[0]) for _ in range(empty)), *some], some[0].shape)
    assert canonical_order(packed, packed.areas()).tolist() == [empty + 1, empty, *range(empty)]
