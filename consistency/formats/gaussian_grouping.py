"""Gaussian Grouping (Ye et al. 2024): object_mask/<name>.png beside the images of a scene.

8-bit grey label images, 0 is background.  The loader cuts an image's name at its first dot.

Written: gaussian-grouping/object_mask/, to be moved into the scene, and numbers.csv.
"""

from functools import partial
from pathlib import PurePosixPath

import numpy as np

from consistency.formats import flatten
from consistency.formats.labelled import LabelledSequence
from consistency.formats.numbering import gather_numbers, number_labels
from consistency.formats.writing import FrameTask, Output, WriteResult
from consistency.options import WritingOptions

FOLDER = "gaussian-grouping"
# 8 bits without the background; the loader reads no more.
LIMIT = 255


def _plan(sequence: LabelledSequence, options: WritingOptions) -> flatten.ImagePlan[None]:
    seen: dict[str, str] = {}
    for frame in sequence.frames:
        # Two frames of one name would write one file, and the later one would win.
        name = first_part(frame.name)
        if name in seen:
            raise ValueError(
                f"frames {seen[name]!r} and {frame.name!r} are both {name!r} up to the first dot, "
                "where gaussian-grouping cuts names; rename the images"
            )
        seen[name] = frame.name
    numbering = number_labels(sequence, options, LIMIT, "gaussian-grouping")
    return flatten.plan(sequence, options, numbering, np.dtype(np.uint8), None)


def first_part(name: str) -> str:
    """File name up to its first dot."""
    return PurePosixPath(name).name.split(".")[0]


def _write_frame(task: FrameTask, drawing: flatten.Drawing[None]) -> WriteResult[None]:
    image, lost = flatten.draw(task, drawing)
    name = first_part(task.reader.frame.name)
    flatten.save_png(task.path(FOLDER, "object_mask", f"{name}.png"), image)
    return WriteResult(lost=lost)


OUTPUT = Output(_write_frame, _plan, partial(gather_numbers, file=f"{FOLDER}/numbers.csv"))
