"""Divisions: found where a mother ends and two daughters begin, and only in what divides."""

from dataclasses import replace
from math import exp, log

import numpy as np
import pytest

from consistency.measure.camera_motion import UNKNOWN
from consistency.track import divisions
from consistency.track.division_odds import Usual, weigh
from consistency.track.divisions import divide, has_divisions
from consistency.track.histories import Histories
from consistency.track.parameters import DEFAULTS
from consistency.track.results import NO_PAIRS, Change, Lineage, TrackedFrame

SHAPE = (200, 1000)


def frame(t, masks):
    """A labelled frame; ``masks`` {label: (x, y, area)}."""
    n = len(masks)
    places = np.array([m[:2] for m in masks.values()], float).reshape(n, 2)
    areas = np.array([m[2] for m in masks.values()], np.int64)
    return TrackedFrame(
        name=f"{t}",
        shape=SHAPE,
        count=n,
        kept=np.arange(n),
        areas=areas,
        boxes=np.zeros((n, 4), np.int64),
        centroids=places,
        same=np.full(n, -1),
        overlaps=np.zeros((0, 3), np.int64),
        labels=list(masks),
        iou_before=np.full(n, np.nan),
        confidence=np.full(n, np.nan),
        dropped=(),
        shared_before=NO_PAIRS,
        motion=UNKNOWN,
    )


def dividing(cells=6, frames=24, missed=0, life=99):
    """Cells in a row; each divides in a frame of its own, and the label goes on with one daughter.

    ....O....     ...o.o...
      mother       daughters, 0.6 of her area, left and right of her place
    """
    result = []
    for t in range(frames):
        masks = {}
        for k in range(cells):
            x, y, division = 80 + 150 * k, 100 + (t % 2), 6 + k
            if t < division:
                masks[k + 1] = (x, y, 400)
            elif t >= division + missed:
                masks[k + 1] = (x - 11, y, 240)
                if t < division + missed + life:
                    masks[cells + k + 1] = (x + 11, y, 230)
        result.append(frame(t, masks))
    return result


def labels_of(frames):
    return [tuple(f.labels) for f in frames]


def test_daughters_get_labels_of_their_own():
    frames = dividing()
    found = divide(frames, Lineage(), "auto")
    assert found.divides
    assert sorted(found.daughters.values()) == sorted([1, 2, 3, 4, 5, 6] * 2)
    before, after = found.frames[5].labels, found.frames[20].labels
    assert before == [1, 2, 3, 4, 5, 6]  # the mothers' labels are unchanged ...
    assert not set(before) & set(after)  # ... and nobody has them afterwards
    assert len(set(after)) == 12
    split = [change for change in found.lineage.changes if change.kind == "split"]
    assert [(c.t, c.label) for c in split] == [(6 + k, k + 1) for k in range(6)]
    assert all(found.lineage.parents[d] == c.label for c in split for d in c.others)


def test_with_time_reversed_nothing_divides():
    """Two that become one are no division; the sequence above, played backwards, is left alone."""
    frames = dividing()[::-1]
    found = divide(frames, Lineage(), "auto")
    assert not found.divides
    assert labels_of(found.frames) == labels_of(frames)
    assert found.daughters == {}


def test_what_is_not_looked_for_is_not_found():
    frames = dividing()
    found = divide(frames, Lineage(), "keep")
    assert labels_of(found.frames) == labels_of(frames)


def test_one_division_proves_nothing_unless_it_is_known_that_things_divide():
    frames = dividing(cells=1)
    assert not divide(frames, Lineage(), "auto").divides
    assert list(divide(frames, Lineage(), "new").daughters.values()) == [1, 1]


def test_a_cut_that_is_undone_is_no_division():
    """The second piece is there for two masks only: fewer than a daughter has to live."""
    assert DEFAULTS.least_life > 2
    cut = dividing(life=2)
    assert divide(dividing(life=DEFAULTS.least_life), Lineage(), "new").daughters  # the premise
    assert not divide(cut, Lineage(), "new").daughters


def test_a_mother_may_be_missed_while_she_divides():
    found = divide(dividing(missed=2), Lineage(), "auto")
    assert found.divides
    assert len(found.daughters) == 12
    assert not divide(dividing(missed=9), Lineage(), "auto").divides


def test_candidates_are_the_same_however_many_are_looked_at_at_a_time(monkeypatch):
    tracks = Histories.of(dividing(missed=1))
    anyone = np.ones(tracks.t.size, bool)
    whole = divisions.candidates(tracks, anyone)
    assert (np.diff(whole, axis=1)[:, 0] != 1).sum() > 30, "mothers whose track ends, too"
    monkeypatch.setattr(divisions, "TRIPLES_AT_A_TIME", 2)
    assert np.array_equal(divisions.candidates(tracks, anyone), whole)


def test_newcomers_beside_tracks_are_no_daughters():
    """A stranger appears beside each of six tracks, and they do not change."""
    frames = []
    for t in range(24):
        masks = {k + 1: (80 + 150 * k, 100, 400) for k in range(6)}
        masks |= {7 + k: (110 + 150 * k, 100, 400) for k in range(6) if t >= 6 + k}
        frames.append(frame(t, masks))
    found = divide(frames, Lineage(), "auto")
    assert labels_of(found.frames) == labels_of(frames)


