"""What can be said of labels without ground truth."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from consistency.experiment import Experiment
from consistency.formats.buffer import Buffer
from consistency.masks.intersections import intersections, iou
from consistency.masks.packed import PackedMasks
from consistency.masks.thumbnail_pool import ThumbnailPool
from consistency.masks.thumbnails import Thumbnails, thumbnails
from consistency.measure.camera_motion import MaskView, Motion, estimate, mask_view
from consistency.options import AssociationOptions
from consistency.track.assignment import assign_greedy


@dataclass(frozen=True, eq=False)
class FrameSummary:
    """One frame: labels of its masks, their thumbnails and centroids, the camera's motion."""

    labels: Sequence[int]
    thumbnails: Thumbnails
    centroids: np.ndarray
    motion: Motion


def summarise_frames(experiment: Experiment) -> tuple[list[FrameSummary], list[FrameSummary]]:
    """Read the labelled masks; with the labels that a loop over IoU gives them, and their own."""
    numbered = list(enumerate(experiment.frames))
    masks = (experiment.read(t, Buffer()) for t, _ in numbered)
    own = list(_summaries(zip(masks, (frame.labels for _, frame in numbered), strict=True)))
    again = (experiment.read(t, Buffer()) for t, _ in numbered)
    by_iou = _labels_by_iou(again)
    return [replace(s, labels=v) for s, v in zip(own, by_iou, strict=True)], own


def _labels_by_iou(frames: Iterable[PackedMasks]) -> Iterator[list[int]]:
    """Yield labels as they come of comparing each frame with the one before, best pairs first."""
    before, labels, last = None, list[int](), 0
    for masks in frames:
        found: dict[int, int] = {}
        if before is not None and before.count and masks.count:
            shared = intersections(before, masks)
            values = iou(shared, before.areas(), masks.areas())
            pairs = assign_greedy(values, AssociationOptions.min_iou)
            found = {j: labels[i] for i, j in pairs}
        new = iter(range(last + 1, last + 1 + masks.count - len(found)))
        labels = [found[j] if j in found else next(new) for j in range(masks.count)]
        before, last = masks, max([last, *labels])
        yield labels


def _summaries(frames: Iterable[tuple[PackedMasks, Sequence[int]]]) -> Iterator[FrameSummary]:
    view: MaskView | None = None
    for masks, labels in frames:
        boxes, centroids = masks.boxes_and_centroids()
        pictures = thumbnails(masks, boxes)
        before, view = view, mask_view(masks, boxes, centroids, pictures)
        yield FrameSummary(list(labels), pictures, centroids, estimate(before, view))


def label_statistics(frames: Sequence[FrameSummary]) -> dict[str, float]:
    """Count labels, lengths, gaps and returns, and how well a label's masks fit one another.

    Returns
    -------
    labels, masks, labels_per_mask_of_a_frame (inflation: 1 if all objects are always there),
    mean_length and median_length in masks, share_alone (of masks in tracks of length 1), gaps
    (each ends in a return), mean_iou of consecutive masks of a label after the camera's motion.
    """
    when: dict[int, list[int]] = {}
    for t, frame in enumerate(frames):
        for label in frame.labels:
            when.setdefault(label, []).append(t)
    # One track of no length where there is none: a mean of nothing is NaN.
    lengths = np.array([len(v) for v in when.values()] or [0])
    masks = int(lengths.sum())
    per_frame = masks / max(len(frames), 1)
    gaps = sum(int((np.diff(v) > 1).sum()) for v in when.values())
    return {
        "frames": len(frames),
        "masks": masks,
        "labels": len(when),
        "labels_per_mask_of_a_frame": len(when) / per_frame if per_frame else 0.0,
        "mean_length": float(lengths.mean()),
        "median_length": float(np.median(lengths)),
        "share_alone": float((lengths == 1).sum() / max(masks, 1)),
        "gaps": gaps,
        "mean_iou": _mean_iou(frames),
    }


def _mean_iou(frames: Sequence[FrameSummary]) -> float:
    values: list[np.ndarray] = []
    for then, now in pairwise(frames):
        # Only neighbouring frames: over a gap the motion of the camera is not known.
        column = {label: j for j, label in enumerate(now.labels)}
        pairs = [(i, column[label]) for i, label in enumerate(then.labels) if label in column]
        if not pairs:
            continue
        i, j = np.array(pairs).T
        # A mask without pixels, as other programs may have written one, has no centre to move.
        move = np.nan_to_num(now.motion.move(then.centroids[i]) - then.centroids[i])
        both = ThumbnailPool(then.thumbnails, now.thumbnails)
        # In the pool the later thumbnails are numbered behind the earlier ones.
        values.append(both.iou(i, then.thumbnails.level.size + j, move))
    return float(np.concatenate(values).mean()) if values else 0.0
