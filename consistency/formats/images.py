"""PNG, BMP and TIFF files that hold masks: headers, pixels, and masks of a file each.

Pillow reads PNG and BMP, tifffile TIFF; both are imported when the first image is met.  imageio
would call Pillow and add 0.2 to 0.4 ms to each image: a PNG of 160 × 120 takes 0.27 ms of processor
time in place of 0.10; one of 1920 × 1080 takes 2.8 in place of 2.4 with a palette, 5.8 in place of
5.5 with 8 bits, 11.4 in place of 11.0 with 16.
"""

import io
import logging
import math
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from consistency.dataset import Frame
from consistency.formats.damage import short_reason
from consistency.limits import check_file, check_memory, check_pixels
from consistency.masks.packed import PackedMasks
from consistency.masks.packing import Packer

if TYPE_CHECKING:
    from PIL.Image import Image
    from tifffile import TiffFile

LZW = 5  # compression of a TIFF page
TIFF_SUFFIXES = (".tif", ".tiff")
# Pillow modes whose pixels are numbers; "P" are numbers too, with colours to show them in.
NUMBER_MODES = {"1", "L", "I", "I;16", "I;16B", "I;16L"}
COLOUR_MODES = {"RGB", "RGBA"}
BYTES = {"RGB": 3, "RGBA": 4, "I": 4, "I;16": 2, "I;16B": 2, "I;16L": 2}  # of a pixel; else 1
# What an image may be, whatever its ending: Pillow would hand others to programs outside.
FORMATS = ("PNG", "BMP", "DIB", "TIFF", "GIF", "JPEG", "PPM", "WEBP")
MOST_DEFLATED = 1032  # bytes of zeros that one byte can stand for (zlib, "Technical details")


@dataclass(frozen=True)
class Header:
    """What an image file says of itself.

    Attributes
    ----------
    kind : "numbers", "palette", "colour" or "other".
    shape : (height, width) of a page in pixels.
    pages : number of images in the file.
    bits : of a pixel's number.
    """

    kind: str
    shape: tuple[int, int]
    pages: int = 1
    bits: int = 8


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what the libraries raise, or only log, for a bad file into one line."""
    check_file(path, "image")
    try:
        with warnings.catch_warnings(), _heard("tifffile") as complaints:
            warnings.simplefilter("ignore")  # Pillow's of large images; the limit here is ours
            yield
        if complaints:  # tifffile goes on with the pages that it can find
            # Such a file would else be read as a shorter sequence without a word.
            raise OSError(complaints[0])
    except (MemoryError, PermissionError):
        raise
    except Exception as error:  # of a damaged file anything may come
        # The line is already the one of this module, with its own remedy.
        if isinstance(error, ValueError) and str(error).startswith(str(path)):
            raise
        reason = short_reason(error) or type(error).__name__
        raise ValueError(f"{path}: damaged image ({reason}); write the file again") from error


class _Listener(logging.Handler):
    def __init__(self, messages: list[str]):
        super().__init__(logging.ERROR)
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        self._messages.append(record.getMessage())


@contextmanager
def _heard(name: str) -> Iterator[list[str]]:
    """Collect the errors that a library logs instead of printing them."""
    messages: list[str] = []
    handler = _Listener(messages)
    logger = logging.getLogger(name)
    # The line becomes an error: the handlers above must not print it as well.
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield messages
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate


@contextmanager
def _opened(path: Path) -> Iterator["Image"]:
    with _Bounded(io.FileIO(path)) as file, opened(file) as image:
        yield image


@contextmanager
def opened(file: BinaryIO) -> Iterator["Image"]:
    """Open an image with Pillow, whose own limit of pixels gives way to the one in force."""
    from PIL import Image as pillow

    # There is no argument for it: the limit is a global of Pillow, put back behind the image.
    limit = pillow.MAX_IMAGE_PIXELS
    pillow.MAX_IMAGE_PIXELS = None
    try:
        with pillow.open(file, formats=FORMATS) as image:
            yield image
    finally:
        pillow.MAX_IMAGE_PIXELS = limit


class _Bounded(io.BufferedReader):
    """A file that is asked for no more than it has: memory is taken for what is asked for."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read ``size`` bytes, or as many as there are."""
        size = -1 if size is None else size
        return super().read(min(size, os.fstat(self.fileno()).st_size))


@contextmanager
def _libraries_silent() -> Iterator[None]:
    """Lead what libraries of C print to stderr to nowhere; what is wrong they raise, too."""
    sys.stderr.flush()
    # libtiff writes to descriptor 2 itself; replacing sys.stderr would not reach it.
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def check_size(path: Path, shape: Sequence[int], pixel_bytes: int = 1) -> None:
    """Raise ValueError unless (height, width, ...) is a size that an image can have."""
    check_pixels(shape, f"{path}: ")
    # As it is decoded, as an array, and where its numbers change.
    check_memory((2 * pixel_bytes + 2) * math.prod(shape), str(path))


def read_header(path: Path) -> Header:
    """Read the header of an image file; ValueError if it is damaged."""
    with readable(path):
        if path.suffix.lower() in TIFF_SUFFIXES:
            return _tiff_header(path)
        with _opened(path) as image:
            shape = image.size[1], image.size[0]
            bits = 16 if image.mode.startswith("I;16") else 32 if image.mode == "I" else 8
            kinds = {"P": "palette"} | dict.fromkeys(NUMBER_MODES, "numbers")
            kinds |= dict.fromkeys(COLOUR_MODES, "colour")
            return Header(kinds.get(image.mode, "other"), shape, 1, bits)