def test_the_order_of_masks_changes_nothing():
    frames, rng = dividing(), np.random.default_rng(0)
    shuffled, orders = [], []
    for t, f in enumerate(frames):
        order = rng.permutation(len(f.labels))
        table = {f.labels[k]: (*f.centroids[k], int(f.areas[k])) for k in order}
        shuffled.append(frame(t, table))
        orders.append(order)
    straight = divide(frames, Lineage(), "auto").frames
    mixed = divide(shuffled, Lineage(), "auto").frames
    assert len({v for f in straight for v in f.labels}) == 18  # the premise: it divides
    for one, other, order in zip(straight, mixed, orders, strict=True):
        assert [one.labels[k] for k in order] == other.labels


def test_where_nothing_blinks_a_track_does_not_go_on_after_a_gap():
    """One cell is missed for three frames: in a sequence that divides and never blinks, it is new.

    Where masks blink now and then, the same gap is a gap.
    """
    frames = dividing(frames=60)
    steady = [
        frame(f_t, _with(f, 50, (900, 20, 300), f_t not in (20, 21, 22)))
        for f_t, f in enumerate(frames)
    ]
    found = divide(steady, Lineage(), "auto")
    assert found.divides
    assert not found.blinks
    assert _label_at(found.frames[10], 900) != _label_at(found.frames[40], 900)
    blinking = [frame(t, _with(f, 50, (900, 20, 300), t % 4 > 0)) for t, f in enumerate(frames)]
    found = divide(blinking, Lineage(), "auto")
    assert found.divides
    assert found.blinks
    assert _label_at(found.frames[10], 900) == _label_at(found.frames[41], 900)


def _with(f, label, mask, there):
    table = {v: (*f.centroids[k], int(f.areas[k])) for k, v in enumerate(f.labels)}
    return table | ({label: mask} if there else {})


def _label_at(f, x):
    return f.labels[int(np.abs(f.centroids[:, 0] - x).argmin())]


def test_cuts_noted_on_the_way_get_the_labels_of_their_time():
    frames = dividing()
    noted = Lineage({7: 1, 8: 2}, (Change(6, "split", 1, (1, 7)), Change(20, "merge", 9, (3,))))
    found = divide(frames, noted, "auto")
    splits = [c for c in found.lineage.changes if c.kind == "split"]
    assert len(splits) == 6  # the cut is the first division, told once
    merge = next(c for c in found.lineage.changes if c.kind == "merge")
    assert merge.label == found.frames[19].labels[_row(frames[19], 9)]
    assert merge.others == (found.frames[20].labels[_row(frames[20], 3)],)


def _row(f, label):
    return f.labels.index(label)


@pytest.mark.parametrize(
    ("forward", "backward", "divides"),
    [
        (4, 0, True),
        (3, 0, False),
        (75, 3, True),
        (6, 4, False),
        (0, 0, False),
        (200, 150, False),
        (100, 45, True),
    ],
)
def test_divisions_must_outnumber_their_mirror_images(forward, backward, divides):
    assert has_divisions(forward, backward) == divides


def test_a_sequence_without_masks_is_left_alone():
    frames = [frame(t, {}) for t in range(3)]
    assert divide(frames, Lineage(), "auto").frames == frames


def usual(since):
    """What there is of a cell, {name: (x, y, area)}, so many frames after it has divided.

    The mother and one of her daughters have the name 0, so that the label goes on.
    """
    return {0: (0, 0, 400)} if since < 0 else {0: (-11, 0, 240), 1: (11, 0, 240)}


def among_usual(odd, parameters=DEFAULTS):
    """Divisions of a sequence where cell 1 behaves like ``odd`` and divides in frame 20.

    Five others divide as usual, one after the other.
    """
    frames = []
    for t in range(50):
        masks = {}
        for k in range(6):
            for name, (x, y, area) in (usual if k else odd)(t - 20 - k).items():
                masks[1 + k + 6 * name] = (80 + 150 * k + x, 100 + t % 2 + y, int(area))
        frames.append(frame(t, masks))
    return divide(frames, Lineage(), "new", parameters)


def last_of_the_mother(odd):
    """Frame of the last mask with the label of cell 1."""
    return max(t for t, f in enumerate(among_usual(odd).frames) if 1 in f.labels)


def test_single_faulty_masks_do_not_hide_a_division():
    def last_two_of_the_mother(since):
        return {0: (0, 0, 60)} if since in (-1, -2) else usual(since)

    def first_of_the_daughters(since):
        return {k: (x, y, 20) for k, (x, y, _) in usual(0).items()} if since == 0 else usual(since)

    assert last_of_the_mother(usual) == 19
    assert last_of_the_mother(last_two_of_the_mother) == 19
    assert last_of_the_mother(first_of_the_daughters) <= 19


