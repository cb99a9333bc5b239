from dataclasses import replace
from itertools import chain
from types import SimpleNamespace

import numpy as np
import pytest
from labelling import boxes, label_frames, measure_all, sequence

from consistency.track.calibration import learn
from consistency.track.candidates import CandidateFinder, log_odds
from consistency.track.link_evidence import EVIDENCE, EvidenceMeter
from consistency.track.linking import Joiner, against_rivals, assign, link, probability
from consistency.track.parameters import DEFAULTS
from consistency.track.results import collect
from consistency.track.thumbnail_store import ThumbnailStore
from consistency.track.tracklets import SequenceMasks, Tracks, look_ahead, look_back

FRAMES, GAP = 24, range(10, 13)
ABSENCE = 20


def walkers(count=6, frames=FRAMES):
    """Boxes of different sizes in a row each; {object: box} for each frame."""
    return [
        {k: (5 + (k % 3 + 3) * t, 4 + 19 * k, 14 + 2 * k, 16 - k) for k in range(count)}
        for t in range(frames)
    ]


def without(scene, objects, times):
    """Leave objects out for a while."""
    return [
        {k: box for k, box in frame.items() if t not in times or k not in objects}
        for t, frame in enumerate(scene)
    ]


def measure(scene):
    """Measurements, and the object that each kept mask shows."""
    measured = measure_all([boxes(*frame.values()) for frame in scene])
    shown = [
        [list(frame)[index] for index in now.kept]
        for now, frame in zip(measured, scene, strict=True)
    ]
    return measured, shown


def prepared(measured, labels):
    store = ThumbnailStore()
    for now in measured:
        store.add(now.thumbnails)
    return collect(zip(measured, labels, strict=True)), store


def link_up(measured, labels, parents=None, parameters=DEFAULTS):
    return link(*prepared(measured, labels), parents or {}, ABSENCE, parameters)


def broken_at(shown, time):
    """Labels 1, 2, ... of objects, and others from frame ``time`` on."""
    return [[1 + k + 100 * (t >= time) for k in frame] for t, frame in enumerate(shown)]


def found(labels, shown):
    """{object: its labels}."""
    result = {}
    for label, k in zip(chain(*labels), chain(*shown), strict=True):
        result.setdefault(k, set()).add(label)
    return result


@pytest.fixture(scope="module")
def gone_for_a_while():
    return measure(without(walkers(), (1, 2), GAP))


def test_a_gap_is_closed_where_a_greedy_choice_would_fail():
    #   the best pair (a, c) leaves b alone; (a, d) and (b, c) are worth more together
    row, column, value = np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([5.0, 4.0, 4.0])
    assert assign(row, column, value).tolist() == [1, 2]
    assert assign(row, column, value - 5).tolist() == [], "nothing is chosen for 0 or less"


def test_rivals_speak_against_a_pair():
    row, column, value = np.array([0, 0, 1]), np.array([0, 1, 2]), np.array([2.0, 2.0, 2.0])
    result = against_rivals(row, column, value, DEFAULTS)
    assert result[0] == result[1] < result[2]


def odds(evidence=0.0, gap=1, placed=0.0):
    """Odds that a pair is one object, apart from its rivals; of what is measured, and of that."""
    measured = np.zeros(1, EVIDENCE)
    measured["gap"], measured["placed"] = gap, placed
    learnt = SimpleNamespace(evidence=lambda pairs: np.full(pairs.size, evidence))
    return np.exp(log_odds(measured, learnt, DEFAULTS))[0]


def test_who_is_away_ten_times_as_long_comes_back_tens_of_times_more_rarely():
    assert 9 < odds(gap=2) / odds(gap=20) < 1000


def test_what_a_pair_shows_counts_and_its_place_above_all():
    assert 4 < odds(placed=1.0) / odds(placed=0.0) < 90
    assert 3 < odds(evidence=4.0) / odds(evidence=0.0) < 30
    assert 1.5 < odds() < 4  # nothing seen: neighbours in time are rather one than not


