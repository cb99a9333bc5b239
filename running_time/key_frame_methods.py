"""Ways to fill frames between key frames, for key_frames.py, and their scores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from time import process_time

import cv2
import numpy as np
from key_frame_scenes import Masks, Scene
from pycocotools import mask as coco

from consistency.filling.carry import Task, carry
from consistency.filling.footage import read_image
from consistency.filling.spans import Span, Wanted
from consistency.flow.carrying import carried
from consistency.flow.dis import dense_flow
from consistency.metrics.boundary import TOLERANCE
from consistency.options import FillingOptions

# Fills the frames between two key frames, given by their indices; returns masks, and seconds of
# processor time.
Method = Callable[[Scene, int, int], tuple[list[Masks], float]]


def copied(scene: Scene, first: int, last: int) -> tuple[list[Masks], float]:
    """The masks of the key frame before."""
    return [scene.truth[first]] * (last - first - 1), 0.0


def forward(scene: Scene, first: int, last: int) -> tuple[list[Masks], float]:
    """The masks of the key frame before, carried from frame to frame along DIS medium."""
    frames, shape = scene.dataset.frames, next(iter(scene.truth[first].values())).shape
    began = process_time()
    soft = {n: mask.astype(np.float32) for n, mask in scene.truth[first].items()}
    before, found = None, []
    for frame in frames[first:last]:
        image = read_image(frame, scene.images, shape)
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        if before is not None:
            back = dense_flow(grey, before)
            soft = {n: carried(mask, back) for n, mask in soft.items()}
            found.append({n: mask > 0.5 for n, mask in soft.items()})
        before = grey
    return found, process_time() - began


@dataclass(frozen=True)
class Both:
    """The tool: both key frames, and images at a reduced size."""

    scale: float
    preset: str

    def __call__(self, scene: Scene, first: int, last: int) -> tuple[list[Masks], float]:
        """Fill, as a worker of the tool does: from run lengths to run lengths."""
        ids = scene.identities[first], scene.identities[last]
        labels = tuple(
            Wanted(n, *(some.index(n) if n in some else None for some in ids))
            for n in dict.fromkeys([*ids[0], *ids[1]])
        )
        span = Span(first, last, True, labels)
        task = Task(span, scene.dataset.frames[first : last + 1], goes_on=True)
        options = FillingOptions(
            frames_path=str(scene.images), scale=self.scale, preset=self.preset
        )
        began = process_time()
        found = carry(task, scene.dataset.layout, options)
        seconds = process_time() - began
        return [{n: coco.decode(rle) > 0 for n, rle in masks.items()} for masks in found], seconds


@dataclass(frozen=True)
class Score:
    """Of one method on one sequence: J, in percent, mean over the objects of a frame.

    Attributes
    ----------
    avg : mean of all frames, key frames included.
    least : mean of the frames just before the next key frame.
    lowest : of the frame that has least.
    avg_inside, least_inside : without the pixels near the borders of the truth.
    seconds, filled : processor time that filling took, and number of frames.
    """

    avg: float
    least: float
    lowest: float
    avg_inside: float
    least_inside: float
    seconds: float
    filled: int


def score(scene: Scene, keys: Sequence[int], method: Method) -> Score:
    """Fill and score a sequence that begins and ends with a key frame."""
    values, inside = np.ones(len(scene.truth)), np.ones(len(scene.truth))
    before, seconds = [], 0.0
    for first, last in pairwise(keys):
        if last == first + 1:
            continue
        found, took = method(scene, first, last)
        seconds += took
        for t, masks in enumerate(found, start=first + 1):
            values[t], inside[t] = _j(scene.truth[t], masks)
        before.append(last - 1)
    last_ones = before or list(keys)
    return Score(
        avg=100 * float(values.mean()),
        least=100 * float(values[last_ones].mean()),
        lowest=100 * float(values.min()),
        avg_inside=100 * float(inside.mean()),
        least_inside=100 * float(inside[last_ones].mean()),
        seconds=seconds,
        filled=len(values) - len(keys),
    )


def _j(truth: Masks, found: Masks) -> tuple[float, float]:
    """Mean IoU of the objects of a frame, on all pixels and on those that are not near a border."""
    names = dict.fromkeys([*truth, *found])
    if not names:
        return 1.0, 1.0
    empty = np.zeros_like(next(iter((*truth.values(), *found.values()))))
    pairs = [(truth.get(n, empty), found.get(n, empty)) for n in names]
    far = [_far(mask) for mask, _ in pairs]
    return (
        float(np.mean([_iou(a, b) for a, b in pairs])),
        float(np.mean([_iou(a & f, b & f) for (a, b), f in zip(pairs, far, strict=True)])),
    )


def _far(mask: np.ndarray) -> np.ndarray:
    """Pixels further from the border of a mask than the boundary measure of DAVIS tolerates."""
    radius = int(np.ceil(TOLERANCE * np.hypot(*mask.shape)))
    near = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    other = cv2.distanceTransform(1 - mask.astype(np.uint8), cv2.DIST_L2, 5)
    return np.maximum(near, other) > radius


def _iou(one: np.ndarray, other: np.ndarray) -> float:
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 1.0
