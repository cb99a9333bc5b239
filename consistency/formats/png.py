"""Binary images: a folder per frame, a PNG (BMP, TIFF) file per mask, non-zero is foreground.

DATA/<frame>/<i>.png
"""

from consistency.dataset import Dataset, Frame, Layout, in_order
from consistency.formats import amg, images
from consistency.formats.buffer import Buffer
from consistency.formats.source import MASK_SUFFIXES, Source
from consistency.masks.packed import PackedMasks


def matches(source: Source) -> bool:
    """Whether there are folders of black and white images named 0, 1, 2, ...

    Folders of sequences, of objects (see ``sav``) and of masks look alike.  What is named otherwise
    is read as masks if the user names this format, and not found by content.
    """
    folders = source.folders
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
    if 2 * len(counted) <= len(folders) or not _is_binary(counted[0]):
        return ""
    wrong = next((folder for folder in inside if not _is_counted(folder)), None)
    if wrong is None:
        return ""
    stems = [str(i) for i in range(len(wrong.entries))]
    first = next(p for p in wrong.entries if p not in wrong.images or p.stem not in stems)
    return f"{first}: the other folders hold the masks of a frame, 0.png, 1.png, ..."


def _is_counted(folder: Source) -> bool:
    stems = [path.stem for path in folder.images]
    return len(stems) == len(folder.entries) and stems == [str(i) for i in range(len(stems))]


def _is_binary(folder: Source) -> bool:
    if folder.sample_image is None or folder.sample_image.kind != "numbers":
        return False
    return len(images.values_of(images.read_numbers(folder.images[0]))) <= 1


def open_dataset(source: Source) -> Dataset:
    """List the frames; ValueError if a folder holds anything but images."""
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


def read_masks(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    return images.read_binary_frame(layout.root, frame)
