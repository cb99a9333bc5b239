"""Labels over a sequence: small drawings with known answers, and laws."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import ascii_frames, labels_of, squares, write_dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from labelling import label_frames
from scipy.optimize import linear_sum_assignment
from strategies import random_masks

from consistency.track.assignment import assign_greedy, assign_optimal, assign_pairs

MATCHINGS = ["track", "optimal", "greedy"]
GOLDEN = Path(__file__).parents[1] / "golden"

tables = st.integers(0, 10**6).map(
    lambda seed: np.round(
        np.random.default_rng(seed).random(np.random.default_rng(seed + 1).integers(0, 7, 2)), 1
    )
)


@given(tables, st.floats(0, 1))
def test_optimal_assignment_is_one_to_one_and_has_the_largest_sum(table, least):
    pairs = assign_optimal(table, least)
    rows, columns = [i for i, _ in pairs], [j for _, j in pairs]
    assert len(set(rows)) == len(rows)
    assert len(set(columns)) == len(columns)
    assert all(table[i, j] >= least and table[i, j] > 0 for i, j in pairs)
    gated = np.where(table >= least, table, 0)
    best = gated[linear_sum_assignment(-gated)].sum() if table.size else 0
    assert sum(table[i, j] for i, j in pairs) == pytest.approx(best)


@given(tables)
def test_assignment_of_pairs_is_one_to_one_and_has_the_largest_sum(table):
    rows, columns = (places.ravel() for places in np.indices(table.shape))
    chosen = assign_pairs(rows, columns, table.ravel())
    assert len(set(rows[chosen])) == len(set(columns[chosen])) == len(chosen)
    assert (table.ravel()[chosen] > 0).all()
    best = table[linear_sum_assignment(-table)].sum() if table.size else 0
    assert table.ravel()[chosen].sum() == pytest.approx(best)


@given(tables, st.floats(0, 1))
def test_greedy_assignment_takes_the_best_pair_left(table, least):
    left = np.where(table >= least, table, 0)
    expected = []
    while left.size and left.max() > 0:
        i, j = np.unravel_index(np.argmax(left), left.shape)
        expected.append((int(i), int(j)))
        left[i], left[:, j] = 0, 0
    assert assign_greedy(table, least) == sorted(expected)


@pytest.mark.parametrize("matching", MATCHINGS)
def test_golden_drawing_keeps_its_labels(matching):
    """Three drawn frames; beside each the same frame drawn with its labels."""
    blocks = (GOLDEN / "three_frames.txt").read_text().split("\n\n")
    drawings = [block for block in blocks if not block.startswith("#")]
    frames, expected = ascii_frames(*drawings[0::2]), ascii_frames(*drawings[1::2])
    result = label_frames(frames, matching=matching)
    for masks, labels, answer in zip(frames, result, expected, strict=True):
        drawn = sum(mask * value for mask, value in zip(masks, labels, strict=True))
        digits = sum(mask * (k + 1) for k, mask in enumerate(answer))
        wanted = {int(k): int(d) for k, d in _labels_in(drawings, expected, answer)}
        np.testing.assert_array_equal(drawn, np.vectorize(lambda v, w=wanted: w.get(v, 0))(digits))


def _labels_in(drawings, expected, answer):
    position = next(i for i, masks in enumerate(expected) if masks is answer)
    digits = sorted(set(drawings[1::2][position]) - {".", "\n"})
    return [(k + 1, digit) for k, digit in enumerate(digits)]


@pytest.mark.parametrize("matching", MATCHINGS)
def test_a_still_video_keeps_every_label(matching):
    masks = list(random_masks(5, 12, (33, 70)))
    result = label_frames([masks] * 4, matching=matching)
    assert sum(value is not None for value in result[0]) > 4
    assert result == [result[0]] * 4


@pytest.mark.parametrize("matching", [*MATCHINGS, "seed"])
@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), random=st.randoms())
def test_labels_do_not_depend_on_the_order_of_masks(matching, seed, random):
    rng = np.random.default_rng(seed)
    frames = [squares(*rng.integers(2, 30, (5, 3))) for _ in range(3)]
    if matching == "seed":  # promised for different areas only
        sides = rng.permuted(np.tile(np.arange(3, 18, 3), (3, 1)), axis=1)
        frames = [
            squares(*((*rng.integers(2, 25, 2), side) for side in sides[t])) for t in range(3)
        ]
    orders = [random.sample(range(5), 5) for _ in frames]
    shuffled = [[masks[i] for i in order] for masks, order in zip(frames, orders, strict=True)]
    straight = label_frames(frames, matching=matching)
    mixed = label_frames(shuffled, matching=matching)
    for labels, others, masks, order in zip(straight, mixed, frames, orders, strict=True):
        for place, i in enumerate(order):
            twins = [j for j in range(5) if np.array_equal(masks[i], masks[j])]
            if len(twins) == 1:  # of identical masks any may stay
                assert others[place] == labels[i]


def test_a_low_gate_and_no_gate_at_zero():
    frames = [squares((0, 0, 10)), squares((8, 0, 10)), squares((30, 20, 10))]
    how = {"matching": "optimal"}
    assert label_frames(frames, **how, min_iou=0.05) == [[1], [1], [2]]
    assert label_frames(frames, **how, min_iou=0.5) == [[1], [2], [3]]
    assert label_frames(frames, **how, min_iou=0.0) == [[1], [1], [2]]


def test_optimal_beats_greedy_where_the_best_pair_blocks_two():
    """B lies best on A's mask, but then A has nothing: the optimal sum gives both theirs."""
    row = np.zeros((3, 1, 60), bool)
    a0, b0 = row[0].copy(), row[0].copy()
    a0[0, 0:20], b0[0, 17:41] = True, True
    a1, b1 = row[0].copy(), row[0].copy()
    a1[0, 10:34], b1[0, 27:52] = True, True
    greedy = label_frames([[a0, b0], [a1, b1]], matching="greedy")
    optimal = label_frames([[a0, b0], [a1, b1]], matching="optimal")
    assert optimal == [[2, 1], [2, 1]]
    assert greedy == [[2, 1], [1, 3]]


