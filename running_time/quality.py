#!/usr/bin/env python3
"""How well labels hold: sequences with known identities, each matching, other trackers.

    quality.py NAME[:new]=FOLDER[,FOLDER...] [...] [--steps 1 2 4] [--faults LEVEL [--seeds N]]
               [--peers] [--ablation] [--sweep NAME=V1,V2,... [--leave-one-out column|group]]
               [--calibration PICTURE] [--cache DIR] [--json FILE] [--markdown]

FOLDER holds a data set in data/ and truth.json: {frame: [identity or null of each mask]}.  Folders
of one NAME count together.  ":new" labels them with --on-split new (cells).  --steps keeps every
K-th frame of each: a lower frame rate.  --faults adds a column for each group whose masks have the
faults of a segmenter (see faults.py), the mean over N seeds.  --peers needs the packages of
requirements-peers.txt.  --sweep tries other values of a number of consistency/track/parameters.py;
--leave-one-out chooses among them on all columns but one and scores the choice on that one (or on
all columns of one group).  --calibration compares the confidence of links with the share of right
ones.  What is measured stays in --cache, for the next time.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import calibration  # noqa: E402
import numpy as np  # noqa: E402
import peers  # noqa: E402
import sweeps  # noqa: E402
from measured import Cache  # noqa: E402
from quality_columns import Column, columns, group  # noqa: E402
from quality_jobs import Job, Method, Peer, Tuned, calibrate, work  # noqa: E402
from scoring import Counts, mean  # noqa: E402
from sweeps import DEFAULT, Choice, Scores, Sweep, describe  # noqa: E402

from backends import open_backend  # noqa: E402
from consistency.cli.common import bars, positive, run_cli  # noqa: E402
from consistency.options import CUES, AssociationOptions  # noqa: E402

METHODS = {name: AssociationOptions(matching=name) for name in ("seed", "optimal", "track")}
ABLATION = {f"without {cue}": AssociationOptions(without=(cue,)) for cue in CUES} | {
    "one pass": AssociationOptions(passes=1),
    "no memory": AssociationOptions(memory=0),
}
WORKERS = 2

ON_ALL, ON_OTHERS = "chosen on all columns", "chosen on the others"

Methods = dict[str, Method]
Found = dict[tuple[Column, int, Path], Any]  # {column, seed, sequence: what a job returned}


def study(wanted: dict[Column, Methods], cache: Cache) -> Scores:
    """Score each column with its methods."""
    found = _run(work, wanted, cache)
    return {column.title: _figures(column, wanted[column], found) for column in wanted}


def reliability(wanted: list[Column], cache: Cache) -> dict[str, np.ndarray]:
    """Right links by confidence, of all sequences and seeds of each column."""
    found = _run(calibrate, {column: {"track": METHODS["track"]} for column in wanted}, cache)
    return {
        column.title: sum(
            (counts["track"] for key, counts in found.items() if key[0] == column),
            calibration.nothing(),
        )
        for column in wanted
    }


def _run(function: Callable[[Job], Any], wanted: dict[Column, Methods], cache: Cache) -> Found:
    """Have every sequence worked on, by WORKERS processes."""
    jobs = {
        (column, seed, source.folder): Job(source, _for(column, methods), cache)
        for column, methods in wanted.items()
        for seed, sources in enumerate(column.runs())
        for source in sources
    }
    # The longest first, so that at the end no worker has to wait for another.
    order = sorted(jobs, key=lambda name: -_size(name[2]))
    with open_backend("multi", WORKERS) as backend:
        done = backend.map(function, [jobs[name] for name in order])
        return dict(zip(order, bars(False, "sequence")(done, "study", len(jobs)), strict=True))


def _for(column: Column, methods: Methods) -> Methods:
    split = column.group.on_split
    result: Methods = {}
    for name, method in methods.items():
        if isinstance(method, Tuned):
            method = replace(method, options=replace(method.options, on_split=split))
        elif not isinstance(method, Peer):
            method = replace(method, on_split=split)
        result[name] = method
    return result


def leave_one_out(
    wanted: list[Column], scores: Scores, tried: list[Sweep], by: str, cache: Cache
) -> tuple[Scores, dict[str, Choice]]:
    """Score each column with what the others would have chosen, and with what all would.

    Parameters
    ----------
    scores : of every value in ``tried``, each alone, on every column.
    by : "column", or "group" to leave out all columns of the group.

    Returns
    -------
    Scores of ON_ALL and ON_OTHERS, and the choices: {ON_ALL or title of a column: choice}.
    """
    choices = {ON_ALL: sweeps.choose(scores, tried, [c.title for c in wanted])}
    for column in wanted:
        others = [c for c in wanted if (c.group != column.group if by == "group" else c != column)]
        choices[column.title] = sweeps.choose(scores, tried, [c.title for c in others])
    methods: dict[Column, Methods] = {
        column: {
            ON_ALL: sweeps.method(choices[ON_ALL]),
            ON_OTHERS: sweeps.method(choices[column.title]),
        }
        for column in wanted
    }
    return study(methods, cache), choices


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in (folder / "data").rglob("*") if file.is_file())


def _figures(
    column: Column,
    methods: Methods,
    found: Found,
) -> dict[str, dict[str, float]]:
    result = {}
    for name in methods:
        sums = [
            sum((found[column, seed, source.folder][name] for source in sources), Counts())
            for seed, sources in enumerate(column.runs())
        ]
        result[name] = mean(counts.figures() for counts in sums)
    return result


def score_rows(scores: Scores, names: list[str]) -> list[list[str]]:
    """A line for each method, AssA / IDF1 / IDSW of each column."""
    rows = [["", *scores]]
    for name in names:
        cells = [found.get(name) for found in scores.values()]
        rows.append([name, *(_cell(figures) if figures else "" for figures in cells)])
    return rows


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


def installed_peers() -> Methods:
    """Return the trackers that are installed; says on stderr which are not."""
    for package in peers.missing():
        print(f"{package}: not installed, left out; see requirements-peers.txt", file=sys.stderr)
    return {name: Peer(name, package) for name, package in peers.installed().items()}


def _work(args: argparse.Namespace) -> int:
    wanted = columns(args.groups, args.steps, args.faults, args.seeds)
    tables: dict[str, Methods] = {"": METHODS | (installed_peers() if args.peers else {})}
    if args.ablation:
        tables["Each part left out in turn"] = {"all": METHODS["track"]} | ABLATION
    if args.sweep:
        tables["Other numbers"] = sweeps.methods(args.sweep)
    with tempfile.TemporaryDirectory() as scratch:
        content = _study(args, wanted, tables, Cache(args.cache or Path(scratch)))
    if args.json:
        args.json.write_text(json.dumps(content, indent=1) + "\n")
    return 0


def _study(
    args: argparse.Namespace, wanted: list[Column], tables: dict[str, Methods], cache: Cache
) -> dict[str, Any]:
    """Do what was asked for and print it; returns what is stored as JSON."""
    methods = {name: method for part in tables.values() for name, method in part.items()}
    scores = study(dict.fromkeys(wanted, methods), cache)
    content: dict[str, Any] = {"scores": scores}
    for title, part in tables.items():
        _print(title, score_rows(scores, list(part)), args.markdown)
    if args.leave_one_out:
        found, choices = leave_one_out(wanted, scores, args.sweep, args.leave_one_out, cache)
        rows = score_rows({t: scores[t] | found[t] for t in scores}, [DEFAULT, ON_ALL, ON_OTHERS])
        chosen = [["left out", "chosen"], *([t, describe(c)] for t, c in choices.items())]
        _print(f"One {args.leave_one_out} left out", rows, args.markdown)
        _print("What was chosen", chosen, args.markdown)
        content |= {"left out": found, "chosen": choices}
    if args.calibration:
        counts = reliability(wanted, cache)
        calibration.draw(counts, args.calibration)
        _print("Share of right links by confidence", calibration.rows(counts), args.markdown)
        content["calibration"] = {title: table.tolist() for title, table in counts.items()}
    return content


def _print(title: str, rows: list[list[str]], markdown: bool) -> None:
    print(f"{title}:\n\n" * bool(title) + lines(rows, markdown), end="\n\n", flush=True)


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
    parser.add_argument(
        "--sweep", type=sweeps.sweep, action="append", default=[], metavar="NAME=V1,V2,...",
        help="also other values of one of the tracker's numbers; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--leave-one-out", choices=("column", "group"), help="choose values on all others"
    )
    parser.add_argument("--calibration", type=Path, metavar="PICTURE", help="right by confidence")
    parser.add_argument("--cache", type=Path, help="folder that keeps what is measured")
    parser.add_argument("--json", type=Path, help="where to store the figures")
    parser.add_argument("--markdown", action="store_true", help="tables for a document")
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.leave_one_out and not args.sweep:
        parser.error("--leave-one-out needs values to choose from; add --sweep NAME=V1,V2,...")
    return run_cli(_work, args)


if __name__ == "__main__":
    sys.exit(main())
