"""The boundary measure F of DAVIS (Perazzi et al. 2016): how well the outlines of masks agree."""

import numpy as np

TOLERANCE = 0.008  # of the frame's diagonal


def boundary_f(truth: np.ndarray, found: np.ndarray) -> float:
    """F-measure of boundary pixels within ceil(0.008 · diagonal) of each other, 0-1.

    Parameters
    ----------
    truth, found : bool (h, w).  Two empty masks give 1.
    """
    import cv2

    radius = int(np.ceil(TOLERANCE * np.hypot(*truth.shape)))
    outlines = [_outline(mask) for mask in (truth, found)]
    if not outlines[0].any() or not outlines[1].any():
        return float(not outlines[0].any() and not outlines[1].any())
    # The disc makes "near" a matter of distance; a dilation by a square would favour diagonals.
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc = (x**2 + y**2 <= radius**2).astype(np.uint8)
    near = [cv2.dilate(outline.astype(np.uint8), disc) > 0 for outline in outlines]
    recall = (outlines[0] & near[1]).sum() / outlines[0].sum()
    precision = (outlines[1] & near[0]).sum() / outlines[1].sum()
    total = precision + recall
    return float(2 * precision * recall / total) if total else 0.0


def _outline(mask: np.ndarray) -> np.ndarray:
    """Pixels that differ from the one to the right, below or diagonally below."""
    # Repeated at the edge: the border of the picture is not an outline of a mask that it cuts.
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    here = padded[:-1, :-1]
    return (here != padded[:-1, 1:]) | (here != padded[1:, :-1]) | (here != padded[1:, 1:])
