"""What a track may take, and from whom: each rule on both sides of where it decides.

Pieces of a box have its left side: one of a third of its width has an IoU of 1/3 with it.
"""

from dataclasses import replace

import numpy as np
import pytest
from labelling import boxes, measure_all

from consistency.masks.thumbnail_pool import ThumbnailPool
from consistency.measure.camera_motion import Motion
from consistency.track.blinking import Blinking
from consistency.track.parameters import DEFAULTS
from consistency.track.similarity import pairwise_similarity
from consistency.track.state import Detections, predict
from consistency.track.tracker import Tracker

A = (60, 40, 40, 40)
# A camera that is known and moves, too little to matter.
CAMERA = Motion(np.array([[1, 0, 1e-9], [0, 1, 0]]), True)


def piece(share):
    """A's left part, so much of it."""
    return (60, 40, round(40 * share), 40)


def labels(frames, strictness=0.0, camera=None, **tracker):
    """Labels of the boxes of each frame, in their order."""
    shown = [[one if isinstance(one, np.ndarray) else boxes(one)[0] for one in f] for f in frames]
    # So many that those of the scene itself change nothing.
    many = 10**9
    known = Blinking(many, round(many * strictness * DEFAULTS.full_blink_rate))
    follow = Tracker(known=known if strictness else None, **tracker)
    result = []
    for now in measure_all(shown, motion="none", duplicate_iou=1.0):
        given = follow.step(now if camera is None else replace(now, motion=camera))
        order = np.argsort(now.kept)
        result.append([given[k] for k in order])
    return result


def goes_on(after, *frames, **how):
    """Whether the box ``after`` has the label of A, which was there five times."""
    found = labels([[A]] * 5 + [*frames, [after]], **how)
    return found[-1] == found[0]


def test_without_rivals_a_small_rest_is_still_the_object():
    big = (60, 10, 90, 90)

    def rest(side):
        centre = (105 - side // 2, 55 - side // 2, side, side)
        found = labels([[big]] * 5 + [[centre]])
        return found[-1] == found[0]

    assert rest(17)  # a thirtieth of it
    assert not rest(10)  # an eightieth


def test_where_the_camera_is_known_a_mask_has_to_look_like_the_track():
    assert goes_on(piece(0.35), camera=CAMERA)
    assert not goes_on(piece(0.1), camera=CAMERA)
    assert goes_on(piece(0.1)), "the premise: else it need not"


def test_who_returns_has_to_look_like_before():
    assert goes_on(piece(0.35), [])
    assert not goes_on(piece(0.1), [])


def test_after_a_long_time_it_has_to_be_where_it_was():
    gone = [[]] * 6
    assert goes_on(piece(0.75), *gone, memory=2, camera=CAMERA)
    assert not goes_on(piece(0.3), *gone, memory=2, camera=CAMERA)
    assert goes_on(piece(0.3), *gone, memory=9, camera=CAMERA), "the premise: not so soon"


def test_who_returns_takes_a_mask_from_one_that_was_there_only_if_it_fits_well():
    """G is gone for a frame; M is more like it than like R, which was there all the time.

    MMMMMMMM
    GGG    R
    """
    right = (96, 40, 4, 40)
    poorly = labels([[piece(0.3), right]] * 5 + [[right], [A]])
    assert poorly[-1] == [poorly[0][1]]
    well = labels([[A, right]] * 5 + [[right], [A]])
    assert well[-1] == [well[0][0]]


def hatched(turned):
    """Thin bars in a box, along it or across: of the same area, and nearly nothing in common."""
    mask = np.zeros((120, 240), bool)
    mask[20:84, 60:124] = (np.arange(64) % 16 < 2)[:, None]
    if turned:
        mask[20:84, 60:124] = mask[20:84, 60:124].T
    return mask


def test_where_masks_blink_not_even_what_is_left_over_may_be_anything():
    def turned(strictness):
        found = labels([[hatched(False)]] * 5 + [[hatched(True)]], strictness=strictness)
        return found[-1] == found[0]

    assert turned(0.0), "the premise: where nothing blinks it may"
    assert not turned(1.0)


def test_where_masks_blink_a_young_piece_does_not_stand_for_the_whole():
    """A piece appears inside A; in the next frame it is all that there is."""
    inside = piece(0.7)
    found = labels([[A]] * 12 + [[A, inside], [inside]], strictness=1.0)
    assert found[-1] == found[0]


def test_where_masks_blink_one_seen_twice_keeps_what_fits_it_alone():
    """B has been there for two frames when A's mask is missing; A would take B's."""
    b = (82, 40, 40, 40)
    found = labels([[A]] * 12 + [[A, b]] * 2 + [[b]], strictness=1.0)
    assert found[-1] == [found[-2][1]]


def test_a_mask_inside_another_is_less_like_one_that_was_not():
    before, now = measure_all([boxes(A)] * 2, motion="none")
    pool = ThumbnailPool()
    tracks = Detections.of(before, 0, pool, DEFAULTS).masks
    seen = Detections.of(now, 1, pool, DEFAULTS)

    def similarity(own, its):
        tracks["containment"], seen.masks["containment"] = own, its
        place = predict(tracks, 1, DEFAULTS)
        found = pairwise_similarity(tracks, place, seen, np.full(1, 0.1), 10, DEFAULTS)
        return found.similarity[0]

    free = similarity(0.0, 0.0)
    assert 0.5 < similarity(0.0, 1.0) / free < 0.88
    assert similarity(1.0, 0.0) == similarity(1.0, 1.0) == free  # its whole may be missing


def test_a_short_sequence_tells_neither_that_masks_blink_nor_that_they_do_not():
    assert 0.2 < Blinking().strictness(DEFAULTS) < 0.7


@pytest.mark.parametrize(
    ("first", "second", "split"),
    [
        ((20, 20, 50, 30), (76, 20, 24, 30), True),
        ((20, 20, 50, 30), (85, 20, 30, 30), False),  # half of the second lies outside
        ((20, 20, 42, 30), (78, 20, 22, 30), True),  # a fifth is missing between them
        ((20, 20, 25, 30), (85, 20, 15, 30), False),  # half is missing
        ((20, 20, 66, 30), (80, 20, 20, 30), True),  # they share a little
        ((20, 20, 66, 30), (70, 20, 20, 30), False),  # the second is a part of the first
    ],
)
def test_two_pieces_of_one_mask_are_a_split(first, second, split):
    follow = Tracker()
    scene = [boxes((20, 20, 80, 30))] * 5 + [boxes(first, second)]
    for now in measure_all(scene, motion="none"):
        follow.step(now)
    assert [change.kind for change in follow.lineage.changes] == ["split"] * split
