"""The masks of its past by which a track is looked for.

A mask may be cut, merged with its neighbour, or half hidden: the next one then looks like one from
before.  A track therefore remembers three masks, each at its own place: the last one, the largest
recent one and the typical one (``state.update`` says which these are).  Where all three are alike,
as in most frames, only the last one is asked.
"""

from dataclasses import dataclass

import numpy as np

from consistency.track.parameters import Parameters
from consistency.track.state import KINDS, LARGEST, LAST, TYPICAL


@dataclass(frozen=True, eq=False)
class Views:
    """Masks by which n tracks are looked for: the last of each first, then what else is asked.

    Attributes
    ----------
    number : int64 (KINDS, n), position of each view in the arrays below; -1 where it is not asked.
    track : int64 (v,), row of the track.
    shape : int64 (v,), number of the thumbnail.
    area : float64 (v,), pixels.
    size : float64 (v,), of the object, pixels.
    centroid : float64 (v, 2), x, y in pixels, in the frame of the mask.
    extent : float64 (v, 4), sides of its box from the centroid.
    predicted : float64 (v, 2), centroid expected in the next frame, x, y in pixels.
    """

    number: np.ndarray
    track: np.ndarray
    shape: np.ndarray
    area: np.ndarray
    size: np.ndarray
    centroid: np.ndarray
    extent: np.ndarray
    predicted: np.ndarray

    @classmethod
    def of(
        cls, tracks: np.ndarray, predicted: np.ndarray, parameters: Parameters, last_only: bool
    ) -> "Views":
        """Choose what is asked of ``tracks`` STATE (n,), predicted at float64 (n, KINDS, 2)."""
        asked = _asked(tracks, parameters)
        if last_only:
            asked[[LARGEST, TYPICAL]] = False
        kind, track = asked.nonzero()  # LAST is 0: the last masks come first
        number = np.full(asked.shape, -1)
        number[kind, track] = np.arange(kind.size)
        area = tracks["area"][track, kind]
        # The last mask may be occluded; the others were remembered because they are whole.
        size = np.where(kind == LAST, tracks["size"][track], np.sqrt(area))
        shape, centroid, extent = (tracks[n][track, kind] for n in ("shape", "centroid", "extent"))
        return cls(number, track, shape, area, size, centroid, extent, predicted[track, kind])

    def of_pairs(
        self, rows: np.ndarray, columns: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give pairs of tracks and masks, int64 (p,) each, every view of their track.

        Returns
        -------
        int64 (q,) three times: number of the pair, of the view, and the mask.  The first p are the
        pairs themselves, with the last masks of their tracks.
        """
        if self.track.size == self.number.shape[1]:
            return np.arange(rows.size), rows, columns
        view = self.number.take(rows, axis=1)
        kind, pair = (view >= 0).nonzero()
        return pair, view[kind, pair], columns[pair]


def _asked(tracks: np.ndarray, parameters: Parameters) -> np.ndarray:
    """Whether each remembered mask tells anything that the last one does not, bool (KINDS, n)."""
    area, shape, factor = tracks["area"].T, tracks["shape"].T, parameters.other_factor
    asked = np.ones((KINDS, tracks.size), bool)
    asked[LARGEST] = area[LARGEST] > factor * area[LAST]
    differs = np.maximum(area[TYPICAL], area[LAST]) > factor * np.minimum(area[TYPICAL], area[LAST])
    asked[TYPICAL] = differs & ~(asked[LARGEST] & (shape[TYPICAL] == shape[LARGEST]))
    return asked
