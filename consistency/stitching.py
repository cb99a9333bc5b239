"""The second look: join tracklets over gaps, with what came before and what comes after.

The forward pass knows a track's past alone.  Afterwards both ends of every tracklet are known: the
velocity before the gap and the one after it, and the largest mask near each end.  All ends are
assigned to all later beginnings at once (Huang, Wu and Nevatia 2008, hierarchical association).
The evidence for a pair is

    (1 - distance / limit) · (1 + shape IoU) / 2 · ratio of sizes

where ``distance`` is the mean, in object sizes, of how far either end's velocity misses the other
end, the limit grows with the square root of the gap, and the shapes are compared with their
centroids aligned.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from consistency.follow import Lineage
from consistency.labels import FrameLabels
from consistency.motion import to_first as motion_to_first
from consistency.shape import NO_THUMBNAILS, Thumbnails, pair

END_MASKS = 5  # masks at each end that its velocity and its largest shape are taken from
LIMIT = 3.0  # object sizes, for a gap of one frame
GAP_EXPONENT = 0.5  # the limit grows like the square root of time (random walk)
LEAST_EVIDENCE = 0.25
# Beyond the memory a link has to look like the object.
LEAST_LONG_SHAPE = 0.6
PAIRS_AT_A_TIME = 16384  # a pair takes 2 kB while its shapes are compared

END = np.dtype(
    [
        ("label", np.int64),
        ("frame", np.int64),  # of the first or last mask
        ("place", np.float64, 2),  # its centroid as the camera of the first frame sees it, pixels
        ("velocity", np.float64, 2),  # the same, pixels a frame; NaN for a single mask
        ("scale", np.float64),  # pixels of its own frame for one of the first
        ("area", np.float64),  # of the largest mask near the end
        ("shape_frame", np.int64),  # where that one is
        ("shape_mask", np.int64),
    ]
)


@dataclass(frozen=True, eq=False)
class _Candidates:
    """Pairs of a label that ends and one that begins later, and what speaks for them."""

    ends: np.ndarray
    starts: np.ndarray
    evidence: np.ndarray


def stitch(
    frames: Sequence[FrameLabels], lineage: Lineage, memory: int, long_memory: int = 0
) -> dict[int, int]:
    """Decide which tracklets are one track.

    Parameters
    ----------
    frames : the whole sequence, labelled.
    lineage : a mother whose label ended in a split, and her daughters, are not joined there.
    memory : longest gap in frames without a mask.
    long_memory : a longer one, where the camera's motion is known throughout and shapes agree.

    Returns
    -------
    {label: earlier label that it continues}; chains are resolved to their first label.
    """
    to_first = np.zeros((0, 3, 3))
    if frames:
        to_first = motion_to_first([frame.motion for frame in frames])
    starts, ends = _ends(frames, to_first)
    divided = [c for c in lineage.changes if c.kind == "split" and c.label not in c.others]
    mothers = {change.label for change in divided}
    born = {label for change in divided for label in change.others}
    starts = starts[[label not in born for label in starts["label"].tolist()]]
    ends = ends[[label not in mothers for label in ends["label"].tolist()]]
    found = _weigh(frames, starts, ends, memory, max(memory, long_memory))
    joined: dict[int, int] = {}
    for before, after in _assign(found):
        joined[after] = before
    return {label: _first(label, joined) for label in joined}


def _first(label: int, joined: dict[int, int]) -> int:
    while label in joined:
        label = joined[label]
    return label


def _ends(frames: Sequence[FrameLabels], to_first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of every tracklet, END (k,) twice, in order of labels."""
    seen: dict[int, list[tuple[int, int]]] = {}
    for t, frame in enumerate(frames):
        for mask, label in enumerate(frame.labels):
            seen.setdefault(label, []).append((t, mask))
    starts, ends = np.zeros(len(seen), END), np.zeros(len(seen), END)
    for k, label in enumerate(sorted(seen)):
        starts[k] = _end(frames, to_first, label, seen[label][:END_MASKS], 0)
        ends[k] = _end(frames, to_first, label, seen[label][-END_MASKS:], -1)
    return starts, ends


def _end(
    frames: Sequence[FrameLabels],
    to_first: np.ndarray,
    label: int,
    masks: list[tuple[int, int]],
    which: int,
) -> tuple:
    times = np.array([t for t, _ in masks], np.float64)
    places = np.array([to_first[t] @ (*frames[t].centroids[i], 1) for t, i in masks])[:, :2]
    areas = np.array([frames[t].areas[i] for t, i in masks], np.float64)
    largest = int(areas.argmax())
    velocity = _velocity(times, places, areas)
    scale = abs(np.linalg.det(to_first[masks[which][0]][:2, :2])) ** -0.5
    return (label, masks[which][0], places[which], velocity, scale, areas[largest], *masks[largest])


