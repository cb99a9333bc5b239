"""The best of several beginnings: found at half of the size, then refined."""

from types import ModuleType
from typing import Any

import numpy as np

from consistency.motion.model import Fit, Volume, fit
from consistency.motion.starts import BEGINNINGS, starts, with_worst
from consistency.progress import Progress, silent

COARSE_STEPS, FINE_STEPS = 25, 40
MOST_MENDED = 3
SMALLEST = 16  # pixels of a side; smaller fields are not halved


def find_regions(
    flow: np.ndarray,
    known: np.ndarray,
    regions: int,
    xp: ModuleType = np,
    progress: Progress = silent,
) -> tuple[Fit, list[float]]:
    """Find regions of coherent motion.

    Parameters
    ----------
    flow : float32 (frames, h, w, 2), x and y in pixels of this size.
    known : (frames, h, w), how far each vector counts, 0-1.
    regions : how many.
    xp : array module with NumPy's functions: numpy, or cupy.
    progress : counts beginnings.

    Returns
    -------
    fit : the likeliest; its ``steps`` are those of the refinement.
    tried : likelihood that each beginning led to, at half of the size.
    """
    whole = Volume.of(flow, known, xp)
    halved = min(flow.shape[1:3]) >= 2 * SMALLEST
    coarse = Volume.of(half(flow) / 2, half(known[..., None])[..., 0], xp) if halved else whole
    best, tried = None, list[float]()
    for shares in progress(starts(coarse, regions), "segment", BEGINNINGS):
        found = fit(coarse, shares, COARSE_STEPS)
        tried.append(found.likelihood)
        # The first of equal ones, so that the answer does not depend on rounding alone.
        if best is None or found.likelihood > best.likelihood:
            best = found
    assert best is not None  # there is more than one beginning
    best = mended(coarse, best)
    shares = doubled(best.shares, flow.shape[1:3], xp) if halved else best.shares
    return fit(whole, shares, FINE_STEPS), tried


def mended(volume: Volume, found: Fit) -> Fit:
    """Give the smallest region to what fits worst, as long as that is likelier."""
    for _ in range(MOST_MENDED):
        least = int(found.shares.mean(axis=(1, 2, 3)).argmin())
        other = fit(volume, with_worst(volume, found.shares, least), COARSE_STEPS)
        if other.likelihood <= found.likelihood:
            break
        found = other
    return found


def half(fields: np.ndarray) -> np.ndarray:
    """Average 2 × 2 pixels of (frames, h, w, n); an odd last line is left out."""
    height, width = (side // 2 * 2 for side in fields.shape[1:3])
    quarters = [fields[:, i:height:2, j:width:2] for i in (0, 1) for j in (0, 1)]
    return np.asarray(np.mean(quarters, axis=0, dtype=np.float32))


def doubled(shares: Any, size: tuple[int, int], xp: ModuleType) -> Any:
    """Repeat each pixel of (regions, frames, h / 2, w / 2) to (regions, frames, h, w)."""
    y, x = (
        xp.minimum(xp.arange(side) // 2, n - 1)
        for side, n in zip(size, shares.shape[2:], strict=True)
    )
    return shares[:, :, y][:, :, :, x]
