"""Flow fields are read as their formats say: files of these tests are written by hand."""

import struct

import cv2
import numpy as np
import pytest

from consistency.flow.fields import find_field, read_field

# Quarters, so that KITTI's steps of 1/64 pixel hold them exactly.
VECTORS = np.array(
    [[[0, 0], [1.5, -2.25], [-3, 4]], [[100.75, 0], [0, -60.5], [0.25, 0.5]]], np.float32
)


def write_flo(path, vectors=VECTORS, magic=b"PIEH", size=None):
    height, width = size or vectors.shape[:2]
    path.write_bytes(magic + struct.pack("<ii", width, height) + vectors.astype("<f4").tobytes())
    return path


def write_kitti(path, vectors=VECTORS, known=None):
    known = np.ones(vectors.shape[:2]) if known is None else known
    red_green = np.rint(vectors * 64 + 32768)
    # OpenCV writes blue, green, red.
    pixels = np.dstack([known, red_green[..., 1], red_green[..., 0]]).astype(np.uint16)
    cv2.imwrite(str(path), pixels)
    return path


def write_npy(path, vectors=VECTORS):
    np.save(path, vectors)
    return path


WRITERS = {".flo": write_flo, ".npy": write_npy, ".png": write_kitti}


@pytest.mark.parametrize("suffix", WRITERS)
def test_vectors_are_read_as_they_were_written(tmp_path, suffix):
    field = read_field(WRITERS[suffix](tmp_path / f"0001{suffix}"))
    assert field.vectors.dtype == np.float32
    np.testing.assert_array_equal(field.vectors, VECTORS)
    assert field.known.all()
    assert field.shape == (2, 3)


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int16])
def test_arrays_of_any_number_are_read(tmp_path, dtype):
    whole = np.rint(VECTORS)
    field = read_field(write_npy(tmp_path / "0.npy", whole.astype(dtype)))
    np.testing.assert_array_equal(field.vectors, whole)


def test_middlebury_marks_unknown_vectors_by_huge_ones(tmp_path):
    vectors = VECTORS.copy()
    vectors[1, 2] = 1e10
    field = read_field(write_flo(tmp_path / "0.flo", vectors))
    assert not field.known[1, 2]
    assert field.known.sum() == 5
    np.testing.assert_array_equal(field.vectors[1, 2], 0)


def test_kitti_says_which_vectors_are_known(tmp_path):
    known = np.array([[1, 0, 1], [1, 1, 1]])
    field = read_field(write_kitti(tmp_path / "0.png", known=known))
    np.testing.assert_array_equal(field.known, known == 1)
    np.testing.assert_array_equal(field.vectors[0, 1], 0)


def with_nan():
    vectors = VECTORS.copy()
    vectors[0, 1, 0] = np.nan
    return vectors


DAMAGED = {
    "nan in .flo": (lambda p: write_flo(p / "0.flo", with_nan()), "1 of 6 vectors are not finite"),
    "nan in .npy": (lambda p: write_npy(p / "0.npy", with_nan()), "1 of 6 vectors are not finite"),
    "infinite": (lambda p: write_npy(p / "0.npy", VECTORS / 0), "vectors are not finite"),
    "another magic": (lambda p: write_flo(p / "0.flo", magic=b"PIEX"), "does not begin as a Midd"),
    "cut short": (lambda p: write_flo(p / "0.flo", size=(2, 4)), "has 60 bytes, .* pixels 76"),
    "no pixels": (lambda p: write_flo(p / "0.flo", VECTORS[:0]), "0 × 3 pixels"),
    "negative": (lambda p: write_flo(p / "0.flo", size=(-2, -3)), "-2 × -3 pixels"),
    "one channel": (lambda p: write_npy(p / "0.npy", VECTORS[..., 0]), r"\(2, 3\) .* \(height, wi"),
    "text": (lambda p: write_npy(p / "0.npy", VECTORS.astype(str)), "is \\(height"),
    "objects": (lambda p: write_npy(p / "0.npy", VECTORS.astype(object)), "cannot be read as a .n"),
    "another file": (lambda p: written(p / "0.npy", b"nothing"), "cannot be read as a .npy file"),
    "empty": (lambda p: written(p / "0.flo", b""), "does not begin as"),
    "no image": (lambda p: written(p / "0.png", b"nothing"), "cannot be read as an image"),
    "8 bits": (lambda p: picture(p / "0.png", np.uint8), "three channels of 16 bits"),
    "another ending": (lambda p: written(p / "0.txt", b""), "is not a flow field; allowed: .flo"),
}


def written(path, content):
    path.write_bytes(content)
    return path


def picture(path, dtype):
    cv2.imwrite(str(path), np.zeros((4, 5, 3), dtype))
    return path


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_fields_are_one_error_with_the_file(tmp_path, name):
    write, message = DAMAGED[name]
    path = write(tmp_path)
    with pytest.raises(ValueError, match=message) as error:
        read_field(path)
    assert str(path) in str(error.value)


def test_a_field_is_found_by_the_stem_of_the_frame(tmp_path):
    write_npy(tmp_path / "0001.npy")
    write_flo(tmp_path / "0001.flo")
    assert find_field(tmp_path, "0001").name == "0001.flo"
    with pytest.raises(FileNotFoundError, match=r"no flow from frame '0002' .* 0002.flo or 0002"):
        find_field(tmp_path, "0002")
    with pytest.raises(FileNotFoundError, match=r"no such folder; give the flow .* --flow-path"):
        find_field(tmp_path / "away", "0002")