def against(value, *others):
    """Log odds of a pair against others of the same row."""
    values = np.array([value, *others])
    row, column = np.zeros(values.size, int), np.arange(values.size)
    return against_rivals(row, column, values, DEFAULTS)[0]


def test_who_has_no_rival_is_joined_even_if_it_is_rather_unlikely():
    assert against(-1.0) > 0
    assert against(-3.5) < 0


def test_a_rival_as_good_leaves_a_chance_and_a_better_one_none():
    assert against(0.0, 0.0) > 0
    assert against(2.0, 4.0) < 0


class Alike:
    """Stands for the meter: how alike the only mask of frame 0 and each later mask are."""

    def __init__(self, *values):
        self._values = np.array(values)

    def measure(self, past, future, damping, geometry):
        result = np.zeros(past.mask.size, EVIDENCE)
        result["gap"], result["aligned"] = 1, self._values[future.mask - 1]
        return result


@pytest.mark.parametrize(("rival", "joined"), [(2.0, 1), (6.0, 2)])
def test_what_the_tracker_has_linked_is_trusted_but_not_blindly(rival, joined):
    """One mask, then two, both near: the tracker has linked the first, the other is more alike."""
    masks, linked = sequence(lambda k, t: 0.0, tracks=2, frames=2, there=lambda k, t: t or not k)
    masks = replace(masks, centroid=masks.centroid * 0)
    meter = Alike(0.0, rival)
    near = CandidateFinder(masks, meter, 1, DEFAULTS)
    joiner = Joiner(masks, meter, near, *np.ones((2, 3), bool), 1, DEFAULTS)
    learnt = SimpleNamespace(
        damping=np.ones(2), reach=np.full(2, 3.0), evidence=lambda pairs: pairs["aligned"]
    )
    cut = Tracks.linked(np.full(3, -1))
    assert linked.after[0] == 1
    assert joiner._join(cut, linked, learnt, 2.0).after[0] == joined


def test_confidence_is_high_where_odds_are_even_and_falls_with_them():
    even, worse = probability(np.array([0.0, -5.0]), DEFAULTS)
    assert 0.75 < even < 0.95
    assert 0.05 < worse < 0.4


def test_tracks_go_on_after_a_gap(gone_for_a_while):
    measured, shown = gone_for_a_while
    labels, _ = link_up(measured, broken_at(shown, GAP.stop))
    assert all(len(own) == 1 for own in found(labels, shown).values())
    never = replace(DEFAULTS, join_bias=-100.0)
    labels, _ = link_up(measured, broken_at(shown, GAP.stop), parameters=never)
    assert len(found(labels, shown)[1]) == 2, "the premise: nothing else joins them"


def test_the_end_of_a_mother_and_the_start_of_a_daughter_are_not_joined(gone_for_a_while):
    measured, shown = gone_for_a_while
    given = broken_at(shown, GAP.stop)
    labels, _ = link_up(measured, given, parents={102: 2})
    own = found(labels, shown)
    assert len(own[1]) == 2
    assert len(own[2]) == 1, "the premise: what has no parent is joined"


