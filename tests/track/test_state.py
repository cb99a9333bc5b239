"""What a track remembers, where it is expected, and how far from there it is looked for."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from labelling import boxes, measure_all

from consistency.masks.thumbnail_pool import ThumbnailPool
from consistency.track.gating import Gate, innovations
from consistency.track.parameters import DEFAULTS, POSITIVE
from consistency.track.state import (
    LARGEST,
    LAST,
    TYPICAL,
    Detections,
    Links,
    compensate_camera,
    predict,
    update,
)
from consistency.track.views import Views

SIDE = 40  # pixels
WIDE = (200, 1200)


def followed(*places, gap=1, similarity=1.0):
    """A track after boxes (x, y, width, height), each ``gap`` frames after the last one.

    Its innovations are the distances from where it was expected, as of every track.
    """
    measured = measure_all([boxes(box, shape=WIDE) for box in places], motion="none")
    pool, track = ThumbnailPool(), None
    for t, now in enumerate(measured):
        detections = Detections.of(now, t * gap, pool, DEFAULTS)
        if track is None:
            track = detections.masks
            continue
        track = compensate_camera(track, now.motion, t * gap)
        views = Views.of(track, predict(track, t * gap, DEFAULTS), DEFAULTS, last_only=True)
        one = np.array([0])
        away = innovations(views, one, now, one, DEFAULTS)
        track = update(track, detections, Links(one, one, np.array([similarity]), away), DEFAULTS)
    return track


def expected(track, later, kind=LAST):
    """Where its centroid is expected so many frames after its last mask, against where it was."""
    t = int(track["frame"][0]) + later
    return predict(track, t, DEFAULTS)[0, kind, 0] - track["centroid"][0, LAST, 0]


def box(x, width=SIDE, height=SIDE):
    return (x, 60, width, height)


def stood(*then):
    return followed(*[box(100)] * 5, *then)


WHOLE, PIECE = box(100), box(100, 12)


def reach(track, gap=1):
    """Distance up to which a mask counts, object sizes."""
    return float(Gate.of(track, np.array([gap]), DEFAULTS).limit[0])


def nearness(track, innovation):
    gate = Gate.of(track, np.array([1]), DEFAULTS)
    return float(gate.nearness(np.array([0]), np.array([innovation]))[0])


def test_the_first_displacement_tells_more_than_a_later_one_and_less_than_itself():
    first = expected(followed(box(100), box(110)), 1)
    later = expected(stood(box(110)), 1)
    assert 0 < later < first < 10


def test_who_swings_is_expected_within_the_swing():
    """The last step of one that swings by 10 pixels says nothing of the next one."""
    swinging = followed(*[box(100 + 10 * (t % 2)) for t in range(16)])
    assert -10 < expected(swinging, 1) < 5


def test_a_steady_velocity_is_known_after_some_masks():
    steady = followed(*[box(100 + 10 * t) for t in range(6)])
    assert expected(steady, 1) == pytest.approx(10, abs=2)


def test_a_velocity_is_learnt_from_masks_not_from_pieces():
    def learnt(width):
        """Share of the displacement of the centroid, from a mask to one of another width."""
        step = (width - SIDE) / 2  # the left side stays
        whole = expected(stood(box(110)), 1) / 10
        return expected(stood(box(100, width)), 1) / step / whole

    assert learnt(12) == 0  # a third of it is a piece
    assert learnt(36) > 0.7  # its border has moved
    assert 0 < learnt(26) < 0.9  # between the two


def test_a_lost_track_goes_on_for_some_frames_and_no_further():
    moving = followed(*[box(100 + 10 * t) for t in range(8)])
    step = expected(moving, 1)
    moving["motion_known"] = False  # of the camera, since the last mask
    assert expected(moving, 6) == pytest.approx(6 * step)
    assert expected(moving, 30) < 20 * step
    moving["motion_known"] = True  # what moves by itself soon stops
    assert expected(moving, 2) == pytest.approx(2 * step)
    assert expected(moving, 30) < 7 * step


def test_the_whole_is_remembered_while_there_are_pieces():
    whole = stood()["shape"][0, LAST]
    assert stood(PIECE, PIECE)["shape"][0, LARGEST] == whole
    assert stood(*[PIECE] * 40)["shape"][0, LARGEST] != whole  # some day it is history


def test_a_whole_that_is_back_after_pieces_is_remembered_anew():
    back = stood(PIECE, PIECE, WHOLE)
    assert back["shape"][0, LARGEST] == back["shape"][0, LAST]


def test_a_union_is_not_remembered_but_an_object_that_grows_is():
    union = stood(box(100, 2 * SIDE))
    assert union["shape"][0, LARGEST] != union["shape"][0, LAST]
    growing = followed(*[box(100, round(SIDE * 1.25**k)) for k in range(8)])
    assert growing["shape"][0, LARGEST] == growing["shape"][0, LAST]


def test_neither_a_piece_nor_a_union_is_typical():
    steady = stood()
    assert steady["shape"][0, TYPICAL] == steady["shape"][0, LAST]
    for other in (box(100, SIDE // 2), box(100, 2 * SIDE)):
        found = stood(other)
        assert found["shape"][0, TYPICAL] != found["shape"][0, LAST]


def test_the_whole_is_asked_where_the_last_mask_differs():
    def asked(track):
        return len(Views.of(track, predict(track, 9, DEFAULTS), DEFAULTS, last_only=False).track)

    assert asked(stood()) == 1
    assert asked(stood(box(100, SIDE // 2))) == 2


def test_an_occluded_object_is_larger_than_its_mask_for_a_while():
    scrap = box(100, 10, 10)
    assert stood(scrap)["size"][0] > 2 * 10
    assert stood(*[scrap] * 30)["size"][0] == 10


def test_a_track_that_jumps_about_is_looked_for_further_away():
    erratic = followed(*[box(100 + 60 * (t % 2)) for t in range(12)])
    assert reach(erratic) > 1.5 * reach(stood())


@pytest.mark.parametrize("jump", [SIDE, 10 * SIDE])
def test_neither_one_jump_nor_one_wrong_link_widens_the_search_much(jump):
    young = box(100), box(100)
    assert reach(followed(*young, box(100 + jump))) < 1.5 * reach(followed(*young))


def test_a_track_that_is_erratic_from_the_first_is_looked_for_further_away():
    begun = followed(box(100), box(140), box(100), box(150))
    assert reach(begun) > 1.1 * reach(stood())


def test_who_stood_for_long_is_trusted_to_stand_and_may_still_move():
    still, new = followed(*[box(100)] * 40), followed(box(100))
    assert 0.25 < nearness(still, 1.2) / nearness(new, 1.2) < 0.75


def test_nothing_is_found_far_away_and_something_near():
    steady = stood()
    assert nearness(steady, 1.0) > 0.1
    assert nearness(steady, 4.0) == 0
    wild = stood()
    wild["variance"] = 100.0
    assert nearness(wild, 5.0) > 0.1
    assert nearness(wild, 14.0) == 0
    jumping = stood()
    jumping["variance"] = 1.0  # innovations of one object size
    assert nearness(jumping, 2.5) > 0.1
    assert nearness(jumping, 7.0) == 0
    assert nearness(followed(box(100)), 3.0) == 0


def test_the_search_widens_with_the_gap_like_a_random_walk():
    steady = stood()
    assert 2 < reach(steady, gap=9) / reach(steady) < 5


def test_without_the_cue_uncertainty_the_search_is_equally_wide_for_all():
    steady, wild = stood(), stood()
    wild["variance"] = 100.0
    for track in (steady, wild):
        gate = Gate.of(track, np.array([1]), DEFAULTS, fixed=True)
        near, far = (gate.nearness(np.array([0]), np.array([x]))[0] for x in (2.0, 5.0))
        assert near > far == 0


def test_distances_are_in_sizes_of_the_object_even_to_a_scrap():
    def distance(other):
        scene = [boxes(box(100), shape=WIDE), boxes(other, shape=WIDE)]
        before, now = measure_all(scene, motion="none")
        track = Detections.of(before, 0, ThumbnailPool(), DEFAULTS).masks
        views = Views.of(track, predict(track, 1, DEFAULTS), DEFAULTS, last_only=True)
        return innovations(views, np.array([0]), now, np.array([0]), DEFAULTS)[0]

    assert distance(box(140)) == pytest.approx(1)
    assert distance((158, 78, 4, 4)) < 2  # as far away, in pixels


def test_what_is_usual_for_a_track_follows_its_recent_links():
    place = [box(100)]
    measured = measure_all([boxes(*place)] * 36, motion="none")
    pool, one, levels = ThumbnailPool(), np.array([0]), []
    track = Detections.of(measured[0], 0, pool, DEFAULTS).masks
    for t, now in enumerate(measured[1:], 1):
        similarity = np.array([1.0 if t <= 30 else 0.3])
        links = Links(one, one, similarity, np.zeros(1))
        track = update(track, Detections.of(now, t, pool, DEFAULTS), links, DEFAULTS)
        levels.append(track["level"][0])
    assert levels[29] == pytest.approx(1)
    assert 0.42 < levels[33] < 0.8  # after four of 0.3
    assert all(a >= b for a, b in pairwise(levels[29:]))


@pytest.mark.parametrize("name", [*POSITIVE, "damping_quantile"])
def test_numbers_with_which_nothing_can_be_computed_are_refused(name):
    with pytest.raises(ValueError, match=name):
        replace(DEFAULTS, **{name: -1})
