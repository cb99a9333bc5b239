"""SA-1B (Kirillov et al. 2023): a JSON file per image, {"image": {...}, "annotations": [...]}.

A folder of them is a sequence; one file alone is one frame.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from consistency.dataset import Dataset, Frame, Layout, in_order
from consistency.formats import rle
from consistency.formats.buffer import Buffer
from consistency.formats.source import Source, value_of
from consistency.masks.packed import PackedMasks


def matches(source: Source) -> bool:
    """Whether the file, or the first JSON file of the folder, is of this form."""
    # COCO's JSON has "images", in the plural.
    content = source.content if source.path.is_file() else source.sample
    return isinstance(content, dict) and {"image", "annotations"} <= set(content)


def open_dataset(source: Source) -> Dataset:
    """List the frames; ValueError with file and annotation for a malformed JSON."""
    files = (source.path,) if source.path.is_file() else source.files(".json")
    frames = in_order(_frames(source, files), source.path)
    return Dataset(Layout(source.path, "sa1b", "F"), frames)


def _frames(source: Source, files: Iterable[Path]) -> Iterator[Frame]:
    for path in files:
        content = source.load(path)
        image = value_of(content, "image", dict, str(path))
        annotations = value_of(content, "annotations", list, str(path))
        for i, annotation in enumerate(annotations):
            value_of(annotation, "segmentation", dict, f"{path}: annotation {i}")
        # The image's name, as the photographs are found by it.
        name = Path(str(image.get("file_name") or path.stem)).name
        yield Frame(name, tuple(annotations))


def read_masks(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    return rle.read_frame(frame)
