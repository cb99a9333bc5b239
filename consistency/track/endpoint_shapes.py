"""What linking needs of the shapes of a sequence, gathered as frames go by."""

import pickle
from collections.abc import Sequence

import numpy as np

from consistency.masks.thumbnails import NO_THUMBNAILS, Thumbnails, joined

ENDPOINT_MASKS = 5  # masks at each end that its velocity and its largest shape are taken from
FORGET_FRAMES = 64  # after so many thumbnails that are not needed are given up
MASK_BITS = (1 << 32) - 1  # of a key, the number within the frame; the frame is above

SHOWN = np.dtype(
    [
        ("label", np.int64),
        ("ordinal", np.int64),  # of the mask among those of its label
        ("area", np.int64),
        ("t", np.int64),
        ("key", np.int64),
    ]
)


class EndpointShapes:
    """Thumbnails of the largest masks near both ends of every track, as tracks grow.

    Those in between are given up, and those of tracks that are over wait compressed, so that
    memory follows the number of tracks, not of frames.

    Parameters
    ----------
    longest : number of frames after which a track does not return.
    """

    def __init__(self, longest: int):
        self._longest = longest
        self._t = 0
        self._table = np.zeros(0, SHOWN)
        self._shapes = NO_THUMBNAILS
        self._new: list[tuple[np.ndarray, Thumbnails]] = []
        self._over: list[tuple[np.ndarray, bytes]] = []  # keys, rising, and pickled thumbnails

    def add(self, labels: Sequence[int], areas: np.ndarray, shapes: Thumbnails) -> None:
        """Take the next frame's: labels, areas int64 (n,) in pixels, thumbnails."""
        table = np.zeros(areas.size, SHOWN)
        table["label"], table["area"], table["t"] = labels, areas, self._t
        table["key"] = keys(self._t, np.arange(areas.size))
        self._new.append((table, shapes))
        self._t += 1
        if len(self._new) == FORGET_FRAMES:
            self._forget()

    def _forget(self) -> None:
        if not self._new:
            return
        tables, shapes = zip(*self._new, strict=True)
        self._new.clear()
        table = np.concatenate([self._table, *tables])
        _count(table, len(self._table))
        total = np.zeros(table["label"].max(initial=0) + 1, np.int64)
        np.maximum.at(total, table["label"], table["ordinal"] + 1)
        latest = np.zeros(total.size, np.int64)
        np.maximum.at(latest, table["label"], table["t"])
        first = table["ordinal"] < ENDPOINT_MASKS
        last = table["ordinal"] >= total[table["label"]] - ENDPOINT_MASKS
        over = self._t - 1 - latest[table["label"]] > self._longest
        wanted = (last & ~over) | _largest(table, first) | _largest(table, last)
        # How many masks a track has had is known by its latest, which stays.
        wanted |= table["ordinal"] == total[table["label"]] - 1
        shown = joined([self._shapes, *shapes])
        done = (wanted & over).nonzero()[0]
        if done.size:
            self._over.append((table["key"][done], pickle.dumps(shown.take(done))))
        going = (wanted & ~over).nonzero()[0]
        self._table, self._shapes = table[going], shown.take(going)

    def find(self, keys: np.ndarray) -> Thumbnails:
        """Return the thumbnails of masks by their keys, int64 (k,)."""
        self._forget()
        parts, places = [self._shapes.take(np.zeros(0, np.int64))], [np.zeros(0, np.int64)]
        stored: list[tuple[np.ndarray, Thumbnails | bytes]]
        stored = [(self._table["key"], self._shapes), *self._over]
        for known, shapes in stored:
            if not known.size:
                continue
            number = np.minimum(known.searchsorted(keys), known.size - 1)
            there = (known[number] == keys).nonzero()[0]
            if there.size:
                thumbnails = pickle.loads(shapes) if isinstance(shapes, bytes) else shapes
                parts.append(thumbnails.take(number[there]))
                places.append(there)
        return joined(parts).take(np.concatenate(places).argsort())


def keys(frames: np.ndarray | int, masks: np.ndarray) -> np.ndarray:
    """One number for a frame and a mask in it, rising with both, int64."""
    return frames * (MASK_BITS + 1) + masks


def _count(table: np.ndarray, known: int) -> None:
    """Number the masks of each label; the first ``known`` rows are numbered."""
    label = table["label"]
    so_far = np.zeros(label.max(initial=0) + 1, np.int64)
    np.maximum.at(so_far, label[:known], table["ordinal"][:known] + 1)
    order = np.argsort(label[known:], kind="stable")
    new = label[known:][order]
    rank = np.arange(new.size) - np.searchsorted(new, new)
    table["ordinal"][known:][order] = so_far[new] + rank


def _largest(table: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Mark of each label the largest mask among ``some``, the first of equal ones, bool (k,)."""
    chosen = np.flatnonzero(some)
    order = chosen[np.lexsort((-table["area"][chosen], table["label"][chosen]))]
    label = table["label"][order]
    result = np.zeros(some.size, bool)
    result[order[np.diff(label, prepend=-1) != 0]] = True
    return result
