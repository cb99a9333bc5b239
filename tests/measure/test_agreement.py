"""The masks' vote on the camera's motion."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from consistency.masks.packing import pack
from consistency.masks.thumbnails import thumbnails
from consistency.measure import camera_motion
from consistency.measure.agreement import LEAST_AGREEMENT, Voters, agree
from consistency.measure.camera_motion import UNKNOWN, estimate, mask_view

SHAPE = (270, 480)
STEP = np.array([9, -5])
SEEDS = range(6)


def circles(seed, count=30):
    """Centres x, y and radii of circles all over the frame."""
    rng = np.random.default_rng(seed)
    places = rng.random((count, 2)) * (SHAPE[1], SHAPE[0])
    return places.astype(int), rng.integers(8, 30, count)


def known(places, radii):
    """Packed masks of circles, those beyond the frame left out, with all that a view needs."""
    pictures = []
    for place, radius in zip(places.tolist(), radii.tolist(), strict=True):
        picture = np.zeros(SHAPE, np.uint8)
        cv2.circle(picture, place, radius, 1, -1)
        if picture.any():
            pictures.append(picture > 0)
    masks = pack(pictures, SHAPE)
    boxes, centroids = masks.boxes_and_centroids()
    return masks, boxes, centroids, thumbnails(masks, boxes)


def view(places, radii):
    return mask_view(*known(places, radii))


def voters(places, radii):
    masks, *rest = known(places, radii)
    return Voters(masks.shape, *rest)


@pytest.mark.parametrize("seed", SEEDS)
def test_half_of_the_objects_walking_one_way_are_no_camera(seed, monkeypatch):
    """Those who walk are near the camera and large: most edges are theirs, but not most votes."""
    places, radii = circles(seed)
    radii[::2], radii[1::2] = 28, 14
    walked = places.copy()
    walked[::2] += 2 * STEP
    frames = view(places, radii), view(walked, radii)
    found = estimate(*frames)
    assert found.still
    monkeypatch.setattr(camera_motion, "agree", lambda *_: True)
    assert not estimate(*frames).still  # the premise: edges alone take them for the camera


@pytest.mark.parametrize("seed", SEEDS)
def test_a_pan_is_found_though_some_objects_keep_up_with_it(seed):
    places, radii = circles(seed)
    panned = places + STEP
    panned[::10] = places[::10]
    found = estimate(view(places, radii), view(panned, radii))
    assert not found.still
    assert np.abs(found.move(places) - places - STEP).max() < 3.0


def test_the_order_of_masks_changes_nothing():
    places, radii = circles(3)
    later = places + STEP
    rng = np.random.default_rng(0)
    expected = estimate(view(places, radii), view(later, radii))
    assert not expected.still
    for _ in range(3):
        mixed = rng.permutation(len(radii)), rng.permutation(len(radii))
        found = estimate(
            view(places[mixed[0]], radii[mixed[0]]), view(later[mixed[1]], radii[mixed[1]])
        )
        np.testing.assert_array_equal(found.transform, expected.transform)


def test_a_frame_without_masks_has_no_motion():
    nothing = view(np.zeros((0, 2), int), np.zeros(0, int))
    something = view(*circles(0))
    assert nothing is None
    assert estimate(nothing, something) is UNKNOWN
    assert estimate(something, nothing) is UNKNOWN


def test_frames_of_two_sizes_have_no_motion():
    frame = view(*circles(0))
    larger = replace(frame, voters=replace(frame.voters, shape=(540, 960)))
    assert estimate(frame, frame).known
    assert estimate(frame, larger) is UNKNOWN


def row(count):
    """Circles of one size in a row, each in the middle of a block of its own."""
    x, y = np.arange(count) % 4 * 120 + 60, np.arange(count) // 4 * 67 + 33
    return np.stack([x, y], axis=1), np.full(count, 15)


@pytest.mark.parametrize(("staying", "expected"), [(2, True), (4, False), (6, False)])
def test_blocks_that_gain_must_outweigh_those_that_lose(staying, expected):
    places, radii = row(12)
    later = places + STEP
    later[:staying] = places[:staying]
    moves = np.tile(STEP.astype(float), (12, 1))
    assert (12 - staying > LEAST_AGREEMENT * staying) == expected  # the premise
    assert agree(voters(places, radii), voters(later, radii), moves) == expected


@pytest.mark.parametrize(("below", "expected"), [(24, True), (67, False)])
def test_neighbours_in_a_block_make_up_for_one_another(below, expected):
    """Large objects stay, a small one below each moves: in its block, or in one without others."""
    places, radii = row(16)
    places, radii = places[[0, 1, 2, 3, 8, 9, 10, 11]], radii[:8]
    small = places + (0, below)
    both, radii = np.concatenate([places, small]), np.concatenate([radii, radii // 2])
    later = np.concatenate([places, small + STEP])
    moves = np.tile(STEP.astype(float), (16, 1))
    assert agree(voters(both, radii), voters(later, radii), moves) == expected


def test_empty_masks_neither_vote_nor_fail():
    places, radii = row(12)
    masks, *_ = known(places, radii)
    pictures = [masks.unpack(i) for i in range(masks.count)]
    with_empty = pack([*pictures, np.zeros(SHAPE, bool)], SHAPE)
    boxes, centroids = with_empty.boxes_and_centroids()
    assert np.isnan(centroids[-1]).all()
    frame = Voters(SHAPE, boxes, centroids, thumbnails(with_empty, boxes))
    moves = np.tile(STEP.astype(float), (13, 1))
    moves[-1] = np.nan  # as its centroid
    assert agree(frame, voters(places + STEP, radii), moves)
    assert not agree(frame, voters(places, radii), moves)
