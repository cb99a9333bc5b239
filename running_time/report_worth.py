#!/usr/bin/env python3
"""What it is worth to look at the moments that a report names, against truth.

    report_worth.py NAME=FOLDER[,FOLDER...] [...] [--moments 20] [--faults LEVEL [--seed N]]

FOLDER holds a data set in data/ and truth.json, as for quality.py.  A mask is wrong if its label is
not the one that stands for its object, in the best one-to-one map of labels to objects.

found   share of wrong masks that the moments show: the mask lies in a run of masks of one label and
        one wrong object, and a moment shows a mask of that label in or next to this run
gone    share of wrong masks that are right after at each moment, in order, the one merge, split or
        swap of labels that it shows has been made which helps most; none if none helps
AssA    before and after these corrections
"""

import argparse
import copy
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import numpy as np  # noqa: E402
import scoring  # noqa: E402
from measured import Cache, Source  # noqa: E402
from quality_columns import Group, group  # noqa: E402
from scipy.optimize import linear_sum_assignment  # noqa: E402

from consistency.cli.common import positive, run_cli  # noqa: E402
from consistency.corrections import Correction, Corrections  # noqa: E402
from consistency.dataset import Dataset  # noqa: E402
from consistency.options import Options  # noqa: E402
from consistency.review.moments import APART, MOST, Doubts, Moment  # noqa: E402
from consistency.track.association import associate  # noqa: E402
from consistency.track.correcting import Corrected, start  # noqa: E402
from consistency.track.results import TrackedFrame  # noqa: E402
from consistency.track.thumbnail_store import ThumbnailStore  # noqa: E402

UNKNOWN = -1  # a mask that shows no object, or nobody knows which


def worth(source: Source, moments: int, cache: Cache) -> tuple[np.ndarray, list[scoring.Counts]]:
    """Look at the moments of one sequence.

    Returns
    -------
    int64 (3,): wrong masks, those that were found, those that are left.
    counts : before and after corrections.
    """
    dataset, options = source.open(cache), Options()
    measured = source.measure(dataset, options, cache)
    mended = associate(iter(measured), options)
    frames = mended.frames
    store = ThumbnailStore()
    for now in measured:
        store.add(now.thumbnails)
    state = start(frames)
    confidence = np.concatenate([frame.confidence for frame in frames])
    parents = mended.lineage.parents
    chosen = Doubts(frames, store, state.label, confidence, parents).moments(moments)
    who = _identities(frames, dataset)
    wrong = wrong_masks(state.label, who)
    found = _shown(state, who, chosen) & wrong
    after = _corrected(state, who, chosen)
    left = wrong_masks(after, who).sum()
    counts = [_counts(label, frames, dataset) for label in (state.label, after)]
    return np.array([wrong.sum(), found.sum(), left]), counts


def _identities(frames: list[TrackedFrame], dataset: Dataset) -> np.ndarray:
    """Identity of each kept mask, int64 (N,)."""
    pairs = zip(frames, dataset.frames, strict=True)
    known = chain.from_iterable([f.identities[k] for k in now.kept.tolist()] for now, f in pairs)
    return np.array([UNKNOWN if value is None else value for value in known], np.int64)


def wrong_masks(label: np.ndarray, who: np.ndarray) -> np.ndarray:
    """Masks of known objects whose label stands for another one, bool (N,)."""
    known = who != UNKNOWN
    labels, row = np.unique(label[known], return_inverse=True)
    objects, column = np.unique(who[known], return_inverse=True)
    table = np.zeros((labels.size, objects.size))
    np.add.at(table, (row, column), 1)
    of_label = np.full(labels.size, UNKNOWN)
    i, j = linear_sum_assignment(table, maximize=True)
    of_label[i] = np.where(table[i, j] > 0, j, UNKNOWN)
    result = np.zeros(label.size, bool)
    result[known] = of_label[row] != column
    return result


