"""Offline linking: join tracklets over gaps, with what came before and what comes after.

The forward pass knows a track's past alone.  Afterwards both ends of every tracklet are known: the
velocity before the gap and the one after it, and the largest mask near each end.  All ends are
assigned to all later beginnings at once (Huang, Wu and Nevatia 2008, hierarchical association).
The similarity of a pair is

    (1 - distance / limit) · (1 + shape IoU) / 2 · ratio of sizes

where ``distance`` is the mean, in object sizes, of how far either end's velocity misses the other
end, the limit grows with the square root of the gap, and the shapes are compared with their
centroids aligned.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from consistency.masks.thumbnails import ThumbnailPool
from consistency.measure.camera_motion import to_first as motion_to_first
from consistency.track.endpoint_shapes import ENDPOINT_MASKS, MASK_BITS, EndpointShapes, keys
from consistency.track.parameters import Parameters
from consistency.track.results import Lineage, TrackedFrame

LIMIT = 3.0  # object sizes, for a gap of one frame
GAP_EXPONENT = 0.5  # the limit grows like the square root of time (random walk)
LEAST_SIMILARITY = 0.25
# Beyond the memory a link has to look like the object.
LEAST_LONG_SHAPE = 0.6
BOUND_SLACK = Parameters.bound_slack
PAIRS_AT_A_TIME = 1 << 16  # a pair takes 200 bytes while it is weighed

END = np.dtype(
    [
        ("label", np.int64),
        ("frame", np.int64),  # of the first or last mask
        ("place", np.float64, 2),  # its centroid as the camera of the first frame sees it, pixels
        ("velocity", np.float64, 2),  # the same, pixels a frame; NaN for a single mask
        ("scale", np.float64),  # pixels of its own frame for one of the first
        ("area", np.float64),  # of the largest mask near the end
        ("shape", np.int64),  # key of that one
    ]
)


@dataclass(frozen=True, eq=False)
class _Links:
    """Pairs of a label that ends and one that begins later, and what speaks for them."""

    ends: np.ndarray
    starts: np.ndarray
    similarity: np.ndarray


def link_tracks(
    frames: Sequence[TrackedFrame],
    lineage: Lineage,
    shapes: EndpointShapes,
    memory: int,
    long_memory: int = 0,
) -> dict[int, int]:
    """Decide which tracklets are one track.

    Parameters
    ----------
    frames : the whole sequence, labelled.
    lineage : a mother whose label ended in a split, and her daughters, are not joined there.
    shapes : thumbnails of the largest masks near the ends of the tracks.
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
    found = _compare(frames, shapes, starts, ends, memory, max(memory, long_memory))
    joined: dict[int, int] = {}
    for before, after in _assign(found):
        joined[after] = before
    return {label: _first(label, joined) for label in joined}


def _first(label: int, joined: dict[int, int]) -> int:
    while label in joined:
        label = joined[label]
    return label


@dataclass(frozen=True, eq=False)
class _Masks:
    """All masks of a sequence, by label and within it by time; each array of length N.

    Attributes
    ----------
    t, mask : int64, frame and number within it.
    area : float64, pixels.
    place : float64 (N, 2), centroid as the camera of the first frame sees it, x, y in pixels.
    """

    t: np.ndarray
    mask: np.ndarray
    area: np.ndarray
    place: np.ndarray


