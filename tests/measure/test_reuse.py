"""Measurements that are copied from the frame before are those that the pixels give."""

import numpy as np
import pytest
from conftest import squares
from sequences import in_memory

from consistency.masks.packing import pack
from consistency.measure.camera_motion import STILL, stands
from consistency.measure.chunks import Chunk, measure_chunk
from consistency.measure.edges import sample_cells
from consistency.measure.frame import FrameMeasurer
from consistency.options import MeasureOptions

SHAPE = (160, 200)
FIELDS = ("kept", "areas", "boxes", "centroids", "record_areas")


def standing(frames=6):
    """Squares all over the frame; one walks, one blinks, one has a twin, and orders change."""
    rng = np.random.default_rng(3)
    places = [(5 + 40 * (i % 5), 5 + 40 * (i // 5), 20 + i) for i in range(20)]
    result = []
    for t in range(frames):
        now = [*places[:3], (3 + 4 * t, 50, 25), *places[4:], *[(5, 5, 19)] * (t == 2)]
        now = [now[i] for i in rng.permutation(len(now)) if not (t == 3 and now[i] == places[7])]
        result.append(squares(*now, shape=SHAPE) if t != 4 else [])
    return result


def same_measurement(one, other):
    assert (one.name, one.shape, one.count, one.dropped) == (
        other.name, other.shape, other.count, other.dropped
    )  # fmt: skip
    tables = zip((one.within, *one.earlier), (other.within, *other.earlier), strict=True)
    arrays = [(getattr(one, name), getattr(other, name)) for name in FIELDS]
    arrays += [(a.dense(), b.dense()) for a, b in tables]
    arrays += [
        (getattr(one.thumbnails, name), getattr(other.thumbnails, name))
        for name in ("level", "origin", "words", "cells")
    ]
    for a, b in [*arrays, (one.motion.transform, other.motion.transform)]:
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    assert one.motion.known == other.motion.known


@pytest.mark.parametrize(
    "options",
    [
        MeasureOptions(),
        MeasureOptions(lookback=3),
        MeasureOptions(shapes=True, motion="affine"),
        MeasureOptions(shapes=True, motion="translation", duplicate_containment=0.9),
        MeasureOptions(duplicate_iou=1.0, lookback=2),
    ],
)
def test_reuse_changes_no_number(options):
    frames, layout = in_memory(standing())
    measured = {}
    for reuse in (True, False):
        measurer = FrameMeasurer(layout, options, reuse=reuse)
        measured[reuse] = [measurer.measure(frame) for frame in frames]
    for one, other in zip(measured[True], measured[False], strict=True):
        same_measurement(one, other)
    work, without = measured[True][1].work, measured[False][1].work
    assert (work.masks_unchanged, without.masks_unchanged) == (19, 0)
    assert work.words < without.words / 2
    assert work.blocks == without.blocks == 3 * 4
    assert 0 < work.blocks_changed < without.blocks_changed
    kept = [m.kept.size for m in measured[True][:2]]
    assert work.words_dense == without.words_dense == (20**2 + kept[0] * kept[1]) * 160 * 200 // 64


def test_the_same_mask_of_the_frame_before_is_named_by_its_index():
    masks = standing()
    frames, layout = in_memory(masks)
    for before, now in zip((None, *frames), frames, strict=False):
        chunk = Chunk((now,) if before is None else (before, now), 0 if before is None else 1)
        (measured,) = measure_chunk(chunk, layout, MeasureOptions())
        last = [] if before is None else masks[int(before.name)]
        for index, same in zip(measured.kept.tolist(), measured.same.tolist(), strict=True):
            mask = masks[int(now.name)][index]
            assert (same >= 0) == any((mask == other).all() for other in last)
            assert same < 0 or (mask == last[same]).all()


def test_a_camera_stands_where_masks_all_over_the_frame_stay():
    frames, layout = in_memory(standing(3))
    measurer = FrameMeasurer(layout, MeasureOptions(shapes=True, motion="affine"))
    motions = [measurer.measure(frame).motion for frame in frames]
    assert not motions[0].known, "the first frame has none before it"
    assert motions[1] is STILL
    assert motions[2] is STILL
    border = np.ones(SHAPE, bool)
    border[40:-40, 50:-50] = False
    bonnet = squares((0, 100, 60), (60, 100, 60), (120, 100, 60), shape=SHAPE)
    for fixed in ([border], bonnet):
        assert not stands(sample_cells(pack(fixed, SHAPE)))
