"""Parameters that change smoothly over time: cubic splines with few control points."""

import numpy as np

EVERY = 3  # frames from one control point to the next


def basis(frames: int, every: int = EVERY) -> np.ndarray:
    """Weights of the control points in each frame, float64 (frames, points); rows sum to 1.

    Uniform cubic B-splines (de Boor 1978); fewer than ``every`` + 1 frames have one point.
    """
    if frames <= every:
        return np.ones((frames, 1))
    points = -(-(frames - 1) // every) + 3
    at = np.arange(frames) / every
    distance = np.abs(at[:, None] - (np.arange(points) - 1))
    inner = 2 / 3 - distance**2 + distance**3 / 2
    outer = np.maximum(2 - distance, 0) ** 3 / 6
    return np.where(distance < 1, inner, outer)
