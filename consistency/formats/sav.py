"""SA-V (Ravi et al. 2024): a JSON file a video, or a folder of binary PNG files an object.

{"masklet": [frame][object] run lengths, "masklet_id": [int], ...}      train
<video>/<object %03d>/<frame %05d>.png                                  val, test

Objects overlap.  The JSON has an empty mask where an object is away: no record is made of it.
"""

import re
from typing import Any

from consistency.dataset import Dataset, Frame, Layout, in_order, short
from consistency.formats import images, rle, values
from consistency.formats.buffer import Buffer
from consistency.formats.source import Source, value_of
from consistency.masks.packed import PackedMasks

OBJECT_FOLDER = re.compile(r"\d{3}")
FRAME_FILE = re.compile(r"\d{5}\.png")


def matches(source: Source) -> bool:
    """Whether this is the JSON of a video or a folder of <object>/<frame>.png."""
    if source.path.is_file():
        content = source.content
        return isinstance(content, dict) and "masklet" in content
    folders = source.folders
    # The digits count: sequences, frames and objects of other data sets are folders of PNG files,
    # too.
    return bool(folders) and all(
        OBJECT_FOLDER.fullmatch(folder.name)
        and source.inside(folder).entries
        and all(FRAME_FILE.fullmatch(path.name) for path in source.inside(folder).entries)
        for folder in folders
    )


def misfit(source: Source) -> str:
    """What keeps a folder that is mostly of this form from being it; empty if it is far from it."""
    folders = source.folders
    problems = {folder: _problem(source.inside(folder)) for folder in folders}
    objects = [f for f in folders if OBJECT_FOLDER.fullmatch(f.name) and _mostly(source.inside(f))]
    # Half or fewer may be chance.
    if 2 * len(objects) <= len(folders):
        return ""
    return next((problem for problem in problems.values() if problem), "")


def _problem(folder: Source) -> str:
    path = folder.path
    if not OBJECT_FOLDER.fullmatch(path.name):
        return f"{path}: the other folders are named as objects, 000, 001, ..."
    if not folder.entries:
        return f"{path}: is empty; the other folders hold the masks of an object"
    wrong = next((p for p in folder.entries if not FRAME_FILE.fullmatch(p.name)), None)
    return f"{wrong}: the other files are named as frames, 00000.png, ..." if wrong else ""


def _mostly(folder: Source) -> bool:
    fitting = sum(bool(FRAME_FILE.fullmatch(path.name)) for path in folder.entries)
    return 2 * fitting > len(folder.entries)


def open_dataset(source: Source) -> Dataset:
    """List the frames; ValueError with frame and object where the JSON is malformed."""
    if source.path.is_file():
        frames = in_order(_frames_of_json(source), source.path, key=None)
        return Dataset(Layout(source.path, "sav", "F"), frames)
    frames = in_order(_frames_of_folder(source), source.path)
    return Dataset(Layout(source.path, "sav"), frames)


def _frames_of_json(source: Source) -> list[Frame]:
    content, path = source.content, source.path
    masklets = value_of(content, "masklet", list, str(path))
    ids = value_of(content, "masklet_id", list, str(path))
    wrong = [v for v in ids if type(v) is not int]
    if wrong:
        raise ValueError(f"{path}: 'masklet_id' holds {short(wrong[0])}, not a whole number")
    scores = content.get("masklet_stability_score")
    # Of use, but not needed: scores that do not fit are left out rather than refused.
    scores = scores if isinstance(scores, list) and len(scores) == len(masklets) else None
    frames = []
    for t, masks in enumerate(masklets):
        if not isinstance(masks, list) or len(masks) != len(ids):
            raise ValueError(f"{path}: frame {t} has no mask for each of {len(ids)} objects")
        records: list[dict[str, Any]] = []
        for k, segmentation in enumerate(masks):
            # Null says the same as an empty mask.
            if segmentation is None:
                continue
            if not isinstance(segmentation, dict):
                raise ValueError(f"{path}: frame {t}, object {ids[k]}: no run lengths")
            if rle.is_empty(segmentation):
                continue
            record = {"segmentation": segmentation, "id": ids[k]}
            mine = scores[t] if scores and isinstance(scores[t], list) else ()
            if k < len(mine) and mine[k] is not None:
                record["stability_score"] = mine[k]
            records.append(record)
        identities = tuple(record["id"] for record in records)
        frames.append(Frame(f"{t:05d}", tuple(records), None, identities))
    return frames


def _frames_of_folder(source: Source) -> list[Frame]:
    found: dict[str, list[dict]] = {}
    for folder in source.folders:
        for path in source.inside(folder).entries:
            record = {"segmentation": f"{folder.name}/{path.name}", "id": int(folder.name)}
            # Objects of frames become frames of objects; an object without a file is away in that
            # frame.
            found.setdefault(path.name, []).append(record)
    return [
        Frame(name, tuple(records), None, tuple(record["id"] for record in records))
        for name, records in found.items()
    ]


count_several = values.count_several


def read_masks(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    if layout.order == "F":
        return rle.read_frame(frame)
    return images.read_binary_frame(layout.root, frame)
