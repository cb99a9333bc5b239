"""The sieve before shapes are compared lets through whatever counts."""

from dataclasses import replace

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from labelling import boxes as rectangles
from labelling import measure_all
from sequences import in_memory

from consistency.masks.thumbnail_pool import ThumbnailPool
from consistency.measure.chunks import Chunk, measure_frames
from consistency.options import MeasureOptions
from consistency.track import gating
from consistency.track.parameters import DEFAULTS
from consistency.track.similarity import pairwise_similarity
from consistency.track.state import KINDS, REMEMBERED, Detections, predict
from consistency.track.views import Views

SHAPE = (90, 160)


def boxes(rng, count):
    """Boxes, some with every second line missing, some cut off by the border.

    They are evenly filled: what a window cuts off is guessed from that.
    """
    masks = []
    for _ in range(count):
        (y, x), (height, width) = rng.integers(0, SHAPE), rng.integers(4, 50, 2)
        mask = np.zeros(SHAPE, bool)
        mask[y : y + height : rng.integers(1, 3), x : x + width] = True
        masks.append(mask)
    return masks


def seen(seed):
    """Tracks that remember three masks, where these are expected next, and the next frame."""
    rng = np.random.default_rng(seed)
    masks = [boxes(rng, 8), boxes(rng, 8)]
    frames, layout = in_memory(masks)
    options = MeasureOptions(duplicate_iou=1.0, shapes=True)
    measured = list(measure_frames(Chunk(frames, 0), layout, options))
    pool = ThumbnailPool()
    tracks = Detections.of(measured[0], 0, pool, DEFAULTS).masks
    tracks["variance"] = rng.uniform(0, 4)
    for kind in range(1, KINDS):  # of each other's masks
        order = rng.permutation(tracks.size)
        for name in REMEMBERED:
            tracks[name][:, kind] = tracks[name][order, 0]
    predicted = tracks["centroid"] + rng.normal(0, 15, (tracks.size, KINDS, 2))
    return tracks, predicted, Detections.of(measured[1], 1, pool, DEFAULTS)


def table(evidence, name, shape):
    result = np.zeros(shape)
    result[evidence.rows, evidence.columns] = getattr(evidence, name)
    return result


@settings(deadline=None, max_examples=200)
@given(seed=st.integers(0, 10**6))
@example(seed=884)
def test_no_pair_that_counts_is_left_out(seed):
    tracks, predicted, detections = seen(seed)
    shape, all_masks = (tracks.size, detections.masks.size), replace(DEFAULTS, most_candidates=1000)
    least = np.full(tracks.size, 1e-9)
    everything = pairwise_similarity(tracks, predicted, detections, least, 10, all_masks)
    sieved = pairwise_similarity(tracks, predicted, detections, least + 0.3, 10, DEFAULTS)
    # Bounds are of pixels.  Shapes are moved by whole cells, up to half a cell too far: of slivers
    # of two or three cells that is a fifth of the IoU, for which there is the slack.
    sure = 0.3 / DEFAULTS.bound_slack
    for name in ("similarity", "place"):
        full, some = table(everything, name, shape), table(sieved, name, shape)
        np.testing.assert_array_equal(some[full >= sure], full[full >= sure])
        assert (some <= full).all()


def test_the_sieve_saves_most_comparisons(monkeypatch):
    tracks, predicted, detections = seen(3)
    compared = []
    iou = ThumbnailPool.iou

    def counted(self, first, *rest):
        compared.append(first.size)
        return iou(self, first, *rest)

    monkeypatch.setattr(ThumbnailPool, "iou", counted)
    for least in (1e-9, 0.3):
        every = np.full(tracks.size, least)
        pairwise_similarity(tracks, predicted, detections, every, 10, DEFAULTS)
    assert compared[1] < compared[0] / 2


def test_in_a_crowd_only_the_most_promising_are_compared(monkeypatch):
    """A hundred masks of like area lie about a track; each is compared in two places at most."""
    crowd = [(60 + k % 10, 20 + k // 10, 30, 30) for k in range(100)]
    before, now = measure_all(
        [rectangles(crowd[0]), rectangles(*crowd)], motion="none", duplicate_iou=1.0
    )
    pool, compared = ThumbnailPool(), []
    tracks = Detections.of(before, 0, pool, DEFAULTS).masks
    detections = Detections.of(now, 1, pool, DEFAULTS)
    iou = ThumbnailPool.iou

    def counted(self, first, *rest):
        compared.append(first.size)
        return iou(self, first, *rest)

    monkeypatch.setattr(ThumbnailPool, "iou", counted)
    found = pairwise_similarity(
        tracks, predict(tracks, 1, DEFAULTS), detections, np.full(1, 0.1), 10, DEFAULTS
    )
    assert 6 < sum(compared) < 40
    assert found.similarity.max() > 0.95  # the same mask is among them


@settings(deadline=None)
@given(seed=st.integers(0, 10**6))
def test_pairs_within_the_gate_are_those_of_every_view_with_every_mask(seed):
    tracks, predicted, detections = seen(seed)
    now = detections.now
    views = Views.of(tracks, predicted, DEFAULTS, last_only=False)
    assert views.track.size > tracks.size  # the premise: more than the last masks is asked
    gate = gating.Gate.of(tracks, np.ones(tracks.size, int), DEFAULTS)
    rows, columns = gating.within_gate(views, now, gate, DEFAULTS)
    found = set(zip(rows.tolist(), columns.tolist(), strict=True))
    for i in range(views.track.size):
        for j in range(now.areas.size):
            one = np.array([i]), now, np.array([j])
            innovation = gating.innovations(views, *one, DEFAULTS)[0]
            assert ((i, j) in found) == (innovation < gate.limit[views.track[i]])
