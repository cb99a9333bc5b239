"""YOLO-seg text as Ultralytics writes it: normalised polygons with track ids; only written.

yolo/labels/<frame stem>.txt    a line for each piece of a mask: class x y x y ... id
yolo/data.yaml                  names of the classes, which count from 0

Readers fill polygons with OpenCV, edges included, once corners are whole pixels: Ultralytics cuts
them, supervision rounds.  Corners lie a quarter of a pixel in, so that both get the same pixels.
The pieces of a mask share their id.  Holes are filled: a polygon has none.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from consistency.formats.coco import categories_of, category_of, used_categories
from consistency.formats.labelled import LabelledSequence
from consistency.formats.outlines import outline
from consistency.formats.writing import FrameTask, Output, Plan, WriteResult
from consistency.options import WritingOptions
from consistency.plain_text import to_json

FOLDER = "yolo"
INSET = 0.25  # pixels

log = logging.getLogger("consistency")


class Shared(NamedTuple):
    """What workers are told: {category: class}, and whether lines have an id."""

    classes: dict[int, int]
    tracked: bool


def _plan(sequence: LabelledSequence, options: WritingOptions) -> Plan[Shared, list[str]]:
    """``own`` holds the names of the classes."""
    categories = categories_of(used_categories(sequence), sequence)
    classes = {category["id"]: i for i, category in enumerate(categories)}
    return Plan(Shared(classes, sequence.tracked), [each["name"] for each in categories])


def _write_frame(task: FrameTask, shared: Shared) -> WriteResult[int]:
    """Write the lines of a frame; returns the number of masks with holes."""
    lines, filled, labelled = [], 0, task.labelled_frame
    for k, box in enumerate(labelled.boxes.tolist()):
        kept = task.reader.kept()
        found = outline(kept.crop(k, box), *box[:2])
        filled += found.holes > 0
        record = task.reader.frame.records[int(labelled.kept[k])]
        first = str(shared.classes[category_of(record)])
        last = [str(task.numbers[k])] if shared.tracked else []
        for polygon in found.polygons:
            corners = _normalised(polygon, kept.shape)
            lines.append(" ".join([first, *corners, *last]) + "\n")
    path = task.path(FOLDER, "labels", f"{task.reader.frame.stem}.txt")
    path.write_text("".join(lines), encoding="ascii")
    return WriteResult(rows=filled)


def _normalised(polygon: np.ndarray, shape: tuple[int, int]) -> list[str]:
    """Write pixels, int (n, 2) x and y, as shares of width and height."""
    # Two digits more than a side has: a hundredth of a pixel, where a quarter would matter.
    digits = len(str(max(shape))) + 2
    shares = (polygon + INSET) / (shape[1], shape[0])
    return [f"{value:.{digits}f}" for value in shares.ravel().tolist()]


@contextmanager
def _gather(
    sequence: LabelledSequence, plan: Plan[Shared, list[str]], folder: Path
) -> Iterator[Callable[[int, int], None]]:
    """Write data.yaml, and say how many masks are not what they were."""
    filled = 0

    def add(t: int, count: int) -> None:
        nonlocal filled
        filled += count

    yield add
    (folder / FOLDER).mkdir(exist_ok=True)
    # JSON is YAML, and quotes names as they need it.
    names = to_json(dict(enumerate(plan.own)))
    text = f"path: .\ntrain: images\nval: images\nnames: {names}\n"
    (folder / FOLDER / "data.yaml").write_text(text, encoding="utf-8")
    if filled:
        log.warning("yolo: holes of %d masks are filled, as polygons have none", filled)


OUTPUT = Output(_write_frame, _plan, _gather)
