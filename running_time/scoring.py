"""Labels against identities, in counts that add up over sequences."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from consistency.dataset import Dataset
from consistency.metrics.mot import MetricFrame, clear, hota, identity

# Of each frame: which masks of the input have a label, int64 (n,), and the labels, int64 (n,).
Labels = Sequence[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Counts:
    """What the scores of a group of sequences are made of.

    Attributes
    ----------
    hits : labelled masks that have an identity.
    association : sum over them of TPA / (TPA + FNA + FPA).
    right : masks that agree with the best one-to-one map of labels to identities.
    masks : masks with an identity and masks with a label, added up.
    switches : of an identity from one label to another.
    labels : how many there are.
    """

    hits: int = 0
    association: float = 0.0
    right: float = 0.0
    masks: int = 0
    switches: int = 0
    labels: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        """Return the counts of both, whose identities and labels have nothing in common."""
        return Counts(
            *(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True))
        )

    def figures(self) -> dict[str, float]:
        """AssA and IDF1 in percent, IDSW and number of labels."""
        return {
            "AssA": 100 * self.association / max(self.hits, 1),
            "IDF1": 200 * self.right / max(self.masks, 1),
            "IDSW": self.switches,
            "labels": self.labels,
        }


def metric_frames(labels: Labels, dataset: Dataset) -> list[MetricFrame]:
    """Truth and labels of each frame, whose masks are the same: IoU 1 or 0.

    A mask without identity counts as labelled only.
    """
    result = []
    for (kept, given), frame in zip(labels, dataset.frames, strict=True):
        known = [i for i, value in enumerate(frame.identities) if value is not None]
        names = np.array([frame.identities[i] for i in known], np.int64)
        same = np.array(known, np.int64)[:, None] == kept[None, :]
        result.append(MetricFrame(names, given, same.astype(np.float64)))
    return result


def count(labels: Labels, dataset: Dataset) -> Counts:
    """Count one sequence, with the metrics of the project."""
    frames = metric_frames(labels, dataset)
    events = clear(frames)
    masks = sum(frame.identities.size + frame.labels.size for frame in frames)
    return Counts(
        hits=events["TP"],
        association=hota(frames)["AssA"] * events["TP"],
        right=identity(frames)["IDF1"] * masks / 2,
        masks=masks,
        switches=events["IDSW"],
        labels=len({value for frame in frames for value in frame.labels.tolist()}),
    )


def mean(figures: Iterable[dict[str, float]]) -> dict[str, float]:
    """Mean of each figure, to one digit."""
    rows = list(figures)
    return {name: round(float(np.mean([row[name] for row in rows])), 1) for name in rows[0]}
