"""GEFF, the Graph Exchange File Format for tracking (geff 1.x): masks as nodes; only written.

geff/NAME.geff    a node for each mask: t in frames, y and x of its centre in pixels, area in
                  pixels, label, mask_index in the input, tracklet; an edge from each mask of a
                  label to its next one, and from the last mask of a mother to the first one of
                  each daughter
"""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np

from consistency.formats.labelled import LabelledSequence
from consistency.formats.writing import Extra, output_of_tracks

EXTRA = Extra("geff", "GeffReader", " 1.3 or later (Python 3.11 or later)")
Edge = tuple[int, int]  # from one node to a later one


def _write(sequence: LabelledSequence, folder: Path) -> None:
    from geff.core_io import write_arrays
    from geff_spec import Axis, GeffMetadata

    nodes, edges = _nodes(sequence), _edges(sequence)
    nodes["tracklet"] = tracklets(len(nodes["t"]), edges)
    properties = {name: {"values": values, "missing": None} for name, values in nodes.items()}
    axes = [
        Axis(name="t", type="time", unit="frame"),
        Axis(name="y", type="space", unit="pixel"),
        Axis(name="x", type="space", unit="pixel"),
    ]
    metadata = GeffMetadata(
        directed=True,
        axes=axes,
        node_props_metadata={},
        edge_props_metadata={},
        track_node_props={"tracklet": "tracklet"},
    )
    numbers = np.arange(len(nodes["t"]), dtype=np.uint64)
    (folder / "geff").mkdir(exist_ok=True)
    path = str(folder / "geff" / f"{sequence.name}.geff")
    # Without edges the array would have one dimension.
    ends = np.array(edges, np.uint64).reshape(-1, 2)
    write_arrays(path, numbers, properties, ends, {}, metadata)


def _nodes(sequence: LabelledSequence) -> dict[str, np.ndarray]:
    """Return the properties of all masks, frame after frame."""
    frames = sequence.labelled_frames
    centroids = np.concatenate([np.zeros((0, 2)), *(frame.centroids for frame in frames)])
    # NumPy does not concatenate an empty list; with this one a sequence without masks goes through.
    none = np.zeros(0, np.int64)
    return {
        "t": np.repeat(np.arange(len(frames)), [len(frame.labels) for frame in frames]),
        "y": centroids[:, 1],
        "x": centroids[:, 0],
        "area": np.concatenate([none, *(frame.areas for frame in frames)]),
        "label": np.array([v for frame in frames for v in frame.labels], np.int64),
        "mask_index": np.concatenate([none, *(frame.kept for frame in frames)]),
    }


def _edges(sequence: LabelledSequence) -> list[Edge]:
    """Return the edges of all tracks and of all divisions, ascending."""
    steps: dict[int, list[Edge]] = {}  # of each label: (frame, node)
    node = 0
    for t, frame in enumerate(sequence.labelled_frames):
        for label in frame.labels:
            mine = steps.setdefault(label, [])
            if not (mine and mine[-1][0] == t):  # "seed" repeats labels: the first one counts
                mine.append((t, node))
            node += 1
    edges = [(a, b) for mine in steps.values() for (_, a), (_, b) in pairwise(mine)]
    for child, parent in sequence.parents.items():
        birth, first = steps.get(child, [(0, 0)])[0]
        # A mother that the input follows on after the division is left behind at the birth.
        before = [last for t, last in steps.get(parent, []) if t < birth]
        edges += [(before[-1], first)] if before else []
    return sorted(edges)


def tracklets(count: int, edges: list[Edge]) -> np.ndarray:
    """Number the longest paths without a branch, int64 (count,), by their first node from 1.

    That is what readers of GEFF take for a track; a label that divides and goes on has several.
    """
    leaving = Counter(a for a, _ in edges)
    coming = Counter(b for _, b in edges)
    found = np.arange(1, count + 1)
    for a, b in edges:  # ascending, so that the number of a is final
        # A branch on either side begins a new tracklet.
        if leaving[a] == coming[b] == 1:
            found[b] = found[a]
    return found


OUTPUT = output_of_tracks(_write, EXTRA)
