"""All masks of a labelled sequence in flat arrays, how they are linked, and what lies either side.

Masks are numbered through the whole sequence, frame after frame and within a frame in canonical
order, so that nothing here depends on the order of the input.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from consistency.track.camera_path import CameraPath
from consistency.track.parameters import Parameters
from consistency.track.results import TrackedFrame
from consistency.track.thumbnail_store import ThumbnailStore

NONE = -1
# Masks that are looked at together: what is in between takes half a kilobyte a mask, and a long
# sequence has millions of them.
AT_A_TIME = 1 << 14


@dataclass(frozen=True, eq=False)
class SequenceMasks:
    """All N masks of a sequence of T frames.

    Attributes
    ----------
    t : int64 (N,), frame.
    first : int64 (T + 1,), number of the first mask of each frame, and N.
    area : float64 (N,), pixels.
    centroid : float64 (N, 2), x, y in pixels.
    touches_border : bool (N,), the box touches the frame's border.
    containment : float64 (N,), share of each mask inside a larger one of its frame, 0-1.
    shape : (height, width) of the frames in pixels; (0, 0) where there are no masks.
    camera : its way.
    thumbnails : of the masks, by number.
    """

    t: np.ndarray
    first: np.ndarray
    area: np.ndarray
    centroid: np.ndarray
    touches_border: np.ndarray
    containment: np.ndarray
    shape: tuple[int, int]
    camera: CameraPath
    thumbnails: ThumbnailStore

    @classmethod
    def of(
        cls, frames: Sequence[TrackedFrame], thumbnails: ThumbnailStore, longest: int
    ) -> "SequenceMasks":
        """Gather the masks of ``frames``; ``longest`` is the largest gap that is asked for."""
        counts = np.array([frame.areas.size for frame in frames], np.int64)
        first = np.concatenate([[0], np.cumsum(counts)])
        area = _rows([frame.areas for frame in frames])
        box = _rows([frame.boxes for frame in frames], 4)
        shape = next((frame.shape for frame in frames if frame.shape), (0, 0))
        beyond = box[:, :2] + box[:, 2:] >= shape[::-1]
        overlaps = _rows([_numbered(f.overlaps, n) for f, n in zip(frames, first, strict=False)], 3)
        return cls(
            t=np.arange(counts.size).repeat(counts),
            first=first,
            area=area,
            centroid=_rows([frame.centroids for frame in frames], 2),
            touches_border=((box[:, :2] <= 0) | beyond).any(axis=1),
            containment=_containment(area, overlaps),
            shape=shape,
            camera=CameraPath([frame.motion for frame in frames], longest),
            thumbnails=thumbnails,
        )

    @property
    def frames(self) -> int:
        """Number of frames."""
        return self.first.size - 1


def _rows(parts: Sequence[np.ndarray], *columns: int) -> np.ndarray:
    """Put arrays one behind the other, float64 (n, columns)."""
    return np.concatenate([*parts, np.zeros((0, *columns))]).astype(np.float64)


def _numbered(overlaps: np.ndarray, first: int) -> np.ndarray:
    return overlaps + [first, first, 0]


def _containment(area: np.ndarray, overlaps: np.ndarray) -> np.ndarray:
    """Share of each mask in a larger one, float64 (N,); overlaps: larger, smaller, pixels."""
    result = np.zeros(area.size)
    whole, part = overlaps[:, :2].astype(np.int64).T
    inside = np.where(area[whole] > area[part], overlaps[:, 2] / area[part], 0.0)
    np.maximum.at(result, part, inside)
    return result


@dataclass(frozen=True, eq=False)
class Tracks:
    """How masks are linked, int64 (N,) each.

    Attributes
    ----------
    track : number of the first mask of each mask's track.
    before, after : the mask before and the one after it on the same track, or NONE.
    """

    track: np.ndarray
    before: np.ndarray
    after: np.ndarray

    @classmethod
    def of_labels(cls, labels: Iterable[Iterable[int]]) -> "Tracks":
        """Link masks of the same label; ``labels`` of each frame's masks."""
        label = np.array(list(chain.from_iterable(labels)), np.int64)
        # Stable: masks of one label become neighbours in the order of time.
        order = np.argsort(label, kind="stable")
        same = np.diff(label[order]) == 0
        before = np.full(label.size, NONE)
        before[order[1:][same]] = order[:-1][same]
        return cls.linked(before)

    @classmethod
    def linked(cls, before: np.ndarray) -> "Tracks":
        """Tracks from the mask before each one, or NONE."""
        after = np.full(before.size, NONE)
        linked = np.flatnonzero(before >= 0)
        after[before[linked]] = linked
        track = np.where(before >= 0, before, np.arange(before.size))
        while (track != track[track]).any():  # each time twice as far
            track = track[track]
        return cls(track, before, after)

    def links(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the earlier and the later mask of every link, in order of the earlier."""
        earlier = np.flatnonzero(self.after >= 0)
        return earlier, self.after[earlier]


@dataclass(frozen=True, eq=False)
class Side:
    """What k masks and those on one side of them, on their tracks, tell.

    Attributes
    ----------
    mask : int64 (k,), number.
    velocity : float64 (k, 2), pixels per frame, forwards in time; NaN for a single mask.
    whole : int64 (k,), the largest of the masks: the mask itself may be a piece of its object.
    whole_place : float64 (k, 2), where that one's centroid would be in the mask's frame, pixels.
    """

    mask: np.ndarray
    velocity: np.ndarray
    whole: np.ndarray
    whole_place: np.ndarray

    def take(self, index: np.ndarray) -> "Side":
        """Return some of them, in any order and number."""
        return Side(*(part.take(index, axis=0) for part in self._parts()))

    def same_as(self, other: "Side") -> np.ndarray:
        """Whether each of them is that of ``other``, bool (k,)."""
        still = self.velocity == other.velocity
        still |= np.isnan(self.velocity) & np.isnan(other.velocity)
        still &= self.whole_place == other.whole_place
        return (self.mask == other.mask) & (self.whole == other.whole) & still.all(axis=1)

    def followed(self, other: "Side") -> "Side":
        """Return them with others behind."""
        parts = zip(self._parts(), other._parts(), strict=True)
        return Side(*(np.concatenate(both) for both in parts))

    def _parts(self) -> tuple[np.ndarray, ...]:
        return self.mask, self.velocity, self.whole, self.whole_place


def look_back(masks: SequenceMasks, tracks: Tracks, at: np.ndarray, p: Parameters) -> Side:
    """See what came before masks, int64 (k,), on their tracks."""
    return _side(masks, tracks.before, at, False, p)


def look_ahead(masks: SequenceMasks, tracks: Tracks, at: np.ndarray, p: Parameters) -> Side:
    """See what comes after masks, int64 (k,), on their tracks."""
    return _side(masks, tracks.after, at, True, p)


def _side(
    masks: SequenceMasks, step: np.ndarray, at: np.ndarray, ahead: bool, p: Parameters
) -> Side:
    parts = [
        _part_of_side(masks, step, some, ahead, p)
        for some in np.split(at, range(AT_A_TIME, at.size, AT_A_TIME))
    ]
    return Side(*map(np.concatenate, zip(*(part._parts() for part in parts), strict=True)))


def _part_of_side(
    masks: SequenceMasks, step: np.ndarray, at: np.ndarray, ahead: bool, p: Parameters
) -> Side:
    near = np.full((p.side_masks, at.size), NONE)
    near[0] = at
    for n in range(1, p.side_masks):
        near[n] = np.where(near[n - 1] >= 0, step[near[n - 1]], NONE)
    known = near >= 0
    gap = np.abs(masks.t[near] - masks.t[at])
    known &= gap <= p.side_frames
    near, gap = np.where(known, near, at), np.where(known, gap, 0)
    place, area = _as_seen_from(masks, near, np.broadcast_to(masks.t[at], gap.shape), gap, ahead)
    area = np.where(known, area, 0.0)
    time = np.where(ahead, gap, -gap).astype(np.float64)
    # Centroids of pieces lie elsewhere: masks count by how much they are like the largest.
    weight = (area / area.max(axis=0)) ** 2
    weight /= weight.sum(axis=0)
    time_away = time - (weight * time).sum(axis=0)
    away = place - (weight[..., None] * place).sum(axis=0)
    spread = (weight * time_away**2).sum(axis=0)
    alone = known.sum(axis=0) == 1
    slope = ((weight * time_away)[..., None] * away).sum(axis=0)
    velocity = slope / np.where(alone | (spread <= 0), np.nan, spread)[:, None]
    largest, column = area.argmax(axis=0), np.arange(at.size)
    # The whole's place now: where it was, carried along by the velocity.
    drift = np.nan_to_num(velocity) * time[largest, column][:, None]
    return Side(at, velocity, near[largest, column], place[largest, column] - drift)


def _as_seen_from(
    masks: SequenceMasks, near: np.ndarray, t: np.ndarray, gap: np.ndarray, ahead: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Centroids and areas of masks as the camera of frames t, ``gap`` frames away, sees them."""
    camera, flat = masks.camera, near.ravel()
    there, frame, away = masks.t[flat], t.ravel(), gap.ravel()
    if ahead:
        place = camera.backward(masks.centroid[flat], there, away)
        area = masks.area[flat] / camera.scale(frame, away)
    else:
        place = camera.onward(masks.centroid[flat], there, away)
        area = masks.area[flat] * camera.scale(there, away)
    return place.reshape(*near.shape, 2), area.reshape(near.shape)