def _velocity(times: np.ndarray, centroids: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Slope of the weighted straight line through the centroids; NaN for a single one."""
    weights = weights / weights.sum()
    time = times - weights @ times
    spread = weights @ time**2
    if spread == 0:
        return np.full(2, np.nan)
    return (weights * time) @ (centroids - weights @ centroids) / spread


def _weigh(
    frames: Sequence[FrameLabels], starts: np.ndarray, ends: np.ndarray, memory: int, longest: int
) -> _Candidates:
    """Compare all ends with the beginnings after them, some ends at a time."""
    starts = starts[np.argsort(starts["frame"], kind="stable")]
    low = np.searchsorted(starts["frame"], ends["frame"] + 1)
    high = np.searchsorted(starts["frame"], ends["frame"] + 1 + longest, side="right")
    unknown = np.cumsum([not frame.motion.known for frame in frames])
    shapes = _shapes(frames, ends), _shapes(frames, starts)
    parts = []
    for some in np.split(np.arange(ends.size), _cuts(high - low)):
        row = np.repeat(some, (high - low)[some])
        column = np.concatenate([np.arange(low[k], high[k]) for k in some.tolist()] or [row])
        gap = (starts["frame"][column] - ends["frame"][row]).astype(np.float64)
        nearness = 1 - _distance(ends[row], starts[column], gap) / (LIMIT * gap**GAP_EXPONENT)
        areas = ends["area"][row], starts["area"][column]
        most = nearness * np.sqrt(np.minimum(*areas) / np.maximum(*areas))  # were shapes equal
        near = np.flatnonzero(most >= LEAST_EVIDENCE)
        row, column, gap = row[near], column[near], gap[near]
        shape = _shape_iou(*shapes, row, column)
        evidence = most[near] * (1 + shape) / 2
        sure = unknown[ends["frame"][row]] == unknown[starts["frame"][column]]
        strong = evidence >= LEAST_EVIDENCE
        strong &= (gap <= memory + 1) | (sure & (shape >= LEAST_LONG_SHAPE))
        parts.append((ends["label"][row], starts["label"][column], evidence, strong))
    first, second, evidence, strong = (np.concatenate(p) for p in zip(*parts, strict=True))
    return _Candidates(first[strong], second[strong], evidence[strong])


def _cuts(counts: np.ndarray) -> np.ndarray:
    """Where to cut a list whose items have ``counts`` pairs, for about PAIRS_AT_A_TIME a part."""
    return np.flatnonzero(np.diff(np.cumsum(counts) // PAIRS_AT_A_TIME)) + 1


def _distance(before: np.ndarray, after: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Mean of the two extrapolations' misses, float64 (p,), in object sizes."""
    known = np.isnan(before["velocity"]), np.isnan(after["velocity"])
    forward = np.where(known[0], after["velocity"], before["velocity"])
    backward = np.where(known[1], before["velocity"], after["velocity"])
    way = after["place"] - before["place"]
    misses = [
        np.linalg.norm(way - np.nan_to_num(velocity) * gap[:, None], axis=1)
        for velocity in (forward, backward)
    ]
    scale = np.sqrt(before["scale"] * after["scale"])
    return scale * (misses[0] + misses[1]) / 2 / (before["area"] * after["area"]) ** 0.25


@dataclass(frozen=True, eq=False)
class _Shapes:
    """The largest mask near each of some ends: thumbnails and centroids, x, y in pixels."""

    thumbnails: Thumbnails
    centroids: np.ndarray


def _shapes(frames: Sequence[FrameLabels], table: np.ndarray) -> _Shapes:
    where = table[["shape_frame", "shape_mask"]].tolist()
    if not where:
        return _Shapes(NO_THUMBNAILS, np.zeros((0, 2)))
    parts = [frames[t].thumbnails[np.array([i])] for t, i in where]
    fields = [
        np.concatenate([getattr(p, name) for p in parts])
        for name in ("level", "origin", "rows", "cells")
    ]
    return _Shapes(
        Thumbnails(*fields, parts[0].turned), np.array([frames[t].centroids[i] for t, i in where])
    )


def _shape_iou(ends: _Shapes, starts: _Shapes, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """IoU of the shapes of pairs (ends[row], starts[column]), centroids aligned, float64 (p,)."""
    if not row.size:
        return np.zeros(0)
    displacement = starts.centroids[column] - ends.centroids[row]
    return pair(ends.thumbnails, starts.thumbnails, row, column).iou(displacement)


def _assign(found: _Candidates) -> list[tuple[int, int]]:
    """One-to-one pairs of labels (that ends, that begins) with the largest sum of evidence."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    if not found.evidence.size:
        return []
    ends, row = np.unique(found.ends, return_inverse=True)
    starts, column = np.unique(found.starts, return_inverse=True)
    # The table is sparse: tracklets far apart in time are no candidates.  Each end has a column of
    # its own besides, so that it may stay alone; one more for every pair changes no optimum.
    alone = np.arange(ends.size)
    weight = np.concatenate([1 + found.evidence, np.ones(ends.size)])
    where = np.concatenate([row, alone]), np.concatenate([column, starts.size + alone])
    table = coo_array((weight, where), shape=(ends.size, starts.size + ends.size)).tocsr()
    chosen = zip(*min_weight_full_bipartite_matching(table, maximize=True), strict=True)
    return [(int(ends[i]), int(starts[j])) for i, j in chosen if j < starts.size]
