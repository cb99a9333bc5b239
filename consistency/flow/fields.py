"""Flow fields in files: Middlebury ``.flo``, ``.npy`` (h, w, 2) and the 16-bit PNG of KITTI.

A file is named like the frame that it begins at, and says where the pixels of that frame are in the
next one: x to the right and y down, in pixels.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from consistency.limits import check_file, check_pixels

SUFFIXES = (".flo", ".npy", ".png")  # of several files of one frame the first is taken

# Middlebury (Baker et al., IJCV 2011; flowIO.cpp): this float, width, height, then u and v of every
# pixel, all little-endian; a value beyond the threshold is not known.
MIDDLEBURY = struct.Struct("<fii")
MAGIC = 202021.25
UNKNOWN_ABOVE = 1e9
# KITTI (Menze and Geiger, CVPR 2015; the devkit's readme): red u, green v, both as (value - 2^15) /
# 64, blue whether they are known.
KITTI_ZERO, KITTI_STEP = 1 << 15, 64.0


@dataclass(frozen=True, eq=False)
class Field:
    """A flow field.

    Attributes
    ----------
    vectors : float32 (h, w, 2), x and y of the displacement of each pixel, in pixels; 0 where it is
        not known.
    known : bool (h, w).
    """

    vectors: np.ndarray
    known: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.vectors.shape[0], self.vectors.shape[1]


def find_field(folder: Path, stem: str) -> Path:
    """Return the file of the flow that begins at the frame ``stem``.

    Raises FileNotFoundError, with the names that would do, if there is none.
    """
    for suffix in SUFFIXES:
        if (folder / (stem + suffix)).is_file():
            return folder / (stem + suffix)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; give the flow fields with --flow-path")
    raise FileNotFoundError(
        f"{folder}: no flow from frame {stem!r} to the next one; name the file "
        f"{' or '.join(stem + suffix for suffix in SUFFIXES)}"
    )


def read_field(path: Path) -> Field:
    """Read a flow field of any of the formats.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, has another ending, or holds values that are not numbers.
    """
    size = check_file(path, "flow field")
    readers = {".flo": _read_middlebury, ".npy": _read_npy, ".png": _read_kitti}
    read = readers.get(path.suffix.lower())
    if read is None:
        raise ValueError(f"{path}: is not a flow field; allowed: {', '.join(SUFFIXES)}")
    field = read(path, size)
    bad = int(np.count_nonzero(~np.isfinite(field.vectors).all(axis=2)))
    if bad:
        raise ValueError(
            f"{path}: {bad} of {field.known.size} vectors are not finite numbers; compute the flow "
            "again, or give .flo files, which can mark vectors as unknown"
        )
    return field


def _read_middlebury(path: Path, size: int) -> Field:
    with open(path, "rb") as file:
        head = file.read(MIDDLEBURY.size)
        if len(head) < MIDDLEBURY.size or MIDDLEBURY.unpack(head)[0] != MAGIC:
            raise ValueError(f"{path}: does not begin as a Middlebury .flo file; write it again")
        _, width, height = MIDDLEBURY.unpack(head)
        check_pixels((height, width), f"{path}: ")
        needed = MIDDLEBURY.size + 8 * width * height
        if size != needed:
            raise ValueError(
                f"{path}: has {size} bytes, and a field of {height} × {width} pixels {needed}; "
                "write it again"
            )
        vectors = np.frombuffer(file.read(), "<f4").reshape(height, width, 2)
    return _field(vectors, ~(np.abs(vectors) > UNKNOWN_ABOVE).any(axis=2))


def _read_npy(path: Path, size: int) -> Field:
    try:
        # Mapped first: a header may promise more than the memory holds.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path}: cannot be read as a .npy file ({error})") from error
    if array.ndim != 3 or array.shape[2] != 2 or array.dtype.kind not in "fiu":
        raise ValueError(
            f"{path}: array of shape {array.shape} and {array.dtype}; a flow field is (height, "
            "width, 2), x and y in pixels"
        )
    check_pixels(array.shape, f"{path}: ")
    vectors = np.asarray(array, np.float32)
    return _field(vectors, np.ones(vectors.shape[:2], bool))


def _read_kitti(path: Path, size: int) -> Field:
    import cv2

    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError(f"{path}: cannot be read as an image; write it again")
    if pixels.dtype != np.uint16 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(
            f"{path}: is not a flow field of KITTI, which has three channels of 16 bits; give "
            "images with --frames-path"
        )
    check_pixels(pixels.shape, f"{path}: ")
    # The library gives blue, green, red.
    vectors = (pixels[..., :0:-1].astype(np.float32) - KITTI_ZERO) / KITTI_STEP
    return _field(vectors, pixels[..., 0] > 0)


def _field(vectors: np.ndarray, known: np.ndarray) -> Field:
    return Field(np.where(known[..., None], vectors, np.float32(0)).astype(np.float32), known)
