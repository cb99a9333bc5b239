"""Faults come about as often as they are said to, and what they leave are masks."""

import json
import sys
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from conftest import squares, write_dataset
from sequences import in_memory

sys.path.append(str(Path(__file__).resolve().parents[2] / "running_time"))

import faults

from consistency.dataset import Dataset
from consistency.formats import read_masks
from consistency.formats.buffer import Buffer

ALL = ("MISSING", "ABSENT", "CUT", "MERGED", "MOVED", "NOTHING")
FRAMES, WIDE, HIGH, SIDE = 150, 6, 4, 10


def crowd(frames: int = FRAMES) -> Dataset:
    """Squares in rows, a pixel apart: everyone has neighbours."""
    boxes = [(2 + 11 * x, 2 + 11 * y, SIDE) for y in range(HIGH) for x in range(WIDE)]
    content, layout = in_memory([squares(*boxes, shape=(48, 70))])
    who = tuple(range(1, len(boxes) + 1))
    still = [replace(content[0], name=str(t), identities=who) for t in range(frames)]
    return Dataset(replace(layout, order="F"), tuple(still))


@pytest.fixture(scope="module")
def truth() -> Dataset:
    return crowd()


def only(monkeypatch, name: str) -> None:
    for other in set(ALL) - {name}:
        monkeypatch.setattr(faults, other, 0.0)


def identities(dataset: Dataset) -> list:
    return [who for frame in dataset.frames for who in frame.identities]


def lost(before: Dataset, after: Dataset) -> int:
    known = [who for who in identities(after) if who is not None]
    return len(identities(before)) - len(known)


def changed(_: Dataset, after: Dataset) -> int:
    return sum(record["area"] != SIDE**2 for frame in after.frames for record in frame.records)


def nameless(_: Dataset, after: Dataset) -> int:
    return identities(after).count(None)


# An absence of 4 frames in the mean begins in 1.5 % of the frames that are not in one.
ABSENT_SHARE = 4 * 0.015 / (1 + 3 * 0.015)


@pytest.mark.parametrize(
    ("name", "seen", "expected"),
    [
        ("MISSING", lost, 0.06),
        ("ABSENT", lost, ABSENT_SHARE),
        ("CUT", nameless, 0.04),
        # Each takes two, and the last of a frame has nobody left to be merged with.
        ("MERGED", nameless, 0.04 / 1.04 * (1 - 1 / (WIDE * HIGH))),
        ("MOVED", changed, 0.6),
        ("NOTHING", nameless, 0.03),
    ],
)
def test_each_fault_comes_as_often_as_it_should(monkeypatch, truth, name, seen, expected):
    only(monkeypatch, name)
    after, counts = faults.add_faults(truth, 1.0, 5)
    number = expected * truth.masks
    # Four standard deviations; absences and masks of nothing come several frames at a time.
    at_a_time = {"ABSENT": 5.0, "NOTHING": 2.4}.get(name, 1.0)
    assert seen(truth, after) == pytest.approx(number, abs=4 * np.sqrt(number * at_a_time))
    assert counts[name.lower()] == seen(truth, after)


def test_the_level_multiplies_the_rates(monkeypatch, truth):
    only(monkeypatch, "MISSING")
    twice = lost(truth, faults.add_faults(truth, 2.0, 5)[0])
    assert twice == pytest.approx(0.12 * truth.masks, abs=4 * np.sqrt(0.12 * truth.masks))


def test_a_merged_mask_takes_two_and_every_second_time_gives_one_back(monkeypatch, truth):
    only(monkeypatch, "MERGED")
    after, counts = faults.add_faults(truth, 1.0, 5)
    unions = [r for f in after.frames for r in f.records if r["area"] == 2 * SIDE**2]
    assert len(unions) == nameless(truth, after) == counts["merged"]
    parts = 2 * len(unions) - lost(truth, after)
    assert parts == pytest.approx(len(unions) / 2, abs=2 * np.sqrt(len(unions)))


def test_absences_last_2_to_6_frames(monkeypatch, truth):
    only(monkeypatch, "ABSENT")
    after, _ = faults.add_faults(truth, 1.0, 3)
    lengths = set()
    for who in range(1, WIDE * HIGH + 1):
        there = [who in frame.identities for frame in after.frames]
        runs = [(seen, len(list(run))) for seen, run in groupby(there)]
        lengths |= {length for seen, length in runs[1:-1] if not seen}
    assert lengths >= {2, 3, 4, 5, 6}
    assert min(lengths) == 2  # longer ones are two absences, one after the other


def test_what_is_left_are_masks_and_no_identity_is_twice_in_a_frame():
    before = crowd(40)
    after, counts = faults.add_faults(before, 3.0, 1)
    assert all(counts[name.lower()] for name in ALL), "one fault is not tested"
    assert [frame.name for frame in after.frames] == [frame.name for frame in before.frames]
    for frame in after.frames:
        masks = read_masks(after.layout, frame, Buffer())
        known = [who for who in frame.identities if who is not None]
        assert len(known) == len(set(known))
        assert set(known) <= set(before.frames[0].identities)
        assert masks.count == len(frame.records) == len(frame.identities)
        assert masks.areas().tolist() == [record["area"] for record in frame.records]
        boxes, _ = masks.boxes_and_centroids()
        assert boxes.tolist() == [record["bbox"] for record in frame.records]
        assert masks.count == 0 or masks.areas().min() > 0


def test_the_larger_piece_keeps_the_identity():
    whole = np.zeros((30, 40), np.uint8)
    whole[5:25, 5:35] = 1
    mask = faults.mask_of(whole, 7)
    large, small = faults.cut(mask, np.random.default_rng(0))
    assert (large.identity, small.identity) == (7, None)
    assert large.area > small.area >= 0.2 * mask.area - 1
    assert (large.pixels() + small.pixels() == whole).all()


def test_the_seed_decides_everything():
    first, again, other = (faults.add_faults(crowd(10), 1.0, seed)[0] for seed in (4, 4, 6))
    assert first.frames == again.frames
    assert first.frames != other.frames


def test_at_level_0_all_masks_are_there_in_another_order():
    before = crowd(3)
    after, counts = faults.add_faults(before, 0.0, 5)
    assert not +counts
    for frame, old in zip(after.frames, before.frames, strict=True):
        assert frame.identities != old.identities
        runs = dict(zip(frame.identities, (r["segmentation"] for r in frame.records), strict=True))
        assert [runs[k] for k in old.identities] == [r["segmentation"] for r in old.records]


def test_command_line(tmp_path, capsys):
    write_dataset(tmp_path / "one" / "data", [squares((5, 5, 10), (30, 24, 12))] * 30)
    truth = {f"{t}.png": [1, 2] for t in range(30)}
    (tmp_path / "one" / "truth.json").write_text(json.dumps(truth))
    arguments = [str(tmp_path / "one"), str(tmp_path / "faulty"), "--level", "2", "--seed", "3"]
    assert faults.main(arguments) == 0
    assert "60 masks became" in capsys.readouterr().out
    found = faults.open_sequence(tmp_path / "faulty")
    again, _ = faults.add_faults(faults.open_sequence(tmp_path / "one"), 2.0, 3)
    assert [f.identities for f in found.frames] == [f.identities for f in again.frames]
    assert [f.records for f in found.frames] == [f.records for f in again.frames]
    assert faults.main(arguments) == 2  # it is there already
    assert faults.main([str(tmp_path / "none"), str(tmp_path / "new")]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 2
    assert "faulty" in err
    assert "truth.json: not found; the folder needs data/ and truth.json" in err
