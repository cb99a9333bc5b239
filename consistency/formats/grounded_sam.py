"""Grounded SAM and Grounded SAM 2 (Ren et al. 2024): a JSON file per image.

{"image_path", "img_width", "img_height", "box_format": "xyxy",
 "annotations": [{"class_name", "bbox", "segmentation": run lengths, "score"}, ...]}

A folder of them is a sequence; one file alone is one frame.
"""

from pathlib import Path, PurePosixPath
from typing import Any

from consistency.dataset import Dataset, Frame, Layout, in_order, short
from consistency.formats import polygons, rle
from consistency.formats.buffer import Buffer
from consistency.formats.source import Source, value_of
from consistency.masks.packed import PackedMasks

CORNERS = "xyxy"  # the one box_format that its scripts write


def matches(source: Source) -> bool:
    """Whether the file, or the first JSON file of the folder, is of this form."""
    content = source.content if source.path.is_file() else source.sample
    return isinstance(content, dict) and {"image_path", "annotations"} <= set(content)


def open_dataset(source: Source) -> Dataset:
    """List the frames; ValueError with file and annotation for a malformed JSON."""
    frames = in_order((_frame(source.load(path), path) for path in source.json_files), source.path)
    return Dataset(Layout(source.path, "grounded_sam", "F"), frames)


def _frame(content: Any, path: Path) -> Frame:
    annotations = value_of(content, "annotations", list, str(path))
    sides = {"height": content.get("img_height"), "width": content.get("img_width")}
    size = polygons.size_of(sides, str(path))
    if content.get("box_format", CORNERS) != CORNERS:
        raise ValueError(f"{path}: box_format {short(content['box_format'])}; write {CORNERS!r}")
    records = []
    for i, annotation in enumerate(annotations):
        where = f"{path}: annotation {i}"
        polygons.check(value_of(annotation, "segmentation", dict, where), size, where)
        records.append(_record(annotation, where))
    # It runs on Windows, too.
    image = value_of(content, "image_path", str, str(path))
    name = PurePosixPath(image.replace("\\", "/")).name
    return Frame(name, tuple(records))


def _record(annotation: dict, where: str) -> dict:
    """Return the annotation with box and score as records of all formats have them."""
    record = dict(annotation)
    if "bbox" in record:
        box = record["bbox"]
        good = isinstance(box, list) and len(box) == 4
        if not good or not all(type(value) in (int, float) for value in box):
            raise ValueError(f"{where}: 'bbox' is {short(box)}, not [x, y, x, y]")
        left, top, right, bottom = box
        record["bbox"] = [left, top, right - left, bottom - top]
    score = record.get("score")
    if isinstance(score, list) and len(score) == 1:  # of the one mask that was asked for
        record["score"] = score[0]
    return record


def read_masks(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    return rle.read_frame(frame)
