"""Flow against a slow oracle: what is seen in each frame of a scene is known."""

import numpy as np
import pytest
from moving_scene import Scene, steady

from consistency.flow.carrying import carried, chained, inside, inverted, returning
from consistency.flow.fields import Field

SCENES = {
    "one thing": Scene([(10, 10, 20, 15, steady(3, 1))], 4),
    "fast": Scene([(10, 10, 20, 15, steady(17, -2))], 4),
    "leaves": Scene([(80, 20, 15, 15, steady(4))], 4),
    "hides another": Scene([(40, 20, 20, 20, steady(0)), (5, 15, 25, 25, steady(6))], 6),
    "both move": Scene([(40, 20, 20, 20, steady(-3, 1)), (5, 15, 25, 25, steady(6))], 6),
    "small steps": Scene([(30, 20, 20, 20, steady(1)), (60, 10, 9, 9, steady(0, 1))], 6),
}


def field(vectors):
    return Field(vectors, np.ones(vectors.shape[:2], bool))


def where_from(scene, t):
    """For each pixel of frame t + 1 that was seen at t: where; the rest is (-1, -1)."""
    now, then = scene.owners(t + 1), scene.owners(t)
    result = np.full((*scene.shape, 2), -1)
    for y, x in np.ndindex(*scene.shape):
        way = scene.things[now[y, x] - 1][4] if now[y, x] else steady(0)
        dx, dy = np.subtract(way(t + 1), way(t))
        there = (0 <= y - dy < scene.shape[0]) and (0 <= x - dx < scene.shape[1])
        if there and then[y - dy, x - dx] == now[y, x]:
            result[y, x] = x - dx, y - dy
    return result


@pytest.mark.parametrize("name", SCENES)
def test_the_way_back_is_that_of_what_is_seen(name):
    scene = SCENES[name]
    hidden = 0
    for t in range(scene.frames - 2):
        back = inverted(field(scene.flow(t)), field(scene.flow(t + 1)))
        truth = where_from(scene, t)
        seen = truth[..., 0] >= 0
        hidden += int((~seen).sum())
        np.testing.assert_array_equal(back.known, seen)
        y, x = np.nonzero(seen)
        came = np.stack([x, y], axis=1) + back.vectors[y, x]
        np.testing.assert_array_equal(came, truth[y, x])
    assert hidden, "nothing comes into view: the scene tests nothing"


def test_without_the_flow_that_follows_what_is_fast_lies_in_front():
    scene = SCENES["hides another"]
    back = inverted(field(scene.flow(2)), None)
    truth = where_from(scene, 2)
    y, x = np.nonzero(truth[..., 0] >= 0)
    came = np.stack([x, y], axis=1) + back.vectors[y, x]
    np.testing.assert_array_equal(came, truth[y, x])


def test_a_surface_that_is_stretched_has_no_cracks():
    y, x = np.mgrid[:40, :60].astype(np.float32)
    grow = np.dstack([0.2 * (x - 30), 0.2 * (y - 20)]).astype(np.float32)
    back = inverted(field(grow), None)
    assert back.known.all()
    # The inverse of x + 0.2 (x - 30) is known: errors are those of rounding to a pixel.
    assert np.abs(back.vectors[..., 0] + 0.2 * (x - 30) / 1.2).max() < 0.25


def test_what_gets_hidden_does_not_return():
    scene = SCENES["hides another"]
    for t in range(scene.frames - 2):
        there, after = field(scene.flow(t)), field(scene.flow(t + 1))
        found = returning(there, inverted(there, after))
        image, later = scene.owners(t), scene.owners(t + 1)
        y, x = np.nonzero(inside(there.vectors))
        to = np.stack([x, y], axis=1) + there.vectors[y, x].astype(int)
        still_seen = image[y, x] == later[to[:, 1], to[:, 0]]
        assert not still_seen.all()
        np.testing.assert_array_equal(found.known[y, x], still_seen)


def test_chains_add_up_and_know_where_they_leave_the_frame():
    scene = Scene([(10, 10, 20, 15, steady(3, 1))], 4)
    two = chained(field(scene.flow(0)), field(scene.flow(1)))
    picture = scene.image(2)
    seen = scene.owners(0) == 1
    np.testing.assert_array_equal(carried(picture, two.vectors)[seen], scene.image(0)[seen])
    away = np.full((*scene.shape, 2), 60, np.float32)
    known = chained(field(away), field(scene.flow(0))).known
    np.testing.assert_array_equal(known, (np.arange(100) < 40) & (np.arange(60) < 0)[:, None])


def test_pictures_are_carried_by_parts_of_pixels():
    ramp = np.tile(np.arange(20, dtype=np.float32), (16, 1))
    moved = carried(ramp, np.full((16, 10, 2), (2.5, 0), np.float32), (3, 0))
    np.testing.assert_allclose(moved, np.tile(np.arange(10) + 5.5, (16, 1)), atol=1 / 32)
