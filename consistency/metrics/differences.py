"""Two experiments on the same masks: which labels differ."""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from consistency.experiment import Experiment
from consistency.metrics.counts import Counts
from consistency.metrics.mot import MetricFrame, count_hota, hota_of


def count(experiment: Experiment, other: Experiment) -> Counts:
    """Count what differs from ``other``; counts of several sequences can be added.

    Raises ValueError unless both are of the same input with the same frames.
    """
    ours, theirs = (each.run["input"]["path"] for each in (experiment, other))
    names = [[frame.name for frame in each.frames] for each in (experiment, other)]
    if ours != theirs or names[0] != names[1]:
        raise ValueError(
            f"{experiment.folder} and {other.folder} are not of the same input with the same "
            "frames; mark the same data twice to compare labels"
        )
    labels = [
        tuple(dict(zip(f.input_indices, f.labels, strict=True)) for f in both)
        for both in zip(experiment.frames, other.frames, strict=True)
    ]
    shared = [[(a[i], b[i]) for i in a if i in b] for a, b in labels]
    pairs = Counter(pair for frame in shared for pair in frame)
    return {
        "masks": sum(map(len, shared)),
        "only here": sum(len(a.keys() - b.keys()) for a, b in labels),
        "only there": sum(len(b.keys() - a.keys()) for a, b in labels),
        "labels": len({v for a, _ in labels for v in a.values()}),
        "labels there": len({v for _, b in labels for v in b.values()}),
        "unchanged": _agreeing(pairs),
        "cut": _several(theirs for _, theirs in pairs),
        "joined": _several(ours for ours, _ in pairs),
        "hota": count_hota([_same_masks(frame) for frame in shared]),
    }


def figures(counts: Counts) -> dict[str, float]:
    """Return what is shown of counts.

    Returns
    -------
    masks : that both have kept; only here, only there : masks that the other has not.
    labels, labels there : how many.
    changed : masks that do not go with the best one-to-one map of labels; also in percent.
    cut, joined : labels there that are several here; labels here that are several there.
    AssA : 0-1, as if the labels there were the truth.
    """
    masks = counts["masks"]
    changed = int(masks - counts["unchanged"])
    names = "masks", "only here", "only there", "labels", "labels there"
    return {
        **{name: counts[name] for name in names},
        "changed": changed,
        "changed, %": 100 * changed / max(masks, 1),
        "cut": counts["cut"],
        "joined": counts["joined"],
        "AssA": hota_of(counts["hota"])["AssA"],
    }


def _agreeing(pairs: Counter[tuple[int, int]]) -> int:
    """Masks whose labels go together under the best one-to-one map."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    if not pairs:
        return 0
    ours, i = np.unique([a for a, _ in pairs], return_inverse=True)
    theirs, j = np.unique([b for _, b in pairs], return_inverse=True)
    value = np.array(list(pairs.values()), np.float64)
    # A column of its own for each label, at no gain, so that it may stay without a partner.
    alone = np.arange(ours.size)
    where = np.concatenate([i, alone]), np.concatenate([j, theirs.size + alone])
    gain = np.concatenate([value + 1, np.ones(ours.size)])
    table = coo_array((gain, where), shape=(ours.size, theirs.size + ours.size)).tocsr()
    rows, columns = min_weight_full_bipartite_matching(table, maximize=True)
    return int(table[rows, columns].sum() - ours.size)


def _several(labels: Iterable[int]) -> int:
    """Labels that occur with more than one of the other side."""
    return sum(count > 1 for count in Counter(labels).values())


def _same_masks(pairs: list[tuple[int, int]]) -> MetricFrame:
    ours, theirs = np.array(pairs, np.int64).reshape(-1, 2).T
    return MetricFrame(theirs, ours, np.eye(len(pairs)))
