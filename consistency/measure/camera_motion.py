"""How the camera moved between two frames, from the edges of their masks alone.

The edges of all masks, sampled at a reduced size, make one binary picture a frame.  Phase
correlation (Kuglin and Hines 1975) finds the translation between two of them, maximising the
enhanced correlation coefficient (ECC; Evangelidis and Psarakis 2008) refines it to an affine
transform.  Masks that cover only part of the frame tell how objects move, not the camera: an
estimate counts only where edges are spread over the frame, and a motion only where masks all over
the frame agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import numpy as np

from consistency.masks.packed import PackedMasks
from consistency.masks.thumbnails import Thumbnails
from consistency.measure.agreement import Voters, agree
from consistency.measure.edges import Cells, EdgeMap, sample_cells

SPREAD = 0.75  # edges must lie in more than this share of the frame's BLOCKS × BLOCKS blocks
LEAST_CORRELATION = 0.3  # of the moved edges with those of the later frame
LEAST_GAIN = 0.2  # of what no motion leaves unexplained (1 - correlation), as a share
ECC_STEPS = 15
ECC_CHANGE = 1e-3
LARGEST_DEFORMATION = 0.5  # of the affine part, against the identity

IDENTITY = np.eye(2, 3)


@dataclass(frozen=True, eq=False)
class Motion:
    """Motion of the camera from the frame before to this one.

    Attributes
    ----------
    transform : float64 (2, 3), ``later = transform @ (x, y, 1)`` in pixels.
    known : False where there is no estimate and ``transform`` is the identity.
    moves : float64 (n, 2), displacement in pixels of each mask of the earlier frame, where the
        images tell it; None where the transform is all that is known.
    """

    transform: np.ndarray
    known: bool
    moves: np.ndarray | None = None

    @property
    def still(self) -> bool:
        """The camera stood still, as far as is known."""
        return bool((self.transform == IDENTITY).all())

    def move(self, points: np.ndarray) -> np.ndarray:
        """Carry points, float64 (n, 2), x, y in pixels, into the later frame."""
        return points @ self.transform[:, :2].T + self.transform[:, 2]

    def turn(self, velocities: np.ndarray) -> np.ndarray:
        """Carry velocities, float64 (n, 2), pixels a frame, into the later frame."""
        return velocities @ self.transform[:, :2].T


UNKNOWN = Motion(IDENTITY, False)
STILL = Motion(IDENTITY, True)


def to_first(motions: Sequence[Motion]) -> np.ndarray:
    """Transforms from each frame into the first one, float64 (n, 3, 3); ``motions[0]`` is unused.

    Motions that are not known count as none.
    """
    found = np.tile(np.eye(3), (len(motions), 1, 1))
    for t in range(1, len(motions)):
        step = np.vstack([motions[t].transform, [0, 0, 1]])
        found[t] = found[t - 1] @ np.linalg.inv(step)
    return found


@dataclass(frozen=True, eq=False)
class MaskView:
    """What a motion is estimated from: the edges of all masks of a frame, and each mask's vote."""

    edges: EdgeMap
    voters: Voters


def mask_view(
    masks: PackedMasks, boxes: np.ndarray, centroids: np.ndarray, thumbnails: Thumbnails
) -> MaskView | None:
    """Make the view of a frame from its n masks and what is known of them; None without masks.

    Parameters
    ----------
    boxes : int64 (n, 4), x, y, width, height in pixels.
    centroids : float64 (n, 2), x, y in pixels.
    thumbnails : of the masks.
    """
    if not masks.count:
        return None
    edges = sample_cells(masks).edges()
    return MaskView(edges, Voters(masks.shape, boxes, centroids, thumbnails))


def stands(cells: Cells) -> bool:
    """Whether masks that are the same in two frames tell that the camera stood still.

    No camera that moves leaves masks all over the frame as they are, to the pixel.  What is fixed
    to it may stay: the bonnet of a car, or a border around the picture, which is in three quarters
    of the blocks.
    """
    return bool(cells.words.shape[0]) and cells.edges().spread() > SPREAD


