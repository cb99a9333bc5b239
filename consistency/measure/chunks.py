"""Frames in chunks for workers, which return one small FrameMeasurement per frame.

The frames just before a chunk (the halo) are read again by its worker, so that chunks are
independent of one another and their results do not depend on how the sequence was cut.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from consistency.dataset import Frame, Layout
from consistency.limits import in_force
from consistency.masks.intersections import Kernel, intersections
from consistency.measure.frame import FrameMeasurement, FrameMeasurer
from consistency.options import MeasureOptions

# Most consecutive frames a worker takes at a time: the halo is lookback / CHUNK_FRAMES of the
# reading, and the results of a chunk wait in memory for their turn.
CHUNK_FRAMES = 64
# ... and fewest, in multiples of lookback, unless there are too few frames for all workers.
SHORTEST_CHUNK = 4
# Memory of what is returned of a mask, thumbnail and pairs included, and of the frame around it.
MASK_BYTES = 2_000
FRAME_BYTES = 4_000
# Results that wait in the main process for their turn may take this share of its memory: so many
# chunks for each worker (``backends.multi.WINDOW``).
WAITING_SHARE = 4
WAITING_CHUNKS = 3


@dataclass(frozen=True)
class Chunk:
    """Consecutive frames; the first ``halo`` of them are there to be compared with only."""

    frames: tuple[Frame, ...]
    halo: int


def chunks(
    frames: Sequence[Frame], lookback: int, workers: int = 1, start: int = 0
) -> Iterator[Chunk]:
    """Cut a sequence, from the frame ``start`` on, into chunks with a halo of ``lookback`` frames.

    Each is two thirds of one worker's share in what is left, so that chunks become shorter towards
    the end and all workers are done at about the same time (guided self-scheduling,
    Polychronopoulos and Kuck 1987); and so that the last ones, in order, leave few frames to be
    labelled when nothing is left to measure.
    """
    # A halo is read twice; below four times its length it would cost more than a quarter.
    shortest = min(SHORTEST_CHUNK * lookback, -(-(len(frames) - start) // workers))
    longest = longest_chunk(frames, workers)
    while start < len(frames):
        # -(-a // b) is a / b rounded up.
        share = -(-(len(frames) - start) * 2 // (workers * 3))
        length = min(max(share, shortest, 1), longest)
        halo = min(lookback, start)
        yield Chunk(tuple(frames[start - halo : start + length]), halo)
        start += length


def longest_chunk(frames: Sequence[Frame], workers: int) -> int:
    """Return how many frames a chunk may have so that waiting results fit into the memory."""
    masks = max((len(frame.records) for frame in frames), default=0)
    most = in_force().memory // WAITING_SHARE // (WAITING_CHUNKS * workers)
    return max(1, min(CHUNK_FRAMES, most // (FRAME_BYTES + MASK_BYTES * masks)))


def measure_chunk(
    chunk: Chunk, layout: Layout, options: MeasureOptions, kernel: Kernel = intersections
) -> list[FrameMeasurement]:
    """Read and measure the frames of one chunk; runs in a worker.

    Raises ValueError or OSError that name the file or record and the frame.
    """
    return list(measure_frames(chunk, layout, options, kernel))


def measure_frames(
    chunk: Chunk, layout: Layout, options: MeasureOptions, kernel: Kernel = intersections
) -> Iterator[FrameMeasurement]:
    """Yield the frames of one chunk behind its halo; raises as ``measure_chunk``."""
    measurer = FrameMeasurer(layout, options, kernel)
    for i, frame in enumerate(chunk.frames):
        if i < chunk.halo:
            measurer.look(frame)
        else:
            yield measurer.measure(frame)
