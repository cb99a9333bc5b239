"""Rectangles that move by whole pixels before a still background, and the flow of what is seen."""

from pathlib import Path

import numpy as np

SHAPE = (60, 100)


class Scene:
    """Rectangles, those listed later in front of those before.

    Attributes
    ----------
    things : [(x, y, width, height, way), ...]; way(t) is the displacement (x, y) since frame 0.
    """

    def __init__(self, things, frames, shape=SHAPE):
        self.things, self.frames, self.shape = things, frames, shape

    def owners(self, t):
        """Which thing each pixel shows, int (h, w), from 1; 0 is the background."""
        image = np.zeros(self.shape, int)
        for number, (x, y, width, height, way) in enumerate(self.things, start=1):
            dx, dy = way(t)
            top, left = max(y + dy, 0), max(x + dx, 0)
            image[top : max(y + dy + height, 0), left : max(x + dx + width, 0)] = number
        return image

    def masks(self, t):
        """What is seen of each thing, [bool (h, w)]; none of what is hidden."""
        image = self.owners(t)
        return [image == n for n in range(1, len(self.things) + 1) if (image == n).any()]

    def labels(self, t):
        """The things that are seen."""
        return sorted(set(np.unique(self.owners(t)).tolist()) - {0})

    def flow(self, t):
        """Forward flow from frame t to the next one, float32 (h, w, 2)."""
        image = self.owners(t)
        flow = np.zeros((*self.shape, 2), np.float32)
        for number, (*_, way) in enumerate(self.things, start=1):
            flow[image == number] = np.subtract(way(t + 1), way(t))
        return flow

    def image(self, t):
        """A picture with texture that moves along, uint8 (h, w, 3)."""
        image = _texture(self.shape, 0)
        owners = self.owners(t)
        for number, (*_, way) in enumerate(self.things, start=1):
            dx, dy = way(t)
            moved = np.roll(_texture(self.shape, number), (dy, dx), (0, 1))
            image[owners == number] = moved[owners == number]
        return image

    def write_flow(self, folder: Path):
        """Write ``0.npy``, ``1.npy``, ... for all frames but the last."""
        folder.mkdir()
        for t in range(self.frames - 1):
            np.save(folder / f"{t}.npy", self.flow(t))
        return folder


def _texture(shape, seed):
    """Blotches of some pixels, so that flow finds its way."""
    import cv2

    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (shape[0] // 5 + 1, shape[1] // 5 + 1, 3)).astype(np.uint8)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def steady(dx, dy=0):
    """Move by so many pixels a frame."""
    return lambda t: (dx * t, dy * t)