def estimate(earlier: MaskView | None, later: MaskView | None, kind: str = "affine") -> Motion:
    """Estimate the motion between two frames; ``kind`` "translation" or "affine".

    Returns
    -------
    The motion; one that stands still where nothing better is found, ``UNKNOWN`` where the edges
    tell nothing, a frame has no masks or both differ in size.
    """
    if earlier is None or later is None or earlier.voters.shape != later.voters.shape:
        return UNKNOWN
    edges = earlier.edges, later.edges
    # Edges in one part of the frame may all be of one object that moves.
    if min(edges[0].spread(), edges[1].spread()) <= SPREAD:
        return UNKNOWN
    best, value = _best(*edges, kind)
    still = _correlation(*edges, IDENTITY)
    # That nothing moves is the simpler answer: a motion has to leave clearly less unexplained.
    if 1 - value < (1 - LEAST_GAIN) * (1 - still):
        # A shift was found in cells of the reduced picture; the other numbers have no unit.
        motion = Motion(best * np.array([1, 1, edges[0].step]), True)
        places = earlier.voters.centroids
        if agree(earlier.voters, later.voters, motion.move(places) - places):
            return motion if value >= LEAST_CORRELATION else UNKNOWN
    return STILL if still >= LEAST_CORRELATION else UNKNOWN


def _best(earlier: EdgeMap, later: EdgeMap, kind: str) -> tuple[np.ndarray, float]:
    """Return the transform in cells that fits the edges best, (2, 3), and their correlation."""
    shift = _translation(earlier, later)
    candidates = [shift] if kind == "translation" else [_affine(earlier, later, shift), shift]
    found = [(_correlation(earlier, later, c), c) for c in candidates if c is not None]
    value, best = max(found, key=lambda item: item[0])
    return best, value


@cache
def _opencv() -> ModuleType:
    """Import OpenCV; on pictures this small its threads only take processors from others."""
    import cv2

    cv2.setNumThreads(1)
    return cv2


def _translation(earlier: EdgeMap, later: EdgeMap) -> np.ndarray:
    cv2 = _opencv()
    height, width = earlier.picture.shape
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    # phaseCorrelate multiplies the window into its arguments where it needs no padding.
    pictures = earlier.picture.copy(), later.picture.copy()
    (x, y), _ = cv2.phaseCorrelate(*pictures, window)
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y]])


def _affine(earlier: EdgeMap, later: EdgeMap, start: np.ndarray) -> np.ndarray | None:
    """Refine ``start``; None where the iteration finds no maximum or a wild one."""
    cv2 = _opencv()
    # OpenCV wants the way from the later picture back to the earlier one.
    inverse = cv2.invertAffineTransform(start).astype(np.float32)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, ECC_STEPS, ECC_CHANGE)
    try:
        _, inverse = cv2.findTransformECC(
            later.picture, earlier.picture, inverse, cv2.MOTION_AFFINE, stop, None, 1
        )
    except cv2.error:
        return None
    if np.abs(inverse[:, :2] - np.eye(2)).max() > LARGEST_DEFORMATION:
        return None
    return cv2.invertAffineTransform(inverse.astype(np.float64))


def _correlation(earlier: EdgeMap, later: EdgeMap, transform: np.ndarray) -> float:
    """Correlation of the later edges with the moved earlier ones where both are in the frame."""
    cv2 = _opencv()
    height, width = later.picture.shape
    moved = cv2.warpAffine(earlier.picture, transform, (width, height))
    # What has come in at the border is unknown, not empty.
    seen = cv2.warpAffine(np.ones_like(moved), transform, (width, height)) > 0.5
    if not seen.any():
        return -1.0
    a, b = moved[seen], later.picture[seen]
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm else 0.0
