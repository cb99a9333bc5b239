"""MP4 through the ffmpeg that the package imageio-ffmpeg brings along.

imageio writes frames in RGB: the same bytes as this module's own pipe, at the same speed.  It takes
no palettes, and those are worth a pipe of their own: ten frames of 1920 × 1080 cost 204 ms of
processor time as palette numbers and 441 ms when they are made RGB for imageio.
"""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

# x264: nearly lossless to the eye, and fast enough to keep up with the drawing on one core.
QUALITY, PRESET = "18", "ultrafast"


def write(path: Path, fps: float, frames: Iterable[np.ndarray]) -> None:
    """Write an H.264 video, yuv420p, which every player shows.

    Parameters
    ----------
    fps : frames per second.
    frames : uint8 (height, width, 3) RGB, both sides even.

    Raises
    ------
    ImportError, OSError
        If there is no ffmpeg.
    """
    _require_ffmpeg()
    from imageio.v2 import get_writer  # v3 knows no writer that takes frame after frame

    # The writer's own ``with`` leaves ffmpeg running after an error.
    with closing(get_writer(path, format="FFMPEG", **_settings(fps))) as writer:
        for frame in frames:
            writer.append_data(frame)


def write_indexed(path: Path, size: tuple[int, int], fps: float, frames: Iterable[bytes]) -> None:
    """Write an H.264 video of frames that have a palette each; otherwise as ``write``.

    Parameters
    ----------
    size : (height, width) in pixels, both even.
    fps : frames per second.
    frames : of each frame the palette numbers, row after row, and then its ``palette_bytes``.
    """
    _require_ffmpeg()
    import imageio_ffmpeg

    settings = _settings(fps)
    writer = imageio_ffmpeg.write_frames(str(path), size[::-1], pix_fmt_in="pal8", **settings)
    writer.send(None)  # starts ffmpeg
    try:
        for frame in frames:
            writer.send(frame)
    finally:
        writer.close()


def palette_bytes(colours: np.ndarray) -> bytes:
    """What follows a frame of palette numbers: 256 colours as blue, green, red, opaque."""
    table = np.zeros((256, 4), np.uint8)
    table[: len(colours), :3] = colours[:, ::-1]
    table[:, 3] = 255
    return table.tobytes()


def _settings(fps: float) -> dict[str, Any]:
    return {
        "fps": fps,
        "macro_block_size": 2,  # the default, 16, would resize the frames
        "output_params": ["-crf", QUALITY, "-preset", PRESET, "-movflags", "+faststart"],
        "quality": None,  # else it takes the place of -crf
        "ffmpeg_log_level": "error",
    }


def _require_ffmpeg() -> None:
    # Asked beforehand: a RuntimeError while frames are drawn may have any other reason.
    try:
        import imageio_ffmpeg

        imageio_ffmpeg.get_ffmpeg_exe()
    except ImportError as error:
        raise ImportError("MP4 needs imageio-ffmpeg: pip install imageio-ffmpeg") from error
    except RuntimeError as error:
        raise OSError(f"no ffmpeg ({error}); pip install imageio-ffmpeg") from error
