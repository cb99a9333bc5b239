"""What a person says holds, what it opens is decided anew, and all else stays."""

from dataclasses import replace

import numpy as np
import pytest
from test_linking import ABSENCE, FRAMES, GAP, found, measure, prepared, walkers, without

from consistency.corrections import parse
from consistency.track.linking import solve
from consistency.track.mending import mend
from consistency.track.parameters import DEFAULTS
from consistency.track.results import Lineage, relabelled

# Links are judged, and none is cut: tracks are what is given.
UNCUT = replace(DEFAULTS, rounds=((None, -1.5),))
NEVER = replace(DEFAULTS, rounds=((None, 1e6),))
HEAD = {"format": "mask label corrections", "version": 1}


class Run:
    """A labelled sequence that can be mended."""

    def __init__(self, measured, shown, labels, parameters=UNCUT):
        frames, store = prepared(measured, labels)
        self.shown = shown
        self.linked = solve(frames, store, {}, ABSENCE, parameters)
        self.frames = relabelled(frames, *self.linked.labels_and_confidence())

    def mended(self, *items, solved=True, **more):
        """Labels of each frame after corrections."""
        file = parse(HEAD | more | {"corrections": list(items)}, "c.json")
        self.made = mend(self.frames, Lineage(), [file], 1, self.linked if solved else None)
        return [list(frame.labels) for frame in self.made.frames]

    def label(self, k, t):
        return self.frames[t].labels[self.shown[t].index(k)]

    def mask(self, k, t):
        frame = self.frames[t]
        return {"frame": frame.name, "mask": int(frame.kept[self.shown[t].index(k)])}


def mixed_up(shown, time, other):
    """Labels of objects, from a time on those of others."""
    return [[1 + (other.get(k, k) if t >= time else k) for k in f] for t, f in enumerate(shown)]


@pytest.fixture(scope="module")
def after_a_gap():
    """Objects 1 and 2 are away.

    1 goes on as 2 does afterwards; what came of the one and what was of the other are left alone:

        frame   0 ... 9        13 ...
        label   2  object 1    2  object 2
                3  object 2    8  object 1
    """
    measured, shown = measure(without(walkers(), (1, 2), GAP))
    return Run(measured, shown, mixed_up(shown, GAP.stop, {2: 1, 1: 7}), NEVER)


@pytest.fixture(scope="module")
def exchanged():
    """Objects 1 and 4 exchange their labels in frame 12."""
    measured, shown = measure(walkers())
    return Run(measured, shown, mixed_up(shown, 12, {1: 4, 4: 1}))


def with_rounds(run, rounds):
    """The same, and what is opened is joined so."""
    result = object.__new__(Run)
    result.__dict__.update(run.__dict__)
    p = replace(DEFAULTS, rounds=rounds)
    result.linked = replace(run.linked, joiner=replace(run.linked.joiner, parameters=p))
    return result


def test_both_sides_of_a_cut_find_whom_they_belong_to(after_a_gap):
    run = with_rounds(after_a_gap, DEFAULTS.rounds)
    split = {"do": "split", "label": run.label(1, 0), "at": str(GAP.stop)}
    own = found(run.mended(split, solved=False), run.shown)
    assert (len(own[1]), len(own[2])) == (2, 2), "the premise: renumbering leaves them alone"
    own = found(run.mended(split), run.shown)
    assert [len(own[k]) for k in range(6)] == [1] * 6
    assert len(set.union(*own.values())) == 6


def test_what_no_correction_touches_stays_even_if_it_might_be_joined(after_a_gap):
    run = with_rounds(after_a_gap, DEFAULTS.rounds)
    far = {"do": "split", "label": run.label(5, 0), "at": "5"}
    assert run.mended(far) == run.mended(far, solved=False)
    assert len(found(run.mended(far), run.shown)[1]) == 2, "another correction would mend this"


def test_who_is_different_is_not_joined_again_nor_are_two_names(after_a_gap):
    run = with_rounds(after_a_gap, DEFAULTS.rounds)
    split = {"do": "split", "label": run.label(1, 0), "at": str(GAP.stop)}
    late = {"do": "different", "masks": [run.mask(1, 3), run.mask(1, 20)]}
    own = found(run.mended(split, late), run.shown)
    assert (len(own[1]), len(own[2])) == (2, 1)
    names = [
        {"do": "rename", "label": run.label(k, t), "name": n}
        for k, t, n in ((1, 0, "a"), (1, 20, "b"))
    ]
    own = found(run.mended(split, *names), run.shown)
    assert (len(own[1]), len(own[2])) == (2, 1)
    assert sorted(run.made.names.values()) == ["a", "b"]
    own = found(run.mended(split, names[0]), run.shown)
    assert run.made.names == {min(own[1]): "a"}, "one name is for the whole object"


def test_a_track_of_two_objects_is_cut_where_they_change(exchanged):
    item = {"do": "different", "masks": [exchanged.mask(1, 3), exchanged.mask(4, 20)]}
    labels = exchanged.mended(item)
    was = [list(frame.labels) for frame in exchanged.frames]
    first = next(t for t in range(FRAMES) if labels[t] != was[t])
    assert first == 12
    later = exchanged.mended(item, solved=False)
    assert next(t for t in range(FRAMES) if later[t] != was[t]) == 20, "without any evidence"


