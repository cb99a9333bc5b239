"""Where the search begins: several first guesses, of which the likelihood chooses."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from consistency.motion.model import Volume, fit, motions, to_numpy

BEGINNINGS = 6
SAMPLES = 20_000  # vectors that are clustered
ROUNDS = 12  # of k-means
GLOBAL_STEPS = 6  # of the motion of everything
GROWING_STEPS = 8  # with each new region
SMOOTHED, WORST = 5, 2.5  # pixels that an error is averaged over; times the median that is bad
SURE = 0.8  # share of the region that a vector is given to at first


def starts(volume: Volume, regions: int, seed: int = 0) -> Iterator[Any]:
    """Yield first shares, float32 (regions, frames, h, w)."""
    xp = volume.xp
    shape = volume.flow.shape[:3]
    one, residual = xp.ones((1, *shape), xp.float32), None
    for _ in range(GLOBAL_STEPS):
        control, residual = motions(volume, one, residual)
    motion = xp.einsum("tk,rkij->rtij", volume.spline, control).astype(xp.float32)[0]
    smooth = xp.stack([motion[..., k] @ volume.terms for k in range(2)], axis=-1)
    left = volume.flow - smooth.reshape(volume.flow.shape)
    # How far a frame moves says nothing of which of its parts move.
    size = xp.abs(left).mean(axis=(1, 2, 3), keepdims=True) + 1e-3
    place = xp.stack(xp.meshgrid(*(xp.linspace(-1, 1, n) for n in shape[1:]), indexing="ij"), -1)
    place = xp.broadcast_to(place, (shape[0], *shape[1:], 2)).astype(xp.float32)
    length = xp.abs(left).sum(axis=-1, keepdims=True) / size
    for features in (
        left / size,
        length,
        xp.concatenate([left / size, place], axis=-1),
        xp.concatenate([length, 2 * place], axis=-1),
        volume.flow / (xp.abs(volume.flow).mean(axis=(1, 2, 3), keepdims=True) + 1e-3),
    ):
        yield _shares(xp, _clusters(features, regions, seed, xp), regions, shape)
    yield grown(volume, regions)


def grown(volume: Volume, regions: int) -> Any:
    """First shares of one region, then of what fits it worst, and so on."""
    shape = volume.flow.shape[:3]
    shares = volume.xp.ones((1, *shape), volume.xp.float32)
    for k in range(1, regions + 1):
        found = fit(volume, shares, GROWING_STEPS)
        if k == regions:
            return found.shares
        empty = volume.xp.zeros((1, *shape), volume.xp.float32)
        shares = with_worst(volume, volume.xp.concatenate([found.shares, empty]), k)
    raise ValueError(f"{regions} regions; give one at least")


def with_worst(volume: Volume, shares: Any, number: int) -> Any:
    """Give region ``number`` the part of the volume that the others fit worst.

    That part hangs together in space and time.
    """
    from scipy import ndimage

    xp = volume.xp
    _, residual = motions(volume, *_settled(volume, shares))
    others = xp.arange(shares.shape[0]) != number
    rest = shares[others] / xp.maximum(shares[others].sum(axis=0), 1e-6)
    error = (rest * residual[others]).sum(axis=0) * volume.known
    error = ndimage.uniform_filter(to_numpy(error), (1, SMOOTHED, SMOOTHED))
    numbers, count = ndimage.label(error > WORST * np.median(error))
    if not count:
        return shares
    sums = ndimage.sum_labels(error, numbers, np.arange(1, count + 1))
    part = xp.asarray(numbers == 1 + int(sums.argmax()))
    shares = shares.copy()
    low = (1 - SURE) / max(shares.shape[0] - 1, 1)
    shares[:, part] = low
    shares[number] = xp.where(part, SURE, low)
    return shares / shares.sum(axis=0)


def _settled(volume: Volume, shares: Any) -> tuple[Any, Any]:
    """Shares and the residual of their motions, after some steps of weighted least squares."""
    residual = None
    for _ in range(GLOBAL_STEPS):
        _, residual = motions(volume, shares, residual)
    return shares, residual


def _shares(xp: Any, numbers: Any, regions: int, shape: tuple[int, ...]) -> Any:
    low = (1 - SURE) / max(regions - 1, 1)
    result = xp.full((regions, *shape), low, xp.float32)
    for k in range(regions):
        result[k][numbers == k] = SURE if regions > 1 else 1.0
    return result


def _clusters(features: Any, regions: int, seed: int, xp: Any) -> Any:
    """k-means with k-means++ (Arthur and Vassilvitskii 2007) on a sample, int (frames, h, w)."""
    flat = features.reshape(-1, features.shape[-1])
    rng = np.random.default_rng(seed)
    some = flat[xp.asarray(np.sort(rng.integers(0, flat.shape[0], SAMPLES)))]
    some = to_numpy(some).astype(np.float64)
    centres = some[rng.integers(len(some))][None]
    while len(centres) < regions:
        # Absolute distances: squares would choose outliers.
        away = np.abs(some[:, None] - centres).sum(axis=2).min(axis=1)
        chance = np.minimum(away, 4 * np.median(away) + 1e-9)
        centres = np.vstack([centres, some[rng.choice(len(some), p=chance / chance.sum())]])
    for _ in range(ROUNDS):
        nearest = np.abs(some[:, None] - centres).sum(axis=2).argmin(axis=1)
        centres = np.stack(
            [
                np.median(some[nearest == k], axis=0) if (nearest == k).any() else centres[k]
                for k in range(regions)
            ]
        )
    far = xp.stack([xp.abs(features - xp.asarray(c, xp.float32)).sum(axis=-1) for c in centres])
    return far.argmin(axis=0)
