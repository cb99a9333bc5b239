"""The camera's motion, from masks that were moved by a known one."""

import cv2
import numpy as np
import pytest

from consistency.masks.packing import pack
from consistency.masks.thumbnails import thumbnails
from consistency.measure.camera_motion import (
    UNKNOWN,
    Motion,
    estimate,
    mask_view,
    to_first,
)
from consistency.measure.edges import sample_cells

SHAPE = (270, 480)


def scene(transform=None, seed=0, reach=1.0):
    """Filled circles over ``reach`` of the frame, seen after ``transform`` (2, 3)."""
    rng = np.random.default_rng(seed)
    masks = []
    for _ in range(30):
        x, y = rng.random(2) * (SHAPE[1] * 1.4 * reach, SHAPE[0] * 1.4 * reach)
        picture = np.zeros((SHAPE[0] * 2, SHAPE[1] * 2), np.uint8)
        cv2.circle(picture, (int(x), int(y)), int(rng.integers(8, 30)), 1, -1)
        if transform is not None:
            picture = cv2.warpAffine(picture, transform, picture.shape[::-1])
        picture = picture[: SHAPE[0], : SHAPE[1]] > 0
        if picture.any():
            masks.append(picture)
    packed = pack(masks, SHAPE)
    boxes, centroids = packed.boxes_and_centroids()
    return mask_view(packed, boxes, centroids, thumbnails(packed, boxes))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(20, 30), (300, 200), (129, 700)])
def test_edges_are_cells_with_a_neighbour_on_the_other_side(order, shape):
    rng = np.random.default_rng(1)
    masks = []
    for _ in range(4):
        mask = np.zeros(shape, bool)
        y, x = rng.integers(0, shape[0] // 2), rng.integers(0, shape[1] // 2)
        mask[y : y + shape[0] // 2, x : x + shape[1]] = True
        masks.append(mask)
    found = sample_cells(pack(masks, shape, order)).edges()
    sampled = np.array([mask[:: found.step, :: found.step] for mask in masks])
    expected = np.zeros(sampled.shape[1:], bool)
    for axis in (1, 2):
        differs = (np.diff(sampled, axis=axis)).any(axis=0)
        low = [slice(None)] * 2
        high = [slice(None)] * 2
        low[axis - 1], high[axis - 1] = slice(None, -1), slice(1, None)
        expected[tuple(low)] |= differs
        expected[tuple(high)] |= differs
    np.testing.assert_array_equal(found.picture, expected)
    assert found.picture.size <= 1 << 15


@pytest.mark.parametrize(
    "transform",
    [
        [[1, 0, 14], [0, 1, -9]],
        [[1.03, 0, -12], [0, 1.03, 5]],
        [[np.cos(0.03), -np.sin(0.03), 8], [np.sin(0.03), np.cos(0.03), -6]],
    ],
    ids=["pan", "zoom", "turn"],
)
def test_a_known_motion_is_found(transform):
    transform = np.array(transform, float)
    found = estimate(scene(), scene(transform), "affine")
    assert found.known
    corners = np.array([[40, 40], [440, 40], [40, 230], [440, 230]], float)
    expected = corners @ transform[:, :2].T + transform[:, 2]
    assert np.abs(found.move(corners) - expected).max() < 3.0
    assert np.abs(corners - expected).max() > 6.0  # the premise: standing still would be wrong


def test_translation_alone_finds_the_pan():
    found = estimate(scene(), scene(np.array([[1.0, 0, 14], [0, 1, -9]])), "translation")
    np.testing.assert_array_equal(found.transform[:, :2], np.eye(2))
    np.testing.assert_allclose(found.transform[:, 2], [14, -9], atol=1.5)


def test_a_still_camera_stands_still():
    found = estimate(scene(), scene(), "affine")
    assert found.known
    assert found.still


def test_masks_in_one_corner_tell_nothing_of_the_camera():
    pan = np.array([[1.0, 0, 14], [0, 1, -9]])
    assert estimate(scene(reach=0.3), scene(pan, reach=0.3), "affine") is UNKNOWN


def test_unlike_frames_have_no_known_motion():
    assert estimate(scene(seed=1), scene(seed=2), "affine") is UNKNOWN


def test_motions_are_composed_and_unknown_ones_are_none():
    right = Motion(np.array([[1.0, 0, 10], [0, 1, 0]]), True)
    larger = Motion(np.array([[2.0, 0, 0], [0, 2, 0]]), True)
    found = to_first([UNKNOWN, right, UNKNOWN, larger])
    place = np.array([5.0, 7.0, 1.0])
    assert (found[1] @ place)[:2].tolist() == [-5.0, 7.0]
    assert (found[2] @ place)[:2].tolist() == [-5.0, 7.0]
    assert (found[3] @ place)[:2].tolist() == [2.5 - 10, 3.5]