def test_memory_decides_how_long_a_track_may_be_away():
    masks = squares((5, 5, 10), (30, 5, 12))
    frames = [masks, masks[:1], masks[:1], masks]
    lost = label_frames(frames, memory=1)
    back = label_frames(frames, memory=2)
    assert lost == [[2, 1], [2], [2], [2, 3]]
    assert back == [[2, 1], [2], [2], [2, 1]]


def test_a_returning_track_does_not_steal_a_mask_from_one_that_is_there():
    here, gone = squares((5, 5, 10), (7, 5, 10))
    result = label_frames([[gone], [here], [here]], min_iou=0.05)
    assert result == [[1], [1], [1]]
    both = label_frames([[*squares((0, 0, 12), (20, 5, 10))]] * 2, min_iou=0.05)
    assert both == [[1, 2], [1, 2]]


def test_empty_frames_do_not_end_tracks():
    masks = squares((5, 5, 10), (30, 5, 12))
    result = label_frames([masks, [], masks])
    assert result == [[2, 1], [], [2, 1]]


def sure_of(folder, label):
    """How sure a run is of the links of a track, in order of frames."""
    content = json.loads((folder / f"{folder.name}.json").read_text())
    found = [r["confidence"] for frame in content.values() for r in frame if r["label"] == label]
    assert found[0] is None
    assert all(0 < value <= 1 for value in found[1:])
    return found[1:]


def test_tracks_and_events_tell_what_happened(tmp_path, mark):
    masks = squares((5, 5, 10), (30, 5, 12))
    moved = squares((8, 5, 10))  # of 100 pixels 70 stay
    data = write_dataset(tmp_path / "data", [masks, masks[:1], masks, moved])
    folder = mark(data)
    assert labels_of(folder) == {
        "0.png": [2, 1], "1.png": [2], "2.png": [2, 1], "3.png": [2],
    }  # fmt: skip
    (back,), stayed = sure_of(folder, 1), sure_of(folder, 2)
    assert max(stayed) > np.mean(stayed) + 0.002, "the last link is less sure"
    header, *tracks = (folder / "tracks.csv").read_text().splitlines()
    assert header == (
        "label,first,last,frames,gaps,mean_area,mean_iou,parent,part_of,"
        "mean_confidence,least_confidence"
    )
    assert tracks[0] == f"1,0.png,2.png,2,1,144.0,,,,{back},{back}"
    start, mean, least = tracks[1].rsplit(",", 2)
    assert start == "2,0.png,3.png,4,0,100.0,0.8462,,"
    assert float(mean) == pytest.approx(np.mean(stayed), abs=0.001)
    assert float(least) == min(stayed)
    assert (folder / "events.csv").read_text().splitlines() == [
        "frame,event,label,mask_index,reason,kept_index,value,other",
        "0.png,birth,1,1,,,,",
        "0.png,birth,2,0,,,,",
        "1.png,gap,1,,,,,",
        f"2.png,return,1,1,,,{back},",
        "3.png,end,1,,,,,",
    ]