def _shown(state: Corrected, who: np.ndarray, moments: list[Moment]) -> np.ndarray:
    """Masks in runs of one label and object that a moment shows, or the edge of, bool (N,)."""
    shown = np.array([mask for moment in moments for mask in moment.masks], np.int64)
    result = np.zeros(who.size, bool)
    for label in np.unique(state.label[shown]).tolist():
        own = np.flatnonzero((state.label == label) & (who != UNKNOWN))
        times = state.t[shown[state.label[shown] == label]]
        for run in np.split(own, np.flatnonzero(np.diff(who[own])) + 1):
            if run.size:
                low, high = state.t[run[0]] - APART, state.t[run[-1]] + APART
                result[run] = ((times >= low) & (times <= high)).any()
    return result


def _corrected(state: Corrected, who: np.ndarray, moments: list[Moment]) -> np.ndarray:
    """Labels after the best correction at each moment, int64 (N,)."""
    for moment in moments:
        best, least = state, wrong_masks(state.label, who).sum()
        for item in _corrections(state, moment):
            tried = copy.copy(state)
            tried.together, tried.apart = [], []  # a person who changes their mind leaves it out
            try:
                tried.apply(Corrections("", None, None, (item,)))
            except ValueError:  # labels that share a frame, and the like
                continue
            wrong = wrong_masks(tried.label, who).sum()
            if wrong < least:
                best, least = tried, wrong
        state = best
    return state.label


def _corrections(state: Corrected, moment: Moment) -> Iterator[Correction]:
    """Every correction of the labels that a moment is about, and of those that it shows."""
    label = {mask: int(state.label[mask]) for mask in moment.masks}
    frame = {mask: state.frames[state.t[mask]].name for mask in moment.masks}
    own = dict.fromkeys(label[m] for m in (moment.before, moment.after) if m in label)
    for mask in moment.masks:
        yield Correction("split", (label[mask],), frame[mask])
    for one in own:
        for other in dict.fromkeys(label.values()):
            if other != one:
                yield Correction("merge", (one, other))
                for at in dict.fromkeys(frame.values()):
                    yield Correction("swap", (one, other), at)


def _counts(label: np.ndarray, frames: list[TrackedFrame], dataset: Dataset) -> scoring.Counts:
    cuts = np.cumsum([frame.kept.size for frame in frames])[:-1]
    pairs = zip(frames, np.split(label, cuts), strict=True)
    return scoring.count([(frame.kept, own) for frame, own in pairs], dataset)


def rows(
    groups: list[Group], level: float, seed: int, moments: int, cache: Cache
) -> Iterator[list[str]]:
    """Yield a line for each group and the worst of its sequences."""
    for each in groups:
        total, scores = np.zeros(3, np.int64), [scoring.Counts(), scoring.Counts()]
        shares = {}
        for folder in each.folders:
            found, counts = worth(Source(folder, 1, level, seed), moments, cache)
            total += found
            scores = [a + b for a, b in zip(scores, counts, strict=True)]
            if found[0]:
                shares[folder.name] = found[1] / found[0]
        worst = min(shares, key=lambda name: shares[name], default="")
        before, after = (score.figures()["AssA"] for score in scores)
        yield [
            each.name,
            str(total[0]),
            f"{100 * total[1] / max(total[0], 1):.0f} %",
            f"{worst}: {100 * shares[worst]:.0f} %" if worst else "",
            f"{100 * (total[0] - total[2]) / max(total[0], 1):.0f} %",
            f"{before:.1f}",
            f"{after:.1f}",
        ]


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("groups", nargs="+", type=group, metavar="NAME=FOLDER[,FOLDER...]")
    parser.add_argument("--moments", type=positive, default=MOST, help="how many are looked at")
    parser.add_argument("--faults", type=float, default=0.0, metavar="LEVEL")
    parser.add_argument("--seed", type=int, default=0, help="of the faults")
    parser.add_argument("--cache", type=Path, default=Path("running_time/cache"))
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    args = parser.parse_args(argv)

    def work(args: argparse.Namespace) -> int:
        titles = ["group", "wrong masks", "found", "worst sequence", "gone"]
        print("| " + " | ".join([*titles, "AssA before", "AssA after"]) + " |")
        print("|" + "---|" * 7)
        how = args.faults, args.seed, args.moments, Cache(args.cache)
        for row in rows(args.groups, *how):
            print("| " + " | ".join(row) + " |", flush=True)
        return 0

    return run_cli(work, args)


if __name__ == "__main__":
    sys.exit(main())
