"""Dense optical flow from images: DIS (Kroeger et al., ECCV 2016), as OpenCV has it."""

from typing import Any

import numpy as np

from consistency.options import FLOW_FAST, FLOW_MEDIUM

SMALLEST_SIDE = 16  # pixels; OpenCV refuses images that are smaller than two of its patches


def dense_flow(first: np.ndarray, second: np.ndarray, preset: str = FLOW_MEDIUM) -> np.ndarray:
    """Estimate where the pixels of one image are in another.

    Parameters
    ----------
    first, second : uint8 (h, w), grey.
    preset : one of ``options.FLOW_PRESETS``.

    Returns
    -------
    float32 (h, w, 2), x and y of the displacement of each pixel of ``first``, in pixels; zeros for
    images of fewer than SMALLEST_SIDE pixels a side.
    """
    import cv2

    if min(first.shape) < SMALLEST_SIDE:
        return np.zeros((*first.shape, 2), np.float32)
    presets = {
        FLOW_FAST: cv2.DISOPTICAL_FLOW_PRESET_FAST,
        FLOW_MEDIUM: cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
    }
    engine: Any = cv2.DISOpticalFlow.create(presets[preset])
    return engine.calc(np.ascontiguousarray(first), np.ascontiguousarray(second), None)
