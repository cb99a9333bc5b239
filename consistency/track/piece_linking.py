"""Join tracks of different pieces of a video by motion and shape, where no frame is in both."""

from collections.abc import Mapping, Sequence

import numpy as np

from consistency.track.linking import Joiner
from consistency.track.parameters import DEFAULTS, Parameters
from consistency.track.results import TrackedFrame
from consistency.track.thumbnail_store import ThumbnailStore
from consistency.track.tracklets import Tracks


def link_pieces(
    frames: Sequence[TrackedFrame],
    thumbnails: ThumbnailStore,
    pieces: Mapping[int, tuple[int, int]],
    most_missed: int,
    p: Parameters = DEFAULTS,
) -> tuple[list[list[int]], list[np.ndarray]]:
    """Join tracks of different pieces of a video; within a piece nothing is cut or joined.

    Parameters
    ----------
    frames, thumbnails, most_missed : as of ``link``.
    pieces : {label: the first and the last piece that knows it}.  Whose pieces meet are different
        objects: that piece says so.

    Returns
    -------
    As ``link``; the confidence is that of links that were made here, NaN for all others.
    """
    if not any(frame.labels for frame in frames):
        return [[] for _ in frames], [np.zeros(0) for _ in frames]
    given = Tracks.of_labels(frame.labels for frame in frames)
    known = [pieces[label] for frame in frames for label in frame.labels]
    everywhere = np.ones(given.track.size, bool)
    joiner = Joiner.of(
        frames,
        thumbnails,
        most_missed,
        p,
        may_go_on=everywhere,
        may_come_from=everywhere,
        pieces=np.array(known, np.int64).reshape(-1, 2),
    )
    # What users gave is not cut: of each round only what it joins is left.
    tracks, calibration = joiner.joined(given, [(None, least) for _, least in p.rounds])
    confidence = joiner.confidence(tracks, calibration)
    new = np.split(given.before < 0, joiner.masks.first[1:-1])
    sure = [np.where(begins, value, np.nan) for begins, value in zip(new, confidence, strict=True)]
    return joiner.labels(tracks), sure
