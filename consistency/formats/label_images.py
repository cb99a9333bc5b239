"""Images whose pixels are the numbers of masks: frames of them, and their masks as packed words."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from consistency.dataset import Frame
from consistency.formats.images import read_numbers
from consistency.masks.packed import PackedMasks
from consistency.masks.packing import Packer, pack_runs

GREYS = 64  # values of an image that may be a photograph


def runs_of(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut a label image, row after row, into runs of one value.

    Returns their starts, int64 (r + 1,), the last of them the number of pixels, and values (r,).
    """
    flat = image.ravel()
    # Compared, not subtracted: a difference of unsigned numbers wraps around.
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    # A label image has thousands of runs for millions of pixels: all that follows works on runs.
    return np.append(starts, flat.size), flat[starts]


def values_of(image: np.ndarray) -> list[int]:
    """Non-zero values of a label image, ascending."""
    # Sorting the runs instead of the pixels is what makes np.unique cheap here.
    values = np.unique(runs_of(image)[1])
    return values[values != 0].tolist()


def pack_labels(image: np.ndarray, values: Sequence[int]) -> PackedMasks:
    """Pack the masks ``image == value``, one per value, in one pass over the image."""
    return _pack_values(image.shape, *runs_of(image), values)


def _pack_values(
    shape: tuple[int, int], starts: np.ndarray, found: np.ndarray, values: Sequence[int]
) -> PackedMasks:
    """Pack the runs of ``runs_of`` that have one of ``values``."""
    if not len(values):
        return Packer(shape).finish()
    # Callers give values in the order of their records, searchsorted wants them ascending.
    order = np.argsort(values)
    ascending = np.asarray(values, np.int64)[order]
    # searchsorted answers one beyond the end for what is larger than all values.
    place = np.minimum(np.searchsorted(ascending, found), len(values) - 1)
    wanted = np.flatnonzero(ascending[place] == found)
    mask = order[place[wanted]]
    # pack_runs wants the runs grouped by mask and ascending in each; a stable sort does both.
    by_mask = np.argsort(mask, kind="stable")
    runs = wanted[by_mask]
    return pack_runs(shape, len(values), mask[by_mask], starts[runs], starts[runs + 1], "C")


def values_and_masks(
    image: np.ndarray, wanted: Callable[[int], bool] = bool
) -> tuple[list[int], PackedMasks]:
    """Values of a label image for which ``wanted(value)``, ascending, and their masks.

    Raises ValueError for an image whose values change from pixel to pixel: a photograph.
    """
    starts, found = runs_of(image)
    present = np.unique(found)
    # Objects of a label image are wider than two pixels, in most rows.
    if found.size > image.size / 2 and present.size > GREYS:
        raise ValueError(
            f"looks like a photograph, not like a label image: {present.size} numbers in "
            f"{found.size} runs on {image.size} pixels; give the folder of its masks"
        )
    values = [value for value in present.tolist() if value and wanted(value)]
    return values, _pack_values(image.shape, starts, found, values)


def label_frames(root: Path, files: Iterable[Path]) -> Iterator[Frame]:
    """Yield an unlisted frame for each label image; ``source`` is its path below ``root``."""
    for file in files:
        yield Frame(file.name, (), file.relative_to(root).as_posix(), listed=False)


def read_unlisted(root: Path, frame: Frame, void: Sequence[int] = ()) -> tuple[Frame, PackedMasks]:
    """Read a frame of ``label_frames``: each value of a pixel is a mask and its identity.

    ``void`` values are not objects.  Raises ValueError with the frame and the file.
    """
    image = read_numbers(root / frame.source)
    values, masks = values_and_masks(image, lambda value: value not in void)
    records = tuple({"segmentation": frame.source, "value": value} for value in values)
    return Frame(frame.name, records, identities=tuple(values)), masks


def read_label_frame(
    root: Path, frame: Frame, read: Callable[[Path], np.ndarray] = read_numbers
) -> PackedMasks:
    """Pack a frame of ``label_frames`` that has been listed."""
    # Without a record there is no file to ask for the size.
    if not frame.records:
        return Packer((0, 0)).finish()
    image = read(root / frame.records[0]["segmentation"])
    return pack_labels(image, [record["value"] for record in frame.records])
