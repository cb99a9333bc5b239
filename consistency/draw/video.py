"""MP4 through ffmpeg, which the package imageio-ffmpeg brings along; frames are piped to it."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

# x264: nearly lossless to the eye, and fast enough to keep up with the drawing on one core.
QUALITY, PRESET = "18", "ultrafast"


def palette_bytes(colours: np.ndarray) -> bytes:
    """What follows a frame of palette numbers: 256 colours as blue, green, red, opaque."""
    table = np.zeros((256, 4), np.uint8)
    table[: len(colours), :3] = colours[:, ::-1]
    table[:, 3] = 255
    return table.tobytes()


def write(
    path: Path, size: tuple[int, int], fps: float, pixels: str, frames: Iterable[bytes]
) -> None:
    """Write an H.264 video, yuv420p, which every player shows.

    Parameters
    ----------
    size : (height, width) in pixels, both even.
    fps : frames a second.
    pixels : "rgb24", or "pal8": palette numbers and ``palette_bytes``.
    frames : the pixels of each frame, row after row.

    Raises
    ------
    ImportError, OSError
        If there is no ffmpeg.
    """
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise ImportError("MP4 needs imageio-ffmpeg: pip install imageio-ffmpeg") from error
    try:
        writer = imageio_ffmpeg.write_frames(
            str(path),
            size[::-1],
            fps=fps,
            pix_fmt_in=pixels,
            macro_block_size=2,
            output_params=["-crf", QUALITY, "-preset", PRESET, "-movflags", "+faststart"],
            quality=None,
            ffmpeg_log_level="error",
        )
        writer.send(None)
    except RuntimeError as error:
        raise OSError(f"no ffmpeg ({error}); pip install imageio-ffmpeg") from error
    try:
        for frame in frames:
            writer.send(frame)
    finally:
        writer.close()
