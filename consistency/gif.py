"""GIFs of palette numbers: exact colours, exact durations, one frame in memory.

Pillow's own ``save_all`` collects all frames before it writes, merges identical ones and may give
frames palettes of their own; here it only compresses the pixels of a frame.  The format is in
CompuServe's "GRAPHICS INTERCHANGE FORMAT, Version 89a".
"""

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import GifImagePlugin, Image

COLOURS = 256
LONGEST_SIDE = 65535
# Browsers show frames shorter than 2/100 s at their own, slow pace.
FASTEST = 50
FOR_EVER = b"!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
TRAILER = b";"


class GifWriter:
    """Writes frames to an open binary file as they come.

    Parameters
    ----------
    file : open for writing.
    size : (height, width) in pixels.
    colours : uint8 (n <= 256, 3) RGB, the palette of all frames.
    fps : frames a second, at most 50; durations are whole 1/100 s whose sum keeps the pace.
    """

    def __init__(self, file: BinaryIO, size: tuple[int, int], colours: np.ndarray, fps: float):
        check(size, fps)
        self._file, self._size, self._fps, self._count = file, size, fps, 0
        table = np.zeros((COLOURS, 3), np.uint8)
        table[: len(colours)] = colours
        height, width = size
        file.write(b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF7, 0, 0))
        file.write(table.tobytes() + FOR_EVER)

    def add(self, image: np.ndarray) -> None:
        """Append a frame, uint8 (height, width) of numbers of colours."""
        if image.shape != self._size:
            raise ValueError(f"frame of {image.shape} pixels in a GIF of {self._size}")
        begin, end = (round(100 * (self._count + i) / self._fps) for i in (0, 1))
        frame = Image.fromarray(image)  # mode "L": numbers are written as they are
        for part in GifImagePlugin.getdata(frame, duration=10 * (end - begin)):
            self._file.write(part)
        self._count += 1

    def finish(self) -> None:
        """Write what ends a GIF."""
        self._file.write(TRAILER)


def check(size: tuple[int, int], fps: float) -> None:
    """Raise ValueError if a GIF cannot be that large or that fast."""
    if max(size) > LONGEST_SIDE:
        raise ValueError(f"a GIF has at most {LONGEST_SIDE} pixels a side; use a smaller --scale")
    if fps > FASTEST:
        raise ValueError(f"a GIF has at most {FASTEST} frames a second; use a smaller --fps")


def save(path: Path, frames, colours: np.ndarray, fps: float) -> None:
    """Write ``frames`` (uint8 (height, width) each, at least one) to the file ``path``."""
    writer = None
    with open(path, "wb") as file:
        for image in frames:
            writer = writer or GifWriter(file, image.shape, colours, fps)
            writer.add(image)
        writer.finish()
