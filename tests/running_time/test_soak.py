"""What the long run says of memory."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "running_time"))
import record_size
import soak


def test_a_copy_is_weighed_with_all_that_it_holds():
    shared = np.zeros(10_000, np.uint8)
    value = [(shared, 1.5), (shared, "name")]  # each has an array of its own in the copy
    weight = record_size.copied_bytes(value)
    assert 20_000 < weight < 21_000


def row(first, last, between):
    stages = {f"{name} {stage}": (0, 0) for name in ("workers", "main") for stage in ("writing",)}
    stages |= {f"{name} measuring": (0, 0) for name in ("workers", "descriptors", "processes")}
    of_all = {"name": "no", "kills": 0, "seconds": 1, "peak": 9e6, "frames": 1000, "masks": 2}
    return of_all | stages | {
        "main measuring": (first, last), "measured between": between, "record": 3000.0
    }  # fmt: skip


def test_records_are_taken_from_the_growth():
    # 800 of 1000 frames lie between: 5000 bytes each, of which 3000 are records.
    cells = soak.cells_of(row(100e6, 104e6, 0.8))
    assert cells[3:7] == ["100 → 104", "× 1.02", "5000 bytes", "2000 bytes"]


def test_frames_are_counted_by_the_journal_not_by_the_clock():
    # Ten times as fast in the last tenth: its middle is at 1400 of 1900, that of the first at 50.
    sizes = [*range(901), *range(910, 1910, 10)]
    written = [2500, 3000]
    looks = soak.Looks(journal=[*sizes, *written], writing=[False] * len(sizes) + [True] * 2)
    assert looks.measured_between() == pytest.approx(1350 / 1900, abs=0.01)
