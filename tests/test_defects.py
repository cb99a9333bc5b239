"""One named test for each known defect of the tool's predecessor."""

import csv
import os
import subprocess
import sys
from multiprocessing import shared_memory
from pathlib import Path

import numpy as np
from conftest import labels_of, squares, write_dataset
from labelling import label_frames

from consistency.masks.intersections import iou, self_intersections
from consistency.masks.packing import pack

ROOT = Path(__file__).resolve().parents[1]


def test_no_label_is_carried_at_iou_zero():
    frames = [squares((0, 0, 10)), squares((40, 20, 10))]
    assert label_frames(frames, matching="seed") == [[2], [2]]  # the defect
    for matching in ("optimal", "greedy"):
        result = label_frames(frames, matching=matching, min_iou=0.0)
        assert result == [[1], [2]]


def test_two_masks_that_claim_one_do_not_multiply_labels():
    wide = np.zeros((40, 60), bool)
    wide[0:12, 9:21] = True
    frames = [[*squares((0, 0, 10)), wide], squares((2, 0, 10))]
    frames[0][0][0:10, 0:10] = True
    assert label_frames(frames, matching="seed")[1] == [2 * 3]  # the defect
    for matching in ("optimal", "greedy"):
        assert label_frames(frames, matching=matching)[1] == [2]


def test_labelled_masks_are_binary_in_the_iou():
    mask = np.zeros((8, 9), np.int64)
    mask[2:5, 3:7] = 7
    packed = pack([mask], mask.shape)
    assert iou(self_intersections(packed), packed.areas(), packed.areas()).tolist() == [[1.0]]


def test_a_frame_without_masks_is_a_frame(tmp_path, mark):
    masks = squares((5, 5, 10))
    data = write_dataset(tmp_path / "data", [[], masks, [], masks, []])
    assert labels_of(mark(data)) == {
        "0.png": [], "1.png": [1], "2.png": [], "3.png": [1], "4.png": [],
    }  # fmt: skip
    assert labels_of(mark(data, "--matching", "seed"))["3.png"] == [3]


def test_mpi_and_cupy_are_not_imported_unless_asked_for(tmp_path):
    data = write_dataset(tmp_path / "data", [squares((5, 5, 10))] * 2)
    code = (
        "import sys, mark_label; code = mark_label.main(sys.argv[1:]);"
        "print(code, sorted(m for m in ('mpi4py', 'cupy') if m in sys.modules))"
    )
    flags = ["--data-path", str(data), "--experiments", str(tmp_path / "e"), "--quiet"]
    done = subprocess.run(
        [sys.executable, "-c", code, *flags], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "0 []\n"


def test_output_is_as_small_as_labels_allow(tmp_path, mark):
    data = write_dataset(tmp_path / "data", [squares((5, 5, 10), (30, 5, 12))])
    for path in (mark(data) / "numpy_masks").rglob("*.npy"):
        assert np.load(path).dtype == np.uint8
    many = [squares((x, y, 1))[0] for x in range(0, 60, 2) for y in range(0, 40, 2)]
    many = many[:300]
    folder = mark(write_dataset(tmp_path / "many", [many]))
    largest = max(labels_of(folder)["0.png"])
    assert largest == 300  # the premise
    written = [np.load(path) for path in (folder / "numpy_masks").rglob("*.npy")]
    assert {mask.dtype for mask in written} == {np.dtype(np.uint16)}
    assert max(int(mask.max()) for mask in written) == 300


def test_frames_come_in_natural_order(tmp_path, mark):
    frames = [squares((2 * t, 0, 10)) for t in range(12)]
    folder = mark(write_dataset(tmp_path / "data", frames))
    assert list(labels_of(folder)) == [f"{t}.png" for t in range(12)]
    assert set(map(tuple, labels_of(folder).values())) == {(1,)}


def test_a_track_lost_for_one_frame_returns(tmp_path, mark):
    masks = squares((5, 5, 10), (30, 5, 12))
    folder = mark(write_dataset(tmp_path / "data", [masks, masks[:1], masks]))
    assert labels_of(folder)["2.png"] == labels_of(folder)["0.png"]
    with open(folder / "events.csv", newline="") as file:
        assert "return" in [row["event"] for row in csv.DictReader(file)]


def test_a_failed_run_leaves_nothing_behind(tmp_path, mark, monkeypatch):
    """No shared memory, no half-written folder, and the experiment of before is still whole."""
    # Other programs come and go in /dev/shm: what this process makes there has a name of its own.
    own = f"/{os.getpid()}t"  # ten letters at most, as names are short on some systems
    monkeypatch.setattr(shared_memory, "_SHM_NAME_PREFIX", own)
    data = write_dataset(tmp_path / "data", [squares((5, 5, 10))] * 3)
    folder = mark(data)
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    (data / "numpy_masks/2/0.npy").write_bytes(b"damaged")
    import mark_label

    flags = ["--data-path", str(data), "--experiments", str(tmp_path / "experiments")]
    assert mark_label.main([*flags, "--exp-name", "exp", "--overwrite", "--quiet"]) == 2
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before
    assert [p.name for p in (tmp_path / "experiments").iterdir()] == ["exp"]
    assert list(Path("/dev/shm").glob(f"{own[1:]}*")) == []
