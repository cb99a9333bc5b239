"""Which masks of one frame to keep, and why each other one goes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from consistency.dataset import Frame
from consistency.masks.intersections import containment_of_pairs, iou, iou_of_pairs
from consistency.masks.packed import PackedMasks
from consistency.options import MeasureOptions

# Name of the reason, ratio of shared pixels and two areas, what it must not be above.
Test = tuple[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray], float]


@dataclass(frozen=True)
class Dropped:
    """A mask that is left out of its frame.

    Attributes
    ----------
    mask_index : index in the frame's list of records.
    reason : "empty", "iou" or "containment".
    kept : index of the mask that stands for it; -1 for an empty mask.
    value : IoU or containment with that mask, 0-1.
    """

    mask_index: int
    reason: str
    kept: int = -1
    value: float = 0.0


def find_duplicates(
    shared: np.ndarray,
    areas: np.ndarray,
    order: np.ndarray,
    iou_limit: float,
    containment_limit: float | None = None,
) -> tuple[np.ndarray, list[Dropped]]:
    """Walk through the masks in ``order`` and drop those too like one kept before.

    Parameters
    ----------
    shared : int64 (n, n), common pixels of the frame's masks.
    areas : int64 (n,), pixels.
    order : int (n,), indices of the masks, the most trusted first.
    iou_limit : a mask goes if its IoU with a kept one is larger; 0-1.
    containment_limit : a mask also goes if its intersection over the smaller area is larger.

    Returns
    -------
    kept : int64 (k,), indices in ``order``.
    dropped : the others, in ``order``.
    """
    # IoU first: where both hold, it is the reason that is named.
    tests: list[Test] = [("iou", iou_of_pairs, iou_limit)]
    if containment_limit is not None:
        tests.append(("containment", containment_of_pairs, containment_limit))
    alike = _alike(shared, areas, tests)
    kept: list[int] = []
    dropped = []
    for mask in order.tolist():
        reason = None if areas[mask] else Dropped(mask, "empty")
        if alike[mask]:
            reason = _duplicate_of(mask, kept, shared, areas, tests)
        if reason is None:
            kept.append(mask)
        else:
            dropped.append(reason)
    return np.array(kept, np.int64), dropped


def _alike(shared: np.ndarray, areas: np.ndarray, tests: list[Test]) -> np.ndarray:
    """Masks that are too like any other, bool (n,); most are not, and need no second look."""
    # Most pairs share nothing: a table of ratios of all pairs would take most of the time.
    rows, columns = np.nonzero(shared)
    others = np.flatnonzero(rows != columns)
    rows, columns = rows[others], columns[others]
    pixels = shared[rows, columns]
    found = np.zeros(areas.size, bool)
    for _, ratio, limit in tests:
        found[rows[ratio(pixels, areas[rows], areas[columns]) > limit]] = True
    return found


def _duplicate_of(
    mask: int, kept: list[int], shared: np.ndarray, areas: np.ndarray, tests: list[Test]
) -> Dropped | None:
    for reason, ratio, limit in tests:
        if kept:
            values = ratio(shared[mask, kept], areas[mask], areas[kept])
            # The most similar kept mask is named as the reason, not the first one above the limit.
            best = int(np.argmax(values))
            # Above, not at: a limit of 1 keeps even identical masks.
            if values[best] > limit:
                return Dropped(mask, reason, kept[best], float(values[best]))
    return None


def find_duplicates_of_any(
    shared: np.ndarray, areas: np.ndarray, order: np.ndarray, iou_limit: float
) -> tuple[np.ndarray, list[Dropped]]:
    """Drop the later of every pair above ``iou_limit``, even where the earlier is dropped itself.

    The predecessor's rule; arguments and results as in ``find_duplicates``.
    """
    values = iou(shared, areas, areas)[np.ix_(order, order)]
    kept, dropped = [], []
    for i, mask in enumerate(order.tolist()):
        before = values[i, :i]
        if not areas[mask]:
            dropped.append(Dropped(mask, "empty"))
        elif (before > iou_limit).any():
            best = int(np.argmax(before))
            dropped.append(Dropped(mask, "iou", int(order[best]), float(before[best])))
        else:
            kept.append(mask)
    return np.array(kept, np.int64), dropped


def keep(
    frame: Frame,
    masks: PackedMasks,
    within: np.ndarray,
    areas: np.ndarray,
    options: MeasureOptions,
) -> tuple[np.ndarray, list[Dropped]]:
    """Drop duplicates of a frame as ``options`` say.

    Returns
    -------
    kept : int64 (k,), indices in canonical order.
    dropped : the other masks.
    """
    if options.keep == "seed":
        by_record = np.argsort(-record_areas(frame, areas), kind="stable")
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
    tied = np.zeros(masks.count, bool)
    tied[order[ties]] = tied[order[ties + 1]] = True
    mine = np.flatnonzero(tied[masks.mask])
    mine = mine[np.argsort(masks.mask[mine], kind="stable")]
    indices, begins = np.unique(masks.mask[mine], return_index=True)
    pixels = {
        index: (masks.position[some].tolist(), masks.word[some].tolist())
        for index, some in zip(indices.tolist(), np.split(mine, begins)[1:], strict=True)
    }
    return np.array(sorted(order.tolist(), key=lambda i: (-areas[i], pixels.get(i, ()), i)))


def record_areas(frame: Frame, areas: np.ndarray) -> np.ndarray:
    """Return the records' "area", float64 (n,); ``areas``, the pixels, if any has none."""
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
