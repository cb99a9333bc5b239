"""MP4 through the ffmpeg that the package imageio-ffmpeg brings along; frames are piped to it.

That package and imageio can pipe frames, too, but neither looks at ffmpeg's exit code: a full disk
would pass for a video.  Nor do they take palettes: ten frames of 1920 × 1080 cost 204 ms of
processor time as palette numbers and 441 ms when they are made RGB.
"""

import subprocess
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import IO

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
    fps : frames per second.
    pixels : "rgb24", or "pal8": palette numbers and ``palette_bytes``.
    frames : the pixels of each frame, row after row.

    Raises
    ------
    ImportError, OSError
        If there is no ffmpeg, or it fails: with what it says.
    """
    command = [*_ffmpeg(), *_arguments(path, size, fps, pixels)]
    # A file, as a pipe that nobody reads while frames are written may fill up and stop ffmpeg.
    with tempfile.TemporaryFile() as said:
        # Its own session: Ctrl-C is for this process, which ends ffmpeg.
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=said, stderr=said, start_new_session=True
        )
        assert process.stdin is not None
        try:
            broken = _feed(process.stdin, frames)
            code = process.wait()
        finally:
            process.kill()  # only where frames failed: else it has ended
            process.wait()
            with suppress(OSError):
                process.stdin.close()
        if code or broken:
            said.seek(0)
            words = said.read().decode(errors="replace").strip() or "no message"
            raise OSError(f"ffmpeg failed with exit code {code}: {words}")


def _feed(stdin: IO[bytes], frames: Iterable[bytes]) -> bool:
    """Write all frames to ffmpeg; returns whether it stopped reading before their end."""
    try:
        for frame in frames:
            stdin.write(frame)
        stdin.close()
    except BrokenPipeError:
        return True
    return False


def _ffmpeg() -> list[str]:
    """Return the command; ImportError or OSError if it is not there."""
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise ImportError("MP4 needs imageio-ffmpeg: pip install imageio-ffmpeg") from error
    try:
        return [imageio_ffmpeg.get_ffmpeg_exe()]
    except RuntimeError as error:
        raise OSError(f"no ffmpeg ({error}); pip install imageio-ffmpeg") from error


def _arguments(path: Path, size: tuple[int, int], fps: float, pixels: str) -> list[str]:
    height, width = size
    rate = str(Fraction(fps).limit_denominator())
    given = f"-y -f rawvideo -vcodec rawvideo -s {width}x{height} -pix_fmt {pixels} -r {rate} -i -"
    made = f"-an -vcodec libx264 -pix_fmt yuv420p -v error -crf {QUALITY} -preset {PRESET}"
    return [*given.split(), *made.split(), "-movflags", "+faststart", f"file:{path}"]
