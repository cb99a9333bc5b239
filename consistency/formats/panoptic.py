"""Panoptic images: PNG files whose pixels are ids, and JSON that says what the ids are.

<frame>.png, <frame>.json                      a list of {"id", "category_id", ...}  (DEVA, VIPSeg)
<frame>.png ..., pred.json or panoptic.json    {"annotations": [{"file_name", "segments_info"}]}

An id is R + 256 · G + 65536 · B of a colour image, or the number of a grey or palette image.
Pixels of ids that the JSON does not list are not masks.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from consistency.dataset import Dataset, Frame, Layout, in_order, short
from consistency.formats import images, label_images
from consistency.formats.buffer import Buffer
from consistency.formats.source import Source, category_names, value_of
from consistency.masks.packed import PackedMasks


def matches(source: Source) -> bool:
    """Whether there are images, and JSON files of the form above beside them or above them."""
    inner, index = _images_of(source)
    if not inner.images:
        return False
    if index is not None:
        return True
    # One pair is enough: what is missing is for ``open_dataset`` to say.
    texts, pictures = ({p.stem for p in s} for s in (source.texts, source.images))
    return bool(texts & pictures) and _is_segments(source.sample)


def _is_segments(content: object) -> bool:
    first = content[0] if isinstance(content, list) and content else None
    return content is None or (isinstance(first, dict) and "id" in first)


def _images_of(source: Source) -> tuple[Source, Path | None]:
    """Folder of the images, and the JSON file for all of them, if that is the form."""
    inner = source
    if not source.images:
        inner = next((f for f in map(source.inside, source.folders) if f.images), source)
    stems = {path.stem for path in inner.images}
    # A file named as an image is about that image alone; large ones are not parsed for nothing.
    candidates = [p for p in source.texts if p.stem not in stems] if stems else []
    for path in candidates:
        content = source.load(path)
        entries = content.get("annotations") if isinstance(content, dict) else None
        first = entries[0] if isinstance(entries, list) and entries else None
        if isinstance(first, dict) and "segments_info" in first:
            return inner, path
    return source, None


def open_dataset(source: Source) -> Dataset:
    """List the frames; ValueError for images without JSON and the other way round."""
    inner, index = _images_of(source)
    segments, categories = _segments(source, inner, index)
    frames = in_order(_frames(inner, segments), inner.path)
    return Dataset(Layout(inner.path, "panoptic"), frames, categories=categories)


def _segments(
    source: Source, inner: Source, index: Path | None
) -> tuple[dict[str, list], dict[int, str]]:
    """Return {stem: list of segments} and category names."""
    if index is None:
        return {path.stem: inner.load(path) for path in inner.files(".json")}, {}
    content = source.load(index)
    segments = {}
    for i, entry in enumerate(content["annotations"]):
        where = f"{index}: annotation {i}"
        listed = value_of(entry, "segments_info", list, where)
        name = entry.get("file_name") or entry.get("image_id")
        # Stems, as an image_id has no ending.
        segments[PurePosixPath(str(name)).stem] = listed
    return segments, category_names(content, str(index))


def _frames(inner: Source, segments: dict[str, list]) -> Iterator[Frame]:
    pictures = {path.stem: path for path in inner.images}
    for stem in segments.keys() - pictures.keys():
        raise ValueError(f"{inner.path}: JSON of frame {short(stem)} without its .png; restore it")
    for stem, path in pictures.items():
        if stem not in segments:
            raise ValueError(
                f"{path}: no JSON says what its ids are; restore it, or read plain label images "
                "with --input-format davis or labelmaps"
            )
        if not isinstance(segments[stem], list):
            raise ValueError(f"{inner.path}: JSON of frame {short(stem)} is not a list of segments")
        yield _frame(path, segments[stem])


def _frame(path: Path, segments: list) -> Frame:
    where = f"{path.with_suffix('.json')}: segment"
    found = {value_of(s, "id", int, where): s for s in segments}
    # The segments travel as ``source``: only the pixels tell which of them are in the image.
    return Frame(path.name, (), found, listed=False)


def read_ids(path: Path) -> np.ndarray:
    """Ids of a panoptic image, integer (h, w)."""
    pixels = images.read_pixels(path)
    return images.rgb_numbers(pixels) if pixels.ndim == 3 else images.numbers(path, pixels)


def read_unlisted(layout: Layout, frame: Frame) -> tuple[Frame, PackedMasks]:
    """List and pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    segments = frame.source
    image = read_ids(layout.root / frame.name)
    # The JSON decides what is a mask: id 0 and unlisted ids are void.
    values, masks = label_images.values_and_masks(image, segments.__contains__)
    records = tuple({"segmentation": frame.name, "value": v} | segments[v] for v in values)
    return Frame(frame.name, records, identities=tuple(r["value"] for r in records)), masks


def read_masks(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    return label_images.read_label_frame(layout.root, frame, read_ids)
