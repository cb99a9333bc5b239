#!/usr/bin/env python3
"""How well labels hold: sequences with known identities, each matching, other trackers.

    quality.py NAME[:new]=FOLDER[,FOLDER...] [...] [--steps 1 2 4] [--faults LEVEL [--seeds N]]
               [--peers] [--ablation] [--cache DIR] [--json FILE] [--markdown]

FOLDER holds a data set in data/ and truth.json: {frame: [identity or null of each mask]}.  Folders
of one NAME count together.  ":new" labels them with --on-split new (cells).  --steps keeps every
K-th frame of each: a lower frame rate.  --faults adds a column for each group whose masks have the
faults of a segmenter (see faults.py), the mean over N seeds.  --peers needs the packages of
requirements-peers.txt.  What is measured stays in --cache, for the next time.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import peers  # noqa: E402
from measured import Cache, Source  # noqa: E402
from quality_jobs import Job, Method, Peer, work  # noqa: E402
from scoring import Counts, mean  # noqa: E402

from backends import open_backend  # noqa: E402
from consistency.cli.common import bars, positive, run_cli  # noqa: E402
from consistency.options import CUES, AssociationOptions  # noqa: E402

METHODS = {name: AssociationOptions(matching=name) for name in ("seed", "optimal", "track")}
ABLATION = {f"without {cue}": AssociationOptions(without=(cue,)) for cue in CUES} | {
    "one pass": AssociationOptions(passes=1),
    "no memory": AssociationOptions(memory=0),
}
WORKERS = 2

Scores = dict[str, dict[str, dict[str, float]]]  # {title of a column: {method: {figure: value}}}


@dataclass(frozen=True)
class Group:
    """Sequences that count together."""

    name: str
    folders: tuple[Path, ...]
    on_split: str


@dataclass(frozen=True)
class Column:
    """A group at a frame rate, with faults or without; figures are means over its seeds."""

    group: Group
    step: int = 1
    level: float = 0.0
    seeds: int = 1

    @property
    def title(self) -> str:
        """As in the head of a table."""
        rate = "" if self.step == 1 else f", every {self.step}. frame"
        return self.group.name + rate + (", faults" if self.level else "")

    def runs(self) -> list[list[Source]]:
        """Sequences that count together, once for each seed."""
        return [
            [Source(folder, self.step, self.level, seed) for folder in self.group.folders]
            for seed in range(self.seeds)
        ]


def group(text: str) -> Group:
    """Argument type: NAME[:new]=FOLDER[,FOLDER...]."""
    name, separator, folders = text.partition("=")
    name, _, on_split = name.partition(":")
    paths = tuple(Path(folder) for folder in folders.split(",") if folder)
    if not (name and separator and paths) or on_split not in ("", "new"):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME[:new]=FOLDER[,FOLDER...]")
    return Group(name, paths, on_split or "keep")


def columns(groups: list[Group], steps: list[int], level: float, seeds: int) -> list[Column]:
    """All columns; those without faults first."""
    clean = [Column(g, step) for step in steps for g in groups]
    return clean + [replace(c, level=level, seeds=seeds) for c in clean if level]


def study(wanted: dict[Column, dict[str, Method]], cache: Cache) -> Scores:
    """Score each column with its methods, on WORKERS processes."""
    jobs = {
        (column, seed, source.folder): Job(source, _for(column, methods), cache)
        for column, methods in wanted.items()
        for seed, sources in enumerate(column.runs())
        for source in sources
    }
    # The longest first, so that at the end no worker has to wait for another.
    order = sorted(jobs, key=lambda name: -_size(name[2]))
    with open_backend("multi", WORKERS) as backend:
        done = backend.map(work, [jobs[name] for name in order])
        found = dict(zip(order, bars(False, "sequence")(done, "study", len(jobs)), strict=True))
    return {column.title: _figures(column, wanted[column], found) for column in wanted}


def _for(column: Column, methods: dict[str, Method]) -> dict[str, Method]:
    split = column.group.on_split
    return {
        name: method if isinstance(method, Peer) else replace(method, on_split=split)
        for name, method in methods.items()
    }


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in (folder / "data").rglob("*") if file.is_file())


def _figures(
    column: Column,
    methods: dict[str, Method],
    found: dict[tuple[Column, int, Path], dict[str, Counts]],
) -> dict[str, dict[str, float]]:
    result = {}
    for name in methods:
        sums = [
            sum((found[column, seed, source.folder][name] for source in sources), Counts())
            for seed, sources in enumerate(column.runs())
        ]
        result[name] = mean(counts.figures() for counts in sums)
    return result


def table(scores: Scores, names: list[str], markdown: bool) -> str:
    """A line for each method, AssA / IDF1 / IDSW of each column."""
    rows = [["", *scores]]
    for name in names:
        cells = [found.get(name) for found in scores.values()]
        rows.append([name, *(_cell(figures) if figures else "" for figures in cells)])
    return lines(rows, markdown)


def _cell(figures: dict[str, float]) -> str:
    return f"{figures['AssA']:.1f} / {figures['IDF1']:.1f} / {figures['IDSW']:.0f}"


def lines(rows: list[list[str]], markdown: bool) -> str:
    """Rows as a table, the first being its head."""
    if markdown:
        head, *others = [f"| {' | '.join(row)} |" for row in rows]
        return "\n".join([head, "|---" * len(rows[0]) + "|", *others])
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def installed_peers() -> dict[str, Method]:
    """Return the trackers that are installed; says on stderr which are not."""
    for package in peers.missing():
        print(f"{package}: not installed, left out; see requirements-peers.txt", file=sys.stderr)
    return {name: Peer(name, package) for name, package in peers.installed().items()}


def _work(args: argparse.Namespace) -> int:
    tables = {"": METHODS | (installed_peers() if args.peers else {})}
    if args.ablation:
        tables["Each part left out in turn"] = {"all": METHODS["track"]} | ABLATION
    methods = {name: method for part in tables.values() for name, method in part.items()}
    wanted = dict.fromkeys(columns(args.groups, args.steps, args.faults, args.seeds), methods)
    with tempfile.TemporaryDirectory() as scratch:
        scores = study(wanted, Cache(args.cache or Path(scratch)))
    for title, part in tables.items():
        heading = f"{title}:\n\n" if title else ""
        print(heading + table(scores, list(part), args.markdown), end="\n\n")
    if args.json:
        args.json.write_text(json.dumps({"scores": scores}, indent=1) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("groups", nargs="+", type=group, metavar="NAME[:new]=FOLDER")
    parser.add_argument("--steps", nargs="+", type=positive, default=[1], help="frame rates")
    parser.add_argument(
        "--faults", type=float, default=0.0, metavar="LEVEL", help="each group also with faults"
    )
    parser.add_argument("--seeds", type=positive, default=1, help="faults: mean of so many (1)")
    parser.add_argument("--peers", action="store_true", help="also other trackers")
    parser.add_argument("--ablation", action="store_true", help="also each part left out")
    parser.add_argument("--cache", type=Path, help="folder that keeps what is measured")
    parser.add_argument("--json", type=Path, help="where to store the figures")
    parser.add_argument("--markdown", action="store_true", help="tables for a document")
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    return run_cli(_work, _parser().parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