def test_what_cells_were_long_before_and_are_long_after_a_division_does_not_matter():
    def grows_before(since):
        return {0: (0, 0, 400 * 2 ** (max(since, -19) / 4))} if since < 0 else usual(since)

    def hides_after(since):
        return usual(since) if since < 5 else {0: (-11, 0, 240), 1: (11, 0, 8)}

    assert last_of_the_mother(grows_before) == 19
    assert last_of_the_mother(hides_after) == 19


@pytest.mark.parametrize(("life", "divides"), [(2, False), (6, True)])
def test_a_daughter_lives_for_some_masks(life, divides):
    def brief(since):
        return {k: cell for k, cell in usual(since).items() if k == 0 or since < life}

    assert (last_of_the_mother(brief) == 19) == divides


@pytest.mark.parametrize(("x", "divides"), [(60, True), (11, False)])
def test_a_daughter_may_have_been_taken_for_a_track_that_was_lost(x, divides):
    """The label of the second daughter was last seen at ``x``, five frames before she is there.

    If that was at her place already, she is a cell that was missed for a while.
    """

    def mistaken(since):
        lost = {1: (x, 0, 240)} if since in (-8, -7, -6, -5) else {}
        return lost | usual(since)

    last = last_of_the_mother(mistaken)
    assert (last == 19) == divides


@pytest.mark.parametrize(("missed", "divides"), [(2, True), (6, False)])
def test_a_mother_is_not_remembered_for_long(missed, divides):
    def late(since):
        return {} if 0 <= since < missed else usual(since)

    patient = replace(DEFAULTS, division_slack=9)
    assert 1 in among_usual(late, patient).daughters.values()  # the premise: all else fits
    assert (1 in among_usual(late).daughters.values()) == divides


# What tracks of some sequence do: the same in all scenes, so that these can be compared.
USUAL = Usual(
    step=0.05,
    change=0.05,
    stranger=1e-6,
    newcomer=log(6_000),
    newcomer_spread=100.0,
    end=0.01,
    division=0.01,
    gap_rate=np.full(9, 0.01),
)


def log_odds(middle=0.0, apart=1.1, shares=(0.6, 0.6), missed=0, usual=USUAL):
    """What speaks for one division: lengths in sizes of the mother, areas as shares of hers.

    The daughters lie left and right of a place that is ``middle`` below hers.
    """
    frames = []
    for t in range(20):
        masks = {1: (500, 90, 10_000)} if t < 10 else {}
        if t >= 10 + missed:
            x, y = 50 * apart, 90 + 100 * middle
            masks = {k + 2: (500 + (x, -x)[k], y, 10_000 * shares[k]) for k in (0, 1)}
        frames.append(frame(t, masks))
    tracks = Histories.of(frames)
    found = np.array([[tracks.last[0], *tracks.first[1:]]])
    areas = tracks.medians(4, 4)
    return weigh(tracks, found, *areas, usual)[0]


def test_daughters_lie_about_the_mothers_place():
    best = log_odds()
    assert 0 < best - log_odds(middle=0.1) < 0.25
    assert best - log_odds(middle=0.6) > 1


def test_daughters_are_a_little_more_than_half_of_the_mother():
    def even(share):
        return log_odds(shares=(share, share))

    assert even(0.6) > max(even(0.9), even(0.35))
    best = even(exp(DEFAULTS.daughter_share))
    assert best - even(exp(DEFAULTS.daughter_share - 0.1)) < 0.4
    assert best - even(exp(DEFAULTS.daughter_share - 0.6)) > 1.5
    assert 10 < best - even(exp(DEFAULTS.daughter_share - 2)) < 17  # and not a thousand


def test_daughters_are_alike():
    def unlike(ratio):
        """Loss by it, at the same mean of the logarithms."""
        root = ratio**0.5
        return log_odds() - log_odds(shares=(0.6 * root, 0.6 / root))

    assert unlike(1.2) < 0.5
    assert unlike(3.3) > 1.7


def test_daughters_that_come_late_or_far_apart_are_strangers():
    assert 0.4 < log_odds() - log_odds(missed=1) < 2.2
    assert log_odds(apart=1.7) > -np.inf
    assert log_odds(apart=4.5) == -np.inf


def test_a_newcomer_of_an_unusual_area_is_no_proof():
    """Ten spreads off is odd, and not a miracle: there are wrong links among what is learnt."""
    narrow = replace(USUAL, newcomer_spread=0.1)
    other = replace(narrow, newcomer=USUAL.newcomer + 1)
    assert 11 < log_odds(usual=other) - log_odds(usual=narrow) < 19


@pytest.mark.parametrize(("missing", "blinks"), [(2, False), (5, True)])
def test_masks_blink_where_a_link_in_a_hundred_and_fifty_goes_over_a_missing_frame(missing, blinks):
    """... and not where one in four hundred does."""
    frames = [
        frame(t, _with(f, 50, (900, 20, 300), t not in range(2, 2 + 4 * missing, 4)))
        for t, f in enumerate(dividing(frames=60))
    ]
    links = sum(len(f.labels) for f in frames) - 13
    assert 700 < links < 900
    assert divide(frames, Lineage(), "auto").blinks == blinks
