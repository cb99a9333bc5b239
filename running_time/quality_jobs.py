"""The work of the study: one sequence, labelled by several methods, in a worker."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import peers
import scoring
from measured import PACKAGE, Cache, Source, code

from consistency.dataset import Dataset
from consistency.measure.frame import FrameMeasurement
from consistency.options import AssociationOptions, Options
from consistency.track.association import associate
from consistency.track.results import TrackedFrame

# All masks, near-duplicates too: a peer is given every box.
EVERY_MASK = Options(matching="optimal", duplicate_iou=1.0)


@dataclass(frozen=True)
class Peer:
    """Another tracker: its name, its package and version."""

    name: str
    package: str


Method = AssociationOptions | Peer


@dataclass(frozen=True)
class Job:
    """One sequence and the methods {name: method} that label it."""

    source: Source
    methods: dict[str, Method]
    cache: Cache


def work(job: Job) -> dict[str, scoring.Counts]:
    """Label the sequence with every method; returns the counts of each."""
    dataset = job.source.open(job.cache)
    measured: dict[object, list[FrameMeasurement]] = {}
    result = {}
    for name, method in job.methods.items():
        if isinstance(method, Peer):
            labels = _labels_of_peer(method, job, dataset)
        else:
            options = Options(**vars(method))
            wanted = options.measuring()
            if wanted not in measured:
                measured[wanted] = job.source.measure(dataset, options, job.cache)
            labels = labels_of(associate(measured[wanted], method)[0])
        result[name] = scoring.count(labels, dataset)
    return result


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
