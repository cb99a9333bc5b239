"""Metrics of the Cell Tracking Challenge: SEG, DET and TRA (Matula et al. 2015, Ulman et al. 2017).

A true mask is found by the mask that covers more than half of it.  DET and TRA count what it would
take to repair the result as a graph: AOGM = 5 NS + 10 FN + FP + ED + 1.5 EA + EC, where NS are
masks to split, FN and FP masks to add and remove, ED, EA and EC edges to remove, add and change.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from consistency.masks.intersections import iou
from consistency.metrics.counts import Counts

SPLIT, MISSED, SPURIOUS = 5.0, 10.0, 1.0
EDGE_REMOVED, EDGE_ADDED, EDGE_CHANGED = 1.0, 1.5, 1.0

Vertex = tuple[int, int]  # frame, identity or label
Edge = tuple[Vertex, Vertex]


@dataclass(frozen=True, eq=False)
class Overlaps:
    """One frame: ``shared`` int64 (n, m), common pixels of identities (rows) and labels."""

    identities: np.ndarray
    labels: np.ndarray
    shared: np.ndarray
    areas: np.ndarray
    label_areas: np.ndarray


def lineage(
    frames: Sequence[Overlaps], parents: Mapping[int, int], label_parents: Mapping[int, int]
) -> dict[str, float]:
    """Return SEG, DET and TRA, 0-1; ``parents`` {child: mother} of identities and of labels."""
    return lineage_of(count_lineage(frames, parents, label_parents))


def count_lineage(
    frames: Sequence[Overlaps], parents: Mapping[int, int], label_parents: Mapping[int, int]
) -> Counts:
    """Count what SEG, DET and TRA are made of; arguments as of ``lineage``."""
    found: dict[Vertex, Vertex] = {}  # true vertex -> label's vertex
    overlap, truth, labels = 0.0, 0, 0
    for t, frame in enumerate(frames):
        # Integers, so that exactly half never counts.  Labels may overlap here: of several that
        # cover a true mask, the one with the largest IoU finds it.
        covered = 2 * frame.shared > frame.areas[:, None]
        values = iou(frame.shared, frame.areas, frame.label_areas)
        for i, j in zip(*np.nonzero(covered), strict=True):
            mine = (t, int(frame.identities[i]))
            best = found.get(mine)
            if best is None or values[i, j] > values[i, frame.labels == best[1]].max():
                found[mine] = (t, int(frame.labels[j]))
        overlap += float(np.where(covered, values, 0.0).max(axis=1, initial=0.0).sum())
        truth += frame.identities.size
        labels += frame.labels.size
    holders = Counter(found.values())
    splits = sum(count - 1 for count in holders.values())
    vertices = SPLIT * splits + MISSED * (truth - len(found)) + SPURIOUS * (labels - len(holders))
    names = [(f.identities, f.labels) for f in frames]
    true_edges = _edges([i for i, _ in names], parents)
    edges = _edges([j for _, j in names], label_parents)
    # Edges of a mask that finds several true ones do not count: it has to be split first.
    whole = {mine: theirs for mine, theirs in found.items() if holders[theirs] == 1}
    return {
        "overlap": overlap,
        "truth": truth,
        "true edges": len(true_edges),
        "vertices": vertices,
        "repairs": _edge_cost(true_edges, edges, whole),
    }


def lineage_of(counts: Counts) -> dict[str, float]:
    """SEG, DET and TRA, 0-1, from what ``count_lineage`` returned."""
    vertices, nothing = counts["vertices"], MISSED * counts["truth"]
    all_edges = nothing + EDGE_ADDED * counts["true edges"]
    return {
        "SEG": counts["overlap"] / max(counts["truth"], 1),
        # By definition at least 0: no result is worse than an empty one.
        "DET": 1 - min(vertices, nothing) / max(nothing, 1),
        "TRA": 1 - min(vertices + counts["repairs"], all_edges) / max(all_edges, 1),
    }


def _edges(names: Sequence[np.ndarray], parents: Mapping[int, int]) -> dict[Edge, bool]:
    """Edges {(from, to): is a division}: within a track, and from a mother's last mask."""
    last: dict[int, Vertex] = {}
    edges: dict[Edge, bool] = {}
    for t, present in enumerate(names):
        # A mother may be in the same frame as her daughter: only frames before count.
        before = dict(last)
        for name in present.tolist():
            here = (t, name)
            if name in before:
                edges[before[name], here] = False
            elif parents.get(name) in before:
                edges[before[parents[name]], here] = True
            last[name] = here
    return edges


def _edge_cost(
    true_edges: Mapping[Edge, bool], edges: Mapping[Edge, bool], whole: Mapping[Vertex, Vertex]
) -> float:
    wanted = {
        (whole[a], whole[b]): division
        for (a, b), division in true_edges.items()
        if a in whole and b in whole
    }
    right = set(whole.values())
    present = {e: division for e, division in edges.items() if e[0] in right and e[1] in right}
    removed = sum(e not in wanted for e in present)
    added = len(true_edges) - sum(e in present for e in wanted)
    changed = sum(wanted[e] != division for e, division in present.items() if e in wanted)
    return EDGE_REMOVED * removed + EDGE_ADDED * added + EDGE_CHANGED * changed
