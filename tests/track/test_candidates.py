"""What is remembered from round to round must be what a finder without memory finds."""

from dataclasses import replace

import numpy as np
import pytest
from labelling import boxes, measure_all

from consistency.masks import compiled
from consistency.masks.packing import pack
from consistency.masks.thumbnails import thumbnails
from consistency.measure.camera_motion import Motion
from consistency.track import candidates, link_evidence
from consistency.track.calibration import learn
from consistency.track.camera_path import CameraPath
from consistency.track.candidates import CandidateFinder
from consistency.track.link_evidence import EvidenceMeter
from consistency.track.parameters import DEFAULTS
from consistency.track.results import collect
from consistency.track.thumbnail_store import ThumbnailStore
from consistency.track.tracklets import (
    NONE,
    SequenceMasks,
    Side,
    Tracks,
    look_ahead,
    look_back,
)

MISSED = 12


def crowd(frames=30, count=8):
    """Masks of boxes that move, labelled with tracks that end after some frames each."""
    random = np.random.default_rng(1)
    place, way = random.uniform(0, 150, (count, 2)), random.uniform(-2, 2, (count, 2))
    size = random.integers(8, 30, (count, 2))
    measured, labels = [], []
    for t in range(frames):
        seen = (place + t * way).clip(0, 150).astype(int)
        measured.append(
            boxes(*((*p, *s) for p, s in zip(seen.tolist(), size.tolist(), strict=True)))
        )
        labels.append([1 + k + 100 * ((t + 3 * k) // 7) for k in range(count)])
    measured = measure_all(measured, motion="none")
    labels = [[given[k] for k in now.kept] for now, given in zip(measured, labels, strict=True)]
    store = ThumbnailStore()
    for now in measured:
        store.add(now.thumbnails)
    frames = collect(zip(measured, labels, strict=True))
    return SequenceMasks.of(frames, store, 40), Tracks.of_labels(labels)


def sides(masks, tracks):
    ends, starts = np.flatnonzero(tracks.after < 0), np.flatnonzero(tracks.before < 0)
    return look_back(masks, tracks, ends, DEFAULTS), look_ahead(masks, tracks, starts, DEFAULTS)


def check(finder, fresh, masks, tracks, calibration):
    """Compare a finder with a new one; returns the pairs (end, start, log odds)."""
    past, future = sides(masks, tracks)
    row, column, value = finder.find(past, future, calibration)
    expected = fresh().find(past, future, calibration)
    assert np.array_equal(row, expected[0])
    assert np.array_equal(column, expected[1])
    np.testing.assert_allclose(value, expected[2], rtol=1e-12)
    return past.mask[row], future.mask[column], value


def test_rounds_find_what_a_finder_without_memory_finds(monkeypatch):
    masks, tracks = crowd()
    meter = EvidenceMeter(masks)
    calibration = learn(masks, tracks, meter, 40, DEFAULTS)
    asked = []
    measure = EvidenceMeter.measure
    monkeypatch.setattr(
        EvidenceMeter,
        "measure",
        lambda self, past, *rest: asked.append(past.mask.size) or measure(self, past, *rest),
    )

    def fresh():
        return CandidateFinder(masks, EvidenceMeter(masks), MISSED, DEFAULTS)

    finder = CandidateFinder(masks, meter, MISSED, DEFAULTS)
    end, start, value = check(finder, fresh, masks, tracks, calibration)
    assert end.size > 50
    asked.clear()
    check(finder, fresh, masks, tracks, calibration)
    assert asked[0] == 0 < asked[-1], "nothing has changed, nothing is measured again"
    before = tracks.before.copy()
    best = int(value.argmax())
    before[start[best]] = end[best]  # a join ...
    some = np.flatnonzero((before >= 0) & (np.arange(before.size) != start[best]))[40]
    before[some] = NONE  # ... and a cut
    tracks = Tracks.linked(before)
    asked.clear()
    check(finder, fresh, masks, tracks, calibration)
    assert 0 < asked[0] < asked[-1] / 2
    # What was learnt anew makes all that is remembered void.
    check(finder, fresh, masks, tracks, replace(calibration, weights=2 * calibration.weights))


def test_blocks_do_not_matter(monkeypatch):
    masks, tracks = crowd()
    meter = EvidenceMeter(masks)
    calibration = learn(masks, tracks, meter, 40, DEFAULTS)
    whole = CandidateFinder(masks, meter, MISSED, DEFAULTS)
    monkeypatch.setattr(candidates, "PAIRS_AT_A_TIME", 16)
    past, future = sides(masks, tracks)
    parts = CandidateFinder(masks, meter, MISSED, DEFAULTS).find(past, future, calibration)
    monkeypatch.undo()
    for one, other in zip(whole.find(past, future, calibration), parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_shapes_are_compared_few_at_a_time(monkeypatch):
    masks, tracks = crowd()
    calibration = learn(masks, tracks, EvidenceMeter(masks), 40, DEFAULTS)
    finder = CandidateFinder(masks, EvidenceMeter(masks), MISSED, DEFAULTS)
    whole = finder.find(*sides(masks, tracks), calibration)
    asked, find = [], ThumbnailStore.find
    monkeypatch.setattr(link_evidence, "SHAPES_AT_A_TIME", 20)
    monkeypatch.setattr(
        ThumbnailStore, "find", lambda self, some: asked.append(some.size) or find(self, some)
    )
    finder = CandidateFinder(masks, EvidenceMeter(masks), MISSED, DEFAULTS)
    parts = finder.find(*sides(masks, tracks), calibration)
    assert len(asked) > 3
    assert max(asked) <= 20
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


needs_compiled = pytest.mark.skipif(
    compiled.native is None, reason="the inner loops are not compiled here"
)


@needs_compiled
@pytest.mark.parametrize("camera", ["stands", "moves"])
def test_compiled_and_not_the_same_pairs_are_near(monkeypatch, camera):
    masks, tracks = crowd()
    if camera == "moves":
        random = np.random.default_rng(3)
        turns = np.eye(2, 3) + random.normal(0, 0.05, (masks.frames, 2, 3)) * [1, 1, 60]
        motions = [Motion(turn, True) for turn in turns]
        masks = replace(masks, camera=CameraPath(motions, 40))
    calibration = learn(masks, tracks, EvidenceMeter(masks), 40, DEFAULTS)
    # Some near, some far, and what has one mask has no velocity.
    reach, damping = np.linspace(1, 9, calibration.reach.size), np.ones(calibration.reach.size)
    calibration = replace(calibration, reach=reach, damping=damping)
    past, future = sides(masks, tracks)
    assert np.isnan(future.velocity).any()
    given = []
    measured = CandidateFinder._measured

    def watched(self, past, *rest):
        given.append(past.mask.size)
        return measured(self, past, *rest)

    monkeypatch.setattr(CandidateFinder, "_measured", watched)
    fast = CandidateFinder(masks, EvidenceMeter(masks), MISSED, DEFAULTS)
    fast = fast.find(past, future, calibration)
    monkeypatch.setattr(compiled, "native", None)
    slow = CandidateFinder(masks, EvidenceMeter(masks), MISSED, DEFAULTS)
    slow = slow.find(past, future, calibration)
    assert 50 < slow[0].size < given[1] / 1.5
    assert slow[0].size == given[0], "nearly all others are left out at once"
    for one, other in zip(slow, fast, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def noise(order, count=60, shape=(90, 140)):
    """Masks of a sequence, one a frame: noise in boxes of all sizes, some at the border."""
    random = np.random.default_rng(4)
    pixels = np.zeros((count, *shape), bool)
    for mask in pixels:
        y, x = random.integers(0, np.array(shape) - 8)
        height, width = random.integers(4, 90, 2)
        mask[y : y + height, x : x + width] = True
        mask &= random.random(shape) < random.choice([0.3, 1.0])
    packed = pack(pixels, shape, order)
    boxes, centroids = packed.boxes_and_centroids()
    store = ThumbnailStore()
    store.add(thumbnails(packed, boxes))
    return SequenceMasks(
        t=np.arange(count),
        first=np.arange(count + 1),
        area=packed.areas().astype(float),
        centroid=centroids,
        touches_border=random.random(count) < 0.5,
        containment=np.zeros(count),
        shape=shape,
        camera=CameraPath([], 1),
        thumbnails=store,
    )


@needs_compiled
@pytest.mark.parametrize("order", ["C", "F"])
def test_compiled_and_not_shapes_overlap_the_same_to_the_bit(monkeypatch, order):
    masks, random, pairs = noise(order), np.random.default_rng(5), 3000

    def side():
        mask = random.integers(0, masks.t.size, pairs)
        # In half of the pairs the mask itself is the largest of its side.
        whole = np.where(random.random(pairs) < 0.5, mask, random.integers(0, 60, pairs))
        place = masks.centroid[mask] + random.normal(0, 15, (pairs, 2))
        return Side(mask, np.zeros((pairs, 2)), whole, place)

    past, future = side(), side()
    there = masks.centroid[future.mask] + random.normal(0, 15, (pairs, 2))
    whole_there = there + random.normal(0, 10, (pairs, 2))
    growth = random.uniform(0.5, 2, pairs)
    poses = link_evidence._Poses(past, future, there, whole_there, growth)
    fast = link_evidence._overlaps(masks, poses)
    monkeypatch.setattr(compiled, "native", None)
    slow = link_evidence._overlaps(masks, poses)
    assert np.array_equal(slow, fast)
    assert (fast.std(axis=0) > 0.1).all()
    assert fast.max() == 1
