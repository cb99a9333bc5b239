"""What the automatic mask generator of Segment Anything writes (Kirillov et al. 2023, ``amg.py``).

OUT/<image stem>/<i>.png, metadata.csv     a binary image per mask and one table per image
OUT/<image stem>.json                      with --convert-to-rle: a list of records

One .json file alone is one frame.
"""

from pathlib import Path

from consistency.dataset import Dataset, Frame, Layout, in_order
from consistency.formats import images, rle, values
from consistency.formats.buffer import Buffer
from consistency.formats.damage import short_reason
from consistency.formats.source import Source, read_table, value_of
from consistency.masks.packed import PackedMasks

TABLE = "metadata.csv"
BOX = ("x0", "y0", "w", "h")


def matches(source: Source) -> bool:
    """Whether there are folders with metadata.csv, or JSON lists of records."""
    if source.path.is_file():
        return _is_records(source.content)
    if any((folder / TABLE).is_file() for folder in source.folders):
        return True
    texts = source.texts
    # JSON files beside images belong to the images: panoptic formats are made so.
    if not texts or source.images:
        return False
    # A sequence without any mask has empty lists alone, and they look like nothing else.
    return _is_records(source.sample) or all(source.load(path) == [] for path in texts)


def _is_records(content: object) -> bool:
    """Whether this is a list of masks that name no image, as those of COCO do."""
    first = content[0] if isinstance(content, list) and content else None
    return (
        isinstance(first, dict)
        and "segmentation" in first
        and not ({"image_id", "video_id"} & set(first))
    )


def open_dataset(source: Source) -> Dataset:
    """List the frames; ValueError with file and record for a malformed table or JSON."""
    if source.path.is_file():
        frames = in_order([_frame_of_json(source, source.path)], source.path)
        return Dataset(Layout(source.path.parent, "amg", "F"), frames)
    tables = [folder for folder in source.folders if (folder / TABLE).is_file()]
    if not tables:
        found = (_frame_of_json(source, path) for path in source.files(".json"))
        frames = in_order(found, source.path)
        return Dataset(Layout(source.path, "amg", "F"), frames)
    # A folder without its table is a frame that would be missing without a word.
    bare = [folder for folder in source.folders if folder not in tables]
    if bare:
        raise ValueError(f"{bare[0]}: no {TABLE}; restore it, or move the folder away")
    frames = in_order(map(_frame_of_folder, tables), source.path)
    return Dataset(Layout(source.path, "amg"), frames)


def _frame_of_json(source: Source, path: Path) -> Frame:
    content = source.load(path)
    if not isinstance(content, list):
        raise ValueError(f"{path}: holds a {type(content).__name__}, not a list of masks")
    for i, record in enumerate(content):
        value_of(record, "segmentation", dict, f"{path}: mask {i}")
    return Frame(path.stem, tuple(content))


def _frame_of_folder(folder: Path) -> Frame:
    path = folder / TABLE
    _, rows = read_table(path)
    try:
        return Frame(folder.name, tuple(_record(folder, row) for row in rows))
    except (KeyError, ValueError, OverflowError) as error:
        raise ValueError(
            f"{path}: bad or missing column ({short_reason(error)}); write the file again"
        ) from error


def _record(folder: Path, row: dict[str, str]) -> dict:
    # Files are named by the id, whatever the order of the lines.
    index = int(row["id"])
    return {
        "segmentation": f"{folder.name}/{index}.png",
        "id": index,
        "area": _number(row["area"]),
        "bbox": [_number(row[f"bbox_{k}"]) for k in BOX],
        "point_coords": [[_number(row["point_input_x"]), _number(row["point_input_y"])]],
        "predicted_iou": float(row["predicted_iou"]),
        "stability_score": float(row["stability_score"]),
        "crop_box": [_number(row[f"crop_box_{k}"]) for k in BOX],
    }


def _number(text: str) -> int | float:
    value = float(text)
    # The table holds 12.0 where a record had 12: whole numbers are kept as such.
    return int(value) if value.is_integer() else value


count_several = values.count_several


def read_masks(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    # Run lengths, from JSON; the other form has an image per mask.
    if layout.order == "F":
        return rle.read_frame(frame)
    return images.read_binary_frame(layout.root, frame)
