"""What segmenters of videos, as SAM 2 and SAM 3, are made to write: one JSON file of a sequence.

{frame: {object: mask, ...}, ...}       an object that is a whole number is an identity
[[record, ...], ...]                    a list of masks per frame, as the automatic generator's

A mask is COCO run lengths, a record with them as "segmentation", or for small ones rows of 0 and 1
(false and true).  A null is no mask.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from consistency.dataset import Dataset, Frame, Layout, in_order, short
from consistency.formats import rle
from consistency.formats.buffer import Buffer
from consistency.formats.source import Source, is_number
from consistency.limits import check_pixels
from consistency.masks.packed import PackedMasks

OF_IMAGES = {"image_id", "video_id"}  # results of COCO and YouTube-VIS


def matches(source: Source) -> bool:
    """Whether this is a JSON of frames, each an object of masks or a list of records."""
    content = source.content
    if isinstance(content, dict):
        frames = list(content.values())
        masks = [mask for frame in frames if isinstance(frame, dict) for mask in frame.values()]
        whole = all(isinstance(frame, dict) for frame in frames)
    elif isinstance(content, list):
        frames = content
        masks = [mask for frame in frames if isinstance(frame, list) for mask in frame]
        whole = all(isinstance(frame, list) for frame in frames)
    else:
        return False
    return whole and any(masks) and all(map(_is_mask, masks))


def _is_mask(value: Any) -> bool:
    if isinstance(value, dict):
        return bool({"segmentation", "counts"} & value.keys()) and not OF_IMAGES & value.keys()
    return value is None or (isinstance(value, list) and bool(value) and isinstance(value[0], list))


def open_dataset(source: Source) -> Dataset:
    """List the frames; ValueError with frame and object for what is no mask."""
    path, content = source.path, source.content
    if isinstance(content, dict):
        frames = in_order((_of_objects(*item) for item in content.items()), path)
    elif isinstance(content, list):
        frames = in_order(_of_lists(content), path, key=None)
    else:
        raise ValueError(f"{path}: expected a JSON of {{frame: {{object: mask}}}}")
    return Dataset(Layout(path, "video", "F"), frames)


def _of_objects(name: str, masks: Any) -> Frame:
    if not isinstance(masks, dict):
        raise ValueError(f"frame {name!r}: is not {{object: mask}}")
    present = {key: mask for key, mask in masks.items() if mask is not None}
    records = [_record(mask, f"frame {name!r}, object {k!r}") for k, mask in present.items()]
    identities = tuple(int(key) if is_number(key) else None for key in present)
    known = identities if any(value is not None for value in identities) else None
    return Frame(name, tuple(records), None, known)


def _of_lists(content: list) -> Iterator[Frame]:
    for t, masks in enumerate(content):
        if not isinstance(masks, list):
            raise ValueError(f"frame {t}: is not a list of masks")
        present = [mask for mask in masks if mask is not None]
        records = [_record(mask, f"frame {t}, mask {i}") for i, mask in enumerate(present)]
        yield Frame(f"{t:06d}", tuple(records))


def _record(mask: Any, where: str) -> dict:
    """Return a record with run lengths."""
    record: dict = {}
    if isinstance(mask, dict) and "segmentation" in mask:
        record, mask = mask, mask["segmentation"]
    if isinstance(mask, list):
        mask = _of_rows(mask, where)
    if not isinstance(mask, dict) or "counts" not in mask:
        raise ValueError(f"{where}: {short(mask)} is not run lengths, nor rows of 0 and 1")
    return record | {"segmentation": mask}


def _of_rows(rows: list, where: str) -> dict:
    width = len(rows[0]) if rows and isinstance(rows[0], list) else 0
    good = width and all(isinstance(row, list) and len(row) == width for row in rows)
    if not good or any(type(v) not in (bool, int) or v not in (0, 1) for row in rows for v in row):
        raise ValueError(f"{where}: rows are lists of 0 and 1 (false and true), all equally long")
    check_pixels((len(rows), width), f"{where}: ")
    pixels = np.array(rows, np.uint8)
    return rle.of_labels(pixels).get(1) or rle.empty(pixels.shape)


def read_masks(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    return rle.read_frame(frame)
