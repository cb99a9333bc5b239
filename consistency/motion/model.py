"""Regions that move as one: expectation-maximisation over a whole sequence of flow fields.

In each frame the flow of a region is a quadratic function of the place, 12 numbers, which follow a
spline over time.  What is left of the flow has a Laplace distribution, so that wild vectors count
little, and pixels like to be of the region of their neighbours in space and, along the flow, in
time.  The model of Meunier and Bouthemy (CVPR 2023), without the network that they train with it.
"""

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from consistency.motion.spline import basis

TERMS = 6  # 1, x, y, x², xy, y², for each of both directions
# Least mean absolute residual, in pixels of the reduced field: what flow methods leave.
LEAST_SCALE = 0.05
LEAST_RESIDUAL = 1e-3  # of the weights of least absolute residuals
RIDGE = 1e-6  # of the normal equations, over the mean of their diagonal
NEIGHBOURS = 1.5  # what one of four neighbours in space says, in units of log probability
FOLLOWERS = 1.5  # ... and one of two in time


@dataclass(frozen=True, eq=False)
class Volume:
    """Flow fields of a sequence at a reduced size, in an array module ``xp``.

    Attributes
    ----------
    flow : float32 (frames, h, w, 2), x and y in pixels of this size.
    known : float32 (frames, h, w), how far each vector counts, 0-1.
    ahead, behind : int64 (frames, h * w), where each pixel is in the next frame, and was in the one
        before, in flattened frames.
    terms : float32 (TERMS, h * w), the functions that flow is made of.
    spline : float64 (frames, points).
    """

    xp: ModuleType
    flow: Any
    known: Any
    ahead: Any
    behind: Any
    terms: Any
    spline: Any

    @classmethod
    def of(cls, flow: np.ndarray, known: np.ndarray, xp: ModuleType = np) -> "Volume":
        """Prepare flow fields, float32 (frames, h, w, 2), and bool or float (frames, h, w)."""
        frames, height, width = flow.shape[:3]
        y, x = np.indices((height, width))
        places = [
            np.clip(np.rint(y + sign * flow[..., 1]), 0, height - 1) * width
            + np.clip(np.rint(x + sign * flow[..., 0]), 0, width - 1)
            for sign in (1, -1)
        ]
        # Places from -1 to 1, so that all terms are of one size.
        side = max(height, width)
        u, v = (2 * x - width + 1) / side, (2 * y - height + 1) / side
        terms = np.stack([np.ones_like(u), u, v, u * u, u * v, v * v]).reshape(TERMS, -1)
        ahead, behind = (xp.asarray(p.reshape(frames, -1).astype(np.int64)) for p in places)
        return cls(
            xp,
            xp.asarray(flow.astype(np.float32)),
            xp.asarray(known.astype(np.float32)),
            ahead,
            behind,
            xp.asarray(terms.astype(np.float32)),
            xp.asarray(basis(frames)),
        )


@dataclass(frozen=True, eq=False)
class Fit:
    """What was found.

    Attributes
    ----------
    shares : float32 (regions, frames, h, w), probability of each region at each pixel.
    control : float64 (regions, points, TERMS, 2), control points of the motions.
    likelihood : mean log-likelihood of a pixel, smoothness included.
    steps : likelihood after each step.
    converged : the last step gained next to nothing.
    """

    shares: Any
    control: Any
    likelihood: float
    steps: list[float]
    converged: bool


def to_numpy(array: Any) -> np.ndarray:
    """Return an array of the module in this machine's memory."""
    return np.asarray(array.get() if hasattr(array, "get") else array)


def fit(volume: Volume, shares: Any, most: int = 40, least_gain: float = 1e-4) -> Fit:
    """Improve ``shares``, float32 (regions, frames, h, w), until the likelihood stays.

    Parameters
    ----------
    most : steps.
    least_gain : of the likelihood, in a step.
    """
    residual, steps, converged = None, list[float](), False
    while len(steps) < most and not converged:
        control, residual = motions(volume, shares, residual)
        shares, likelihood = assign(volume, residual, shares)
        steps.append(likelihood)
        converged = len(steps) > 2 and steps[-1] - steps[-2] < least_gain * abs(steps[-2])
    return Fit(shares, control, steps[-1], steps, converged)


