"""Pieces of one long video that already have identities, joined to one experiment.

Piece after piece: labels are assigned to those of the video so far over the frames that both have;
in the end motion and shape join what no shared frame tells.
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np

from consistency import experiment
from consistency.backend import Backend
from consistency.dataset import Dataset, Frame
from consistency.formats import writing
from consistency.formats.joined import JoinedLayout, frame_of, layout_of
from consistency.labelling import Labelling
from consistency.measurements import Measurements
from consistency.options import Options
from consistency.outputs import Report, write
from consistency.progress import Progress, silent
from consistency.resuming import input_of
from consistency.track.mending import Mended
from consistency.track.piece_linking import link_pieces
from consistency.track.results import (
    Labelled,
    Lineage,
    TrackedFrame,
    collect,
    finish,
    relabelled,
)
from consistency.track.thumbnail_store import ThumbnailStore
from consistency.versions import versions
from consistency.video_pieces import Piece, unique_names
from consistency.video_so_far import How, VideoSoFar, add_piece

log = logging.getLogger("consistency")


def run(
    pieces: Sequence[Piece],
    folder: Path,
    backend: Backend,
    how: How,
    options: Options,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Report:
    """Join ``pieces``, in the order of time, and write the experiment ``folder``.

    Raises
    ------
    ValueError, OSError
        For pieces that do not fit, and for bad input; nothing is left half-written.
    RuntimeError
        If a worker dies.
    """
    for piece in pieces:
        experiment.check_apart(piece.dataset, folder)
    writing.require_extras(options.output)
    with experiment.writing(folder, overwrite) as partial_folder:
        labelling = join(pieces, backend, how, options, progress)
        where = partial_folder, folder.name
        return write(labelling, *where, backend, options, progress)


def join(
    pieces: Sequence[Piece],
    backend: Backend,
    how: How,
    options: Options,
    progress: Progress = silent,
) -> Labelling:
    """Give the objects of all pieces one label; raises as ``run``, writes nothing."""
    began, made_with = perf_counter(), versions()
    layout, video = layout_of([piece.layout for piece in pieces]), VideoSoFar()
    for number in range(len(pieces)):
        add_piece(video, number, pieces, layout, backend, how)
    names, new = unique_names([row.name for row in video.rows])
    if new:
        log.warning("frames of two pieces have one name: all are numbered anew, from %s", names[0])
    frames = [frame_of(name, row.parts) for name, row in zip(names, video.rows, strict=True)]
    measurements = Measurements(_dataset(pieces, layout, frames), backend, options)
    thumbnails = ThumbnailStore()

    def labelled() -> Iterator[Labelled]:
        coming = progress(measurements, "measure", len(frames))
        for now, row in zip(coming, video.rows, strict=True):
            thumbnails.add(now.thumbnails)
            yield now, [row.labels[k] for k in now.kept.tolist()]

    joined, lineage, links = _linked(video, collect(labelled()), thumbnails, how)
    seconds = measurements.seconds(perf_counter() - began)
    report = {
        "pieces": [input_of(piece.dataset) for piece in pieces],
        "shared": video.seams,
        "linked": links,
        "renamed": new,
    }
    dataset = measurements.dataset
    more = {"join": report, "work": measurements.work.record()}
    return Labelling(dataset, Mended(joined, lineage), seconds, made_with, more)


def _linked(
    video: VideoSoFar, given: list[TrackedFrame], thumbnails: ThumbnailStore, how: How
) -> tuple[list[TrackedFrame], Lineage, int]:
    """Join by motion and shape what no shared frame tells; returns the number of links, too."""
    labels, linked = link_pieces(given, thumbnails, video.pieces, how.memory)
    lineage = Lineage(video.parents, tuple(video.changes)).relabelled(given, labels)
    # Within a piece a link is as sure as the piece says.
    sure = [
        np.where(np.isnan(link), np.array(row.confidence, float)[frame.kept], link)
        for link, row, frame in zip(linked, video.rows, given, strict=True)
    ]
    links = int(sum((~np.isnan(link)).sum() for link in linked))
    return finish(relabelled(given, labels, sure)), lineage, links


def _dataset(pieces: Sequence[Piece], layout: JoinedLayout, frames: Sequence[Frame]) -> Dataset:
    categories: dict[int, str] = {}
    for piece in pieces:
        for number, name in piece.dataset.categories.items():
            if categories.setdefault(number, name) != name:
                log.warning(
                    "%s: category %d is %r, and %r in an earlier piece, which is taken",
                    piece.path, number, name, categories[number],
                )  # fmt: skip
    opened_as = {"path": None, "format": layout.format}
    return Dataset(layout, tuple(frames), {}, categories, opened_as)
