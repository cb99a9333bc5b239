"""Borders moved to where the image has them: the guided filter (He et al., TPAMI 2013).

In every small window the score of a mask is taken for a linear function of the colour; what fits
best, in the mean of all windows around a pixel, is its new score.
"""

import numpy as np

RADIUS = 4  # pixels, of a window
NOISE = 100.0  # grey values squared: colours that differ by less say little
# The score only says on which side of a border a pixel lies: depth must not outweigh colour.
DEPTH = 0.5

Region = tuple[slice, slice]  # rows, columns


class Guide:
    """One image, which the scores of several masks are fitted to."""

    def __init__(self, image: np.ndarray):
        """Compute what does not depend on the mask; ``image`` : uint8 (h, w, 3)."""
        colours = np.moveaxis(image.astype(np.float32), 2, 0)
        self._colours = [np.ascontiguousarray(c) for c in colours]
        self._means = [_mean(c) for c in self._colours]
        self._inverse = self._inverted_covariances()

    def refined(self, score: np.ndarray, region: Region) -> np.ndarray:
        """Return the score of a mask as the colours have it.

        Parameters
        ----------
        score : float32 (h, w) of the region, pixels from the border of the mask, positive inside.
        region : of the image.
        """
        score = np.clip(score, -DEPTH, DEPTH)
        mean = _mean(score)
        colours = [c[region] for c in self._colours]
        means = [m[region] for m in self._means]
        along = [_mean(c * score) - m * mean for c, m in zip(colours, means, strict=True)]
        slopes = [sum(row[j][region] * along[j] for j in range(3)) for row in self._inverse]
        rest = mean - sum(s * m for s, m in zip(slopes, means, strict=True))
        return _mean(rest) + sum(_mean(s) * c for s, c in zip(slopes, colours, strict=True))

    def _inverted_covariances(self) -> list[list[np.ndarray]]:
        """Return the inverse of the covariance of colours in each window, 3 × 3 of (h, w)."""
        colours, means = self._colours, self._means

        def covariance(i: int, j: int) -> np.ndarray:
            return _mean(colours[i] * colours[j]) - means[i] * means[j]

        xx, yy, zz = (covariance(i, i) + np.float32(NOISE) for i in range(3))
        xy, xz, yz = covariance(0, 1), covariance(0, 2), covariance(1, 2)
        # Cramer's rule: NumPy's solver takes twenty times as long for so many so small matrices.
        a, b, c = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
        scale = 1 / (xx * a + xy * b + xz * c)
        d, e, f = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
        a, b, c, d, e, f = (part * scale for part in (a, b, c, d, e, f))
        return [[a, b, c], [b, d, e], [c, e, f]]


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean of the window around each pixel."""
    import cv2

    return cv2.blur(values, (2 * RADIUS + 1, 2 * RADIUS + 1))
