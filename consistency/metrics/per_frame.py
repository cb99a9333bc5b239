"""One sequence frame by frame against its truth, and averages as those of DAVIS (Perazzi 2016)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from consistency.experiment import Experiment
from consistency.metrics.counts import Counts
from consistency.metrics.ground_truth import Truth, compare
from consistency.metrics.mot import MetricFrame, region_scores

RECALLED = 0.5  # Jaccard above which an object is found
BINS = 4  # of a sequence in time; decay is from the first to the last


@dataclass(frozen=True)
class FrameResult:
    """One frame.

    Attributes
    ----------
    frame : its name.
    jaccard : mean IoU of the true objects of the sequence and their labels, 0-1, as J of DAVIS:
        where neither is there it is 1.  None where the truth has no object.
    area : pixels of all labelled masks.
    births : labels whose first mask is here.
    deaths : labels whose last mask was in the frame before.
    """

    frame: str
    jaccard: float | None
    area: int
    births: int
    deaths: int


@dataclass(frozen=True)
class SequenceResult:
    """All frames of a sequence, and counts of it that can be added to those of others."""

    frames: list[FrameResult]
    counts: Counts


def judge(experiment: Experiment, truth: Truth) -> SequenceResult:
    """Compare an experiment with its truth frame by frame; raises as ``compare``."""
    frames, areas = [], []
    for each in compare(experiment, truth):
        found = each.overlaps
        frames.append(MetricFrame(found.identities, found.labels, each.similarity))
        areas.append(int(found.label_areas.sum()))
    scores = list(region_scores(frames).values())
    means = np.mean(scores, axis=0).tolist() if scores else [None] * len(frames)
    births, deaths = _changes([frame.labels for frame in experiment.frames])
    names = [frame.name for frame in experiment.frames]
    columns = zip(names, means, areas, births, deaths, strict=True)
    objects = {"mean": [], "recall": [], "decay": []} if not scores else _of_objects(scores)
    counts = {"frames": len(frames), "births": sum(births), "deaths": sum(deaths)} | objects
    return SequenceResult([FrameResult(*row) for row in columns], counts)


def _changes(labels: Sequence[Sequence[int]]) -> tuple[list[int], list[int]]:
    """Births and deaths of each frame."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for t, here in enumerate(labels):
        for label in here:
            first.setdefault(label, t)
            last[label] = t
    births, deaths = [0] * len(labels), [0] * (len(labels) + 1)
    for label, t in first.items():
        births[t] += 1
        deaths[last[label] + 1] += 1
    return births, deaths[:-1]


def _of_objects(scores: list[list[float]]) -> dict[str, list[float]]:
    return {
        "mean": [float(np.mean(s)) for s in scores],
        "recall": [float(np.mean(np.array(s) > RECALLED)) for s in scores],
        "decay": [decay(s) for s in scores],
    }


def decay(scores: Sequence[float]) -> float:
    """How much the scores of an object fall: mean of the first quarter minus that of the last."""
    # Neighbouring quarters share a frame, as those of DAVIS do.
    edges = np.round(np.linspace(1, len(scores), BINS + 1) + 1e-10).astype(int) - 1
    first, last = scores[edges[0] : edges[1] + 1], scores[edges[-2] : edges[-1] + 1]
    return float(np.mean(first) - np.mean(last))


def averages(counts: Counts) -> dict[str, float | int | None]:
    """Return figures of one sequence, or of several added up: means over all their objects."""
    found: dict[str, float | int | None] = {"frames": counts["frames"]}
    found["objects"] = len(counts["mean"])
    for name in ("mean", "recall", "decay"):
        values = counts[name]
        found[f"J {name}"] = round(float(np.mean(values)), 4) if values else None
    return found | {"births": counts["births"], "deaths": counts["deaths"]}
