#!/usr/bin/env python3
"""Measure every backend that runs here, side by side, and what other methods take.

Each round runs all backends in turn; ratios are taken within a round, so that a busy machine slows
both sides.  Writes results/<machine>-<data>.json, a Markdown table and two figures beside it.
"""

import argparse
import json
import os
import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import charts  # noqa: E402
import floor  # noqa: E402
import in_memory  # noqa: E402
import rivals  # noqa: E402
import study  # noqa: E402
from runs import Run, Setup, in_rounds, mark, why_not  # noqa: E402

from backends import BACKENDS  # noqa: E402
from backends.multi import usable_cpus  # noqa: E402
from consistency.dataset import Dataset  # noqa: E402
from consistency.formats import open_dataset  # noqa: E402
from consistency.measure.chunks import chunks  # noqa: E402
from consistency.options import Options  # noqa: E402

RESULTS = Path(__file__).resolve().parent / "results"
PAGE = ROOT / "docs" / "performance.md"  # shows the results


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    add = result.add_argument
    add("--data-path", type=Path, help="a data set")
    add("--backends", default=",".join(BACKENDS), help="which; those that cannot run are named")
    add("--workers", default="1,2", help="numbers of processes, of ranks, of workers")
    add("--output", choices=("none", "masks"), default="none", help="what each run writes")
    add("--repeat", type=int, default=5, help="rounds that count")
    add("--warmup", type=int, default=1, help="rounds before them that do not")
    add("--times", type=int, default=1, help="name the same files so many times, as more frames")
    add("--draw", action="store_true", help="draw each result, too")
    add("--machine", default=machine_name(), help="names the results")
    add(
        "--results",
        type=Path,
        default=RESULTS,
        help="where results are kept; docs/performance.md shows those of the default",
    )
    add("--scratch", type=Path, help="folder for output; default: a temporary one")
    add("--compare", action="store_true", help="measure nothing, draw the stored results again")
    add(
        "--in-memory",
        action="store_true",
        help="measure without any reading, with and without reuse, instead; without --data-path a "
        "scene of 30 objects of which 5 move",
    )
    add("--study", action="store_true", help="measure processes × drawing instead")
    return result


def machine_name() -> str:
    """Name of the processor and number of CPUs, fit for a file name."""
    words = re.findall(r"[a-z0-9]+", floor.machine()["cpu"].lower())
    return "-".join([*words[:3], str(usable_cpus()), "cpus"])


def setups_of(args: argparse.Namespace) -> tuple[list[Setup], dict[str, str]]:
    """What is to be run, and {backend: why it is not}."""
    chosen, missing = [], {}
    for name in args.backends.split(","):
        if name not in BACKENDS:
            raise ValueError(f"--backends {name}; allowed: {','.join(BACKENDS)}")
        reason = why_not(name)
        if reason:
            missing[name] = reason
        elif name in ("no", "cupy"):
            chosen.append(Setup(name, 1))
        else:
            chosen += [Setup(name, int(count)) for count in args.workers.split(",")]
    return chosen, missing


def measure(args: argparse.Namespace, scratch: Path) -> dict:
    """Run everything; returns what is stored as JSON."""
    setups, missing = setups_of(args)
    for name, reason in missing.items():
        print(f"{name}: not measured, {reason}", file=sys.stderr)
    data = args.data_path
    if args.times > 1:
        data = scratch / data.resolve().name
        floor.repeated(open_dataset(args.data_path), args.times, data)
    dataset = open_dataset(data)
    labels: dict[str, bytes] = {}

    def run(setup: Setup) -> Run:
        result = mark(setup, data, scratch, args.output, args.draw)
        labels[setup.name] = (scratch / "e" / "e.json").read_bytes()
        different = [name for name, content in labels.items() if content != labels[setup.name]]
        if different:
            raise RuntimeError(f"{setup.name} gives other labels than {different[0]}")
        return result

    load = busy_before()
    taken = in_rounds(setups, args.repeat, args.warmup, run)
    floors = floor.in_turn(args.repeat, lambda: floor.read_all(floor.mask_paths(dataset)))[0]
    frames = len(dataset.frames)
    return {
        "about": floor.machine()
        | {"name": args.machine, "cpus": usable_cpus(), "output": args.output}
        | {"data": args.data_path.resolve().name, "frames": frames, "masks": dataset.masks}
        | {"bytes a frame": bytes_a_frame(dataset), "load": load}
        | {"repeat": args.repeat, "warmup": args.warmup},
        "backends": {s.name: summary(s, taken, dataset) for s in setups},
        "missing": missing,
        "reading alone, ms a frame": floor.stats([1000 * s / frames for s in floors]),
        "a pair of frames, ms": rivals.compare(dataset, args.repeat),
    }


