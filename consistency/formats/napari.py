"""napari tracks: a table of points and a graph of divisions; only written.

napari/tracks.csv    ID,T,Y,X: label, frame from 0, centre of its mask in pixels; sorted by ID, T
napari/graph.json    {label: [label it came from]}
"""

import json
from pathlib import Path

from consistency.formats.labelled import LabelledSequence
from consistency.formats.writing import output_of_tracks
from consistency.plain_text import write_rows

FOLDER = "napari"


def _write(sequence: LabelledSequence, folder: Path) -> None:
    rows = [
        # Rows before columns, as napari's axes go.
        (label, t, round(float(y), 3), round(float(x), 3))
        for t, frame in enumerate(sequence.labelled_frames)
        for label, (x, y) in zip(frame.labels, frame.centroids, strict=True)
    ]
    (folder / FOLDER).mkdir(exist_ok=True)
    with open(folder / FOLDER / "tracks.csv", "w", newline="", encoding="utf-8") as file:
        write_rows(file, [("ID", "T", "Y", "X"), *sorted(rows)])
    present = {row[0] for row in rows}
    # napari refuses a graph with a label that is not in the table.
    graph = {child: [p] for child, p in sorted(sequence.parents.items()) if {child, p} <= present}
    (folder / FOLDER / "graph.json").write_text(json.dumps(graph) + "\n")


OUTPUT = output_of_tracks(_write)
