"""Random masks for tests of properties."""

import numpy as np
from hypothesis import strategies as st

SHAPES = [(1, 1), (3, 5), (5, 64), (7, 65), (9, 130), (64, 3), (200, 7), (33, 100)]


def random_masks(seed: int, count: int, shape: tuple[int, int]) -> np.ndarray:
    """Rectangles and noise, some empty, some full: bool (count, h, w)."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((count, *shape), bool)
    for mask in masks:
        kind = rng.integers(5)
        if kind == 0:
            mask[:] = rng.random(shape) < 0.3
        elif kind == 1:
            mask[:] = True
        elif kind > 2:
            y, x = rng.integers(shape[0]), rng.integers(shape[1])
            mask[y : y + 1 + rng.integers(shape[0]), x : x + 1 + rng.integers(shape[1])] = True
    return masks


frames = st.builds(random_masks, st.integers(0, 10**6), st.integers(0, 9), st.sampled_from(SHAPES))
orders = st.sampled_from(["C", "F"])
