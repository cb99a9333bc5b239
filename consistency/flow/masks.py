"""The masks of one frame between, from where its pixels come from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from consistency.flow.between import View
from consistency.flow.carrying import carried
from consistency.flow.refining import Guide
from consistency.flow.shapes import REACH, Shape

Region = tuple[slice, slice]  # rows, columns


@dataclass(frozen=True, eq=False)
class Object:
    """One object and what is known of it at the key frames.

    Attributes
    ----------
    before, after : its mask there; None where it has none.
    region : where in the frames between it may be.
    """

    before: Shape | None
    after: Shape | None
    region: Region


@dataclass(frozen=True, eq=False)
class Seen:
    """One object in one frame.

    Attributes
    ----------
    score : float32 (h, w) of the object's region, positive inside its mask.
    borne_out : share of the mask that the only side that knows it carries here, and the other side
        does not deny, 0-1; 1 where both sides know it.
    """

    score: np.ndarray
    borne_out: float


def see(view: View, objects: Sequence[Object], closed: bool) -> list[Seen]:
    """Return all objects in one frame; ``closed``: there is a key frame after it.

    Where the frame has an image, their borders are moved to where it has them.
    """
    found = [_seen(view, each, closed) for each in objects]
    if view.image is None:
        return found
    boxes = [_box(s.score, each.region) for s, each in zip(found, objects, strict=True)]
    if not any(boxes):
        return found
    whole = _union([box for box in boxes if box])
    guide = Guide(np.ascontiguousarray(view.image[whole]))
    result = []
    for seen, each, box in zip(found, objects, boxes, strict=True):
        if box:
            score = np.full_like(seen.score, -REACH)
            mine = _within(box, each.region)
            inner = np.ascontiguousarray(seen.score[mine])
            score[mine] = guide.refined(inner, _within(box, whole))
            seen = Seen(score, seen.borne_out)
        result.append(seen)
    return result


def _seen(view: View, each: Object, closed: bool) -> Seen:
    sides = {False: each.before, True: each.after}
    one_sided = None in (each.before, each.after)
    votes, own = np.float32(0), np.float32(0)
    for source in view.sources:
        shape = sides[source.after]
        weight = source.weight[each.region]
        if shape is None:
            votes = votes - weight
            continue
        corner = each.region[1].start - shape.corner[0], each.region[0].start - shape.corner[1]
        vectors = np.ascontiguousarray(source.vectors[each.region])
        distance = carried(shape.distance, vectors, corner)
        if one_sided:
            # A vote of yes or no: the depth of a mask says nothing where the other side has none.
            distance = np.clip(distance, -1, 1)
            own = own + weight * distance
        votes = votes + weight * distance
    if not one_sided:
        return Seen(votes, 1.0)
    lost = view.lost[each.region]
    votes = np.where(lost, np.float32(-1), votes)
    carried_here = int(np.count_nonzero((own > 0) & ~lost))
    return Seen(votes, int(np.count_nonzero(votes > 0)) / max(carried_here, 1))


def disjoint_masks(
    scores: Sequence[np.ndarray], regions: Sequence[Region], pairs: Iterable[tuple[int, int]]
) -> list[np.ndarray]:
    """Return the mask of each score, bool (h, w); no pixel belongs to both masks of a pair.

    Parameters
    ----------
    scores : float32 (h, w), positive inside the mask.
    regions : where they are in the frame.
    pairs : objects that share no pixel at the key frames; the higher score has the pixel.
    """
    masks = [score > 0 for score in scores]
    for i, j in pairs:
        common = _common(regions[i], regions[j])
        if common is None:
            continue
        mine, other = _within(common, regions[i]), _within(common, regions[j])
        both = masks[i][mine] & masks[j][other]
        if both.any():
            loses = both & (scores[i][mine] < scores[j][other])
            masks[i][mine] &= ~loses
            masks[j][other] &= ~(both & ~loses)
    return masks


def _box(score: np.ndarray, region: Region) -> Region | None:
    """Where a border may be: the region around all that is not deep outside."""
    near = score > -REACH + 1e-3
    rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    if not rows.size:
        return None
    y, x = region[0].start, region[1].start
    return (
        slice(y + int(rows[0]), y + int(rows[-1]) + 1),
        slice(x + int(columns[0]), x + int(columns[-1]) + 1),
    )


def _union(regions: Sequence[Region]) -> Region:
    rows, columns = zip(*regions, strict=True)
    return (
        slice(min(s.start for s in rows), max(s.stop for s in rows)),
        slice(min(s.start for s in columns), max(s.stop for s in columns)),
    )


def _common(one: Region, other: Region) -> Region | None:
    rows, columns = (
        slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )
    return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None


def _within(region: Region, whole: Region) -> Region:
    """Return ``region`` counted from the corner of ``whole``."""
    rows, columns = (
        slice(inner.start - outer.start, inner.stop - outer.start)
        for inner, outer in zip(region, whole, strict=True)
    )
    return rows, columns
