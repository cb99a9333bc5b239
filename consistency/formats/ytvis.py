"""YouTube-VIS and OVIS (Yang et al. 2019): one JSON of videos and, for each object of a video,

a list of segmentations, one per frame, null where the object is away.  Also a list of results.
A file of several videos needs --sequence with the id or the folder of one.

Written: ytvis/instances.json with one video.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from consistency.dataset import Dataset, Frame, Layout, in_order, short
from consistency.formats import polygons
from consistency.formats.buffer import Buffer
from consistency.formats.coco import categories_of, category_of
from consistency.formats.labelled import LabelledSequence
from consistency.formats.source import (
    Source,
    category_names,
    choose,
    value_of,
    without_parent,
)
from consistency.formats.writing import FrameTask, Output, Plan, WriteResult
from consistency.masks.packed import PackedMasks
from consistency.plain_text import to_json

FILE = "ytvis/instances.json"
PER_FRAME = {"segmentations": "segmentation", "areas": "area", "bboxes": "bbox"}


def matches(source: Source) -> bool:
    """Whether this is a JSON with videos and annotations, or a list of results."""
    content = source.content
    if isinstance(content, dict):
        return "videos" in content and "annotations" in content
    first = content[0] if isinstance(content, list) and content else None
    return isinstance(first, dict) and "video_id" in first and "segmentations" in first


def open_dataset(source: Source) -> Dataset:
    """List the frames of one video; ValueError for a malformed JSON."""
    content, path = source.content, source.path
    if isinstance(content, list):
        content = {"videos": _videos_of_results(content, path), "annotations": content}
    videos = value_of(content, "videos", list, str(path))
    video = choose(source, {_name(video, path): video for video in videos})
    size = polygons.size_of(video, f"{path}: video {video['id']}")
    names = [str(name) for name in value_of(video, "file_names", list, f"{path}: video")]
    plain = without_parent(dict(enumerate(names)))
    # Not [[]] * n, which would be one list n times.
    frames: list[list[dict]] = [[] for _ in names]
    for i, annotation in enumerate(value_of(content, "annotations", list, str(path))):
        if value_of(annotation, "video_id", (int, str), f"{path}: annotation {i}") == video["id"]:
            _add(frames, annotation, size, i, f"{path}: annotation {i}")
    made = [_frame(plain[t], tuple(records), size) for t, records in enumerate(frames)]
    layout = Layout(path, "ytvis", "F")
    categories = category_names(content, str(path))
    return Dataset(layout, in_order(made, path, key=None), categories=categories)


def _name(video: dict, path: Path) -> str:
    """Name of a video for --sequence: the folder of its images, or its id."""
    identity = value_of(video, "id", (int, str), f"{path}: video")
    names = value_of(video, "file_names", list, f"{path}: video {short(identity)}")
    folders = {str(Path(str(name)).parent) for name in names}
    # Videos are known by the folder of their images; an id says little to people.
    folder = folders.pop() if len(folders) == 1 else "."
    return str(identity) if folder == "." else folder


def _videos_of_results(content: list, path: Path) -> list[dict]:
    lengths = {}
    for i, result in enumerate(content):
        where = f"{path}: result {i}"
        key = value_of(result, "video_id", (int, str), where)
        # Results name no images: a video is as long as the lists of its objects.
        lengths[key] = len(value_of(result, "segmentations", list, where))
    return [
        {"id": key, "file_names": [f"{t:05d}" for t in range(length)]}
        for key, length in lengths.items()
    ]


def _add(frames: list[list[dict]], annotation: dict, size: Any, number: int, where: str) -> None:
    """Add one object's masks to the frames; its other keys go along with each of them."""
    masks = value_of(annotation, "segmentations", list, where)
    if len(masks) != len(frames):
        raise ValueError(f"{where}: {len(masks)} segmentations for {len(frames)} frames")
    common = {k: v for k, v in annotation.items() if k not in PER_FRAME}
    # Results have no id: their place in the list counts, from 1 over all videos.
    identity = annotation.get("id", number + 1)
    for t, segmentation in enumerate(masks):
        # Either says that the object is away.
        if segmentation is None or segmentation == []:
            continue
        polygons.check(segmentation, size, f"{where}, frame {t}")
        record = {"segmentation": segmentation, "id": identity} | common
        for key, name in (("areas", "area"), ("bboxes", "bbox")):
            values = annotation.get(key)
            if isinstance(values, list) and len(values) == len(masks) and values[t] is not None:
                record[name] = values[t]
        frames[t].append(record)


def _frame(name: str, records: tuple[dict, ...], size: Any) -> Frame:
    return Frame(name, records, size, tuple(record["id"] for record in records))


def read_masks(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    return polygons.read_frame(frame)


def _write_frame(task: FrameTask, shared: None) -> WriteResult[list[tuple[int, int, str]]]:
    """Return (label, category, score, segmentation, area, box) of each mask."""
    rows = []
    for k, segmentation in enumerate(task.reader.run_lengths()):
        record = task.reader.frame.records[int(task.labelled_frame.kept[k])]
        category = category_of(record)
        area, box = int(task.labelled_frame.areas[k]), task.labelled_frame.boxes[k].tolist()
        mask = to_json([segmentation, area, box])
        rows.append((task.numbers[k], category, mask))
    return WriteResult(rows=rows)


@contextmanager
def _gather(
    sequence: LabelledSequence, plan: Plan[None, None], folder: Path
) -> Iterator[Callable[[int, list[tuple[int, int, str]]], None]]:
    """Turn frames of objects into objects of frames, by way of a file: memory stays flat."""
    path = folder / FILE
    path.parent.mkdir(exist_ok=True)
    # The format wants objects, frames come: in between, masks wait on disk and only their places in
    # memory.
    spool = path.with_suffix(".spool")
    places: dict[int, dict[int, tuple[int, int]]] = {}  # label: {frame: (offset, length)}
    categories: dict[int, int] = {}
    with open(spool, "w+b") as file:

        def add(t: int, rows: list[tuple[int, int, str]]) -> None:
            for label, category, mask in rows:
                categories.setdefault(label, category)
                places.setdefault(label, {})[t] = (file.tell(), len(mask))
                file.write(mask.encode("ascii"))

        yield add
        with open(path, "w", encoding="utf-8") as out:
            out.write(f'{{"info": {{}},\n"videos": {to_json([_video(sequence)])},\n')
            out.write('"annotations": [')
            for i, (label, where) in enumerate(sorted(places.items())):
                masks = {t: _load(file, *place) for t, place in where.items()}
                annotation = _annotation(label, categories[label], masks, len(sequence.frames))
                out.write((",\n" if i else "\n") + to_json(annotation))
            used = categories_of(set(categories.values()), sequence)
            out.write(f'],\n"categories": {to_json(used)}}}\n')
    spool.unlink()


def _video(sequence: LabelledSequence) -> dict:
    height, width = sequence.shape
    names = [frame.name for frame in sequence.frames]
    return {"id": 1, "width": width, "height": height, "length": len(names), "file_names": names}


def _load(file: IO[bytes], offset: int, length: int) -> list:
    file.seek(offset)
    return json.loads(file.read(length))


def _annotation(label: int, category: int, masks: dict[int, list], length: int) -> dict:
    # One null for each key of PER_FRAME.
    nothing = [None, None, None]
    columns = zip(*(masks.get(t, nothing) for t in range(length)), strict=True)
    values = dict(zip(PER_FRAME, map(list, columns), strict=True))
    return {"id": label, "video_id": 1, "category_id": category, "iscrowd": 0} | values


OUTPUT = Output(_write_frame, gather=_gather, tracks=True)