def test_strangers_in_a_dense_field_are_not_joined():
    #  t < 10: 0 1 2 3 ...      t > 12: 0   2 3 ... and another below where 1 was
    scene = [
        {k: (20 + 30 * (k % 6), 5 + 24 * (k // 6) + t % 2, 20, 18) for k in range(18)}
        for t in range(FRAMES)
    ]
    scene = without(scene, (7,), range(10, FRAMES))
    for frame in scene[GAP.stop :]:
        frame[99] = (50, 80, 20, 18)
    measured, shown = measure(scene)
    labels, _ = link_up(measured, [[1 + k for k in frame] for frame in shown])
    own = found(labels, shown)
    assert not own[7] & own[99]
    near = replace(DEFAULTS, join_bias=30.0)
    labels, _ = link_up(measured, [[1 + k for k in frame] for frame in shown], parameters=near)
    own = found(labels, shown)
    assert own[7] & own[99], "the premise: they are candidates"


def test_wrong_links_are_cut_and_the_right_ones_found():
    scene = walkers()
    measured, shown = measure(scene)
    other = {1: 4, 4: 1}
    swapped = [
        [1 + (other.get(k, k) if t >= 12 else k) for k in frame] for t, frame in enumerate(shown)
    ]
    # In so short a sequence without a single gap even a bad link is likelier than two faults.
    strict = replace(DEFAULTS, rounds=((6.0, 2.0), (None, 0.0)))
    labels, _ = link_up(measured, swapped, parameters=strict)
    assert all(len(own) == 1 for own in found(labels, shown).values())
    uncut = replace(DEFAULTS, rounds=((None, 2.0),))
    labels, sure = link_up(measured, swapped, parameters=uncut)
    assert len(found(labels, shown)[1]) == 2, "the premise"
    wrong = [c for c, k in zip(sure[12], shown[12], strict=True) if k in other]
    right = [c for c, k in zip(sure[12], shown[12], strict=True) if k not in other]
    assert max(wrong) < min(right)


def test_the_order_of_masks_does_not_matter():
    scene = without(walkers(), (1, 2), GAP)
    turned = [dict(reversed(frame.items())) for frame in scene]
    forward = label_frames([boxes(*frame.values()) for frame in scene])
    backward = label_frames([boxes(*frame.values()) for frame in turned])
    assert [labels[::-1] for labels in backward] == forward


def test_calibration_tells_one_object_from_strangers(gone_for_a_while):
    measured, shown = gone_for_a_while
    frames, store = prepared(measured, shown)
    masks, tracks = SequenceMasks.of(frames, store, 40), Tracks.of_labels(shown)
    meter = EvidenceMeter(masks)
    calibration = learn(masks, tracks, meter, 40, DEFAULTS)
    i, j = tracks.links()
    past = look_back(masks, tracks, i, DEFAULTS)
    own = meter.measure(past, look_ahead(masks, tracks, j, DEFAULTS), calibration.damping)
    # The mask of another object in the same frame.
    shift = np.where(masks.t[np.minimum(j + 1, j.max())] == masks.t[j], 1, -1)
    other = look_ahead(masks, tracks, np.minimum(j + shift, j.max()), DEFAULTS)
    strange = meter.measure(past, other, calibration.damping)
    different = tracks.track[other.mask] != tracks.track[i]
    assert different.sum() > 50
    assert calibration.evidence(own).min() > calibration.evidence(strange)[different].max()


def test_confidence_is_a_probability_wherever_there_is_a_link(gone_for_a_while):
    measured, shown = gone_for_a_while
    labels, confidence = link_up(measured, broken_at(shown, GAP.stop))
    seen = set()
    for now, sure in zip(labels, confidence, strict=True):
        assert [bool(np.isnan(value)) for value in sure] == [label not in seen for label in now]
        known = sure[~np.isnan(sure)]
        assert ((known >= 0) & (known <= 1)).all()
        seen.update(now)
    back = [confidence[GAP.stop][shown[GAP.stop].index(k)] for k in (1, 2)]
    stayed = [confidence[GAP.stop][shown[GAP.stop].index(k)] for k in (0, 3)]
    assert max(back) < min(stayed), "a return is less sure than what never went away"


def test_a_sequence_without_masks_has_no_labels():
    assert link([], ThumbnailStore(), {}, ABSENCE) == ([], [])


def test_thumbnails_come_back_as_they_were(gone_for_a_while):
    measured, _ = gone_for_a_while
    store = ThumbnailStore()
    for now in measured:
        store.add(now.thumbnails)
    words = np.concatenate([now.thumbnails.words for now in measured])
    numbers = np.arange(len(words))[::3]
    assert (store.find(numbers).words == words[numbers]).all()
