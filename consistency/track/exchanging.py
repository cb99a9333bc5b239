"""Where two tracks exchange their labels, or one is cut, as what is said of two masks wants it."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from consistency.options import MEMORY

# Log odds, float64 (p,), that an earlier and a later mask, int64 (p,) each, are one object; the
# first argument is the label of every mask.  NaN where nothing tells it.
Evidence = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
Tracks = tuple[np.ndarray, np.ndarray]  # the masks of two tracks, int64 (n,), in order of time
Links = set[tuple[int, int]]

# Frames within which tracks that have changed places for a moment change back.
SOON = MEMORY


def exchanged(
    label: np.ndarray,
    t: np.ndarray,
    tracks: Tracks,
    numbers: tuple[int, int],
    places: Sequence[int],
) -> np.ndarray:
    """Return the label of every mask, int64 (N,), after two tracks have exchanged theirs.

    Parameters
    ----------
    label, t : int64 (N,), label and frame of every mask.
    tracks : where the second has no mask, the first is cut.
    numbers : their labels.
    places : frames from which on they are exchanged, and back from the next one on.
    """
    result = label.copy()
    for masks, other in zip(tracks, numbers[::-1], strict=True):
        turned = np.searchsorted(sorted(places), t[masks], side="right") % 2 == 1
        result[masks[turned]] = other
    return result


def links(label: np.ndarray, tracks: Tracks) -> Links:
    """Return each mask of two tracks and the next one of its label."""
    masks = np.sort(np.concatenate(tracks))
    first = label[masks] == label[masks[0]]
    return {pair for own in (masks[first], masks[~first]) for pair in pairwise(own.tolist())}


def best_place(
    evidence: Evidence, label: np.ndarray, t: np.ndarray, tracks: Tracks, frames: range
) -> int:
    """Return which of some frames two tracks exchange best in."""
    value = np.zeros(len(frames))
    place = [np.searchsorted(t[masks], frames) for masks in tracks]
    for head, tail, sign in ((0, 1, 1), (1, 0, 1), (0, 0, -1), (1, 1, -1)):
        some = (place[head] > 0) & (place[tail] < tracks[tail].size)
        earlier = tracks[head][place[head][some] - 1]
        later = tracks[tail][place[tail][some]]
        value[some] += sign * np.nan_to_num(evidence(label, earlier, later))
    # The latest of equals: all is known by then.
    return frames[value.size - 1 - int(value[::-1].argmax())]


def with_return(
    evidence: Evidence,
    label: np.ndarray,
    t: np.ndarray,
    tracks: Tracks,
    numbers: tuple[int, int],
    at: int,
    frames: range,
) -> list[int]:
    """Return where two tracks exchange, and where they change back, if they do.

    A mask that is cut or merged can take the label of its object for a moment, and what follows has
    the right label again.  So tracks change back soon after ``frames``, or soon before them, where
    that is likelier than that all that follows is wrong.

    Parameters
    ----------
    at : one of ``frames``, in which they are exchanged.
    """
    alone = exchanged(label, t, tracks, numbers, [at])
    known = links(alone, tracks)
    best, least = [at], 0.0
    first, last = frames[0], frames[-1]
    for back in (*range(last + 1, last + 1 + SOON), *range(first - 1, first - 1 - SOON, -1)):
        # What speaks for a link depends on what is known of both tracks, with their new labels.
        tried = exchanged(label, t, tracks, numbers, [at, back])
        now = links(tried, tracks)
        gain = _odds(evidence, tried, now - known) - _odds(evidence, alone, known - now)
        if gain > least:
            best, least = [at, back], gain
    return best


def _odds(evidence: Evidence, label: np.ndarray, some: Links) -> float:
    """Return the sum of the log odds of links."""
    if not some:
        return 0.0
    earlier, later = np.array(sorted(some)).T
    return float(np.nan_to_num(evidence(label, earlier, later)).sum())
