"""How each mask moves, from the images: the motion "frames".

Dense optical flow (DIS; Kroeger et al., ECCV 2016) between the images of two frames at a reduced
size; a mask's displacement is the median of the flow on it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from consistency.dataset import Frame
from consistency.formats.photographs import find_photograph
from consistency.masks.packed import PackedMasks
from consistency.measure.camera_motion import IDENTITY, UNKNOWN, Motion

FLOW_CELLS = 1 << 17  # the reduced image has at most this many pixels: 480 × 270 of full HD


@dataclass(frozen=True, eq=False)
class FlowView:
    """One frame: ``grey`` uint8 (h, w), its image reduced ``2**level`` times, and its masks."""

    grey: np.ndarray
    level: int
    masks: PackedMasks


def flow_view(frame: Frame, masks: PackedMasks, folder: str) -> FlowView:
    """Read the image of ``frame`` from ``folder``.

    Raises
    ------
    FileNotFoundError
        If there is no image with the name or the stem of the frame.
    ValueError
        If it cannot be read, or has another size than the masks.
    """
    import cv2

    path = find_photograph(frame, Path(folder))
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise ValueError(f"{path}: cannot be read as an image; frame {frame.name!r}")
    if image.shape != masks.shape:
        raise ValueError(
            f"{path}: {image.shape[0]} × {image.shape[1]} pixels, but the masks of frame "
            f"{frame.name!r} have {masks.shape[0]} × {masks.shape[1]}; give images of their size"
        )
    level = 0
    # Each level halves both sides, so a quarter of the pixels stays.
    while image.size >> 2 * level > FLOW_CELLS:
        level += 1
    size = (-(-image.shape[1] >> level), -(-image.shape[0] >> level))
    return FlowView(cv2.resize(image, size, interpolation=cv2.INTER_AREA), level, masks)


def estimate_flow(earlier: FlowView, later: FlowView) -> Motion:
    """Estimate the displacement of each mask of the earlier frame."""
    import cv2

    if earlier.grey.shape != later.grey.shape or not earlier.masks.count:
        return UNKNOWN
    engine: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    # Ways in the reduced image are so many times longer in the pixels of the masks.
    flow = engine.calc(earlier.grey, later.grey, None).astype(np.float64) * (1 << earlier.level)
    # The median, as flow is wild at the edges of objects and in empty areas; a mask that has no
    # sample at this size moves with the whole picture.
    whole = np.median(flow.reshape(-1, 2), axis=0)
    moves = np.tile(whole, (earlier.masks.count, 1))
    x, y, mask = _samples(earlier.masks, earlier.level)
    for index in range(earlier.masks.count):
        mine = np.flatnonzero(mask == index)
        if mine.size:
            moves[index] = np.median(flow[y[mine], x[mine]], axis=0)
    transform = IDENTITY.copy()
    transform[:, 2] = whole
    return Motion(transform, True, moves)


def _samples(masks: PackedMasks, level: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reduced pixels x, y of all masks, and which mask each belongs to."""
    line, start, word, mask = masks.samples(np.full(masks.count, level))
    # The lowest bit of a word is its first pixel.
    bits = np.unpackbits(word.view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
    piece, bit = np.nonzero(bits)
    along, across = start[piece] + bit, line[piece]
    x, y = (along, across) if masks.order == "C" else (across, along)
    return x, y, mask[piece]
