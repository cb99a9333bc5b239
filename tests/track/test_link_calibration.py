"""What a sequence teaches of its own masks; sequences here are tables of places, without pixels."""

from dataclasses import replace

import numpy as np
import pytest
from labelling import LONGEST, SIZE, sequence

from consistency.track.calibration import learn
from consistency.track.link_evidence import EVIDENCE
from consistency.track.parameters import DEFAULTS
from consistency.track.tracklets import look_back


class Meter:
    """Stands for the one that compares shapes: pairs of one track are alike, others are not."""

    def __init__(self, tracks):
        self._track = tracks.track

    def measure(self, past, future, damping):
        self.own = self._track[past.mask] == self._track[future.mask]
        result = np.zeros(past.mask.size, EVIDENCE)
        result["gap"] = result["ratio"] = result["whole_ratio"] = 1
        result["aligned"] = np.where(self.own, 0.9, 0.1)
        self.measured = result
        return result


def learnt(*args, **kwargs):
    masks, tracks = sequence(*args, **kwargs)
    return learn(masks, tracks, Meter(tracks), LONGEST, DEFAULTS)


def walk(step, seed=0):
    """Random walks, in sizes."""
    way = np.random.default_rng(seed).normal(0, step, (8, 400)).cumsum(axis=1)
    return lambda k, t: way[k, t]


def test_velocities_last_where_most_objects_go_on():
    """Of thirty objects seven start again from the same place every nine frames."""

    def place(k, t):
        return 0.5 * t if k < 23 else 0.5 * (t % 9)

    assert learnt(place, tracks=30).damping[9] == 1.0


def test_without_anything_to_learn_a_velocity_is_believed_in_part():
    nothing = learnt(lambda k, t: 0.3 * t, frames=2, tracks=2)
    assert ((nothing.damping > 0.25) & (nothing.damping < 0.8)).all()
    assert 0.17 < nothing.spread[1] < 0.6


def test_where_nothing_moves_a_twentieth_of_a_size_is_no_surprise():
    still = learnt(lambda k, t: 0.0)
    assert 0.03 < still.spread[1] < 0.09
    assert 0.03 < still.turn[1] < 0.09


@pytest.mark.parametrize(("pairs", "told"), [(5, False), (20, True)])
def test_few_pairs_at_a_gap_tell_nothing_and_some_do(pairs, told):
    """All objects jump at the end; each has one pair of masks at the largest gap."""
    found = learnt(lambda k, t: 5.0 * (t == 40), tracks=pairs, frames=41)
    assert found.spread[28] < 1  # the premise: from one mask to the other they mostly stand
    assert (found.spread[40] > 1) == told


@pytest.mark.parametrize(
    ("step", "least", "most"),
    [
        (0.01, 2, 4),  # what hardly moves may still begin to
        (0.6, 3.5, 7),  # in between it follows from the sequence
        (9.0, 9, 16),  # and nobody is looked for in all of the picture
    ],
)
def test_how_far_is_looked_follows_from_how_things_move(step, least, most):
    assert least < learnt(walk(step)).reach[1] < most


def test_only_so_many_pairs_are_measured():
    masks, tracks = sequence(walk(0.2), tracks=8, frames=400)
    # All walk about one place: 8 · 7 pairs of strangers in each frame.
    masks = replace(masks, centroid=masks.centroid * [1, 0])
    meter = Meter(tracks)
    learn(masks, tracks, meter, LONGEST, DEFAULTS)
    assert 1500 < meter.own.sum() < 5000
    assert 1500 < (~meter.own).sum() < 5000


def test_gaps_that_were_not_seen_are_rarer_and_not_impossible():
    """One mask in ten is missing: there are gaps of two frames, and no other."""
    prior = learnt(walk(0.1), there=lambda k, t: (t + k) % 10 > 0).link_prior
    assert prior[1] > prior[2] > prior[3] > prior[40]
    assert 2.5 < prior[2] - prior[3] < 3.6


def test_one_example_is_no_proof():
    """Two objects in two frames: what tells them apart there need not tell all others apart."""
    masks, tracks = sequence(lambda k, t: 0.0, tracks=2, frames=2)
    masks, meter = replace(masks, centroid=masks.centroid * 0), Meter(tracks)
    few = learn(masks, tracks, meter, LONGEST, DEFAULTS).evidence(meter.measured)
    masks, tracks = sequence(walk(0.1), tracks=8, frames=200)
    masks, meter = replace(masks, centroid=masks.centroid * [1, 0]), Meter(tracks)
    many = learn(masks, tracks, meter, LONGEST, DEFAULTS).evidence(meter.measured)
    assert (np.sign(few) == np.where([1, 1, 0, 0], 1, -1)).all()
    assert 0.25 < few[0] < 0.6
    assert many.max() > 3


def test_a_velocity_is_that_of_several_masks_and_of_the_last_ones():
    """One trembles while it goes, one has begun to go some masks ago; both also seen rarely."""

    def velocity(place, **more):
        masks, tracks = sequence(place, tracks=1, frames=40, **more)
        last = np.array([masks.t.size - 1])
        return look_back(masks, tracks, last, DEFAULTS).velocity[0, 0] / SIZE

    def trembling(k, t):
        return 0.3 * t + 0.1 * (t // 3 % 2 if rare else t % 2)

    def starting(k, t):
        return 0.3 * max(t - (25 if rare else 30), 0)

    for rare in (False, True):
        seen = {"there": lambda k, t: t % 3 == 0} if rare else {}
        assert velocity(trembling, **seen) == pytest.approx(0.3, abs=0.02)
        assert velocity(starting, **seen) == pytest.approx(0.3, abs=0.02)
