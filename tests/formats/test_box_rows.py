"""Rows of boxes in place of whole files: the same masks, whatever the records say."""

import json
import math

import numpy as np
import pytest
from conftest import write_dataset

from consistency.formats import box_rows, open_dataset, read_masks
from consistency.formats.buffer import Buffer
from consistency.limits import Limits, within

SHAPE = (64, 100)


def ring():
    """A mask from row 20 to 29 and column 30 to 49, with a hole."""
    mask = np.zeros(SHAPE, bool)
    mask[20:30, 30:50] = True
    mask[24:26, 35:40] = False
    return mask


RIGHT = [30, 20, 19, 9]  # as Segment Anything has it: to the last pixel, not behind it


def read(folder, mask, limits=None, **record):
    """Read one mask; returns it, and the bytes of its file that were not read."""
    write_dataset(folder, [[mask]], **{key: [[value]] for key, value in record.items()})
    buffer = Buffer()
    with within(limits or Limits()):
        dataset = open_dataset(folder)
    (frame,) = dataset.frames
    return read_masks(dataset.layout, frame, buffer).unpack(0), buffer


@pytest.mark.parametrize("box", [RIGHT, [30, 20, 20, 10], [30.0, 20.4, 19.2, 9.0], [0, 15, 99, 40]])
@pytest.mark.parametrize("dtype", [bool, np.uint8])
def test_only_the_rows_of_the_box_are_read(tmp_path, dtype, box):
    mask = ring().astype(dtype) * dtype(7)
    found, buffer = read(tmp_path, mask, bbox=box)
    assert np.array_equal(found, ring())
    rows = math.ceil(box[1] + box[3]) + 1 - math.floor(box[1])
    # To the beginning of a word of 64 pixels before the first row.
    before = math.floor(box[1]) * SHAPE[1] % 64
    assert buffer.spared == mask.size - rows * SHAPE[1] - before


@pytest.mark.parametrize("compiled", [True, False])
def test_a_box_that_ends_within_a_word_leaves_nothing_of_the_mask_before(
    tmp_path, monkeypatch, compiled
):
    from consistency.masks import compiled as loops

    if not compiled:
        monkeypatch.setattr(loops, "native", None)
    masks = [np.ones(SHAPE, bool), ring()]
    write_dataset(tmp_path, [masks], bbox=[[[0, 0, 99, 63], RIGHT]])
    dataset = open_dataset(tmp_path)
    packed = read_masks(dataset.layout, dataset.frames[0], Buffer())
    assert [np.array_equal(packed.unpack(k), mask) for k, mask in enumerate(masks)] == [True] * 2


@pytest.mark.parametrize(
    ("box", "area"),
    [
        pytest.param([30, 20, 19, 4], None, id="box too low, area right"),
        pytest.param([30, 40, 19, 9], None, id="box elsewhere"),
        pytest.param(RIGHT, 5, id="area too small"),
        pytest.param(RIGHT, 5000, id="area too large"),
        pytest.param(RIGHT, 0, id="no area"),
    ],
)
def test_a_record_that_is_wrong_is_found_out(tmp_path, box, area):
    mask = ring()
    area = int(mask.sum()) if area is None else area
    found, buffer = read(tmp_path, mask, bbox=box, area=area)
    assert np.array_equal(found, mask)
    assert (buffer.spared, buffer.wrong_boxes) == (0, 1)


@pytest.mark.parametrize(
    "record",
    [
        {"bbox": None},
        {"bbox": [30, 20, 19]},
        {"bbox": ["30", "20", "19", "9"]},
        {"bbox": [30, 1e300, 19, 9]},
        {"bbox": [30, -500, 19, 9]},
        {"bbox": [30, 900, 19, 9]},
        {"bbox": [True, 20, 19, 9]},
        {"bbox": RIGHT, "area": "190"},
        {"bbox": RIGHT, "area": None},
        {"bbox": RIGHT, "area": True},
        {"bbox": [0, 0, 99, 62]},
    ],
)
def test_a_record_that_tells_nothing_is_not_asked(tmp_path, record):
    found, buffer = read(tmp_path, ring(), **record)
    assert np.array_equal(found, ring())
    assert (buffer.spared, buffer.wrong_boxes) == (0, 0)


@pytest.mark.parametrize("mask", [ring().astype(np.int32), np.asfortranarray(ring())])
def test_other_files_are_read_whole(tmp_path, mask):
    found, buffer = read(tmp_path, mask, bbox=RIGHT)
    assert np.array_equal(found, ring())
    assert buffer.spared == 0


def test_read_all_reads_all(tmp_path):
    mask = ring()
    mask[0, 0] = True  # beyond the box, and beyond the area: the record is wrong twice
    record = {"bbox": RIGHT, "area": int(ring().sum())}
    assert not read(tmp_path / "a", mask, **record)[0][0, 0]
    assert read(tmp_path / "b", mask, Limits(read_all=True), **record)[0][0, 0]


def test_what_was_spared_is_counted(tmp_path, mark):
    data = write_dataset(tmp_path / "data", [[ring()]] * 2, bbox=[[RIGHT]] * 2)
    for flags, frames in (((), 2), (("--read-all",), 0)):
        folder = mark(data, *flags)
        run = json.loads((folder / "run.json").read_text())
        # All but the 10 rows of the ring, from the beginning of a word.
        assert run["work"]["bytes_spared"] == frames * (64 * 100 - 10 * 100 - 20 * 100 % 64)


def test_after_some_wrong_records_none_is_asked(tmp_path):
    count = box_rows.MOST_WRONG + 4
    write_dataset(tmp_path, [[ring()] * count], bbox=[[RIGHT] * count], area=[[1] * count])
    dataset, buffer = open_dataset(tmp_path), Buffer()
    read_masks(dataset.layout, dataset.frames[0], buffer)
    assert buffer.wrong_boxes == box_rows.MOST_WRONG


def test_a_file_that_ends_within_the_box_is_refused(tmp_path):
    write_dataset(tmp_path, [[ring()]], bbox=[[RIGHT]])
    (file,) = tmp_path.rglob("*.npy")
    file.write_bytes(file.read_bytes()[:-1])
    dataset = open_dataset(tmp_path)
    with pytest.raises(ValueError, match=r"0\.npy: cut short"):
        read_masks(dataset.layout, dataset.frames[0], Buffer())
