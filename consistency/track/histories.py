"""All tracks of a labelled sequence in flat arrays, to be read in either direction of time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from consistency.measure.camera_motion import to_first
from consistency.track.results import TrackedFrame

USUAL_SHARE = 0.95  # a link is like the others if it is within this quantile of them


@dataclass(frozen=True, eq=False)
class Histories:
    """All n masks of a sequence, by track and within it by time, and its k tracks.

    Attributes
    ----------
    track : int64 (n,), number of the track, 0 .. k - 1.
    t : int64 (n,), frame.
    mask : int64 (n,), number within the frame.
    area : float64 (n,), pixels.
    place : float64 (n, 2), centroid as the camera of the first frame sees it, x, y in pixels.
    first, last : int64 (k,), where a track begins and ends in the arrays above.
    label : int64 (k,).
    from_first : float64 (T, 2, 2), turns ways seen by the first frame's camera into frame t's.
    field : area of the frame, pixels.
    """

    track: np.ndarray
    t: np.ndarray
    mask: np.ndarray
    area: np.ndarray
    place: np.ndarray
    first: np.ndarray
    last: np.ndarray
    label: np.ndarray
    from_first: np.ndarray
    field: float

    @classmethod
    def of(cls, frames: Sequence[TrackedFrame]) -> "Histories":
        """Gather the masks of a labelled sequence that has masks."""
        sizes = [len(frame.labels) for frame in frames]
        label = np.concatenate([np.asarray(frame.labels, np.int64) for frame in frames])
        t = np.repeat(np.arange(len(sizes)), sizes)
        mask = np.concatenate([np.arange(size) for size in sizes])
        area = np.concatenate([frame.areas for frame in frames]).astype(np.float64)
        camera = to_first([frame.motion for frame in frames])
        centroid = np.concatenate([frame.centroids for frame in frames])
        place = np.einsum("nij,nj->ni", camera[t, :2, :2], centroid) + camera[t, :2, 2]
        # Stable: the masks of a track stay in the order of time.
        order = np.argsort(label, kind="stable")
        names, first, track = np.unique(label[order], return_index=True, return_inverse=True)
        last = np.append(first[1:], label.size) - 1
        field = max(float(np.prod(frame.shape)) for frame in frames if frame.shape)
        return cls(
            track=track,
            t=t[order],
            mask=mask[order],
            area=area[order],
            place=place[order],
            first=first,
            last=last,
            label=names,
            from_first=np.linalg.inv(camera[:, :2, :2]),
            field=field,
        )

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.from_first)

    @property
    def begins(self) -> np.ndarray:
        """Whether each mask is the first of its track, bool (n,)."""
        return np.diff(self.track, prepend=-1) != 0

    @property
    def interrupted(self) -> np.ndarray:
        """Whether each mask begins its track or follows a gap, bool (n,)."""
        return self.begins | (np.diff(self.t, prepend=-1) > 1)

    def reversed(self) -> "Histories":
        """Return the same with time running backwards; masks are in the opposite order."""
        backwards = slice(None, None, -1)
        masks, tracks = self.t.size - 1, self.first.size - 1
        return Histories(
            track=tracks - self.track[backwards],
            t=self.frames - 1 - self.t[backwards],
            mask=self.mask[backwards],
            area=self.area[backwards],
            place=self.place[backwards],
            first=masks - self.last[backwards],
            last=masks - self.first[backwards],
            label=self.label[backwards],
            from_first=self.from_first[backwards],
            field=self.field,
        )

    def way(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Ways between masks int64 (p,), without the camera's motion, float64 (p, 2).

        In pixels of the mask at the start, not of the first frame: over hundreds of frames the
        scale of an estimated camera drifts by orders of magnitude.
        """
        seen = self.place.take(end, axis=0) - self.place.take(start, axis=0)
        return np.einsum("nij,nj->ni", self.from_first[self.t[start]], seen)

    def medians(self, before: int, after: int) -> tuple[np.ndarray, np.ndarray]:
        """Median area of up to ``before`` masks until each, and of up to ``after`` from it on.

        Of the mask's own track, itself among them; float64 (n,) each.
        """
        mask = np.arange(self.t.size)[:, None]
        until, since = mask - np.arange(before), mask + np.arange(after)
        earlier = until >= self.first[self.track][:, None]
        later = since <= self.last[self.track][:, None]
        return _median(self.area, until, earlier), _median(self.area, since, later)

    def lived(self, least: int) -> np.ndarray:
        """Whether a track has had ``least`` masks up to each, or was there at first, bool (n,)."""
        masks = np.arange(self.t.size) - self.first[self.track] + 1
        return masks >= np.minimum(least, self.t + 1)

    def returns(self) -> float:
        """Share of links that go over one missing frame and fit as others do, 0-1."""
        later = np.flatnonzero(~self.begins)
        gap = self.t[later] - self.t[later - 1]
        if not (gap == 1).any():
            return 0.0
        area = self.area[later - 1]
        way = np.linalg.norm(self.way(later - 1, later), axis=1) / np.sqrt(area)
        change = np.abs(np.log(self.area[later] / area))
        fits = gap == 2
        for each in (way, change):
            fits &= each <= np.quantile(each[gap == 1], USUAL_SHARE)
        return float(fits.sum() / later.size)


def _median(area: np.ndarray, index: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Median of the areas at ``index``, int64 (n, m), that are ``known``, one at least."""
    # What is not known is infinite and comes last.
    values = np.sort(np.where(known, area[np.where(known, index, 0)], np.inf), axis=1)
    count = known.sum(axis=1)
    row = np.arange(count.size)
    return (values[row, (count - 1) // 2] + values[row, count // 2]) / 2
