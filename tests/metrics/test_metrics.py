"""Metrics: against an independent package, and cases that can be worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consistency.metrics import counts, mot
from consistency.metrics.boundary import boundary_f
from consistency.metrics.ctc import Overlaps, lineage
from consistency.metrics.mot import MetricFrame, clear, hota, identity, region

NO_SWITCH = [[(1, 1, 1.0), (2, 2, 1.0)]] * 4
ONE_SWITCH = [[(1, 1, 1.0), (2, 2, 1.0)]] * 2 + [[(1, 2, 1.0), (2, 1, 1.0)]] * 2


def steps_of(frames):
    """Frames as lists of (identity, label, IoU); every other pair shares nothing."""
    steps = []
    for pairs in frames:
        identities = np.array([i for i, _, _ in pairs if i is not None], np.int64)
        labels = np.array([j for _, j, _ in pairs if j is not None], np.int64)
        similarity = np.zeros((identities.size, labels.size))
        for i, j, value in pairs:
            if i is not None and j is not None:
                similarity[np.ix_(identities == i, labels == j)] = value
        steps.append(MetricFrame(identities, labels, similarity))
    return steps


@st.composite
def random_steps(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    steps = []
    for _ in range(draw(st.integers(1, 8))):
        n, m = rng.integers(0, 5, 2)
        identities = rng.choice(6, n, replace=False)
        labels = rng.choice(6, m, replace=False)
        steps.append(MetricFrame(identities, labels, rng.random((n, m))))
    return steps


@settings(deadline=None)
@given(random_steps())
def test_tracking_metrics_equal_those_of_an_independent_package(steps):
    oracle = pytest.importorskip("trackers.eval")
    given_ = (
        [s.identities for s in steps],
        [s.labels for s in steps],
        [s.similarity for s in steps],
    )
    if not (sum(map(len, given_[0])) and sum(map(len, given_[1]))):
        return
    theirs = oracle.compute_hota_metrics(*given_)
    for name, value in hota(steps).items():
        assert value == pytest.approx(theirs[name], abs=1e-9), name
    assert identity(steps)["IDF1"] == pytest.approx(
        oracle.compute_identity_metrics(*given_)["IDF1"], abs=1e-9
    )
    theirs, ours = oracle.compute_clear_metrics(*given_), clear(steps)
    assert ours["MOTSA"] == pytest.approx(theirs["MOTA"], abs=1e-9)
    for name in ("IDSW", "Frag", "MT", "ML"):
        assert ours[name] == theirs[name], name


def test_perfect_labels_score_1():
    steps = steps_of(NO_SWITCH)
    assert hota(steps) == {"HOTA": 1.0, "DetA": 1.0, "AssA": 1.0, "LocA": 1.0}
    assert identity(steps)["IDF1"] == 1.0
    assert clear(steps)["MOTSA"] == 1.0
    assert region(steps) == {"mIoU": 1.0, "min mIoU": 1.0, "J": 1.0}


def test_one_swap_of_two_labels():
    """Each mask agrees with 2 of the 6 masks of its identity or label: AssA 2 / 6."""
    steps = steps_of(ONE_SWITCH)
    assert hota(steps)["AssA"] == pytest.approx(2 / 6)
    assert identity(steps)["IDF1"] == 0.5
    assert clear(steps)["IDSW"] == 2
    assert clear(steps)["MOTSA"] == pytest.approx(1 - 2 / 8)


def test_misses_fragments_and_lost_tracks():
    frames = [
        [(1, 1, 0.9), (2, None, 0)],
        [(1, None, 0), (2, None, 0), (None, 9, 0)],
        [(1, 1, 0.9), (2, 5, 0.4)],
    ]
    result = clear(steps_of(frames))
    assert (result["TP"], result["FN"], result["FP"]) == (2, 4, 2)
    assert (result["Frag"], result["MT"], result["ML"]) == (1, 0, 1)
    assert result["sMOTSA"] == pytest.approx((1.8 - 2) / 6)


def test_j_counts_frames_without_either_as_agreement():
    steps = steps_of([[(1, 1, 0.5)], [], [(None, 1, 0)], [(1, None, 0)]])
    assert region(steps)["J"] == pytest.approx((0.5 + 1 + 0 + 0) / 4)


def blob(x):
    mask = np.zeros((100, 100), bool)
    mask[30:60, x : x + 30] = True
    return mask


def test_boundaries_agree_within_the_tolerance_only():
    """The tolerance is 2 pixels for a frame of 100 × 100."""
    assert boundary_f(blob(20), blob(20)) == 1.0
    assert boundary_f(blob(20), blob(21)) == 1.0
    assert 0.0 < boundary_f(blob(20), blob(30)) < 1.0
    assert boundary_f(blob(20), blob(65)) == 0.0
    empty = np.zeros((100, 100), bool)
    assert boundary_f(empty, empty) == 1.0
    assert boundary_f(blob(20), empty) == 0.0


def cells(frames):
    """Frames as {identity: label}: masks agree pixel by pixel; a label of None is missing."""
    result = []
    for pairs in frames:
        identities = np.array(list(pairs), np.int64)
        labels = np.array([v for v in pairs.values() if v is not None], np.int64)
        shared = np.zeros((identities.size, labels.size), np.int64)
        for i, label in enumerate(pairs.values()):
            shared[i, labels == label] = 10
        areas = np.full(identities.size, 10), np.full(labels.size, 10)
        result.append(Overlaps(identities, labels, shared, *areas))
    return result


DIVISION = [{1: 1}, {1: 1}, {2: 2, 3: 3}, {2: 2, 3: 3}]
PARENTS = {2: 1, 3: 1}


def test_a_division_that_is_seen_costs_nothing():
    result = lineage(cells(DIVISION), PARENTS, PARENTS)
    assert result == {"SEG": 1.0, "DET": 1.0, "TRA": 1.0}


def test_a_division_that_is_missed_costs_two_edges():
    """6 masks, 5 edges: AOGM of nothing is 10 · 6 + 1.5 · 5 = 67.5; two edges to add are 3."""
    result = lineage(cells(DIVISION), PARENTS, {})
    assert result["TRA"] == pytest.approx(1 - 3 / 67.5)
    assert result["DET"] == 1.0


def test_a_mother_that_goes_on_in_one_daughter_costs_a_changed_and_an_added_edge():
    found = [{1: 1}, {1: 1}, {2: 1, 3: 3}, {2: 1, 3: 3}]
    result = lineage(cells(found), PARENTS, {})
    assert result["TRA"] == pytest.approx(1 - (1 + 1.5) / 67.5)


def test_a_missed_mask_costs_itself_and_its_edges():
    found = [{1: 1}, {1: 1}, {2: 2, 3: 3}, {2: 2, 3: None}]
    result = lineage(cells(found), PARENTS, PARENTS)
    assert result["DET"] == pytest.approx(1 - 10 / 60)
    assert result["SEG"] == pytest.approx(5 / 6)
    assert result["TRA"] == pytest.approx(1 - 11.5 / 67.5)


@pytest.mark.parametrize("seed", range(5))
def test_counts_of_sequences_add_up_to_those_of_one_after_the_other(seed):
    """Identities and labels of the second are others; whichever metric, the sum is the whole."""
    rng = np.random.default_rng(seed)

    def frames(first: int) -> list[MetricFrame]:
        made = []
        for _ in range(6):
            n, m = rng.integers(0, 5, 2)
            names = rng.permutation(6)[:n] + first, rng.permutation(6)[:m] + first
            made.append(MetricFrame(*names, rng.random((n, m)) ** 0.5))
        return made

    parts = frames(0), frames(100)
    whole = [*parts[0], *parts[1]]
    for name in ("hota", "identity", "clear"):
        count, of = getattr(mot, f"count_{name}"), getattr(mot, f"{name}_of")
        assert of(counts.add(map(count, parts))) == pytest.approx(of(count(whole)))
    means = mot.count_region(parts[0])["J"] + mot.count_region(parts[1])["J"]
    assert mot.region_of(counts.add(map(mot.count_region, parts)))["J"] == np.mean(means)
