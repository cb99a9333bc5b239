"""COCO instances (Lin et al. 2014): one JSON of images, annotations and categories.

Read: run lengths and polygons; "track_id" is the identity.  Also a list of results, whose run
lengths say their size.  Written: coco/instances.json with run lengths and, as further keys that
other readers pass over, "track_id" and "frame_index".
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from consistency.dataset import Dataset, Frame, Layout, in_order
from consistency.formats import polygons
from consistency.formats.buffer import Buffer
from consistency.formats.labelled import LabelledSequence
from consistency.formats.source import Source, category_names, value_of, without_parent
from consistency.formats.writing import FrameTask, Output, Plan, WriteResult
from consistency.masks.packed import PackedMasks
from consistency.options import WritingOptions
from consistency.plain_text import to_json

FILE = "coco/instances.json"
OBJECT = 1  # category of masks that have none


def matches(source: Source) -> bool:
    """Whether this is a JSON with images and annotations, or a list of results."""
    content = source.content
    if isinstance(content, dict):
        return "images" in content and "annotations" in content
    first = content[0] if isinstance(content, list) and content else None
    return isinstance(first, dict) and "image_id" in first and "segmentation" in first


def open_dataset(source: Source) -> Dataset:
    """List the frames; ValueError with image and annotation for a malformed JSON."""
    content, path = source.content, source.path
    if isinstance(content, list):
        # A list of results names no images: those that its results mention are the frames, and a
        # dict keeps them in their order.
        keys = dict.fromkeys(value_of(r, "image_id", (int, str), str(path)) for r in content)
        images = [{"id": key, "file_name": str(key)} for key in keys]
        content = {"images": images, "annotations": content}
    names = {}
    sizes = {}
    for i, image in enumerate(_list(content, "images", path)):
        where = f"{path}: image {i}"
        key = value_of(image, "id", (int, str), where)
        names[key] = str(image.get("file_name") or key)
        sizes[key] = polygons.size_of(image, where)
    # For all images, so that those without masks are frames, too.
    records: dict[int | str, list[dict]] = {key: [] for key in names}
    every = f"{path}: annotation "  # not put together again for each of them
    for i, annotation in enumerate(_list(content, "annotations", path)):
        where = f"{every}{i}"
        key = value_of(annotation, "image_id", (int, str), where)
        if key not in names:
            raise ValueError(f"{where}: image {key!r} is not in the list of images")
        polygons.check(annotation.get("segmentation"), sizes[key], where)
        records[key].append(annotation)
    # Names are cut only together: one by one, two frames could end up with one name.
    plain = without_parent(names)
    frames = [_frame(plain[key], tuple(records[key]), sizes[key]) for key in names]
    layout = Layout(path, "coco", "F")
    categories = category_names(content, str(path))
    return Dataset(layout, in_order(frames, path), categories=categories)


def _list(content: dict, key: str, path: Path) -> list[dict]:
    values = value_of(content, key, list, str(path))
    if not all(isinstance(value, dict) for value in values):
        raise ValueError(f"{path}: {key!r} is not a list of objects")
    return values


def _frame(name: str, records: tuple[dict, ...], size: Any) -> Frame:
    # Annotations may lack it beside others that have it; their masks are matched like any.
    identities = tuple(r["track_id"] if type(r.get("track_id")) is int else None for r in records)
    known = any(identity is not None for identity in identities)
    return Frame(name, records, size, identities if known else None)


def read_masks(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    return polygons.read_frame(frame)


def _plan(sequence: LabelledSequence, options: WritingOptions) -> Plan[bool, None]:
    """``shared`` is whether annotations have a track_id."""
    return Plan(sequence.tracked, None)


def _write_frame(task: FrameTask, tracked: bool) -> WriteResult[list[dict]]:
    """Return the annotations of a frame; image ids count from 1."""
    rows = []
    for k, segmentation in enumerate(task.reader.run_lengths()):
        record = dict(task.reader.frame.records[int(task.labelled_frame.kept[k])])
        rows.append(
            record
            | {
                "image_id": task.t + 1,
                "category_id": category_of(record),
                "segmentation": segmentation,
                "area": int(task.labelled_frame.areas[k]),
                "bbox": task.labelled_frame.boxes[k].tolist(),
                "iscrowd": 0,
                "frame_index": task.t,
            }
            | ({"track_id": task.numbers[k]} if tracked else {})
        )
    return WriteResult(rows=rows)


@contextmanager
def _gather(
    sequence: LabelledSequence, plan: Plan[bool, None], folder: Path
) -> Iterator[Callable[[int, list[dict]], None]]:
    """Write the JSON, an annotation per line, as frames come in."""
    path = folder / FILE
    path.parent.mkdir(exist_ok=True)
    height, width = sequence.shape
    images = [
        {"id": t + 1, "file_name": f.name, "width": width, "height": height, "frame_index": t}
        for t, f in enumerate(sequence.frames)
    ]
    # Rows are written as they come; what is known only at the end, the categories, stands last.
    used, count = set(), 0
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'{{"info": {{}},\n"images": {to_json(images)},\n"annotations": [')

        def add(t: int, rows: list[dict]) -> None:
            nonlocal count
            for row in rows:
                count += 1
                used.add(row["category_id"])
                # Ids count over the whole file, so only this process can give them.
                file.write((",\n" if count > 1 else "\n") + to_json(row | {"id": count}))

        yield add
        file.write(f'],\n"categories": {to_json(categories_of(used, sequence))}}}\n')


def category_of(record: dict) -> int:
    """Category of a mask: its own, or OBJECT."""
    category = record.get("category_id")
    return category if type(category) is int else OBJECT


def used_categories(sequence: LabelledSequence) -> set[int]:
    """Categories of all kept masks."""
    return {
        category_of(frame.records[index])
        for frame, labels in zip(sequence.frames, sequence.labelled_frames, strict=True)
        for index in labels.kept.tolist()
    }


def categories_of(used: set[int], sequence: LabelledSequence) -> list[dict]:
    """Categories for a JSON file: those of the input, or "object"."""
    ids = sorted(used | set(sequence.categories)) or [OBJECT]
    default = {OBJECT: "object"}
    names = default | sequence.categories
    return [{"id": i, "name": names.get(i, str(i)), "supercategory": ""} for i in ids]


OUTPUT = Output(_write_frame, _plan, _gather)