def busy_before() -> float:
    """Mean number of processes that wanted a processor in the last minute; -1 where unknown."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else -1


def bytes_a_frame(dataset: Dataset) -> float:
    """Mean size of the mask files of a frame."""
    paths = floor.mask_paths(dataset)
    return sum(path.stat().st_size for path in paths) / len(dataset.frames)


def summary(setup: Setup, taken: dict[str, list[Run]], dataset: Dataset) -> dict:
    """Figures of one setup; milliseconds a frame, and ratios to ``no`` of the same round."""
    runs, frames = taken[setup.name], len(dataset.frames)
    result = {
        "ms a frame": {
            stage: floor.stats([1000 * s / frames for s in seconds])
            for stage, seconds in _stages(runs).items()
        }
    }
    result["coordination"] = floor.stats([_coordination(setup, run, dataset) for run in runs])
    if "no" in taken:
        pairs = list(zip(taken["no"], runs, strict=True))
        measuring = [a.stages["measuring"] / b.stages["measuring"] for a, b in pairs]
        result["speed-up, measuring"] = floor.stats(measuring)
        result["speed-up, command"] = floor.stats([a.wall / b.wall for a, b in pairs])
    return result


def _stages(runs: list[Run]) -> dict[str, list[float]]:
    """Wall seconds by stage; the measuring stage divided as its workers divided their time."""
    stages: dict[str, list[float]] = {}
    for run in runs:
        s = run.stages
        waited = s["measuring"] - s["propagated"]
        reading = waited * s["read"] / (s["read"] + s["measured"])
        parts = {"read": reading, "measure": waited - reading, "propagate": s["propagated"]}
        parts |= {"write": s["written"]} | ({} if run.drawn is None else {"draw": run.drawn})
        for name, seconds in (parts | {"command": run.wall, "processor": run.processor}).items():
            stages.setdefault(name, []).append(seconds)
    return stages


def _coordination(setup: Setup, run: Run, dataset: Dataset) -> float:
    """Share of the workers' time in the measuring stage in which they do not measure, 0-1.

    The frames that are read again at the seams of chunks count as work; so do the labels where a
    worker makes them.
    """
    lookback = Options().measuring().lookback
    pieces = list(chunks(dataset.frames, lookback, setup.workers))
    again = 1 + sum(piece.halo for piece in pieces) / len(dataset.frames)
    busy = (run.stages["read"] + run.stages["measured"]) * again
    if setup.backend not in ("multi", "dask"):
        busy += run.stages["propagated"]
    return 1 - busy / (setup.workers * run.stages["measuring"])


def without_reading(args: argparse.Namespace) -> int:
    """Measure in memory; returns the exit code."""
    content = in_memory.measure(args.data_path, args.repeat, args.warmup)
    args.results.mkdir(parents=True, exist_ok=True)
    name = f"{args.machine}-{content['in memory'].replace(' ', '-')}-in-memory.json"
    (args.results / name).write_text(json.dumps(content, indent=1) + "\n")
    print(in_memory.HEAD, in_memory.report(content), sep="\n")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    args = parser().parse_args(argv)
    if args.in_memory:
        return without_reading(args)
    args.results.mkdir(parents=True, exist_ok=True)
    if not args.compare:
        if args.data_path is None:
            parser().error("--data-path is needed to measure")
        with tempfile.TemporaryDirectory(dir=args.scratch) as scratch:
            work = study.measure if args.study else measure
            content = work(args, Path(scratch))
        kind = "study" if args.study else args.output
        times = f"x{args.times}" if args.times > 1 else ""
        name = f"{args.machine}-{args.data_path.resolve().name}{times}-{kind}"
        (args.results / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
    for path in sorted(args.results.glob("*.json")):
        content = json.loads(path.read_text())
        stem = path.with_suffix("")
        if "study" in content or "backends" in content:
            text = (study if "study" in content else charts).report(content, stem)
            print(text)
            if args.results.resolve() == RESULTS:
                pictures = sorted(args.results.glob(f"{stem.name}*.png"))
                charts.renew(PAGE, stem.name, text, pictures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
