"""Whether the confidence of links says how often they are right."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import matplotlib
import numpy as np

from consistency.dataset import Dataset

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# Each bin is about a tenth: links of 0.9 are those from 0.85 to 0.95.
BINS = np.arange(11) / 10
FEWEST = 20  # links of a point in the diagram: with fewer its height is chance
LINKS, CONFIDENCE, RIGHT, UNKNOWN = range(4)  # columns of a table of counts


class Confident(Protocol):
    """What is asked of a labelled frame; see ``consistency.track.results.TrackedFrame``."""

    kept: np.ndarray
    labels: Sequence[int]
    confidence: np.ndarray


def nothing() -> np.ndarray:
    """Counts of no link."""
    return np.zeros((BINS.size, 4))


def count(frames: Sequence[Confident], dataset: Dataset) -> np.ndarray:
    """Count the links of one sequence.

    A link joins a mask to the mask before of its label.  It is right if both show the same object,
    and unknown if one of them has no identity.

    Returns
    -------
    float64 (11, 4): for each of BINS the links, the sum of their confidence, how many are right and
    how many unknown; counts of sequences may be added.
    """
    found, last = nothing(), {}
    for labelled, frame in zip(frames, dataset.frames, strict=True):
        rows = zip(labelled.kept.tolist(), labelled.labels, labelled.confidence, strict=True)
        for index, label, confidence in rows:
            who = frame.identities[index]
            if not np.isnan(confidence):
                before = last[label]
                known = who is not None and before is not None
                row = int(10 * confidence + 0.5)
                found[row] += 1, confidence, known and who == before, not known
            last[label] = who
    return found


def share_right(counts: np.ndarray) -> np.ndarray:
    """Share of right links, unknown ones left out, float64 (11,); NaN where there is none."""
    known = counts[:, LINKS] - counts[:, UNKNOWN]
    return np.divide(counts[:, RIGHT], known, out=np.full(BINS.size, np.nan), where=known > 0)


def mean_confidence(counts: np.ndarray) -> np.ndarray:
    """Mean confidence of the links in each bin, float64 (11,); NaN where there is none."""
    links = counts[:, LINKS]
    return np.divide(counts[:, CONFIDENCE], links, out=np.full(BINS.size, np.nan), where=links > 0)


def error(counts: np.ndarray) -> float:
    """Expected calibration error (Naeini et al. 2015): mean of |confidence - share| over links."""
    off = np.abs(mean_confidence(counts) - share_right(counts))
    known = (counts[:, LINKS] - counts[:, UNKNOWN])[~np.isnan(off)]
    return float((off[~np.isnan(off)] * known).sum() / max(known.sum(), 1))


def rows(counts: dict[str, np.ndarray]) -> list[list[str]]:
    """Table: a line for each bin, the share of right links and their number in each column.

    The last column counts links of masks without identity as wrong.
    """
    everything = counts | {"all": sum(counts.values(), nothing())}
    worst = everything["all"].copy()
    worst[:, UNKNOWN] = 0
    everything["all, unknown as wrong"] = worst
    result = [["confidence", *everything]]
    for row, centre in enumerate(BINS):
        cells = [_cell(share_right(c)[row], c[row]) for c in everything.values()]
        result.append([f"{centre:.1f}", *cells])
    result.append(["calibration error", *(f"{error(c):.3f}" for c in everything.values())])
    return result


def _cell(share: float, counts: np.ndarray) -> str:
    known = counts[LINKS] - counts[UNKNOWN]
    return f"{100 * share:.0f} % of {known:.0f}" if known else ""


def points(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean confidence and share of right links, float64 (11,) each; NaN: fewer than FEWEST."""
    few = counts[:, LINKS] - counts[:, UNKNOWN] < FEWEST
    return mean_confidence(counts), np.where(few, np.nan, share_right(counts))


def draw(counts: dict[str, np.ndarray], path: Path) -> None:
    """Reliability diagram: a thin line for each column, a thick one for all together."""
    figure, axes = plt.subplots(figsize=(4.6, 4.4), layout="constrained")
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle="--")
    for title, found in counts.items():
        axes.plot(*points(found), linewidth=0.8, label=title)
    together = points(sum(counts.values(), nothing()))
    axes.plot(*together, color="black", linewidth=2.2, marker="o", markersize=4, label="all")
    axes.set(xlabel="confidence", ylabel="share of right links", xlim=(0, 1), ylim=(0, 1.01))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=7, frameon=False, loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
