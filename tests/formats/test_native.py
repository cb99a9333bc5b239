"""The native layout: every dtype and form is read alike, every kind of damage is one clear line."""

import io
import json
import pickle
import re
import zipfile

import numpy as np
import pytest
from conftest import labels_of, squares, write_dataset
from pycocotools import mask as coco

from consistency.formats import npy, open_dataset, read_masks
from consistency.formats.buffer import Buffer

MASKS = squares((3, 4, 10), (20, 11, 15), (50, 30, 9))


def read_all(path):
    """Unpacked masks of every frame of the dataset at ``path``."""
    dataset = open_dataset(path)
    buffer = Buffer()
    frames = [read_masks(dataset.layout, frame, buffer) for frame in dataset.frames]
    return [[masks.unpack(i) for i in range(masks.count)] for masks in frames]


def assert_frames_equal(read, expected):
    assert [len(frame) for frame in read] == [len(frame) for frame in expected]
    for masks, wanted in zip(read, expected, strict=True):
        for mask, other in zip(masks, wanted, strict=True):
            np.testing.assert_array_equal(mask, other != 0)


@pytest.mark.parametrize("dtype", ["?", "u1", "i1", "<u2", ">u2", "<i8", ">i8", "<u8", "f4", "f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_dtype_and_order_is_read_alike(tmp_path, dtype, order):
    masks = [np.asarray(mask * 3, dtype=dtype, order=order) for mask in MASKS]
    stored = write_dataset(tmp_path, [masks])
    header = np.load(tmp_path / "numpy_masks/0/0.npy")
    assert header.dtype == np.dtype(dtype)  # the premise
    assert header.flags.f_contiguous == (order == "F")
    assert_frames_equal(read_all(stored), [MASKS])


def test_masks_larger_than_a_slice_are_read_whole(tmp_path):
    rng = np.random.default_rng(0)
    mask = rng.integers(0, 2, (1030, 1030)).astype(np.int64)
    assert mask.nbytes > 2 * npy.SLICE_BYTES  # the premise
    assert_frames_equal(read_all(write_dataset(tmp_path, [[mask]])), [[mask]])


def test_bytes_other_than_one_are_foreground_in_bool_files(tmp_path, mark):
    write_dataset(tmp_path, [MASKS])
    path = tmp_path / "numpy_masks/0/0.npy"
    np.save(path, (MASKS[0] * 7).astype(np.uint8))
    path.write_bytes(path.read_bytes().replace(b"'|u1'", b"'|b1'"))
    assert_frames_equal(read_all(tmp_path), [MASKS])
    written = np.load(mark(tmp_path) / "numpy_masks/0/0.npy")
    assert set(np.unique(written)) == {0, labels_of(mark(tmp_path))["0.png"][0]}


@pytest.mark.parametrize("form", ["npy", "npz", "npz-named", "npz-compressed", "F"])
def test_a_frame_may_be_a_stack(tmp_path, form):
    folder = tmp_path / "numpy_masks"
    folder.mkdir()
    for t in (2, 10):
        stack = np.stack(MASKS) * t
        if form == "npy":
            np.save(folder / f"{t}.npy", stack)
        elif form == "F":
            np.save(folder / f"{t}.npy", np.asfortranarray(stack))
        elif form == "npz":
            np.savez(folder / f"{t}.npz", stack)
        elif form == "npz-named":
            np.savez(folder / f"{t}.npz", masks=stack, scores=np.ones(3))
        else:
            np.savez_compressed(folder / f"{t}.npz", masks=stack)
    assert_frames_equal(read_all(tmp_path), [MASKS, MASKS])


def test_frames_without_json_come_in_natural_order(tmp_path):
    for t in ("10", "9", "2"):
        (tmp_path / "numpy_masks" / t).mkdir(parents=True)
        for i in range(11):
            np.save(tmp_path / "numpy_masks" / t / f"{i}.npy", np.eye(12, dtype=bool) * (i < 11))
    dataset = open_dataset(tmp_path)
    assert [frame.name for frame in dataset.frames] == ["2", "9", "10"]
    paths = [record["segmentation"] for record in dataset.frames[0].records]
    assert paths == [f"numpy_masks/2/{i}.npy" for i in range(11)]


def test_run_lengths_and_files_may_be_mixed(tmp_path):
    write_dataset(tmp_path, [MASKS, MASKS])
    content = json.loads((tmp_path / "sk_masks.json").read_text())
    text = coco.encode(np.asfortranarray(MASKS[1].view(np.uint8)))["counts"].decode()
    content["1.png"][1]["segmentation"] = {"size": [40, 60], "counts": text}
    (tmp_path / "sk_masks.json").write_text(json.dumps(content))
    assert open_dataset(tmp_path).layout.order == "C"
    assert_frames_equal(read_all(tmp_path), [MASKS, MASKS])


def test_a_dataset_of_run_lengths_is_packed_without_pixels(tmp_path):
    records = [
        {"segmentation": {"size": [40, 60], "counts": text["counts"].decode()}}
        for text in (coco.encode(np.asfortranarray(mask.view(np.uint8))) for mask in MASKS)
    ]
    (tmp_path / "sk_masks.json").write_text(json.dumps({"0": records, "1": []}))
    assert open_dataset(tmp_path).layout.order == "F"
    assert_frames_equal(read_all(tmp_path), [MASKS, []])


def damage(folder, content):
    (folder / "sk_masks.json").write_text(
        content if isinstance(content, str) else json.dumps(content)
    )


RECORD = {"segmentation": "numpy_masks/0/0.npy"}
RLE = {"size": [40, 60], "counts": [2400]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{broken", r"sk_masks.json: invalid JSON \(.*line 1 column 2.*\); write the file again"),
        ('{"0": [], "0": []}', "sk_masks.json: key '0' appears twice in one object"),
        ([1], r"sk_masks.json: holds a list, not \{frame: \[record, ...\]\}"),
        ({}, "sk_masks.json: no frames; put at least one frame"),
        ({"0": 5}, "frame '0' is not a list of records"),
        ({"0": [{"area": 3}]}, "frame '0', mask 0: no 'segmentation'; add the path"),
        ({"0": [RECORD, 5]}, "frame '0', mask 1: no 'segmentation'"),
        ({"0": [{"segmentation": [[1, 2]]}]}, "frame '0', mask 0: segmentation is a list"),
        ({"0": [{"segmentation": "../x.npy"}]}, r"'\.\./x.npy' leads outside the data folder"),
        ({"0": [{"segmentation": "a/../../x.npy"}]}, "leads outside the data folder"),
        ({"0": [{"segmentation": "/etc/x.npy"}]}, "leads outside the data folder; use a path in"),
        ({"0": [{"segmentation": "gone.npy"}]}, "frame '0': .*gone.npy: no such mask file"),
        ({"0": [{"segmentation": "numpy_masks"}]}, "numpy_masks: no such mask file"),
        ({"0": [{"segmentation": {"counts": [1]}}]}, "frame '0': run lengths need a size"),
        ({"0": [{"segmentation": RLE | {"counts": [7]}}]}, "frame '0': mask 0: .*add up to 7"),
        (
            {"0": [{"segmentation": RLE}, {"segmentation": {"size": [4, 5], "counts": [20]}}]},
            r"frame '0': mask 1: size \[4, 5\] among masks of \[40, 60\]",
        ),
        (
            {
                "0": [{"segmentation": RLE}],
                "1": [{"segmentation": {"size": [4, 5], "counts": [0, 20]}}],
            },
            "frame '1': masks of 4 × 5 pixels, but 40 × 60 in frame '0'",
        ),
        ({"a.png": [], "a.jpg": []}, "frames 'a.jpg' and 'a.png' share the stem 'a'"),
        ({"../a": []}, r"frame name '\.\./a' is not a plain name"),
        (
            {"0": [RECORD, {"segmentation": RLE | {"counts": [9]}}]},
            "mask 1: run lengths add up to 9",
        ),
    ],
)
def test_bad_json_is_one_clear_line(tmp_path, fails, content, message):
    data = write_dataset(tmp_path / "data", [MASKS])
    damage(data, content)
    err = fails(data)
    assert re.search(message, err), err


def save(path, array):
    np.save(path, array)


@pytest.mark.parametrize(
    ("bytes_of", "message"),
    [
        (lambda p: p.write_bytes(b""), "0.npy: not a .npy file"),
        (lambda p: p.write_bytes(b"hello world"), "0.npy: not a .npy file"),
        (lambda p: p.write_bytes(pickle.dumps([1])), "0.npy: not a .npy file"),
        (lambda p: p.write_bytes(p.read_bytes()[:-5]), "0.npy: cut short, 5 bytes are missing"),
        (lambda p: p.write_bytes(p.read_bytes()[:40]), "0.npy: broken .npy header"),
        (lambda p: save(p, np.zeros((2, 40, 60), bool)), r"shape \(2, 40, 60\); a mask is \(h"),
        (lambda p: save(p, np.zeros((40, 0), bool)), r"shape \(40, 0\); a mask is"),
        (lambda p: save(p, np.zeros((41, 60), bool)), r"mask 1 .* has \(40, 60\) pixels, mask 0"),
        (lambda p: save(p, np.full((40, 60), np.nan)), "0.npy: holds NaN; write 0"),
        (lambda p: save(p, np.full((40, 60), -1)), "0.npy: holds negative values"),
        (lambda p: save(p, np.full((40, 60), "a")), "0.npy: dtype <U1"),
        (lambda p: np.save(p, np.array([[{}]])), "0.npy: holds Python objects, which are refused"),
    ],
)
def test_damaged_mask_files_are_one_clear_line(tmp_path, fails, bytes_of, message):
    data = write_dataset(tmp_path / "data", [MASKS])
    bytes_of(data / "numpy_masks/0/0.npy")
    err = fails(data)
    assert re.search("frame '0.png': .*" + message, err), err


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda f: np.save(f / "0.npy", np.zeros((4, 5))), r"shape \(4, 5\); the stack of a frame"),
        (lambda f: (f / "0.npz").write_bytes(b"PK\3\4 no"), "0.npz: damaged archive"),
        (lambda f: np.savez(f / "0.npz", a=[1], b=[2]), "0.npz: holds a, b; name the stack"),
        (lambda f: [np.save(f / "0.npy", np.ones((1, 4, 5))), (f / "0").mkdir()], "share the stem"),
    ],
)
def test_damaged_stacks_are_one_clear_line(tmp_path, fails, make, message):
    folder = tmp_path / "data" / "numpy_masks"
    folder.mkdir(parents=True)
    make(folder)
    err = fails(tmp_path / "data")
    assert re.search(message, err), err


def test_a_damaged_member_of_an_archive_is_one_clear_line(tmp_path, fails):
    folder = tmp_path / "data" / "numpy_masks"
    folder.mkdir(parents=True)
    content = io.BytesIO()
    np.save(content, np.ones((2, 300, 300), bool))
    with zipfile.ZipFile(folder / "0.npz", "w") as archive:
        archive.writestr("masks.npy", content.getvalue())
    raw = bytearray((folder / "0.npz").read_bytes())
    raw[5000] ^= 1
    (folder / "0.npz").write_bytes(raw)
    assert "0.npz: damaged archive (Bad CRC-32" in fails(tmp_path / "data")


def test_a_later_frame_of_another_size_is_named(tmp_path, fails):
    data = write_dataset(tmp_path / "data", [MASKS, MASKS, [np.ones((4, 5), bool)]])
    assert "frame '2.png': masks of 4 × 5 pixels" in fails(data)


def test_no_data_is_one_clear_line(tmp_path, fails):
    assert "no such folder or file; give the one with the masks" in fails(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    assert "empty: no masks found; expected" in fails(tmp_path / "empty")
    (tmp_path / "empty" / "numpy_masks").mkdir()
    assert "no frames" in fails(tmp_path / "empty")