def _ends(frames: Sequence[TrackedFrame], to_first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of every tracklet, END (k,) twice, in order of labels."""
    sizes = [len(frame.labels) for frame in frames]
    label = np.array([label for frame in frames for label in frame.labels], np.int64)
    order = np.argsort(label, kind="stable")
    t = np.repeat(np.arange(len(frames)), sizes)[order]
    mask = np.concatenate([np.arange(size) for size in sizes] or [order])[order]
    area = np.concatenate([frame.areas for frame in frames] or [order])[order].astype(np.float64)
    centroid = np.concatenate([frame.centroids for frame in frames] or [np.zeros((0, 2))])[order]
    place = np.einsum("nij,nj->ni", to_first[t, :2, :2], centroid) + to_first[t, :2, 2]
    masks = _Masks(t, mask, area, place)
    labels, first, count = np.unique(label[order], return_index=True, return_counts=True)
    used = np.minimum(count, ENDPOINT_MASKS)
    scale = np.abs(np.linalg.det(to_first[:, :2, :2])) ** -0.5
    starts = _end(labels, masks, first, used, first, scale)
    return starts, _end(labels, masks, first + count - used, used, first + count - 1, scale)


def _end(
    labels: np.ndarray,
    masks: _Masks,
    first: np.ndarray,
    count: np.ndarray,
    last: np.ndarray,
    scale: np.ndarray,
) -> np.ndarray:
    """One end of each track, END (k,).

    Parameters
    ----------
    labels : int64 (k,).
    first, count : int64 (k,), where in ``masks`` those near the end are.
    last : int64 (k,), where the outermost of them is.
    scale : float64, of each frame.
    """
    near = np.arange(ENDPOINT_MASKS)
    known = near < count[:, None]
    near = first[:, None] + np.where(known, near, 0)
    weight = np.where(known, masks.area[near], 0.0)
    largest = near[np.arange(labels.size), weight.argmax(axis=1)]
    weight /= weight.sum(axis=1, keepdims=True)
    # The slope of the weighted straight line through the centroids.
    time = masks.t[near] - (weight * masks.t[near]).sum(axis=1, keepdims=True)
    away = masks.place[near] - np.einsum("kn,knd->kd", weight, masks.place[near])[:, None]
    spread = (weight * time**2).sum(axis=1)
    slope = np.einsum("kn,knd->kd", weight * time, away)
    result = np.zeros(labels.size, END)
    result["label"], result["frame"] = labels, masks.t[last]
    result["place"], result["scale"] = masks.place[last], scale[masks.t[last]]
    alone = count == 1
    result["velocity"] = slope / np.where(alone, np.nan, spread)[:, None]
    result["area"] = masks.area[largest]
    result["shape"] = keys(masks.t[largest], masks.mask[largest])
    return result


def _compare(
    frames: Sequence[TrackedFrame],
    shapes: EndpointShapes,
    starts: np.ndarray,
    ends: np.ndarray,
    memory: int,
    longest: int,
) -> _Links:
    """Compare all ends with the beginnings after them, some ends at a time."""
    starts = starts[np.argsort(starts["frame"], kind="stable")]
    low = np.searchsorted(starts["frame"], ends["frame"] + 1)
    high = np.searchsorted(starts["frame"], ends["frame"] + 1 + longest, side="right")
    unknown = np.cumsum([not frame.motion.known for frame in frames])
    parts = []
    for block in np.split(np.arange(ends.size), _cuts(high - low)):
        count = (high - low)[block]
        row = np.repeat(block, count)
        column = np.arange(row.size) + np.repeat(low[block] - np.cumsum(count) + count, count)
        gap = (starts["frame"][column] - ends["frame"][row]).astype(np.float64)
        areas = ends["area"][row], starts["area"][column]
        ratio = np.minimum(*areas) / np.maximum(*areas)  # no IoU is larger
        long = gap > memory + 1
        motion_known = unknown[ends["frame"][row]] == unknown[starts["frame"][column]]
        plausible = ~long | motion_known & (ratio >= BOUND_SLACK * LEAST_LONG_SHAPE)
        some = (
            plausible & (np.sqrt(ratio) * (1 + ratio) / 2 >= BOUND_SLACK * LEAST_SIMILARITY)
        ).nonzero()[0]
        row, column, gap, ratio, long = (each[some] for each in (row, column, gap, ratio, long))
        nearness = 1 - _distance(ends, starts, row, column, gap) / (LIMIT * gap**GAP_EXPONENT)
        without_shape = nearness * np.sqrt(ratio)
        near = without_shape * (1 + ratio) / 2 >= BOUND_SLACK * LEAST_SIMILARITY
        row, column, long = row[near], column[near], long[near]
        shape = _shape_iou(frames, shapes, ends["shape"][row], starts["shape"][column])
        similarity = without_shape[near] * (1 + shape) / 2
        strong = (similarity >= LEAST_SIMILARITY) & (~long | (shape >= LEAST_LONG_SHAPE))
        parts.append((ends["label"][row], starts["label"][column], similarity, strong))
    first, second, similarity, strong = (np.concatenate(p) for p in zip(*parts, strict=True))
    return _Links(first[strong], second[strong], similarity[strong])


def _shape_iou(
    frames: Sequence[TrackedFrame], shapes: EndpointShapes, end: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """IoU of shapes, centroids aligned, float64 (p,); both are keys of masks, int64 (p,)."""
    used, number = np.unique(np.concatenate([end, start]), return_inverse=True)
    centroids = [frames[key >> 32].centroids[key & MASK_BITS] for key in used.tolist()]
    place = np.array(centroids).reshape(-1, 2).take(number, axis=0)
    pool = ThumbnailPool(shapes.find(used))
    first, second = np.split(number, 2)
    return pool.iou(first, second, place[end.size :] - place[: end.size])


def _cuts(counts: np.ndarray) -> np.ndarray:
    """Where to cut a list whose items have ``counts`` pairs, for about PAIRS_AT_A_TIME a part."""
    return np.flatnonzero(np.diff(np.cumsum(counts) // PAIRS_AT_A_TIME)) + 1


def _distance(
    ends: np.ndarray, starts: np.ndarray, row: np.ndarray, column: np.ndarray, gap: np.ndarray
) -> np.ndarray:
    """Mean of the two extrapolations' misses, float64 (p,), in object sizes."""
    before, after = ends["velocity"].take(row, axis=0), starts["velocity"].take(column, axis=0)
    forward = np.nan_to_num(np.where(np.isnan(before), after, before))
    backward = np.nan_to_num(np.where(np.isnan(after), before, after))
    way = starts["place"].take(column, axis=0) - ends["place"].take(row, axis=0)
    misses = [(way - velocity * gap[:, None]) ** 2 for velocity in (forward, backward)]
    misses = [np.sqrt(miss[:, 0] + miss[:, 1]) for miss in misses]
    scale = np.sqrt(ends["scale"][row] * starts["scale"][column])
    size = (ends["area"][row] * starts["area"][column]) ** 0.25
    return scale * (misses[0] + misses[1]) / 2 / size


def _assign(found: _Links) -> list[tuple[int, int]]:
    """One-to-one pairs of labels (that ends, that begins) with the largest sum of similarity."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    if not found.similarity.size:
        return []
    ends, row = np.unique(found.ends, return_inverse=True)
    starts, column = np.unique(found.starts, return_inverse=True)
    # The table is sparse: tracklets far apart in time are no candidates.  Each end has a column of
    # its own besides, so that it may stay alone; one more for every pair changes no optimum.
    alone = np.arange(ends.size)
    weight = np.concatenate([1 + found.similarity, np.ones(ends.size)])
    where = np.concatenate([row, alone]), np.concatenate([column, starts.size + alone])
    table = coo_array((weight, where), shape=(ends.size, starts.size + ends.size)).tocsr()
    chosen = zip(*min_weight_full_bipartite_matching(table, maximize=True), strict=True)
    return [(int(ends[i]), int(starts[j])) for i, j in chosen if j < starts.size]
