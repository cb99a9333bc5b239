"""The camera's way over several frames, from the motions between neighbouring ones."""

from collections.abc import Sequence

import numpy as np

from consistency.measure.camera_motion import IDENTITY, Motion


class CameraPath:
    """Motions of the camera, composed over every gap up to ``longest`` frames.

    They are not taken from transforms into the first frame: over hundreds of frames the scale of
    an estimated camera drifts by orders of magnitude, and differences of large numbers are left.

    Parameters
    ----------
    motions : of each frame, since the one before; where it is not known it counts as none.
    longest : frames.

    Attributes
    ----------
    moves : float64 (longest + 1, frames, 2, 3): [gap, t] carries points of frame t into frame
        t + gap.  None for a camera that stands, which needs none.
    """

    def __init__(self, motions: Sequence[Motion], longest: int) -> None:
        frames = len(motions)
        step = np.array([motion.transform for motion in motions]).reshape(-1, 2, 3)
        self.moves: np.ndarray | None = None
        if (step[1:] == IDENTITY).all():
            return
        self.moves = np.zeros((longest + 1, frames, 2, 3))
        self.moves[:] = IDENTITY
        for gap in range(1, min(longest + 1, frames)):
            # From t as far as the last gap led, and one motion further.
            last, now = self.moves[gap - 1, : frames - gap], step[gap:]
            self.moves[gap, : frames - gap, :, :2] = now[:, :, :2] @ last[:, :, :2]
            shift = (now[:, :, :2] @ last[:, :, 2:])[:, :, 0] + now[:, :, 2]
            self.moves[gap, : frames - gap, :, 2] = shift

    def onward(self, points: np.ndarray, t: np.ndarray, gap: np.ndarray) -> np.ndarray:
        """Carry points float64 (n, 2), pixels, of frames t into frames t + gap, int64 (n,)."""
        if self.moves is None:
            return points
        move = self.moves[gap, t]
        return _turned(move, points) + move[:, :, 2]

    def backward(self, points: np.ndarray, t: np.ndarray, gap: np.ndarray) -> np.ndarray:
        """Carry points float64 (n, 2), pixels, of frames t into frames t - gap, int64 (n,)."""
        if self.moves is None:
            return points
        move = self.moves[gap, t - gap]
        way = points - move[:, :, 2]
        inverse = np.empty((len(move), 2, 2))
        inverse[:, 0, 0], inverse[:, 1, 1] = move[:, 1, 1], move[:, 0, 0]
        inverse[:, 0, 1], inverse[:, 1, 0] = -move[:, 0, 1], -move[:, 1, 0]
        return _turned(inverse, way) / _determinant(move)[:, None]

    def turn(self, velocities: np.ndarray, t: np.ndarray, gap: np.ndarray) -> np.ndarray:
        """Carry velocities float64 (n, 2), pixels per frame, of frames t into frames t + gap."""
        if self.moves is None:
            return velocities
        return _turned(self.moves[gap, t], velocities)

    def scale(self, t: np.ndarray, gap: np.ndarray) -> np.ndarray:
        """Return how much areas grow from frames t to frames t + gap, float64 (n,)."""
        if self.moves is None:
            return np.ones(t.size)
        return np.abs(_determinant(self.moves[gap, t]))


def _turned(transform: np.ndarray, points: np.ndarray) -> np.ndarray:
    x, y = points[:, :1], points[:, 1:]
    return transform[:, :, 0] * x + transform[:, :, 1] * y


def _determinant(transform: np.ndarray) -> np.ndarray:
    return transform[:, 0, 0] * transform[:, 1, 1] - transform[:, 0, 1] * transform[:, 1, 0]
