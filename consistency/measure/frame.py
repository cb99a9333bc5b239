"""Everything that needs pixels and does not depend on labels, frame by frame.

A worker gets a chunk of consecutive frames, reads them and returns one small FrameMeasurement
per frame.  The frames just before the chunk (the halo) are read again by the worker, so that chunks
are independent of one another and their results do not depend on how the sequence was cut.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from consistency.dataset import Frame, Layout
from consistency.formats import read_frame
from consistency.formats.buffer import Buffer
from consistency.formats.labelled import KeptMasks
from consistency.limits import check_memory, in_force, within
from consistency.masks.intersections import (
    Kernel,
    PairTable,
    intersections,
    no_pairs,
    self_intersections,
)
from consistency.masks.packed import PackedMasks
from consistency.masks.thumbnails import NO_THUMBNAILS, Thumbnails, thumbnails
from consistency.measure.camera_motion import UNKNOWN, MaskView, Motion, estimate, mask_view
from consistency.measure.duplicates import Dropped, find_duplicates, find_duplicates_of_any
from consistency.measure.optical_flow import FlowView, estimate_flow, flow_view
from consistency.options import MeasureOptions

# Most consecutive frames a worker takes at a time: the halo is lookback / CHUNK_FRAMES of the
# reading, and the results of a chunk wait in memory for their turn.
CHUNK_FRAMES = 64
# ... and fewest, in multiples of lookback, unless there are too few frames for all workers.
SHORTEST_CHUNK = 4
# Memory of what is returned of a mask, thumbnail and pairs included, and of the frame around it;
# and of the tables of all pairs while a frame is measured.
MASK_BYTES = 2_000
FRAME_BYTES = 4_000
PAIR_BYTES = 36
# Results that wait in the main process for their turn may take this share of its memory: so many
# chunks for each worker (``backends.multi.WINDOW``).
WAITING_SHARE = 4
WAITING_CHUNKS = 3


@dataclass(frozen=True, eq=False)
class FrameMeasurement(KeptMasks):
    """One frame without its pixels: small, exact, picklable.

    Masks are in canonical order: from large to small, equal areas by their pixels, so that no
    result depends on the order of the input ("seed": by the records' area, as the predecessor).

    Attributes
    ----------
    (of KeptMasks) : the masks that are not dropped.
    record_areas : float64 (n,), the records' "area", or the pixels where there is none.
    within : (n, n), common pixels of the frame's own masks.
    earlier : (n_k, n) each, common pixels with the kept masks of the frame 1, 2, ... before.
    lookback : number of frames before this one that later frames are compared with.
    dropped : the masks not kept.
    thumbnails : of the kept masks; empty if not asked for.
    motion : of the camera since the frame before.
    seconds_read, seconds_measured : time spent on this frame.
    seen : the frame with the records that were found in its pixels; None if they were known.
    """

    record_areas: np.ndarray
    within: PairTable
    earlier: tuple[PairTable, ...]
    lookback: int
    dropped: tuple[Dropped, ...]
    thumbnails: Thumbnails
    motion: Motion
    seconds_read: float
    seconds_measured: float
    seen: Frame | None = None


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


@dataclass(frozen=True, eq=False)
class _Seen:
    """One frame as it was read; ``kept``, ``dropped`` and ``within`` are of all its masks."""

    frame: Frame
    masks: PackedMasks  # those that are kept
    kept: np.ndarray
    dropped: list[Dropped]
    within: np.ndarray
    boxes: np.ndarray
    centroids: np.ndarray
    thumbnails: Thumbnails
    seconds_read: float


class FrameMeasurer:
    """Measures the frames of a sequence one after the other, each beside those before it."""

    def __init__(self, layout: Layout, options: MeasureOptions, kernel: Kernel = intersections):
        self._layout, self._options, self._kernel = layout, options, kernel
        self._buffer = Buffer()
        self._before: list[PackedMasks] = []  # the latest first
        self._view: MaskView | FlowView | None = None

    def look(self, frame: Frame) -> _Seen:
        """Take in the next frame, for later ones to be compared with; raises as ``measure``."""
        began = perf_counter()
        frame, masks = read_frame(self._layout, frame, self._buffer)
        read = perf_counter()
        _check_tables(frame, masks, self._layout)
        # Its diagonal holds the areas, so they are not counted a second time.
        within = self_intersections(masks)
        kept, dropped = _keep(frame, masks, within, np.diagonal(within), self._options)
        masks = masks.select(kept)
        boxes, centroids = masks.boxes_and_centroids()
        pictures = thumbnails(masks, boxes) if self._options.shapes else NO_THUMBNAILS
        self._view = _view(frame, masks, (boxes, centroids, pictures), self._options)
        self._before = [masks, *self._before][: self._options.lookback]
        where = boxes, centroids, pictures
        return _Seen(frame, masks, kept, dropped, within, *where, read - began)

    def measure(self, given: Frame) -> FrameMeasurement:
        """Measure the next frame; ValueError or OSError that name the file or record and it."""
        began = perf_counter()
        before, view_before = self._before, self._view
        seen = self.look(given)
        frame, kept, areas = seen.frame, seen.kept, np.diagonal(seen.within)
        earlier = [_compare(other, seen.masks, frame.name, self._kernel) for other in before]
        return FrameMeasurement(
            name=frame.name,
            shape=seen.masks.shape if frame.records else None,
            count=len(frame.records),
            kept=kept,
            areas=areas[kept],
            boxes=seen.boxes,
            centroids=seen.centroids,
            record_areas=_record_areas(frame, areas)[kept],
            within=PairTable.of(seen.within[np.ix_(kept, kept)]),
            earlier=tuple(earlier),
            lookback=self._options.lookback,
            dropped=tuple(seen.dropped),
            thumbnails=seen.thumbnails,
            motion=_motion(view_before, self._view, self._options),
            seconds_read=seen.seconds_read,
            seconds_measured=perf_counter() - began - seen.seconds_read,
            seen=None if given.listed else frame,
        )


def _check_tables(frame: Frame, masks: PackedMasks, layout: Layout) -> None:
    """Raise ValueError if the tables of all pairs of masks do not fit into the memory."""
    with within(layout.limits):
        needed = masks.word.nbytes * 4 + PAIR_BYTES * masks.count**2
        check_memory(needed, f"frame {frame.name!r}: {masks.count} masks")


def _view(
    frame: Frame,
    masks: PackedMasks,
    known: tuple[np.ndarray, np.ndarray, Thumbnails],
    options: MeasureOptions,
) -> MaskView | FlowView | None:
    """What the motion is estimated from; None where there is nothing.

    ``known`` of the masks are boxes, centroids and thumbnails.
    """
    if not masks.count or options.motion == "none":
        return None
    if options.motion == "frames":
        if options.frames_path is None:
            raise ValueError("the motion 'frames' needs frames_path, the folder with the images")
        return flow_view(frame, masks, options.frames_path)
    return mask_view(masks, *known)


def _motion(
    earlier: MaskView | FlowView | None, later: MaskView | FlowView | None, options: MeasureOptions
) -> Motion:
    if isinstance(earlier, FlowView) and isinstance(later, FlowView):
        return estimate_flow(earlier, later)
    if isinstance(earlier, MaskView) and isinstance(later, MaskView):
        return estimate(earlier, later, options.motion)
    return UNKNOWN


def _compare(earlier: PackedMasks, later: PackedMasks, frame: str, kernel: Kernel) -> PairTable:
    if earlier.count == 0 or later.count == 0:  # a frame without masks has no size either
        return no_pairs(earlier.count, later.count)
    if earlier.shape != later.shape:
        raise ValueError(
            f"frame {frame!r}: masks of {later.shape[0]} × {later.shape[1]} pixels after masks of "
            f"{earlier.shape[0]} × {earlier.shape[1]}; all masks of a sequence have one size"
        )
    return PairTable.of(kernel(earlier, later))


def _keep(
    frame: Frame,
    masks: PackedMasks,
    within: np.ndarray,
    areas: np.ndarray,
    options: MeasureOptions,
) -> tuple[np.ndarray, list[Dropped]]:
    """Drop duplicates; returns kept indices in canonical order and the dropped masks."""
    if options.keep == "seed":
        by_record = np.argsort(-_record_areas(frame, areas), kind="stable")
        return find_duplicates_of_any(within, areas, by_record, options.duplicate_iou)
    canonical = canonical_order(masks, areas)
    trusted = canonical
    if options.keep == "score":
        trusted = canonical[np.argsort(-_scores(frame)[canonical], kind="stable")]
    limits = options.duplicate_iou, options.duplicate_containment
    kept, dropped = find_duplicates(within, areas, trusted, *limits)
    rank = np.empty(masks.count, np.int64)
    rank[canonical] = np.arange(masks.count)
    return kept[np.argsort(rank[kept])], dropped


def canonical_order(masks: PackedMasks, areas: np.ndarray) -> np.ndarray:
    """Indices from the largest mask to the smallest; equal areas in an order their pixels decide.

    Only identical masks are left in the order of the input.
    """
    # The pixels of a mask are listed only where its area is not unique, which is rare.
    order = np.argsort(-areas, kind="stable")
    ties = np.flatnonzero(np.diff(areas[order]) == 0)
    if not ties.size:
        return order
    tied = set(order[ties].tolist()) | set(order[ties + 1].tolist())
    pixels = {}
    for index in tied:
        mine = masks.mask == index
        pixels[index] = (masks.position[mine].tolist(), masks.word[mine].tolist())
    return np.array(sorted(order.tolist(), key=lambda i: (-areas[i], pixels.get(i, ()), i)))


def _record_areas(frame: Frame, areas: np.ndarray) -> np.ndarray:
    # One record without the number makes all of them useless for comparing.
    values = [record.get("area") for record in frame.records]
    if not all(isinstance(v, int | float) for v in values):
        return areas.astype(np.float64)
    return np.array(values, np.float64)


def _scores(frame: Frame) -> np.ndarray:
    try:
        return np.array(
            [record["predicted_iou"] * record["stability_score"] for record in frame.records],
            np.float64,
        )
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"frame {frame.name!r}: --keep score needs the numbers 'predicted_iou' and "
            "'stability_score' in every record; use --keep area"
        ) from error
