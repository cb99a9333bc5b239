"""Track masks through the frames: the sequential stage of the default matching.

Frame by frame: compare all tracks with all masks (module ``similarity``), assign first the
tracks of the frame before, look for splits, then let older tracks return where they fit better;
what is left begins a new track, with the velocity of the nearest one.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from consistency.masks.thumbnails import ThumbnailPool
from consistency.measure.camera_motion import UNKNOWN
from consistency.measure.frame import FrameMeasurement
from consistency.options import LONG_MEMORY, MEMORY
from consistency.track.assignment import assign_pairs
from consistency.track.gating import innovations
from consistency.track.results import Change, Labelled, Lineage
from consistency.track.similarity import pairwise_similarity
from consistency.track.splits import Split, find_merges, find_splits
from consistency.track.state import (
    STATE,
    Detections,
    InnovationPrior,
    compensate_camera,
    predict,
    update,
)

LEAST_SIMILARITY = 0.02  # of a link to the next frame: low, as rivals are decided by assignment
# ... where the camera's motion is known masks lie where they are expected, or they are others.
LEAST_SIMILARITY_KNOWN_MOTION = 0.2
# A track that is back after a gap competes with those of the frame before where it fits so well,
# and is only a little less trusted; of what is left it may have a mask on less.
LEAST_CLEAR_RETURN = 0.5
RETURN_DISCOUNT = 0.97
LEAST_RETURN = 0.2
LEAST_LONG_RETURN = 0.5  # IoU at the expected place, after more than the memory


class Tracker:
    """Labels for one sequence, frame after frame.

    Parameters
    ----------
    memory : number of frames that a track may miss and still return.
    long_memory : a longer absence, after which it has to lie where it is expected; the camera's
        motion must have been known all the while.
    on_split : "keep": the mother's label stays with one piece; "new": all get new labels.
    without : some of ``options.CUES``, to be left out.
    """

    def __init__(
        self,
        memory: int = MEMORY,
        long_memory: int = LONG_MEMORY,
        on_split: str = "keep",
        without: frozenset[str] = frozenset(),
    ):
        self.memory, self.long_memory = memory, max(memory, long_memory)
        self.on_split, self.without = on_split, without
        self._tracks = np.zeros(0, STATE)
        self._pool = ThumbnailPool()
        self._prior = InnovationPrior()
        self._next_label, self._t = 1, 0
        self._parents: dict[int, int] = {}
        self._changes: list[Change] = []

    @property
    def lineage(self) -> Lineage:
        """What is known so far."""
        return Lineage(dict(self._parents), tuple(self._changes))

    def step(self, now: FrameMeasurement) -> list[int]:
        """Return a label for each kept mask of the next frame."""
        detections = Detections.of(now, self._t, self._pool)
        motion = UNKNOWN if "motion" in self.without else now.motion
        tracks = compensate_camera(self._tracks, motion, self._t)
        missed = self._t - tracks["frame"] - 1
        # Whose place has become unknown does not return after long.
        long = tracks["motion_known"] & (tracks["length"] > 1) & (missed <= self.long_memory)
        alive = ((missed <= self.memory) | long).nonzero()[0]
        tracks, missed = tracks.take(alive), missed[alive]
        predicted = predict(tracks, self._t)
        rows, masks, splits = self._match(tracks, predicted, missed, detections)
        found = innovations(tracks["size"][rows], predicted.take(rows, axis=0), now, masks)
        going, self._prior = update(tracks.take(rows), detections, masks, found, self._prior)
        new = self._begin(detections, masks, going)
        self._note(tracks, now, (rows, masks), splits, new)
        idle = np.ones(tracks.size, bool)
        idle[rows] = False
        if self.on_split == "new":
            idle[[split.track for split in splits]] = False
        self._tracks = _joined([tracks.take(idle.nonzero()[0]), going, new])
        self._pool.keep(self._tracks["shape"], self._tracks["largest_shape"])
        self._t += 1
        labels = np.zeros(now.kept.size, np.int64)
        labels[masks] = going["label"]
        labels[new["mask"]] = new["label"]
        return labels.tolist()

    def _match(
        self, tracks: np.ndarray, predicted: np.ndarray, missed: np.ndarray, detections: Detections
    ) -> tuple[np.ndarray, np.ndarray, list[Split]]:
        """Return tracks and their masks, and the splits whose masks begin new tracks."""
        found_camera = not detections.now.motion.still and "motion" not in self.without
        usual = LEAST_SIMILARITY_KNOWN_MOTION if found_camera else LEAST_SIMILARITY
        recent, long_gone = missed == 0, missed > self.memory
        least = np.where(long_gone, LEAST_LONG_RETURN, np.where(recent, usual, LEAST_RETURN))
        found = pairwise_similarity(tracks, predicted, detections, least, self.memory, self.without)
        rows, columns = found.rows, found.columns
        certain = np.where(found.place >= LEAST_LONG_RETURN, found.place, 0.0)
        similarity = np.where(long_gone[rows], certain, found.similarity)
        clear = similarity >= np.where(recent, usual, LEAST_CLEAR_RETURN)[rows]
        trust = np.where(recent[rows], 1.0, RETURN_DISCOUNT)
        chosen = assign_pairs(rows, columns, np.where(clear, similarity * trust, 0.0))
        free = np.ones(detections.masks.size, bool)
        free[columns[chosen]] = False
        lineages = self.on_split == "new"
        pairs = rows[chosen], columns[chosen]
        going = recent[pairs[0]]
        going = pairs[0][going], pairs[1][going]
        splits = find_splits(tracks, detections, going, np.flatnonzero(free), lineages)
        if lineages:
            kept = ~np.isin(pairs[0], [split.track for split in splits])
            pairs = pairs[0][kept], pairs[1][kept]
            free[[split.first for split in splits]] = False
        free[[split.second for split in splits]] = False
        lost = ~recent
        lost[pairs[0]] = False
        left = lost[rows] & free[columns] & (similarity >= LEAST_RETURN)
        if left.any():
            more = assign_pairs(rows, columns, np.where(left, similarity, 0.0))
            pairs = np.append(pairs[0], rows[more]), np.append(pairs[1], columns[more])
        return *pairs, splits

    def _begin(self, detections: Detections, masks: np.ndarray, going: np.ndarray) -> np.ndarray:
        free = np.ones(detections.masks.size, bool)
        free[masks] = False
        new = detections.masks.take(free.nonzero()[0])
        new["label"] = self._next_label + np.arange(new.size)
        self._next_label += new.size
        new["variance"] = self._prior.first
        moving = going[going["length"] > 1]
        if moving.size and new.size and "borrowing" not in self.without:
            away = new["centroid"][:, None] - moving["centroid"][None, :]
            nearest = np.hypot(away[..., 0], away[..., 1]).argmin(axis=1)
            new["velocity"] = moving["velocity"][nearest]
        return new

    def _note(
        self,
        tracks: np.ndarray,
        now: FrameMeasurement,
        pairs: tuple[np.ndarray, np.ndarray],
        splits: list[Split],
        new: np.ndarray,
    ) -> None:
        """Write splits and merges down."""
        label_of = dict(zip(new["mask"].tolist(), new["label"].tolist(), strict=True))
        for split in splits:
            mother = int(tracks["label"][split.track])
            daughters = [label_of.get(split.first, mother), label_of[split.second]]
            self._parents |= {label: mother for label in daughters if label != mother}
            self._changes.append(Change(self._t, "split", mother, tuple(daughters)))
        recent = self._t - tracks["frame"] == 1
        going = recent[pairs[0]]
        going = pairs[0][going], pairs[1][going]
        recent[pairs[0]] = False
        recent[[split.track for split in splits]] = False
        lost = np.flatnonzero(recent)
        for row, other in find_merges(tracks, now, going, lost) if lost.size else ():
            label, heir = int(tracks["label"][row]), int(tracks["label"][other])
            self._changes.append(Change(self._t, "merge", label, (heir,)))


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """np.concatenate, which takes longer to find out that all parts are of one type."""
    result = np.empty(sum(part.size for part in parts), STATE)
    begin = 0
    for part in parts:
        result[begin : begin + part.size] = part
        begin += part.size
    return result


def track_frames(measurements: Iterable[FrameMeasurement], tracker: Tracker) -> Iterator[Labelled]:
    """Yield each measurement with one label (int >= 1) for each of its kept masks."""
    for now in measurements:
        yield now, tracker.step(now)
