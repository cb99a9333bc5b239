"""The work of the study: one sequence, labelled by several methods, in a worker."""

from dataclasses import dataclass, field
from functools import partial

import calibration
import numpy as np
import peers
import scoring
from measured import PACKAGE, Cache, Source, code

from consistency.dataset import Dataset
from consistency.measure.frame import FrameMeasurement
from consistency.options import AssociationOptions, MeasureOptions, Options
from consistency.track.association import associate
from consistency.track.parameters import Parameters
from consistency.track.results import TrackedFrame

# All masks, near-duplicates too: a peer is given every box.
EVERY_MASK = Options(matching="optimal", duplicate_iou=1.0)


@dataclass(frozen=True)
class Peer:
    """Another tracker: its name, its package and version."""

    name: str
    package: str


@dataclass(frozen=True)
class Tuned:
    """The matching "track" with other numbers than the default."""

    parameters: Parameters
    options: AssociationOptions = field(default_factory=AssociationOptions)


Method = AssociationOptions | Tuned | Peer


@dataclass(frozen=True)
class Job:
    """One sequence and the methods {name: method} that label it."""

    source: Source
    methods: dict[str, Method]
    cache: Cache


def work(job: Job) -> dict[str, scoring.Counts]:
    """Label the sequence with every method; returns the counts of each."""
    dataset = job.source.open(job.cache)
    ours = Ours(job, dataset)
    result = {}
    for name, method in job.methods.items():
        if isinstance(method, Peer):
            labels = _labels_of_peer(method, job, dataset)
        else:
            labels = labels_of(ours.label(method))
        result[name] = scoring.count(labels, dataset)
    return result


def calibrate(job: Job) -> dict[str, np.ndarray]:
    """Count right links by confidence, for every method; see ``calibration.count``."""
    dataset = job.source.open(job.cache)
    ours = Ours(job, dataset)
    return {
        name: calibration.count(ours.label(method), dataset) for name, method in job.methods.items()
    }


class Ours:
    """Labels a sequence by the matchings of the project; measured once for each way to measure."""

    def __init__(self, job: Job, dataset: Dataset):
        self._job, self._dataset = job, dataset
        self._measured: dict[MeasureOptions, list[FrameMeasurement]] = {}

    def label(self, method: AssociationOptions | Tuned) -> list[TrackedFrame]:
        """Return the labelled frames."""
        if isinstance(method, AssociationOptions):
            return associate(self._measure(method), method).frames
        measured = self._measure(method.options)
        return associate(measured, method.options, method.parameters).frames

    def _measure(self, options: AssociationOptions) -> list[FrameMeasurement]:
        every = Options(**vars(options))
        wanted = every.measuring()
        if wanted not in self._measured:
            self._measured[wanted] = self._job.source.measure(self._dataset, every, self._job.cache)
        return self._measured[wanted]


def labels_of(frames: list[TrackedFrame]) -> scoring.Labels:
    """Which masks of each frame are kept, and their labels."""
    return [(frame.kept, np.array(frame.labels, np.int64)) for frame in frames]


def _labels_of_peer(peer: Peer, job: Job, dataset: Dataset) -> scoring.Labels:
    """Label every mask; kept, as trackers of boxes take much longer than ours."""
    by = code(PACKAGE.parent / "running_time" / "peers.py")
    make = partial(_ask_peer, peer, job, dataset)
    return job.cache.get("peer", make, job.source.key(), peer, by)


def _ask_peer(peer: Peer, job: Job, dataset: Dataset) -> scoring.Labels:
    kept, boxes = [], []
    for frame in job.source.measure(dataset, EVERY_MASK, job.cache):
        order = np.argsort(frame.kept)  # as in the input: a tracker may depend on it
        corner, size = np.split(frame.boxes[order].astype(np.float64), 2, axis=1)
        kept.append(frame.kept[order])
        boxes.append(np.hstack([corner, corner + size]))
    return list(zip(kept, peers.label(peer.name, boxes), strict=True))
