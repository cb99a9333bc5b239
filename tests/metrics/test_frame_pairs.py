"""Frames of the truth and of an experiment are paired by name."""

from pathlib import Path

import pytest

from consistency.dataset import Frame
from consistency.metrics.frame_pairs import pair_frames


def paired(truth, names):
    frames = pair_frames([Frame(name, ()) for name in truth], names, Path("truth"))
    return [frame.name for frame in frames]


@pytest.mark.parametrize(
    ("truth", "names", "expected"),
    [
        (["a.png", "b.png", "c.png"], ["b.jpg", "a.jpg", "c.jpg"], ["b.png", "a.png", "c.png"]),
        (["t1.tif", "t2.tif"], ["mask002.tif", "mask001.tif"], ["t2.tif", "t1.tif"]),
        (["x", "y"], ["b", "a"], ["x", "y"]),
        (["0_left", "1_left"], ["0_left.png", "1_left.png"], ["0_left", "1_left"]),
        (["7_left1", "8_left1"], ["a", "b"], ["7_left1", "8_left1"]),
    ],
)
def test_names_then_numbers_then_places(truth, names, expected):
    assert paired(truth, names) == expected


@pytest.mark.parametrize(
    ("truth", "names", "message"),
    [
        (["0", "1", "2"], ["1", "2", "3"], "no ground truth for frame '3'"),
        (["0", "1", "2"], ["0", "1"], "the experiment has no frame '2'"),
        (["t0", "t1"], ["mask001.tif", "mask002.tif"], "no ground truth for frame 'mask002'"),
        (["x", "y", "z"], ["a", "b"], "3 frames of ground truth for 2"),
    ],
)
def test_the_first_name_without_a_partner_is_named(truth, names, message):
    with pytest.raises(ValueError, match=message):
        paired(truth, names)
