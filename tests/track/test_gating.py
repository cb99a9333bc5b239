"""The sieve before shapes are compared lets through whatever counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sequences import in_memory

from consistency.masks.thumbnails import ThumbnailPool
from consistency.measure.frame import Chunk, measure_frames
from consistency.options import MeasureOptions
from consistency.track import gating
from consistency.track.similarity import pairwise_similarity
from consistency.track.state import Detections

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
    """Tracks begun in one frame, where they are expected in the next, and that frame."""
    rng = np.random.default_rng(seed)
    masks = [boxes(rng, 8), boxes(rng, 8)]
    frames, layout = in_memory(masks)
    options = MeasureOptions(duplicate_iou=1.0, shapes=True)
    measured = list(measure_frames(Chunk(frames, 0), layout, options))
    pool = ThumbnailPool()
    tracks = Detections.of(measured[0], 0, pool).masks
    tracks["variance"] = rng.uniform(0, 4)
    predicted = tracks["centroid"] + rng.normal(0, 15, (tracks.size, 2))
    return tracks, predicted, Detections.of(measured[1], 1, pool)


def table(evidence, name, shape):
    result = np.zeros(shape)
    result[evidence.rows, evidence.columns] = getattr(evidence, name)
    return result


@settings(deadline=None, max_examples=200)
@given(seed=st.integers(0, 10**6))
def test_no_pair_that_counts_is_left_out(seed):
    tracks, predicted, detections = seen(seed)
    shape = tracks.size, detections.masks.size
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gating, "MOST_CANDIDATES", 1000)
        everything = pairwise_similarity(
            tracks, predicted, detections, np.full(tracks.size, 1e-9), 10
        )
        sieved = pairwise_similarity(tracks, predicted, detections, np.full(tracks.size, 0.3), 10)
    for name in ("similarity", "place"):
        full, some = table(everything, name, shape), table(sieved, name, shape)
        np.testing.assert_array_equal(some[full >= 0.3], full[full >= 0.3])
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
        pairwise_similarity(tracks, predicted, detections, np.full(tracks.size, least), 10)
    assert compared[1] < compared[0] / 2


@settings(deadline=None)
@given(seed=st.integers(0, 10**6))
def test_pairs_within_reach_are_those_of_every_track_with_every_mask(seed):
    tracks, predicted, detections = seen(seed)
    now = detections.now
    reach = gating.Gate.of(tracks, np.ones(tracks.size, int), fixed=False)
    rows, columns = gating.within_gate(tracks, now, predicted, reach)
    found = set(zip(rows.tolist(), columns.tolist(), strict=True))
    for i in range(tracks.size):
        for j in range(now.areas.size):
            one, masks = tracks[i : i + 1], np.array([j])
            innovation = gating.innovations(one["size"], predicted[i : i + 1], now, masks)[0]
            assert ((i, j) in found) == (innovation < reach.limit[i])
