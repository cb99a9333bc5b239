"""Masks whose pixels have several values: label images perhaps, or edges that were blurred.

Every value but 0 counts as the mask, so that nothing is wrong with 0 and 255.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from consistency.dataset import Frame, Layout
from consistency.formats import images, npy
from consistency.formats.npz_arrays import images as planes
from consistency.formats.npz_arrays import whole


def has_several_values(image: np.ndarray) -> bool:
    """Whether an image has more than one value beside 0."""
    if image.dtype == bool or not image.size:
        return False
    return bool(((image != 0) & (image != image.max())).any())


def count_several(layout: Layout, frame: Frame) -> int:
    """Count the masks of a frame with such a file of their own, or part of the frame's.

    The frame can be read: what is wrong with its files has been told.
    """
    names = [record.get("segmentation") for record in frame.records]
    if frame.source == "stack":
        names = names[:1]
    paths = [layout.root / name for name in names if isinstance(name, str)]
    return sum(has_several_values(pixels) for path in paths for pixels in _pictures(path))


def _pictures(path: Path) -> Iterator[np.ndarray]:
    """Yield the (h, w) arrays of a file of masks; none of bool, which has one value."""
    if path.suffix.lower() not in (".npy", ".npz"):
        yield images.read_pixels(path)
        return
    with npy.open_array(path) as (file, header):
        if header.dtype == bool:
            return
        if len(header.shape) == 3 and not header.fortran:  # a frame's masks, and may be many
            yield from planes(file, path, header)
        else:
            array = whole(file, path, header, str(path))
            yield from array if array.ndim == 3 else [array]
