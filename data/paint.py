"""Paint a frame of the synthetic scene: its RGB picture, and who owns each pixel."""

import cv2
import numpy as np
from world import (
    BACKGROUND_DEPTH,
    BACKGROUND_MARGIN,
    CAMERA_RANGE,
    PARTS_PER_OBJECT,
    camera_at,
    placement,
)

SUBPIXEL_BITS = 4  # OpenCV takes outlines in 1/16 pixel
PLANK = 0.21  # height of a plank of the table, picture heights
SHADOW_OFFSET = (0.012, 0.02)  # right and down, picture heights
SHADOW_STRENGTH = 0.5
GRAIN_SIZE, GRAIN_SCALE = 256, 64  # cells of the grain, and cells a unit of object coordinates
BEVEL = 0.018  # width of the rounded rim of a part, picture heights


def noise(rng, shape: tuple[int, int], cells: tuple[int, int]) -> np.ndarray:
    """Return smooth random values, (h, w) float32 in [-1, 1], from a grid of (rows, columns)."""
    grid = rng.uniform(-1, 1, cells).astype(np.float32)
    return cv2.resize(grid, shape[::-1], interpolation=cv2.INTER_CUBIC)


def paint_table(seed: int, shape: tuple[int, int]) -> np.ndarray:
    """Return the wooden table as (H, W, 3) float32, 0-255: all that the camera may ever see."""
    rng = np.random.default_rng([seed, 0, 2])
    height = round(BACKGROUND_MARGIN * shape[0])
    width = round((1 + CAMERA_RANGE) * BACKGROUND_MARGIN * shape[1])
    tone = 0.5 * noise(rng, (height, width), (4, 6))
    row = np.arange(height) / (PLANK * shape[0])
    plank = row.astype(int)
    tone += rng.uniform(-0.5, 0.5, plank[-1] + 1).astype(np.float32)[plank, None]
    for rows, columns, weight in ((60, 8, 0.35), (160, 16, 0.35), (400, 60, 0.25)):
        tone += weight * noise(rng, (height, width), (rows, columns))
    gap = np.minimum(row % 1, 1 - row % 1) * PLANK  # distance to the next gap, picture heights
    shade = (1 + 0.09 * tone) * (1 - 0.5 * np.exp(-gap / 0.003))[:, None]
    return (shade[..., None] * np.array([206, 178, 146])).astype(np.float32)


class Painter:
    """Paints frames of one world; the size of the picture is fixed.

    paint(frame) returns the picture and, for every pixel, the identity of the topmost part.
    """

    def __init__(self, world, seed: int, shape: tuple[int, int], camera_speed: float):
        self.world = world
        self.shape = shape
        self.camera_speed = camera_speed
        self.table = paint_table(seed, shape)
        grain = np.random.default_rng([seed, 0, 3])
        side = (GRAIN_SIZE, GRAIN_SIZE)
        self.grain = noise(grain, side, (12, 12)) / 2 + noise(grain, side, (48, 48)) / 3

    def paint(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the picture, (h, w, 3) uint8 RGB, and the owners, (h, w) int32, 0 = table."""
        height, width = self.shape
        camera = camera_at(frame, self.camera_speed, width / height)
        picture = self._paint_background(camera)
        owners = np.zeros(self.shape, np.int32)
        for item in self.world:
            transform = camera.to_pixels(placement(item, frame), item.depth, self.shape)
            outlines = [p.outline @ transform[:, :2].T + transform[:, 2] for p in item.parts]
            self._cast_shadow(picture, outlines)
            for number, (part, outline) in enumerate(zip(item.parts, outlines, strict=True)):
                identity = PARTS_PER_OBJECT * item.number + number
                self._paint_part(picture, owners, outline, part.colour, identity, transform)
        return np.clip(picture, 0, 255).astype(np.uint8), owners

    def _paint_background(self, camera) -> np.ndarray:
        """Return the table as the camera sees it, (h, w, 3) float32."""
        height, width = self.shape
        rows, columns = self.table.shape[:2]
        local = np.array([[1, 0, -0.5 * columns / height], [0, 1, -0.5 * rows / height]])
        local[:, :2] /= height
        transform = camera.to_pixels(local, BACKGROUND_DEPTH, self.shape)
        return cv2.warpAffine(
            self.table, transform, (width, height), borderMode=cv2.BORDER_REFLECT_101
        )

    def _window(self, outlines, margin: int):
        """Return the slices (rows, columns) of the picture around outlines; None: out of sight."""
        points = np.concatenate(outlines)
        low = np.maximum(np.floor(points.min(axis=0)).astype(int) - margin, 0)
        high = np.minimum(np.ceil(points.max(axis=0)).astype(int) + margin + 1, self.shape[::-1])
        if (low >= high).any():
            return None
        return slice(low[1], high[1]), slice(low[0], high[0])

    def _cast_shadow(self, picture, outlines) -> None:
        """Darken `picture` (edited in place) below and right of an object."""
        height = self.shape[0]
        radius = max(1, round(0.012 * height))
        outlines = [outline + np.multiply(SHADOW_OFFSET, height) for outline in outlines]
        window = self._window(outlines, 3 * radius)
        if window is not None:
            cover = sum_of_covers(outlines, window)
            cover = cv2.GaussianBlur(cover, (0, 0), radius)
            picture[window] *= (1 - SHADOW_STRENGTH * cover)[..., None]

    def _paint_part(self, picture, owners, outline, colour, identity, transform) -> None:
        """Paint one part over `picture` and `owners` (both edited in place)."""
        window = self._window([outline], 2)
        if window is None:
            return
        cover = sum_of_covers([outline], window)
        solid = cover >= 0.5
        owners[window][solid] = identity
        rim = cv2.distanceTransform(solid.astype(np.uint8), cv2.DIST_L2, 3)
        rim = np.clip(rim / (BEVEL * self.shape[0]), 0, 1)
        shade = self._shade(window, outline, transform) * (0.72 + 0.28 * np.sqrt(rim))
        paint = shade[..., None] * np.array(list(bytes.fromhex(colour)), np.float32)
        picture[window] += cover[..., None] * (paint - picture[window])

    def _shade(self, window, outline, transform) -> np.ndarray:
        """Return brightness around 1, (rows, columns) float32: light from the top left, and grain.

        The grain is fixed to the object, so that optical flow can follow its surface.
        """
        rows, columns = (np.arange(s.start, s.stop, dtype=np.float32) for s in window)
        centre, extent = outline.mean(axis=0), np.ptp(outline, axis=0).max() + 1
        slope = (rows - centre[1])[:, None] + 0.5 * (columns - centre[0])
        to_grain = GRAIN_SCALE * cv2.invertAffineTransform(transform)
        to_grain[:, 2] += to_grain[:, :2] @ (window[1].start, window[0].start) + GRAIN_SIZE / 2
        grain = cv2.warpAffine(
            self.grain,
            to_grain,
            slope.shape[::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        return (1.04 - 0.3 * slope / extent + 0.11 * grain).astype(np.float32)


def sum_of_covers(outlines, window) -> np.ndarray:
    """Return how much of each pixel the outlines cover together, float32 in [0, 1]."""
    rows, columns = window
    cover = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
    for outline in outlines:
        points = (outline - (columns.start, rows.start)) * 2**SUBPIXEL_BITS
        cv2.fillPoly(cover, [np.round(points).astype(np.int32)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
    return cover.astype(np.float32) / 255
