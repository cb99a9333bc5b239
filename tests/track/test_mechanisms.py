"""Each mechanism of the tracker: a small scene that goes wrong without it (the premise), and right.

Drawings show the frames from top to bottom; a letter is an object, a dot is nothing.
"""

from dataclasses import replace

import numpy as np
import pytest
from labelling import boxes, label_frames

from consistency.track.blinking import Blinking
from consistency.track.parameters import DEFAULTS
from consistency.track.state import STATE


def forward(frames, parameters=DEFAULTS, **options):
    """Labels of the forward pass alone."""
    return label_frames(frames, parameters, passes=1, motion="none", **options)


@pytest.fixture
def cut():
    """A is cut to a piece for one frame; when it is whole again, B's mask is missing.

    AAAA BBBB
    A... BBBB
    AAAA ....
    """
    a, b = (60, 40, 40, 40), (110, 40, 40, 40)
    return [boxes(a, b)] * 4 + [boxes((60, 40, 10, 40), b), boxes(a)]


def test_a_cut_undone_in_the_next_frame_is_the_object_again(cut):
    last_only = forward(cut, without=("whole",))
    assert last_only[5] == [last_only[0][1]]  # the premise: B takes the whole for its own
    remembered = forward(cut)
    assert remembered[5] == [remembered[0][0]]


@pytest.fixture
def union():
    """A and B are one mask for a frame; then A is back, and B's mask is missing.

    AAAA BBBB
    AAAAAAAAA
    AAAA ....
    """
    a, b = (60, 40, 40, 40), (104, 40, 36, 40)
    return [boxes(a, b)] * 4 + [boxes((60, 40, 80, 40)), boxes(a)]


def test_a_union_undone_in_the_next_frame_is_the_object_again(union):
    last_only = forward(union, without=("whole",))
    assert last_only[5] == [last_only[0][1]]  # the premise: B takes A's mask, A was the union
    remembered = forward(union)
    assert remembered[4] == remembered[5] == [remembered[0][0]]


@pytest.fixture
def piece():
    """A is cut, hidden, and back where it was; there is a stranger where the piece was heading.

    ...AAAA
    ...A...
    .......
    SSSAAAA
    """
    a = (100, 40, 40, 40)
    return [boxes(a)] * 4 + [boxes((100, 40, 10, 40))] + [[]] * 3 + [boxes(a, (60, 40, 40, 40))]


def test_a_velocity_is_not_learnt_from_a_piece(piece):
    learnt = forward(piece, replace(DEFAULTS, piece_ratio=-1.0))
    assert learnt[8][0] != learnt[0][0]  # the premise: the piece seems to have moved to the left
    assert forward(piece)[8][0] == learnt[0][0]


def test_who_stood_still_for_long_may_begin_to_move():
    """
    A...
    A...    thirty times
    .A..
    """
    frames = [boxes((60, 40, 40, 40))] * 30 + [boxes((108, 40, 40, 40))]
    assert forward(frames, replace(DEFAULTS, least_deviation=0.0))[30] == [2]
    assert forward(frames)[30] == [1]


def among_blinking(*frames):
    """Frames with a row of boxes besides, of which one in four is missing in every frame.

    . b c d
    a . c d
    a b . d
    """
    row = boxes(*((5 + 28 * k, 5, 12, 12) for k in range(8)))
    return [
        [*frame, *(mask for k, mask in enumerate(row) if (k + t) % 4)]
        for t, frame in enumerate(frames)
    ]


A = (60, 60, 40, 40)


@pytest.fixture
def stranger():
    """A's mask is missing when a stranger appears at some distance.

    AAAA ....
    .... SSSS
    AAAA ....
    """
    return among_blinking(*[boxes(A)] * 20, boxes((128, 60, 40, 40)), boxes(A))


def test_where_masks_blink_a_track_waits_for_its_own(stranger):
    eager = forward(stranger, replace(DEFAULTS, gate_share=0.0))
    assert eager[20][0] == eager[0][0]  # the premise: A goes over to the stranger
    patient = forward(stranger)
    assert patient[20][0] != patient[0][0]
    assert patient[21][0] == patient[0][0]


@pytest.fixture
def remains():
    """Of A, a third is left.

    AAAA
    A...
    """
    return among_blinking(*[boxes(A)] * 20, boxes((60, 60, 14, 40)))


def test_what_nobody_else_takes_is_a_piece_of_the_object(remains):
    strict = forward(remains, replace(DEFAULTS, idle_share=1.0))
    assert strict[20][0] != strict[0][0]  # the premise: a piece is less than the track's gate
    left = forward(remains)
    assert left[20][0] == left[0][0]


@pytest.fixture
def scrap():
    """A scrap appears beside A; then there is one mask that both are like.

    AAAA....
    AAAASS..
    ...MMMM.
    """
    beside = boxes(A, (100, 60, 20, 40))
    return among_blinking(*[boxes(A)] * 20, beside, boxes((88, 60, 44, 40)))


def test_where_masks_blink_a_scrap_does_not_steal_the_whole(scrap):
    trusted = forward(scrap, replace(DEFAULTS, youth_discount=0.0))
    assert trusted[21][0] == trusted[20][1]  # the premise: the scrap is more like it
    doubted = forward(scrap)
    assert doubted[21][0] == doubted[0][0]


def test_a_blink_is_a_link_over_one_frame_to_a_mask_as_before():
    tracks = np.zeros(4, STATE)
    tracks["frame"], tracks["length"], tracks["level"] = [9, 8, 8, 8], [5, 5, 2, 5], 0.8
    seen = Blinking().counted(tracks, 10, np.array([0.8, 0.6, 0.6, 0.5]), DEFAULTS)
    assert seen == Blinking(links=1, blinks=1)
    assert Blinking(10_000, 0).strictness(DEFAULTS) < 0.01
    assert Blinking(10_000, 500).strictness(DEFAULTS) == 1