def test_one_object_in_two_tracks_mends_both(exchanged):
    item = {"do": "same", "masks": [exchanged.mask(1, 20), exchanged.mask(1, 3)]}
    own = found(exchanged.mended(item), exchanged.shown)
    assert all(len(labels) == 1 for labels in own.values())
    own = found(exchanged.mended(item, solved=False), exchanged.shown)
    assert len(own[1]) == 2, "without any evidence they exchange in the later frame"


@pytest.mark.parametrize("frames", [(11, 12), (13, 14), (5, 13), (12, 20)])
def test_labels_that_were_exchanged_for_a_moment_change_back(frames):
    """What follows is right already; else a single mask would take it all along."""
    measured, shown = measure(walkers())
    labels = mixed_up(shown, 12, {1: 4, 4: 1})
    labels[14:] = mixed_up(shown, 12, {})[14:]
    run = Run(measured, shown, labels)
    assert len(found(run.mended(), shown)[1]) == 2, "the premise"
    item = {"do": "same", "masks": [run.mask(1, t) for t in frames]}
    own = found(run.mended(item), shown)
    assert all(len(labels) == 1 for labels in own.values())


def test_a_label_that_was_taken_away_for_a_moment_comes_back():
    """Object 1 has that of object 4 in frame 12, and object 4 another one."""
    measured, shown = measure(walkers())
    labels = mixed_up(shown, 12, {1: 4, 4: 8})
    labels[13:] = mixed_up(shown, 12, {})[13:]
    run = Run(measured, shown, labels)
    item = {"do": "same", "masks": [run.mask(1, 11), run.mask(1, 12)]}
    own = found(run.mended(item), shown)
    assert [len(own[k]) for k in (0, 1, 2, 3, 5)] == [1] * 5
    assert own[4] >= {run.label(4, 0)}


@pytest.mark.parametrize("frames", [(11, 12), (12, 13), (8, 12)])
def test_a_track_that_had_another_mask_for_a_moment_goes_on(frames):
    """Object 4 has the label of object 1 in frame 12, and object 1 another one."""
    measured, shown = measure(walkers())
    labels = mixed_up(shown, 12, {4: 1, 1: 7})
    labels[13:] = mixed_up(shown, 12, {})[13:]
    run = Run(measured, shown, labels)
    assert run.label(4, 12) == run.label(1, 0), "the premise"
    masks = [run.mask(4 if t == 12 else 1, t) for t in frames]
    made = run.mended({"do": "different", "masks": masks})
    own = [made[t][shown[t].index(1)] for t in range(FRAMES) if t != 12]
    assert len(set(own)) == 1
    assert made[12][shown[12].index(4)] not in own


def test_a_person_is_sure(exchanged):
    swap = {"do": "swap", "labels": [exchanged.label(1, 0), exchanged.label(4, 0)], "at": "12"}
    for solved in (True, False):
        labels = exchanged.mended(swap, solved=solved)
        assert all(len(own) == 1 for own in found(labels, exchanged.shown).values())
        sure = dict(zip(exchanged.shown[12], exchanged.made.frames[12].confidence, strict=True))
        assert (sure[1], sure[4]) == (1.0, 1.0)
        assert 0 < sure[0] < 1
        assert not np.isnan(exchanged.made.frames[13].confidence).any()


def test_a_join_over_any_gap_is_possible():
    """Longer than anything is known of."""
    boxes = {k: (5, 4 + 30 * k, 20 + k, 18) for k in range(3)}
    scene = without([boxes] * 70, (1,), range(5, 66))
    measured, shown = measure(scene)
    run = Run(measured, shown, mixed_up(shown, 30, {1: 9}))
    labels = [run.label(1, 0), run.label(1, 67)]
    assert labels[0] != labels[1], "the premise"
    own = found(run.mended({"do": "merge", "labels": labels}), shown)
    assert own[1] == {labels[0]}


def test_dropped_masks_are_left_out_with_the_reason(exchanged):
    drop = {"do": "drop", "label": exchanged.label(0, 0), "frames": ["3", "4"]}
    for solved in (True, False):
        labels = exchanged.mended(drop, solved=solved)
        assert [len(frame) for frame in labels] == [6, 6, 6, 5, 5] + [6] * (FRAMES - 5)
        made = exchanged.made.frames
        gone = exchanged.mask(0, 3)["mask"]
        assert [(d.mask_index, d.reason) for d in made[3].dropped] == [(gone, "correction")]
        k = made[5].labels.index(exchanged.label(0, 0))
        assert np.isnan(made[5].iou_before[k]), "the mask before it is gone"
        assert found(labels[5:], exchanged.shown[5:])[0] == {exchanged.label(0, 0)}


def test_files_follow_one_another_and_know_their_labels(exchanged):
    labels = exchanged.label(1, 0), exchanged.label(4, 0)
    swap = {"do": "swap", "labels": list(labels), "at": "12"}
    exchanged.mended(swap)
    known = exchanged.made.files
    second = parse(
        HEAD | {"input": None, "corrections": [{"do": "rename", "label": labels[0], "name": "x"}]},
        "d.json",
    )
    both = mend(exchanged.frames, Lineage(), [*known, second], 1, exchanged.linked)
    assert both.names == {labels[0]: "x"}
    assert both.files[0] == known[0]
    assert both.files[1].input not in (None, known[0].input)
    again = mend(exchanged.frames, Lineage(), both.files, 1, exchanged.linked)
    assert again.files == both.files
    assert [f.labels for f in again.frames] == [f.labels for f in both.frames]
    with pytest.raises(ValueError, match=r"^d\.json: was made for other labels"):
        mend(exchanged.frames, Lineage(), both.files[1:], 1, exchanged.linked)
