"""Binary images: a folder a frame, a PNG (BMP, TIFF) file a mask, non-zero is foreground.

DATA/<frame>/<i>.png
"""

from consistency.dataset import Dataset, Frame, Layout, in_order
from consistency.formats import amg, images
from consistency.formats.source import IMAGE_SUFFIXES, Source
from consistency.packed import PackedMasks


def matches(source: Source) -> bool:
    """Whether there are folders of grey images, and nothing that makes them another format.

    Folders of objects (see ``sav``) look alike; there, file names are numbers of frames, which
    need not be 0, 1, 2, ... in every folder, as masks are.
    """
    folders = source.folders
    if not folders or source.images or any((f / amg.TABLE).exists() for f in folders):
        return False
    return all(_is_frame(Source(folder)) for folder in folders)


def _is_frame(folder: Source) -> bool:
    if not folder.images or len(folder.images) < len(folder.entries):
        return False
    if folder.sample_image.kind not in ("numbers", "palette"):
        return False
    stems = [path.stem for path in folder.images]
    counted = all(stem.isdigit() for stem in stems)
    return not counted or [int(stem) for stem in stems] == list(range(len(stems)))


def open_dataset(source: Source) -> Dataset:
    """List the frames; ValueError if a folder holds anything but images."""
    frames = []
    for folder in source.folders:
        inside = Source(folder)
        foreign = [path.name for path in inside.entries if path not in inside.images]
        if foreign:
            raise ValueError(
                f"{folder / foreign[0]}: no mask; a frame's folder holds images "
                f"({', '.join(IMAGE_SUFFIXES)}) and nothing else"
            )
        records = tuple({"segmentation": f"{folder.name}/{p.name}"} for p in inside.images)
        frames.append(Frame(folder.name, records))
    return Dataset(Layout(source.path, "png"), in_order(frames, source.path))


def read_masks(layout: Layout, frame: Frame, buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    return images.read_binary_frame(layout.root, frame)
