"""Everything that needs pixels and does not depend on labels, frame by frame."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from consistency.dataset import Frame, Layout
from consistency.formats import read_frame
from consistency.formats.buffer import Buffer
from consistency.formats.labelled import KeptMasks
from consistency.limits import check_memory, within
from consistency.masks.intersections import Kernel, PairTable, intersections, no_pairs
from consistency.masks.packed import PackedMasks
from consistency.masks.thumbnails import Thumbnails
from consistency.masks.unchanged import (
    NONE,
    Comparable,
    find_same,
    follow,
    shared_between,
    shared_within,
)
from consistency.measure.agreement import Voters
from consistency.measure.camera_motion import STILL, UNKNOWN, MaskView, Motion, estimate, stands
from consistency.measure.description import Description, describe_again
from consistency.measure.duplicates import Dropped, keep, record_areas
from consistency.measure.optical_flow import FlowView, estimate_flow, flow_view
from consistency.measure.work import Work, changed_blocks
from consistency.options import MeasureOptions

# Memory of the tables of all pairs while a frame is measured: three at most are there at a time.
PAIR_BYTES = 24

Read = Callable[[Layout, Frame, Buffer], tuple[Frame, PackedMasks]]


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
    work : what was done for it, and what was spared.
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
    work: Work
    seconds_read: float
    seconds_measured: float
    seen: Frame | None = None


@dataclass(frozen=True, eq=False)
class _Seen:
    """One frame as it was read.

    Attributes
    ----------
    frame : with its records.
    all, within : all its masks, and the pixels that they share.
    same : int64 (m,), of all masks, the one of the frame before with the same pixels, or NONE.
    kept, dropped : indices of the masks that are kept, in canonical order, and the others.
    masks, known : those that are kept, and what is known of each.
    kept_same : ``same`` of those that are kept, among those that were kept.
    view : what the motion is estimated from.
    words : pairs of words that were ANDed for ``within``.
    seconds_read : time spent on reading.
    """

    frame: Frame
    all: Comparable
    within: PairTable
    same: np.ndarray
    kept: np.ndarray
    dropped: tuple[Dropped, ...]
    masks: PackedMasks
    known: Description
    kept_same: np.ndarray
    view: MaskView | FlowView | None
    words: int
    seconds_read: float

    def numbers(self) -> np.ndarray:
        """Number of each mask among those that are kept, int64 (m,), or NONE."""
        result = np.full(self.same.size, NONE)
        result[self.kept] = np.arange(self.kept.size)
        return result


class FrameMeasurer:
    """Measures the frames of a sequence one after the other, each beside those before it.

    Parameters
    ----------
    kernel : what counts shared pixels of two frames.
    read : what reads a frame; None: its format.
    reuse : copy what is known of masks that are those of the frame before; False to learn what
        that is worth.
    """

    def __init__(
        self,
        layout: Layout,
        options: MeasureOptions,
        kernel: Kernel = intersections,
        read: Read | None = None,
        reuse: bool = True,
    ):
        self._layout, self._options, self._kernel = layout, options, kernel
        self._read, self._reuse = read or read_frame, reuse
        self._buffer = Buffer()
        # Kept masks of the frames before, the latest first, and which of them were there before.
        self._before: list[tuple[PackedMasks, np.ndarray]] = []
        self._last: _Seen | None = None

    def look(self, frame: Frame) -> _Seen:
        """Take in the next frame, for later ones to be compared with; raises as ``measure``."""
        began = perf_counter()
        frame, masks = self._read(self._layout, frame, self._buffer)
        read = perf_counter()
        _check_tables(frame, masks, self._layout)
        last = self._last if self._reuse else None
        every = Comparable(masks)
        same = np.full(masks.count, NONE) if last is None else find_same(last.all, every)
        shared, words = shared_within(every, same, None if last is None else last.within)
        kept, dropped = keep(frame, masks, shared, every.areas, self._options)
        chosen = masks.select(kept)
        # Those that are kept and were kept, too; without a frame before there are none.
        kept_same = same[kept] if last is None else follow(same[kept], last.numbers())
        before = None if last is None else last.known
        known = describe_again(chosen, self._options, kept_same, before)
        self._last = _Seen(
            frame=frame,
            all=every,
            # A table of all pairs of thousands of masks is most of what a frame needs.
            within=PairTable.of(shared),
            same=same,
            kept=kept,
            dropped=tuple(dropped),
            masks=chosen,
            known=known,
            kept_same=kept_same,
            view=_view(frame, chosen, known, self._options),
            words=words,
            seconds_read=read - began,
        )
        self._before = [(chosen, kept_same), *self._before][: self._options.lookback]
        return self._last

    def measure(self, given: Frame) -> FrameMeasurement:
        """Measure the next frame; ValueError or OSError that name the file or record and it."""
        began = perf_counter()
        before, last, spared = self._before, self._last, self._buffer.spared
        seen = self.look(given)
        frame, kept, areas = seen.frame, seen.kept, seen.all.areas
        within = seen.within.select(kept)
        earlier, words = self._compare(before, seen, within)
        return FrameMeasurement(
            name=frame.name,
            shape=seen.masks.shape if frame.records else None,
            count=len(frame.records),
            kept=kept,
            areas=areas[kept],
            boxes=seen.known.boxes,
            centroids=seen.known.centroids,
            # The one before may have been left out there.
            same=np.where(seen.kept_same == NONE, NONE, seen.same[kept]),
            record_areas=record_areas(frame, areas)[kept],
            within=within,
            earlier=earlier,
            lookback=self._options.lookback,
            dropped=seen.dropped,
            thumbnails=seen.known.thumbnails,
            motion=_motion(last, seen, self._options),
            work=replace(
                _work(last, before, seen, seen.words + words),
                bytes_spared=self._buffer.spared - spared,
            ),
            seconds_read=seen.seconds_read,
            seconds_measured=perf_counter() - began - seen.seconds_read,
            seen=None if given.listed else frame,
        )

    def _compare(
        self, before: list[tuple[PackedMasks, np.ndarray]], seen: _Seen, within: PairTable
    ) -> tuple[tuple[PairTable, ...], int]:
        """Compare a frame with those before it: tables, and pairs of words that were ANDed."""
        tables, words, same = [], 0, seen.kept_same
        for masks, same_before in before:
            if masks.count == 0 or seen.masks.count == 0:  # a frame without masks has no size
                tables.append(no_pairs(masks.count, seen.masks.count))
            else:
                _check_size(masks, seen)
                shared, some = shared_between(masks, seen.masks, same, within, self._kernel)
                tables.append(PairTable.of(shared))
                words += some
            same = follow(same, same_before)
        return tuple(tables), words


def _check_tables(frame: Frame, masks: PackedMasks, layout: Layout) -> None:
    """Raise ValueError if the tables of all pairs of masks do not fit into the memory."""
    with within(layout.limits):
        needed = masks.word.nbytes * 4 + PAIR_BYTES * masks.count**2
        check_memory(needed, f"frame {frame.name!r}: {masks.count} masks")


def _check_size(earlier: PackedMasks, seen: _Seen) -> None:
    """Raise ValueError unless the masks of two frames have one size."""
    if earlier.shape != seen.masks.shape:
        raise ValueError(
            f"frame {seen.frame.name!r}: masks of {seen.masks.shape[0]} × {seen.masks.shape[1]} "
            f"pixels after masks of {earlier.shape[0]} × {earlier.shape[1]}; all masks of a "
            "sequence have one size"
        )


def _view(
    frame: Frame, masks: PackedMasks, known: Description, options: MeasureOptions
) -> MaskView | FlowView | None:
    """What the motion is estimated from; None where there is nothing."""
    if not masks.count or options.motion == "none":
        return None
    if options.motion == "frames":
        if options.frames_path is None:
            raise ValueError("the motion 'frames' needs frames_path, the folder with the images")
        return flow_view(frame, masks, options.frames_path)
    assert known.cells is not None  # as ``describe`` promises
    voters = Voters(masks.shape, known.boxes, known.centroids, known.thumbnails)
    return MaskView(known.cells.edges(), voters)


def _motion(last: _Seen | None, seen: _Seen, options: MeasureOptions) -> Motion:
    earlier, later = last and last.view, seen.view
    if isinstance(earlier, FlowView) and isinstance(later, FlowView):
        return estimate_flow(earlier, later)
    if isinstance(earlier, MaskView) and isinstance(later, MaskView):
        same = np.flatnonzero(seen.kept_same != NONE)
        if same.size and seen.known.cells is not None and stands(seen.known.cells.take(same)):
            return STILL
        return estimate(earlier, later, options.motion)
    return UNKNOWN


def _work(
    last: _Seen | None, before: list[tuple[PackedMasks, np.ndarray]], seen: _Seen, words: int
) -> Work:
    """Count what was done for a frame; ``words`` were ANDed."""
    every = seen.all.masks
    dense = every.count**2 + seen.masks.count * sum(masks.count for masks, _ in before)
    changed = changed_blocks(every, seen.same, None if last is None else last.all.masks)
    return Work(
        words,
        dense * every.words,
        int(np.count_nonzero(seen.same != NONE)),
        changed.size,
        int(np.count_nonzero(changed)),
    )
