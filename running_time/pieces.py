#!/usr/bin/env python3
"""How well pieces of a video are joined: sequences with known identities, cut in two.

    pieces.py NAME=FOLDER[,FOLDER...] [...] [--cuts 6] [--overlap 0 5] [--markdown]

FOLDER holds a data set in data/ and truth.json, as for quality.py.  Each is cut at so many places;
the pieces share so many frames, and identities begin anew in each.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import faults  # noqa: E402
import numpy as np  # noqa: E402
from quality import lines  # noqa: E402
from quality_columns import Group, group  # noqa: E402

from backends import open_backend  # noqa: E402
from consistency.cli.common import bars, natural, positive, run_cli  # noqa: E402
from consistency.joining import join  # noqa: E402
from consistency.labelling import Labelling  # noqa: E402
from consistency.options import LONG_MEMORY, Options  # noqa: E402
from consistency.video_pieces import Piece, PieceFrame, of_dataset  # noqa: E402
from consistency.video_so_far import How  # noqa: E402

WORKERS = 2
HEAD = ["", "frames in common", "objects on both sides of a cut", "joined", "wrongly joined"]


def count(folder: Path, cuts: int, overlap: int) -> np.ndarray:
    """Objects on both sides, those of them that are joined, and labels of several: int64 (3,)."""
    whole = of_dataset(folder, faults.open_sequence(folder))
    size, total = len(whole.frames), np.zeros(3, np.int64)
    with open_backend("no") as backend:
        for cut in np.linspace(max(overlap, 1), size - 1, cuts + 2)[1:-1].astype(int).tolist():
            pieces = [part(whole, 0, cut, 2), part(whole, cut - overlap, size, 3)]
            how = Options(duplicate_iou=1.0)
            total += compared(join(pieces, backend, How(overlap), how), whole, cut)
    return total


def part(whole: Piece, begin: int, end: int, factor: int) -> Piece:
    """Return some frames, with identities of their own."""

    def renamed(frame: PieceFrame) -> PieceFrame:
        return replace(frame, labels=tuple(factor * label for label in frame.labels))

    return replace(whole, frames=tuple(map(renamed, whole.frames[begin:end])))


def compared(found: Labelling, whole: Piece, cut: int) -> np.ndarray:
    """Count as ``count`` does, for one cut, without those who are away for too long."""
    labels: dict[int, list[tuple[int, int]]] = {}  # of each object: frame, label
    for t, (frame, labelled) in enumerate(zip(found.dataset.frames, found.frames, strict=True)):
        own = [i for piece in frame.source for i in piece.masks]
        for k, label in zip(labelled.kept.tolist(), labelled.labels, strict=True):
            labels.setdefault(whole.frames[t].labels[own[k]], []).append((t, label))
    both = joined = 0
    for seen in labels.values():
        before, after = [s for s in seen if s[0] < cut], [s for s in seen if s[0] >= cut]
        if before and after and after[0][0] - before[-1][0] <= LONG_MEMORY + 1:
            both += 1
            joined += before[-1][1] == after[0][1]
    owners: dict[int, set[int]] = {}
    for name, seen in labels.items():
        for _, label in seen:
            owners.setdefault(label, set()).add(name)
    return np.array([both, joined, sum(len(names) > 1 for names in owners.values())])


def rows(groups: Sequence[Group], cuts: int, overlaps: Sequence[int]) -> list[list[str]]:
    """A line for each group and number of shared frames."""
    jobs = [(g, n, folder) for g in groups for n in overlaps for folder in g.folders]
    with open_backend("multi", WORKERS) as backend:
        done = backend.map(_job, [(folder, cuts, overlap) for _, overlap, folder in jobs])
        counts = list(bars(False, "sequence")(done, "cut", len(jobs)))
    table = [HEAD]
    for g in groups:
        for n in overlaps:
            some = [c for job, c in zip(jobs, counts, strict=True) if job[:2] == (g, n)]
            table.append([g.name, str(n), *map(str, np.sum(some, axis=0).tolist())])
    return table


def _job(job: tuple[Path, int, int]) -> np.ndarray:
    logging.disable(logging.WARNING)  # that frames are numbered anew is no news here
    try:
        return count(*job)
    finally:
        logging.disable(logging.NOTSET)


def _work(args: argparse.Namespace) -> int:
    print(lines(rows(args.groups, args.cuts, args.overlap), args.markdown))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("groups", nargs="+", type=group, metavar="NAME=FOLDER")
    parser.add_argument("--cuts", type=positive, default=6, help="places at which each is cut")
    parser.add_argument("--overlap", nargs="+", type=natural, default=[0], help="shared frames")
    parser.add_argument("--markdown", action="store_true", help="a table for a document")
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    return run_cli(_work, _parser().parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
