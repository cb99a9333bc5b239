"""What lies where a flow leads: pictures carried from one frame to another, and flows in a row.

All flows here are *backward*: they begin at the frame that is wanted, and lead to the frame whose
pixels are known, so that every wanted pixel has exactly one source.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from consistency.flow.fields import Field

# Two neighbours of a pixel where nothing has arrived belong to one surface, which has merely been
# stretched, if their flows differ by less.
ONE_SURFACE = 1.0  # pixels
# A way there and back may miss its beginning: squared pixels, and share of both squared lengths.
SLACK = 0.5
SLACK_SHARE = 0.01
# ... and what goes on may do so at another speed: squared pixels, and share of both squared speeds.
ALIKE = 1.0
ALIKE_SHARE = 0.5


def carried(
    picture: np.ndarray, vectors: np.ndarray, corner: tuple[int, int] = (0, 0)
) -> np.ndarray:
    """Return ``picture`` where ``vectors`` lead, linearly between its pixels.

    Parameters
    ----------
    picture : uint8 or float32 (h, w) or (h, w, channels).
    vectors : float32 (h, w, 2), x and y in pixels, from each wanted pixel.
    corner : x, y in the picture of the first wanted pixel.

    Returns
    -------
    Like ``picture``; beyond its border the nearest pixel of it.
    """
    import cv2

    places = vectors + _places(*vectors.shape[:2], *corner)
    both: Any = None  # x and y are in one map, which OpenCV's types do not know
    return cv2.remap(picture, places, both, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def inside(vectors: np.ndarray) -> np.ndarray:
    """Whether each vector leads to a pixel of the picture, bool (h, w)."""
    height, width = vectors.shape[:2]
    places = vectors + _places(height, width, 0, 0)
    x, y = places[..., 0], places[..., 1]
    return (x >= -0.5) & (y >= -0.5) & (x <= width - 0.5) & (y <= height - 0.5)


# All sources of a frame are looked up at the same places: to make them took as long as to look.
@lru_cache(maxsize=4)
def _places(height: int, width: int, x: int, y: int) -> np.ndarray:
    """Return x, y of each pixel of a rectangle with a corner, float32 (h, w, 2)."""
    columns, rows = np.meshgrid(np.arange(x, x + width), np.arange(y, y + height))
    return np.dstack([columns, rows]).astype(np.float32)


def chained(first: Field, then: Field) -> Field:
    """Return the flow that leads on along ``then`` from where ``first`` leads."""
    vectors = first.vectors + carried(then.vectors, first.vectors)
    reached = first.known & inside(first.vectors)
    if not then.known.all():
        # A pixel between known and unknown ones is not known.
        reached &= carried(then.known.astype(np.float32), first.vectors) > 0.99
    return Field(vectors, reached)


def inverted(flow: Field, after: Field | None) -> Field:
    """Return the backward flow of a forward one.

    Where several pixels arrive at one, the one is seen that goes on as ``after`` says, the forward
    flow that begins where ``flow`` ends: that is what is visible there.  Without it, the fastest:
    what moves is mostly in front of what does not.  Where nothing arrives, the surface has come
    into view, and is not known; unless it lies between two pixels of one surface.
    """
    height, width = flow.shape
    y, x = np.divmod(np.arange(height * width), width)
    vectors = flow.vectors.reshape(-1, 2)
    to_x, to_y = np.rint(x + vectors[:, 0]), np.rint(y + vectors[:, 1])
    arrives = flow.known.ravel() & (to_x >= 0) & (to_y >= 0) & (to_x < width) & (to_y < height)
    chosen = np.flatnonzero(arrives)
    target = (to_y[chosen] * width + to_x[chosen]).astype(np.int64)
    if after is None:
        unlike = -(vectors[chosen] ** 2).sum(axis=1)
    else:
        onward = after.vectors.reshape(-1, 2)[target]
        unlike = ((vectors[chosen] - onward) ** 2).sum(axis=1)
        lengths = (vectors[chosen] ** 2 + onward**2).sum(axis=1)
        # Nothing of what is seen there has been seen before: what arrives is hidden by it.
        same = (unlike < ALIKE_SHARE * lengths + ALIKE) | ~after.known.ravel()[target]
        chosen, target, unlike = chosen[same], target[same], unlike[same]
    # Sorted by target, and the best one first, which ``unique`` takes.
    order = np.lexsort((unlike, target))
    found, heads = np.unique(target[order], return_index=True)
    back = np.zeros((height * width, 2), np.float32)
    back[found] = -vectors[chosen[order[heads]]]
    known = np.zeros(height * width, bool)
    known[found] = True
    return _closed(Field(back.reshape(height, width, 2), known.reshape(height, width)))


def returning(there: Field, back: Field) -> Field:
    """Return a flow that is known only where another one leads back to where it began.

    What gets hidden does not come back (Sundaram, Brox and Keutzer, ECCV 2010, equation 5).
    """
    onward = chained(there, back)
    length = (there.vectors**2 + carried(back.vectors, there.vectors) ** 2).sum(axis=2)
    near = (onward.vectors**2).sum(axis=2) < SLACK_SHARE * length + SLACK
    return Field(there.vectors, there.known & onward.known & near)


def _closed(field: Field) -> Field:
    """Fill the cracks of surfaces that have been stretched."""
    vectors, known = field.vectors.copy(), field.known.copy()
    for axis in (0, 1):
        sides = [_shifted(known, step, axis) for step in (1, -1)]
        flows = [_shifted(vectors, step, axis) for step in (1, -1)]
        alike = (np.abs(flows[0] - flows[1]) < ONE_SURFACE).all(axis=2)
        crack = ~known & sides[0] & sides[1] & alike
        vectors[crack] = (flows[0][crack] + flows[1][crack]) / 2
        known |= crack
    return Field(vectors, known)


def _shifted(array: np.ndarray, step: int, axis: int) -> np.ndarray:
    """Shift by one pixel; zeros come in from outside."""
    result = np.roll(array, step, axis)
    result[(slice(None),) * axis + (0 if step > 0 else -1,)] = 0
    return result
