"""GIFs of palette numbers: exact colours, exact durations, one frame in memory.

imageio writes a whole sequence with Pillow's ``save_all``, which collects all frames before it
writes, merges identical ones and may give frames palettes of their own.  Here it writes each frame
as a GIF of its own, from which the compressed pixels are taken.  The format is in CompuServe's
"GRAPHICS INTERCHANGE FORMAT, Version 89a".
"""

import struct

import numpy as np

COLOURS = 256
SCREEN = 13  # bytes of signature and screen descriptor, before the table of colours
LONGEST_SIDE = 65535
# Browsers show frames shorter than 2/100 s at their own, slow pace.
FASTEST = 50
LONGEST = 65535  # 1/100 s, duration of a frame
FOR_EVER = b"!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
TRAILER = b";"


def header(size: tuple[int, int], colours: np.ndarray, fps: float) -> bytes:
    """Return what comes before the frames.

    Parameters
    ----------
    size : (height, width) in pixels.
    colours : uint8 (n <= 256, 3) RGB, the palette of all frames.
    fps : frames per second, checked here; ``frame`` makes durations of it.

    Raises
    ------
    ValueError
        If a GIF cannot be that large or that fast.
    """
    if max(size) > LONGEST_SIDE:
        raise ValueError(f"a GIF has at most {LONGEST_SIDE} pixels per side; use a smaller --scale")
    if fps > FASTEST:
        raise ValueError(f"a GIF has at most {FASTEST} frames per second; use a smaller --fps")
    if 100 / fps > LONGEST:
        raise ValueError(
            f"a GIF has at least {100 / LONGEST:.4f} frames per second; use a larger --fps"
        )
    table = np.zeros((COLOURS, 3), np.uint8)
    table[: len(colours)] = colours
    height, width = size
    screen = struct.pack("<HHBBB", width, height, 0xF7, 0, 0)  # 0xF7: a table of 256 × 8 bits
    return b"GIF89a" + screen + table.tobytes() + FOR_EVER


def frame(image: np.ndarray, number: int, fps: float) -> bytes:
    """Compress a frame, uint8 (height, width) of numbers of colours.

    ``number`` is its place in the sequence: durations are whole 1/100 s whose sum keeps the pace.
    """
    import imageio.v3 as iio  # takes 0.1 s, and is needed for GIFs alone

    # Rounded sums, not rounded durations: at 30 frames per second frames last 3, 4, 3 ...
    # hundredths.
    begin, end = (round(100 * n / fps) for n in (number, number + 1))
    # Two-dimensional pixels count as grey, and "optimize" would renumber the greys in use: without
    # it the numbers of colours are written as they are.  Interlaced lines compress worse: 449 kB
    # against 318 kB for ten frames of 1920 × 1080.
    whole = iio.imwrite(
        "<bytes>",
        image,
        extension=".gif",
        plugin="pillow",
        duration=10 * (end - begin),  # in ms
        optimize=False,
        interlace=False,
    )
    # The low bits of byte 10 give the size of the table of colours, which is common to all frames
    # and thus cut off, as is the trailer.
    table = 3 * 2 << (whole[10] & 7)
    return whole[SCREEN + table : -len(TRAILER)]
