#!/usr/bin/env python3
"""How well labels hold: sequences with known identities, each matching, each part left out.

    quality.py NAME[:new]=FOLDER[,FOLDER...] [...] [--steps 1 2 4] [--json FILE]

FOLDER holds a data set in data/ and truth.json: {frame: [identity or null of each mask]}.  Folders
of one NAME count together.  ":new" labels them with --on-split new (cells).  --steps keeps every
K-th frame of each: a lower frame rate.
"""

import argparse
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from backends import open_backend
from consistency.dataset import Dataset
from consistency.formats import open_dataset
from consistency.metrics.mot import MetricFrame, clear, hota, identity
from consistency.options import CUES, AssociationOptions, Options
from consistency.pipeline import Measurements
from consistency.track.association import associate
from consistency.track.results import TrackedFrame

METHODS = {name: AssociationOptions(matching=name) for name in ("seed", "optimal", "track")}
ABLATIONS = {f"without {cue}": AssociationOptions(without=(cue,)) for cue in CUES} | {
    "one pass": AssociationOptions(passes=1),
    "no memory": AssociationOptions(memory=0),
}
OFFSET = 10**6  # keeps the identities and labels of sequences apart


@dataclass(frozen=True)
class Group:
    """Sequences that count together."""

    name: str
    folders: tuple[Path, ...]
    on_split: str


def group(text: str) -> Group:
    """Argument type: NAME[:new]=FOLDER[,FOLDER...]."""
    name, separator, folders = text.partition("=")
    name, _, on_split = name.partition(":")
    paths = tuple(Path(folder) for folder in folders.split(",") if folder)
    if not (separator and paths) or on_split not in ("", "new"):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME[:new]=FOLDER[,FOLDER...]")
    return Group(name, paths, on_split or "keep")


class Sequence:
    """One sequence at one frame rate; measured once for each way to measure."""

    def __init__(self, folder: Path, step: int):
        dataset = open_dataset(folder / "data")
        truth = json.loads((folder / "truth.json").read_text())
        self.dataset: Dataset = replace(dataset, frames=dataset.frames[::step])
        self.truth = [truth[frame.name] for frame in self.dataset.frames]
        self._measured: dict = {}

    def label(self, how: AssociationOptions) -> list[TrackedFrame]:
        """Label it; measurements are kept for the next call."""
        options = Options(**vars(how))
        wanted = options.measuring()
        if wanted not in self._measured:
            with open_backend("no") as backend:
                found = Measurements(self.dataset, backend, options)
                self._measured[wanted] = list(found)
        return associate(self._measured[wanted], how)[0]

    def steps(self, how: AssociationOptions, offset: int) -> list[MetricFrame]:
        """Truth and labels, mask by mask the same."""
        result = []
        for frame, identities in zip(self.label(how), self.truth, strict=True):
            known = [i for i, value in enumerate(identities) if value is not None]
            same = np.array(known)[:, None] == frame.kept[None, :]
            result.append(
                MetricFrame(
                    np.array([identities[i] for i in known], np.int64) + offset,
                    np.array(frame.labels, np.int64) + offset,
                    same.astype(np.float64).reshape(len(known), frame.kept.size),
                )
            )
        return result


def score(sequences: list[Sequence], how: AssociationOptions) -> dict[str, float]:
    """AssA, IDF1 (percent) and IDSW over all sequences, and how many labels."""
    found = [s for k, q in enumerate(sequences) for s in q.steps(how, k * OFFSET)]
    switches = clear(found)["IDSW"]
    return {
        "AssA": round(100 * hota(found)["AssA"], 1),
        "IDF1": round(100 * identity(found)["IDF1"], 1),
        "IDSW": switches,
        "labels": len({v for s in found for v in s.labels.tolist()}),
    }


def study(groups: list[Group], steps: list[int]) -> dict[str, dict[str, dict]]:
    """Scores {group at step: {method: figures}}; ablations at the first step only."""
    result: dict[str, dict[str, dict]] = {}
    for step in steps:
        for g in groups:
            sequences = [Sequence(folder, step) for folder in g.folders]
            methods = METHODS | (ABLATIONS if step == steps[0] else {})
            title = g.name if step == 1 else f"{g.name}, every {step}. frame"
            result[title] = {
                name: score(sequences, replace(how, on_split=g.on_split))
                for name, how in methods.items()
            }
            print(table({title: result[title]}), flush=True)
    return result


def table(scores: dict[str, dict[str, dict]]) -> str:
    """Markdown: a line a method, AssA / IDF1 / IDSW of each group."""
    titles = list(scores)
    names = list(dict.fromkeys(name for methods in scores.values() for name in methods))
    lines = ["| | " + " | ".join(titles) + " |", "|---" * (len(titles) + 1) + "|"]
    for name in names:
        cells = [scores[title].get(name) for title in titles]
        texts = [f"{c['AssA']} / {c['IDF1']} / {c['IDSW']}" if c else "" for c in cells]
        lines.append(f"| {name} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("groups", nargs="+", type=group, metavar="NAME[:new]=FOLDER")
    parser.add_argument("--steps", nargs="+", type=int, default=[1])
    parser.add_argument("--json", type=Path, help="where to store the figures")
    args = parser.parse_args(argv)
    scores = study(args.groups, args.steps)
    print("\n" + table(scores))
    if args.json:
        args.json.write_text(json.dumps(scores, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
