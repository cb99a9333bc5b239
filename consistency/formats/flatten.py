"""Masks to label images: one number per pixel, so one mask has to win where masks overlap."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from consistency.formats.labelled import LabelledFrame, LabelledSequence
from consistency.formats.numbering import Numbering
from consistency.formats.writing import FrameTask, Plan
from consistency.options import RULES, SCORE, SMALL_ON_TOP, WritingOptions

Extra = TypeVar("Extra")


@dataclass(frozen=True)
class Drawing(Generic[Extra]):
    """What workers need to draw label images.

    Attributes
    ----------
    shape : (height, width) of every image in pixels, of frames without masks too.
    rule : a name from RULES.
    dtype : unsigned, of the images; holds every number.
    extra : what a format wants besides.
    """

    shape: tuple[int, int]
    rule: str
    dtype: np.dtype
    extra: Extra


ImagePlan = Plan[Drawing[Extra], Numbering]  # what outputs of label images plan


def plan(
    sequence: LabelledSequence,
    options: WritingOptions,
    numbering: Numbering,
    dtype: np.dtype | None,
    extra: Extra,
) -> ImagePlan[Extra]:
    """Plan label images in which every label has its number of ``numbering``.

    ``dtype`` None: the smallest that holds all numbers.  Raises ValueError if the rule is "score"
    and a mask has none.
    """
    # Large masks on top would hide the parts of an object altogether.
    rule = options.flatten or SMALL_ON_TOP
    if rule == SCORE:
        for frame, labels in zip(sequence.frames, sequence.labelled_frames, strict=True):
            # Looked at before the first file is written: one mask in the last frame may lack a
            # score.
            for index in labels.kept.tolist():
                score_of(frame.records[index], f"frame {frame.name!r}, mask {index}")
    dtype = np.dtype(dtype or np.min_scalar_type(numbering.largest))
    numbers = numbering.of_frames(sequence)
    return Plan(Drawing(sequence.shape, rule, dtype, extra), numbering, numbers)


def require_disjoint(sequence: LabelledSequence, options: WritingOptions, output: str) -> None:
    """Raise ValueError if masks share pixels and nobody has said who wins."""
    if options.flatten:
        return
    for frame in sequence.labelled_frames:
        # Overlaps were counted while measuring; no pixel is read for this.
        if len(frame.overlaps):
            i, j, pixels = frame.overlaps[0]
            raise ValueError(
                f"frame {frame.name!r}: labels {frame.labels[i]} and {frame.labels[j]} share "
                f"{pixels} pixels, but masks are disjoint in {output}; say who wins with "
                f"--flatten {{{','.join(RULES)}}}"
            )


def score_of(record: dict, where: str) -> float:
    """predicted_iou · stability_score, or "score"; ValueError if a record has neither."""
    values: list[Any] = [record.get("predicted_iou"), record.get("stability_score")]
    # Both or neither: one factor alone is on another scale than the product.
    values = values if None not in values else [record.get("score")]
    if not all(isinstance(value, int | float) for value in values):
        raise ValueError(
            f"{where}: neither 'predicted_iou' and 'stability_score' nor 'score', which --flatten "
            "score compares; use --flatten small-on-top"
        )
    return float(np.prod(values))


def draw(task: FrameTask, drawing: Drawing[Any]) -> tuple[np.ndarray, list[int]]:
    """Draw the label image of one frame.

    Returns
    -------
    The image, (height, width) of the drawing's dtype, and for each kept mask the pixels that
    others cover; a mask with number 0 is not drawn and loses none.
    """
    labels = task.labelled_frame
    if not labels.labels:
        return np.zeros(drawing.shape, drawing.dtype), []
    order = paint_order(task, drawing.rule)
    numbers = np.asarray(task.numbers, drawing.dtype)
    image, visible = task.reader.kept().paint(numbers, order)
    return image, np.where(numbers > 0, labels.areas - visible, 0).tolist()


def paint_order(task: FrameTask, rule: str) -> list[int]:
    """Kept masks with a number from the one painted first to the one on top."""
    labels = task.labelled_frame
    kept = labels.kept.tolist()
    if rule == SCORE:
        records = task.reader.frame.records
        priority = [score_of(records[index], "") for index in kept]
    else:
        # What is painted last is on top.
        sign = -1 if rule == SMALL_ON_TOP else 1
        priority = [sign * area for area in labels.areas.tolist()]
    drawn = [k for k in range(len(kept)) if task.numbers[k] > 0]
    # Ties are settled by label and place, so that all backends draw the same picture.
    return sorted(drawn, key=lambda k: (priority[k], labels.labels[k], kept[k]))


def visible_numbers(image: np.ndarray) -> list[int]:
    """Numbers other than 0 in a label image of at most 16 bits, ascending."""
    # bincount is faster than np.unique, which sorts; 16 bits keep its table small.  Number 0 is
    # skipped only where it is there.
    return np.flatnonzero(np.bincount(image.ravel()))[0 if image.min() else 1 :].tolist()


def save_png(path: Path, image: np.ndarray, palette: bytes | None = None) -> None:
    """Write a uint8 or uint16 (h, w) image as grey PNG of as many bits, or with a palette."""
    from PIL import Image

    picture = Image.fromarray(image)
    if palette is not None:
        picture.putpalette(palette)
    picture.save(path, compress_level=PNG_LEVEL)


# Label images are long runs of one value: the fast levels make them as small as the slow ones.
PNG_LEVEL = 2


def presence(labels: Sequence[LabelledFrame]) -> dict[int, list[int]]:
    """Frames, ascending, in which each label has a mask."""
    frames: dict[int, list[int]] = {}
    for t, frame in enumerate(labels):
        for label in sorted(set(frame.labels)):
            frames.setdefault(label, []).append(t)
    return dict(sorted(frames.items()))