def open_tiff(path: Path) -> "TiffFile":
    """Open a TIFF file and none of those that it may name: OME and others know file sets."""
    import tifffile

    return tifffile.TiffFile(path, _multifile=False)


def first_page(path: Path, file: "TiffFile") -> Any:
    """First page of an open TIFF file; ValueError if there is none, or it says no dtype."""
    page = file.pages.first
    if page.dtype is None or len(page.shape) < 2:
        raise ValueError(f"{path}: first page is not an image of numbers")
    return page


def _tiff_header(path: Path) -> Header:
    with open_tiff(path) as file:
        page = first_page(path, file)
        shape = file.series[0].shape
        numbers = page.samplesperpixel == 1 and page.dtype.kind in "bui"
        # ImageJ writes one page for all frames of a large stack: the shape of the series tells.
        pages = max(len(file.pages), int(np.prod(shape[:-2])) if len(shape) > 2 else 1)
        kind = "numbers" if numbers else "colour" if page.samplesperpixel in (3, 4) else "other"
        return Header(kind, page.shape[:2], pages, page.dtype.itemsize * 8)


def read_pixels(path: Path) -> np.ndarray:
    """Read the only image of a file, integer (h, w), or uint8 (h, w, 3 or 4) for colours.

    A palette image gives its numbers.  Raises FileNotFoundError; ValueError if the file is
    damaged, has several pages, or more pixels than a mask may have.
    """
    with readable(path):
        if path.suffix.lower() in TIFF_SUFFIXES:
            return _read_tiff(path)
        with _opened(path) as image:
            check_size(path, (image.size[1], image.size[0]), BYTES.get(image.mode, 1))
            # A header of a few bytes may claim any size.  It is believed as far as the file could
            # be unpacked to that size: a bit a pixel is the least that PNG has.
            packed = image.size[0] * image.size[1] // 8  # bytes, at a bit a pixel
            if image.format == "PNG" and packed > MOST_DEFLATED * path.stat().st_size:
                raise ValueError(f"{path}: damaged image (too short for its size); write it again")
            if image.mode not in {"P", *NUMBER_MODES, *COLOUR_MODES}:
                raise ValueError(f"{path}: mode {image.mode!r}; masks are numbers or a palette")
            return np.asarray(image)


def _read_tiff(path: Path) -> np.ndarray:
    with open_tiff(path) as file:
        page = first_page(path, file)
        if len(file.pages) > 1:
            raise ValueError(f"{path}: {len(file.pages)} pages where one image is meant")
        return page_pixels(path, page)


def page_pixels(path: Path, page: Any) -> np.ndarray:
    """Pixels of one page of an open TIFF file, integer (h, w) or colours."""
    check_size(path, page.shape, page.dtype.itemsize if page.dtype else 1)
    check_segments(path, page)
    try:
        return page.asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error) or page.compression != LZW:
            raise
        # Pillow knows LZW, which tifffile leaves to another package.
        with _opened(path) as image, _libraries_silent():
            image.seek(page.index)
            return np.asarray(image)


def check_segments(path: Path, page: Any) -> None:
    """Raise ValueError if the parts of a page of a TIFF file are longer than the file."""
    # A damaged header may ask for more memory than there is, and tifffile takes it first.
    if sum(page.databytecounts) > path.stat().st_size:
        raise ValueError(f"{path}: damaged image (too short for what it holds); write it again")


def numbers(path: Path, pixels: np.ndarray) -> np.ndarray:
    """Check that ``pixels`` are a label image, unsigned or non-negative integers (h, w)."""
    if pixels.ndim != 2 or pixels.dtype.kind not in "bui":
        raise ValueError(
            f"{path}: {pixels.dtype} pixels of shape {pixels.shape}; a label image is "
            "(height, width) of integers"
        )
    if pixels.dtype.kind == "i" and pixels.size and pixels.min() < 0:
        raise ValueError(f"{path}: holds negative values; write 0 for background")
    # A view costs nothing, and all that follows may count on integers.
    return pixels.view(np.uint8) if pixels.dtype == bool else pixels


def rgb_numbers(pixels: np.ndarray) -> np.ndarray:
    """Ids of a panoptic image, R + 256 · G + 65536 · B, int32 (h, w), from uint8 (h, w, 3+)."""
    # Before the shift: uint8 << 8 is 0.
    red, green, blue = (pixels[..., i].astype(np.int32) for i in range(3))
    return red + (green << 8) + (blue << 16)


def read_numbers(path: Path) -> np.ndarray:
    """Read a label image; ValueError if it is not one."""
    return numbers(path, read_pixels(path))


def read_binary_frame(root: Path, frame: Frame) -> PackedMasks:
    """Pack a frame whose records name one image per mask; non-zero is foreground."""
    # Replaced by one of the right size when the first mask has told it.
    packer = Packer((0, 0))
    for i, record in enumerate(frame.records):
        path = root / record["segmentation"]
        pixels = read_numbers(path)
        if i == 0:
            packer = Packer(pixels.shape)
        if pixels.shape != packer.shape:
            raise ValueError(
                f"frame {frame.name!r}: mask {i} ({record['segmentation']}) has {pixels.shape} "
                f"pixels, mask 0 has {packer.shape}; all masks of a sequence have one size"
            )
        packer.add_pixels(pixels)
    return packer.finish()
