"""Track masks through the frames: the sequential stage of the default matching.

Frame by frame: compare all tracks with all masks (module ``similarity``), assign first the
tracks of the frame before, look for splits, then let older tracks return where they fit better;
what is left begins a new track, with the velocity of the nearest one.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from consistency.masks.thumbnail_pool import ThumbnailPool
from consistency.measure.camera_motion import UNKNOWN
from consistency.measure.frame import FrameMeasurement
from consistency.options import LONG_MEMORY, MEMORY
from consistency.track.assignment import assign_pairs
from consistency.track.blinking import Blinking
from consistency.track.parameters import DEFAULTS, Parameters
from consistency.track.results import Change, Labelled, Lineage
from consistency.track.similarity import pairwise_similarity
from consistency.track.splits import Split, find_merges, find_splits
from consistency.track.state import (
    LAST,
    STATE,
    Detections,
    Links,
    compensate_camera,
    predict,
    update,
)


class Tracker:
    """Labels for one sequence, frame after frame.

    Parameters
    ----------
    memory : number of frames that a track may miss and still return.
    long_memory : a longer absence, after which it has to lie where it is expected; the camera's
        motion must have been known all the while.
    without : some of ``options.CUES``, to be left out.
    known : how often masks blinked when the beginning was tracked before, which says how much a
        mask has to look like its track; as soon as this tracker has seen more it goes by that.
        None: it is as lenient as can be.
    parameters : the tuned numbers.

    Attributes
    ----------
    blinking : how often masks have blinked so far.
    """

    def __init__(
        self,
        memory: int = MEMORY,
        long_memory: int = LONG_MEMORY,
        without: frozenset[str] = frozenset(),
        known: Blinking | None = None,
        parameters: Parameters = DEFAULTS,
    ):
        self.memory, self.long_memory = memory, max(memory, long_memory)
        self.without = without
        self.parameters = parameters
        self.blinking, self._known = Blinking(), known
        self._tracks = np.zeros(0, STATE)
        self._pool = ThumbnailPool()
        self._next_label, self._t = 1, 0
        self._parents: dict[int, int] = {}
        self._changes: list[Change] = []

    @property
    def lineage(self) -> Lineage:
        """What is known so far."""
        return Lineage(dict(self._parents), tuple(self._changes))

    @property
    def strictness(self) -> float:
        """How much a mask has to look like the track, 0-1."""
        if self._known is None:
            return 0.0
        more = self.blinking.links > self._known.links
        return (self.blinking if more else self._known).strictness(self.parameters)

    def step(self, now: FrameMeasurement) -> list[int]:
        """Return a label for each kept mask of the next frame."""
        detections = Detections.of(now, self._t, self._pool, self.parameters)
        motion = UNKNOWN if "motion" in self.without else now.motion
        tracks = compensate_camera(self._tracks, motion, self._t)
        missed = self._t - tracks["frame"] - 1
        # Whose place has become unknown does not return after long.
        long = tracks["motion_known"] & (tracks["length"] > 1) & (missed <= self.long_memory)
        alive = ((missed <= self.memory) | long).nonzero()[0]
        tracks, missed = tracks.take(alive), missed[alive]
        links, splits = self._match(tracks, missed, detections)
        linked = tracks.take(links.rows)
        self.blinking = self.blinking.counted(linked, self._t, links.similarity, self.parameters)
        going = update(linked, detections, links, self.parameters)
        new = self._begin(detections, links.masks, going)
        self._note(tracks, now, links, splits, new)
        idle = np.ones(tracks.size, bool)
        idle[links.rows] = False
        self._tracks = _joined([tracks.take(idle.nonzero()[0]), going, new])
        self._pool.keep(self._tracks["shape"])
        self._t += 1
        labels = np.zeros(now.kept.size, np.int64)
        labels[links.masks] = going["label"]
        labels[new["mask"]] = new["label"]
        return labels.tolist()

    def _match(
        self, tracks: np.ndarray, missed: np.ndarray, detections: Detections
    ) -> tuple[Links, list[Split]]:
        """Return which tracks get which masks, and the cuts whose second pieces begin new ones."""
        p = self.parameters
        recent, long_gone = missed == 0, missed > self.memory
        gate = self._gate(tracks, detections.now)
        left = np.where(recent, p.idle_share * gate, p.least_return)
        least = np.where(long_gone, p.least_long_return, np.where(recent, gate, p.least_return))
        predicted = predict(tracks, self._t, p)
        found = pairwise_similarity(
            tracks, predicted, detections, least, self.memory, p, self.without
        )
        rows, columns = found.rows, found.columns
        # After long a like shape proves nothing: another one may have come in the meantime.
        certain = np.where(found.place >= p.least_long_return, found.place, 0.0)
        similarity = np.where(long_gone[rows], certain, found.similarity)
        clear = similarity >= np.where(recent, gate, p.least_clear_return)[rows]
        # Where masks blink, a newcomer may be a piece of an object that waits for its mask.
        trust = 1 - p.youth_discount * self.strictness / tracks["length"]
        chosen = assign_pairs(rows, columns, np.where(clear, similarity * trust[rows], 0.0))
        # Before idle tracks get what is left: the second piece of a cut is nobody else's.
        splits = self._splits(tracks, detections, (rows[chosen], columns[chosen]), recent)
        idle, free = np.ones(tracks.size, bool), np.ones(detections.masks.size, bool)
        idle[rows[chosen]] = free[columns[chosen]] = False
        free[[split.second for split in splits]] = False
        # Only pairs that promised ``least`` were compared at all; comparing more finds strangers.
        some = idle[rows] & free[columns] & (similarity >= left[rows])
        more = assign_pairs(rows, columns, np.where(some, similarity, 0.0))
        chosen = np.concatenate([chosen, more])
        links = Links(rows[chosen], columns[chosen], similarity[chosen], found.innovation[chosen])
        return links, splits

    def _gate(self, tracks: np.ndarray, now: FrameMeasurement) -> np.ndarray:
        """Least similarity of a link to the next frame, float64 (n,)."""
        p = self.parameters
        found_camera = not now.motion.still and "motion" not in self.without
        least = p.least_similarity_known_motion if found_camera else p.least_similarity
        return np.maximum(least, p.gate_share * tracks["level"] * self.strictness)

    def _splits(
        self,
        tracks: np.ndarray,
        detections: Detections,
        pairs: tuple[np.ndarray, np.ndarray],
        recent: np.ndarray,
    ) -> list[Split]:
        """Look for splits among the ``recent`` tracks, bool (n,), that have got a mask."""
        rows, masks = pairs
        free = np.ones(detections.masks.size, bool)
        free[masks] = False
        going = recent[rows]
        return find_splits(
            tracks,
            detections,
            (rows[going], masks[going]),
            np.flatnonzero(free),
            self.parameters,
        )

    def _begin(self, detections: Detections, masks: np.ndarray, going: np.ndarray) -> np.ndarray:
        """Begin a track with every mask that is not among ``masks`` int64 (k,) of ``going``."""
        free = np.ones(detections.masks.size, bool)
        free[masks] = False
        new = detections.masks.take(free.nonzero()[0])
        new["label"] = self._next_label + np.arange(new.size)
        self._next_label += new.size
        moving = going[going["length"] > 1]
        if moving.size and new.size and "borrowing" not in self.without:
            # Neighbours move alike, most of all where the camera moves and nobody knows how.
            away = new["centroid"][:, None, LAST] - moving["centroid"][None, :, LAST]
            nearest = np.hypot(away[..., 0], away[..., 1]).argmin(axis=1)
            new["velocity"] = moving["velocity"][nearest]
        return new

    def _note(
        self,
        tracks: np.ndarray,
        now: FrameMeasurement,
        links: Links,
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
        going = recent[links.rows]
        going = links.rows[going], links.masks[going]
        recent[links.rows] = False
        # Who was cut was not lost to a merge.
        recent[[split.track for split in splits]] = False
        lost = np.flatnonzero(recent)
        if not lost.size:
            return
        for row, other in find_merges(tracks, now, going, lost, self.parameters):
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
