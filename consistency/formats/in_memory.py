"""Masks that a program holds, frame by frame; nothing of them is on disk.

A frame is one of

(n, h, w) array         bool or integer, non-zero is foreground; float if all of it is 0 or 1
list of (h, w) arrays   the same, one by one
list of records         dicts with a "segmentation" that is such an array or COCO run lengths
list of run lengths     dicts with "size" and "counts"
detections              an object whose ``mask`` is an (n, h, w) array, or None where there is none

An empty list or array is a frame without masks.  What might mean two things is refused.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from consistency.dataset import Frame, Layout
from consistency.formats import npy, rle
from consistency.formats.buffer import Buffer
from consistency.masks.packed import PackedMasks
from consistency.masks.packing import Packer
from consistency.options import Order

NAME = "in_memory"


def layout(order: Order = "C") -> Layout:
    """Where the pixels are: nowhere but with the program, under the limits that hold now."""
    return Layout(Path(), NAME, order)


@dataclass(frozen=True, eq=False)
class Given:
    """Masks of one frame as they were given: (h, w) arrays and run lengths.

    Attributes
    ----------
    masks : the masks.
    shape : (height, width) in pixels; (0, 0) without masks.
    order : how their pixels are to be packed.
    """

    masks: tuple[Any, ...]
    shape: tuple[int, int]
    order: Order


class Intake:
    """Makes frames of what is given, one after the other, and sees that all are of one size."""

    def __init__(self) -> None:
        # Shape and name of the first frame with masks; the name is for the error.
        self._first: tuple[tuple[int, int], str] | None = None
        self.order: Order = "C"

    def frame(self, given: object, name: str) -> Frame:
        """Return the next frame; its pixels are packed when ``read_masks`` is asked for them.

        Raises ValueError with the frame, and the mask if it is about one.
        """
        try:
            pairs = [_record(i, item) for i, item in enumerate(_items(given))]
            masks = tuple(mask for _, mask in pairs)
            shape = _common_shape(masks)
        except ValueError as error:
            raise ValueError(f"frame {name!r}: {error}") from error
        if masks and self._first is None:
            self._first = shape, name
            # All frames are packed alike, and run lengths go down the columns.
            self.order = "F" if all(isinstance(mask, dict) for mask in masks) else "C"
        if masks and self._first and shape != self._first[0]:
            (height, width), first = self._first
            raise ValueError(
                f"frame {name!r}: masks of {shape[0]} × {shape[1]} pixels, but {height} × {width} "
                f"in frame {first!r}; all masks of a sequence have one size"
            )
        records = tuple(record for record, _ in pairs)
        return Frame(name, records, Given(masks, shape, self.order))


def read_masks(layout: Layout, frame: Frame, buffer: Buffer) -> PackedMasks:
    """Pack the masks of ``frame``; see ``consistency.formats`` for the contract."""
    # The program's own arrays, unchanged: they are looked at only now, one frame at a time.
    given: Given = frame.source
    if given.order == "F" and all(isinstance(mask, dict) for mask in given.masks):
        return rle.decode(given.masks, given.shape)
    packer = Packer(given.shape, given.order)
    for i, mask in enumerate(given.masks):
        packer.add_pixels(_pixels(i, mask, given.shape))
    return packer.finish()


def for_files(frames: Iterable[Frame]) -> tuple[Frame, ...]:
    """Return frames with records that JSON can hold; ValueError for a value that it cannot."""
    return tuple(
        replace(frame, records=tuple(_plain(r, f"frame {frame.name!r}") for r in frame.records))
        for frame in frames
    )


def _items(given: object) -> Sequence[object]:
    """Return the masks of a frame one by one."""
    # Masked arrays of NumPy have a ``mask``, too, which means something else.
    if hasattr(given, "mask") and not isinstance(given, np.ndarray):
        return _of_detections(given)
    if isinstance(given, list | tuple):
        return given
    if isinstance(given, Mapping):
        raise ValueError(
            "is a dict; a frame is a list of masks: give list(masks.values()), or a list of records"
        )
    if hasattr(given, "__array__"):
        return _of_stack(_array(given))
    raise ValueError(
        f"is {type(given).__name__}; a frame is an (n, h, w) array, a list of (h, w) arrays, of "
        "records or of run lengths, or detections with masks"
    )


def _of_detections(detections: Any) -> Sequence[object]:
    if detections.mask is not None:
        return _of_stack(_array(detections.mask))
    if len(detections):
        raise ValueError("detections without masks; boxes alone do not say which pixels are meant")
    return ()


def _of_stack(stack: np.ndarray) -> Sequence[np.ndarray]:
    # np.array([]) has one dimension and no mask in it.
    if not stack.size and stack.ndim in (1, 3):
        return ()
    # Mask R-CNN of torchvision gives this; it might also be n frames of one mask.
    if stack.ndim == 4 and stack.shape[1] == 1:
        raise ValueError(f"array of shape {stack.shape}; a frame is (n, h, w): give masks[:, 0]")
    if stack.ndim != 3:
        raise ValueError(
            f"array of shape {stack.shape}; a frame is (n, h, w): masks[None] makes one of one "
            "mask, np.stack([image == v for v in np.unique(image) if v]) of a label image"
        )
    if npy.looks_transposed(stack.shape):
        raise ValueError(
            f"array of shape {stack.shape}, which looks like (h, w, n); a frame is (n, h, w): give "
            "np.moveaxis(masks, -1, 0), or list(masks) if there are so many masks"
        )
    return tuple(stack)


def _record(i: int, item: object) -> tuple[dict, Any]:
    """Return what is known of mask ``i`` beside its pixels, and the mask: an array or run lengths.

    Raises ValueError with the mask.
    """
    record: dict = {}
    if isinstance(item, dict) and "segmentation" in item:
        record = {key: value for key, value in item.items() if key != "segmentation"}
        item = item["segmentation"]
    if isinstance(item, dict):
        if "counts" not in item:
            raise ValueError(f"mask {i}: no 'segmentation' and no 'counts', but {sorted(item)}")
        # NumPy's integers become Python's, so that JSON takes them.
        mask = {"size": [int(v) for v in item.get("size", ())], "counts": item["counts"]}
        if isinstance(mask["counts"], bytes):
            # pycocotools gives bytes.  Replaced characters are foreign to ``rle``, which says so
            # with the mask.
            mask["counts"] = mask["counts"].decode("ascii", "replace")
        rle.read_size(mask)
        return record | {"segmentation": mask}, mask
    if not hasattr(item, "__array__"):
        raise ValueError(f"mask {i}: is {type(item).__name__}, not an array or run lengths")
    pixels = _array(item)
    if pixels.ndim != 2 or not pixels.size:
        raise ValueError(f"mask {i}: array of shape {pixels.shape}; a mask is (h, w)")
    return record, pixels


def _array(given: Any) -> np.ndarray:
    try:
        array = np.asarray(given)
    except TypeError as error:  # as of a tensor on a GPU
        raise ValueError(f"cannot be read as an array ({error})") from error
    if array.size and array.dtype.kind not in "buif":
        raise ValueError(f"array of {array.dtype}; masks are bool or integer")
    return array


def _common_shape(masks: Sequence[Any]) -> tuple[int, int]:
    shapes = [tuple(mask["size"] if isinstance(mask, dict) else mask.shape) for mask in masks]
    for i, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ValueError(
                f"mask {i} has {shape} pixels, mask 0 has {shapes[0]}; all masks of a sequence "
                "have one size"
            )
    return shapes[0] if shapes else (0, 0)


def _pixels(i: int, mask: Any, shape: tuple[int, int]) -> np.ndarray:
    """Pixels of one mask, non-zero is foreground; ValueError for probabilities."""
    if isinstance(mask, dict):
        try:
            return rle.decode([mask], shape).unpack(0)
        except ValueError as error:
            raise ValueError(str(error).replace("mask 0", f"mask {i}", 1)) from error
    if mask.dtype.kind == "f" and not ((mask == 0) | (mask == 1)).all():
        raise ValueError(
            f"mask {i}: {mask.dtype} values between {mask.min():g} and {mask.max():g}; are they "
            "probabilities? give masks > 0.5, or above what your model calls foreground"
        )
    if mask.dtype.kind == "i" and (mask < 0).any():
        raise ValueError(f"mask {i}: holds negative values; write 0 for background")
    return mask


def _plain(value: Any, where: str) -> Any:
    """Return ``value`` as JSON has it; ValueError for what it cannot hold."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {str(key): _plain(inner, f"{where}, {key!r}") for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner, where) for inner in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"{where}: holds {type(value).__name__}, which JSON cannot; leave it out")


def named(frames: Iterable[object] | Mapping[Any, object]) -> Iterator[tuple[str, object]]:
    """Yield (name, what is given) of each frame: the keys of a mapping, else 000000, 000001, ..."""
    if isinstance(frames, Mapping):
        yield from ((str(name), given) for name, given in frames.items())
    else:
        yield from ((f"{t:06d}", given) for t, given in enumerate(frames))
