"""The masks of a frame as a short text: run lengths as differences, deflated, in base 64.

A block is a list of whole numbers, each in groups of seven bits, low bits first, the eighth bit
set where more follow (LEB128).  It starts with the number of masks; each mask, from the lowest to
the highest on the picture, has

    track + 1 (0: a mask that was left out), number in the input, area,
    IoU with its mask in the frame before in 1/1000 + 1 (0: there is none), number of runs.

Then come the starts of all runs of all masks, and then their lengths, each as the difference to the
run before it in the same mask, where the start is expected one line further down, and signs are
folded (0, -1, 1, -2, ... become 0, 1, 2, 3, ...).  Starts and lengths apart deflate to half the
bytes: 14.3 kB instead of 28.7 kB for 49 masks of a segmenter at 1920 × 1080, against 15.5 kB with
both in turn.  ``masks.js`` reads them.
"""

import base64
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from consistency.dataset import Layout
from consistency.draw.render import Style, read_photograph
from consistency.draw.scene import View
from consistency.formats.buffer import Buffer
from consistency.masks.intersections import intersections, iou
from consistency.masks.packed import PackedMasks

GROUP_BITS, GROUPS = 7, 10
LEVEL = 9  # of zlib; 1 ms a frame more than 6, and 2 % fewer bytes
MASK_NUMBERS = 5  # that describe a mask


@dataclass(frozen=True)
class Stretch:
    """Consecutive frames for a worker; the first is compared with ``before``.

    Labels are 0 for masks that are left out of the result.
    """

    before: View | None
    views: tuple[View, ...]


def encode_stretch(
    stretch: Stretch, layout: Layout, style: Style, tracks: dict[int, int], quality: int
) -> list[tuple[str, str]]:
    """Encode the block and, where there is one, the JPEG of each frame, both in base 64.

    Parameters
    ----------
    tracks : label -> number of its track.
    quality : of the JPEGs, 1-95.
    """
    buffer = Buffer()
    earlier = _labelled_part(stretch.before, layout, buffer) if stretch.before else None
    blocks = []
    for view in stretch.views:
        masks = view.read(layout, buffer)
        kept = [i for i, label in enumerate(view.labels) if label]
        now = masks.select(kept), [view.labels[i] for i in kept]
        overlap = np.zeros(masks.count)
        overlap[kept] = same_label_iou(earlier, now)
        block = encode_block(masks, view, overlap, style.size, tracks)
        photograph = (
            b"" if view.image is None else jpeg(view.image, view.frame.name, style, quality)
        )
        blocks.append((_text(zlib.compress(block, LEVEL)), _text(photograph)))
        earlier = now
    return blocks


Labelled = tuple[PackedMasks, list[int]]


def _labelled_part(view: View, layout: Layout, buffer: Buffer) -> Labelled:
    part = view.keep(lambda _, label: label > 0)
    return part.read(layout, buffer), list(part.labels)


def same_label_iou(earlier: Labelled | None, now: Labelled) -> np.ndarray:
    """IoU of each mask with the mask of its label one frame before, float64 (n,); NaN: none."""
    values = np.full(len(now[1]), np.nan)
    if earlier is None or not earlier[1] or not now[1]:
        return values
    table = iou(intersections(earlier[0], now[0]), earlier[0].areas(), now[0].areas())
    row = {label: i for i, label in enumerate(earlier[1])}
    for column, label in enumerate(now[1]):
        if label in row:
            values[column] = table[row[label], column]
    return values


def encode_block(
    masks: PackedMasks, view: View, overlap: np.ndarray, size: tuple[int, int], tracks: dict
) -> bytes:
    """Encode one frame; ``overlap`` is float64 (n,), 0-1 or NaN."""
    if not masks.count:
        return varints(np.zeros(1, np.int64))
    if masks.shape != size:
        raise ValueError(
            f"frame {view.frame.name!r}: masks of {masks.shape} pixels, but {size} in the first "
            "frame; all masks of a sequence have one size"
        )
    line = size[1] if masks.order == "C" else size[0]
    areas = masks.areas()
    # From large to small, the order in which the page paints them.
    order = np.argsort(-areas, kind="stable")
    owner, start, stop = masks.select(order).runs()
    described = np.empty((masks.count, MASK_NUMBERS), np.int64)
    described[:, 0] = [tracks[label] + 1 if label else 0 for label in np.array(view.labels)[order]]
    described[:, 1] = np.array(view.indices)[order] + 1
    described[:, 2] = areas[order]
    described[:, 3] = np.nan_to_num(np.round(1000 * overlap[order]) + 1)
    described[:, 4] = np.bincount(owner, minlength=masks.count)
    starts, lengths = differences(start, owner, line), differences(stop - start, owner, 0)
    numbers = [np.array([masks.count]), described.ravel(), folded(starts), folded(lengths)]
    return varints(np.concatenate(numbers))


def differences(values: np.ndarray, owner: np.ndarray, expected: int) -> np.ndarray:
    """Difference of each value to the one before of the same owner, less what is expected."""
    result = values.copy()
    same = np.flatnonzero(owner[1:] == owner[:-1]) + 1
    result[same] -= values[same - 1] + expected
    return result


def folded(values: np.ndarray) -> np.ndarray:
    """Fold signs: 0, -1, 1, -2, 2 ... become 0, 1, 2, 3, 4 ..."""
    return values << 1 ^ values >> 63


def varints(values: np.ndarray) -> bytes:
    """Write int64 (n,) >= 0 in groups of seven bits, low bits first."""
    shifts = np.arange(GROUPS) * GROUP_BITS
    longest = max(1, -(-int(values.max(initial=0)).bit_length() // GROUP_BITS))
    # All numbers are cut into groups at once; a loop in Python over a frame's thousands is too
    # slow.
    groups = values[:, None] >> shifts[:longest]
    more = np.zeros(groups.shape, bool)
    more[:, :-1] = groups[:, 1:] > 0
    used = np.ones(groups.shape, bool)
    used[:, 1:] = groups[:, 1:] > 0
    octets = (groups & 0x7F | more << GROUP_BITS).astype(np.uint8)
    return octets[used].tobytes()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def jpeg(path: Path, frame: str, style: Style, quality: int) -> bytes:
    """Compress the photograph of a frame at the style's scale."""
    file = io.BytesIO()
    picture = read_photograph(path, frame, style)
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return file.getvalue()


def stretches(views: Sequence[View], length: int) -> list[Stretch]:
    """Cut a sequence into stretches of ``length`` frames."""
    return [
        Stretch(views[start - 1] if start else None, tuple(views[start : start + length]))
        for start in range(0, len(views), length)
    ]