def motions(volume: Volume, shares: Any, residual: Any = None) -> tuple[Any, Any]:
    """Least absolute residuals by weighted least squares, a step of the iteration.

    Parameters
    ----------
    residual : of the step before, float32 (regions, frames, h, w), in pixels; None at first.

    Returns
    -------
    control : float64 (regions, points, TERMS, 2).
    residual : with these.
    """
    xp, terms = volume.xp, volume.terms
    regions, frames = shares.shape[:2]
    weight = shares * volume.known
    if residual is not None:
        weight = weight / xp.maximum(residual, LEAST_RESIDUAL)
    weight = weight.reshape(regions * frames, -1)
    first, second = xp.asarray(np.triu_indices(TERMS))
    products = terms[first] * terms[second]
    moments = (weight @ products.T).astype(xp.float64).reshape(regions, frames, -1)
    flow = volume.flow.reshape(frames, -1, 2)
    sides = xp.stack(
        [
            ((weight.reshape(regions, frames, -1) * flow[..., k]) @ terms.T).astype(xp.float64)
            for k in range(2)
        ],
        axis=-1,
    )
    square = xp.zeros((regions, frames, TERMS, TERMS))
    square[:, :, first, second] = moments
    square[:, :, second, first] = moments
    control = _solve(xp, volume.spline, square, sides)
    motion = xp.einsum("tk,rkij->rtij", volume.spline, control).astype(xp.float32)
    new = xp.zeros(shares.shape, xp.float32).reshape(regions, frames, -1)
    for k in range(2):
        # |u| + |v|, as two Laplace distributions have it.
        new += xp.abs(motion[..., k] @ terms - flow[..., k])
    return control, new.reshape(shares.shape)


def _solve(xp: ModuleType, spline: Any, square: Any, sides: Any) -> Any:
    """Solve for control points, float64 (regions, points, TERMS, 2)."""
    regions, points = square.shape[0], spline.shape[1]
    size = points * TERMS
    left = xp.einsum("tk,tl,rtij->rkilj", spline, spline, square, optimize=True)
    left = left.reshape(regions, size, size)
    right = xp.einsum("tk,rtic->rkic", spline, sides).reshape(regions, size, 2)
    mean = xp.trace(left, axis1=1, axis2=2) / size
    # A region that is empty, or small, for a while has no equation of its own there.
    left = left + (RIDGE * mean + 1e-12)[:, None, None] * xp.eye(size)
    return xp.linalg.solve(left, right).reshape(regions, points, TERMS, 2)


def assign(volume: Volume, residual: Any, shares: Any) -> tuple[Any, float]:
    """Tell which region each pixel is of: a step of mean fields.

    Returns
    -------
    shares : float32 (regions, frames, h, w).
    likelihood : mean of the pixels, in natural logarithms.
    """
    xp = volume.xp
    # One scale for all regions of a frame: else the widest would swallow what fits nowhere.
    known = volume.known.sum(axis=(1, 2)) + 1e-6
    spread = (shares * residual * volume.known).sum(axis=(0, 2, 3)) / known / 2
    scale = xp.maximum(spread, LEAST_SCALE)[None, :, None, None]
    data = -(residual / scale) * volume.known
    prior = xp.log(shares.mean(axis=(1, 2, 3)) + 1e-3)[:, None, None, None]
    field = NEIGHBOURS * _beside(xp, shares) + FOLLOWERS * _along(volume, shares)
    energy = data + prior + field
    top = energy.max(axis=0)
    weights = xp.exp(energy - top)
    total = weights.sum(axis=0)
    new = (weights / total).astype(xp.float32)
    # The bound that this step maximises: data, prior and entropy, each pair of neighbours once.
    value = top + xp.log(total) - (new * field).sum(axis=0) / 2 - 2 * xp.log(2 * scale[0])
    return new, float(value.mean())


def _beside(xp: ModuleType, shares: Any) -> Any:
    """Sum of the shares of the four neighbours, those at a border twice."""
    result = xp.zeros_like(shares)
    result[..., 1:, :] += shares[..., :-1, :]
    result[..., :-1, :] += shares[..., 1:, :]
    result[..., :, 1:] += shares[..., :, :-1]
    result[..., :, :-1] += shares[..., :, 1:]
    return result


def _along(volume: Volume, shares: Any) -> Any:
    """Sum of the shares where each pixel goes and where it came from."""
    xp = volume.xp
    regions, frames = shares.shape[:2]
    flat = shares.reshape(regions, frames, -1)
    result = xp.zeros_like(flat)
    for t in range(frames):
        if t + 1 < frames:
            result[:, t] += flat[:, t + 1, volume.ahead[t]]
        if t:
            result[:, t] += flat[:, t - 1, volume.behind[t]]
    return result.reshape(shares.shape)
