"""Binary images: a folder per frame, a PNG (BMP, TIFF) file per mask, non-zero is foreground.

DATA/<frame>/<i>.png
DATA/<frame>_<i>.png      all in one folder; a label image per frame may be named so, too
"""

import re

from consistency.dataset import Dataset, Frame, Layout, in_order
from consistency.formats import amg, images, label_images, values
from consistency.formats.buffer import Buffer
from consistency.formats.source import MASK_SUFFIXES, Source
from consistency.masks.packed import PackedMasks

PAIR = re.compile(r"(.*\d)_(\d+)")  # frame, index
NUMBERED = re.compile(r"\D*\d+")
SHOWN = " (an image per mask, FRAME_INDEX.png)"  # where another format fits as well


def matches(source: Source) -> bool:
    """Whether there are folders of black and white images named 0, 1, 2, ...

    Folders of sequences, of objects (see ``sav``) and of masks look alike.  What is named otherwise
    is read as masks if the user names this format, and not found by content.
    """
    folders = source.folders
    if source.images and not folders:
        return bool(_pairs(source)) and _is_binary(source)
    if not folders or source.images or any((f / amg.TABLE).exists() for f in folders):
        return False
    inside = [source.inside(folder) for folder in folders]
    filled = [folder for folder in inside if folder.images]
    return bool(filled) and all(map(_is_counted, inside)) and _is_binary(filled[0])


def misfit(source: Source) -> str:
    """What keeps a folder that is mostly of this form from being it; empty if it is far from it."""
    folders = source.folders
    if source.images or any((folder / amg.TABLE).exists() for folder in folders):
        return ""
    inside = [source.inside(folder) for folder in folders]
    counted = [folder for folder in inside if folder.images and _is_counted(folder)]
    # Most of the folders must fit, else the error would be about a format that nobody meant.
    if 2 * len(counted) <= len(folders) or not _is_binary(counted[0]):
        return ""
    wrong = next((folder for folder in inside if not _is_counted(folder)), None)
    if wrong is None:
        return ""
    # The first file that breaks the count is shown, not only the folder.
    stems = [str(i) for i in range(len(wrong.entries))]
    first = next(p for p in wrong.entries if p not in wrong.images or p.stem not in stems)
    return f"{first}: the other folders hold the masks of a frame, 0.png, 1.png, ..."


def unclear(source: Source) -> str:
    """What folders that are named as frames hold, of which each may be a sequence; empty if none.

    The files of a frame's masks are counted anew in every folder, and are as many as there are
    objects; those of a sequence are numbered alike, and as many in most folders.
    """
    inside = [source.inside(folder) for folder in source.folders]
    filled = [folder for folder in inside if folder.images]
    if source.images or len(filled) < 2 or not all(map(_is_named_as_frame, inside)):
        return ""
    if not _is_binary(filled[0]):
        return ""
    first = filled[0].images[0]
    return (
        f"{first}: binary images in folders named as frames; if each is a mask of frame "
        f"{filled[0].path.name!r} add --input-format png, if each is a frame of sequence "
        f"{filled[0].path.name!r} add --input-format labelmaps"
    )


def _is_named_as_frame(folder: Source) -> bool:
    """Whether a folder has a number for a name, and images that are counted from 0 or 1."""
    found = [re.findall(r"\d+", path.stem) for path in folder.images]
    numbers = [int(digits[-1]) for digits in found if digits]
    counted = sorted(numbers) in ([*range(len(numbers))], [*range(1, len(numbers) + 1)])
    whole = len(numbers) == len(folder.images) == len(folder.entries)
    return bool(NUMBERED.fullmatch(folder.path.name)) and counted and whole


def _pairs(source: Source) -> dict[str, list[str]]:
    """Group images named FRAME_INDEX by frame, in order; empty unless all are and some share one.

    ``cam1_0001.png`` is one, too, if cam1_0000.png and cam2_0000.png are there.
    """
    found: dict[str, list[str]] = {}
    for path in source.images:
        match = PAIR.fullmatch(path.stem)
        if match is None:
            return {}
        found.setdefault(match[1], []).append(path.name)
    shared = max(map(len, found.values()), default=0) > 1
    # One frame alone, or one file per frame, are rather label images with a number in their name.
    return found if len(found) > 1 and shared else {}


def _is_counted(folder: Source) -> bool:
    stems = [path.stem for path in folder.images]
    return len(stems) == len(folder.entries) and stems == [str(i) for i in range(len(stems))]


def _is_binary(folder: Source) -> bool:
    if folder.sample_image is None or folder.sample_image.kind != "numbers":
        return False
    # One value, 1 or 255; an empty mask has none.
    return len(label_images.values_of(images.read_numbers(folder.images[0]))) <= 1


def open_dataset(source: Source) -> Dataset:
    """List the frames; ValueError if a folder holds anything but images."""
    if source.images and not source.folders:
        pairs = _pairs(source)
        if not pairs:
            raise ValueError(
                f"{source.images[0]}: not all images are named FRAME_INDEX, as 0000_0.png; rename "
                "them so, or move those of each frame to a folder"
            )
        frames = [
            Frame(name, tuple({"segmentation": file} for file in files))
            for name, files in pairs.items()
        ]
        return Dataset(Layout(source.path, "png"), in_order(frames, source.path))
    frames = []
    for folder in source.folders:
        inside = source.inside(folder)
        foreign = [path.name for path in inside.entries if path not in inside.images]
        if foreign:
            raise ValueError(
                f"{folder / foreign[0]}: not a mask; a frame's folder holds images "
                f"({', '.join(MASK_SUFFIXES)}) and nothing else"
            )
        records = tuple({"segmentation": f"{folder.name}/{p.name}"} for p in inside.images)
        frames.append(Frame(folder.name, records))
    return Dataset(Layout(source.path, "png"), in_order(frames, source.path))


count_several = values.count_several


def read_masks(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    return images.read_binary_frame(layout.root, frame)
