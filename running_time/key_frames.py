#!/usr/bin/env python3
"""How well frames between key frames are filled, and how fast.

    key_frames.py [FOLDER ...] [--intervals 0 1 2 3 4] [--scales 0.5 0.75 1] [--out STEM]

FOLDER is a sequence as DAVIS has it, images in JPEGImages/ and label images in Annotations/, or a
folder of such.  Without one the synthetic scene of data/make_demo.py is measured.  Key frames have
their true masks; those of the frames between are compared with the truth.  Prints a table, and
writes it, a figure and the numbers as STEM.md, STEM.png and STEM.json.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent), str(ROOT / "data")]

import cv2  # noqa: E402
import key_frame_methods as methods  # noqa: E402
import key_frame_scenes as scenes  # noqa: E402
from key_frame_report import figure, table  # noqa: E402
from key_frame_scenes import Scene  # noqa: E402

from backends import open_backend  # noqa: E402
from consistency.cli.common import natural, run_cli, share  # noqa: E402
from consistency.filling.key_frames import key_frames  # noqa: E402
from consistency.options import FLOW_FAST, FLOW_MEDIUM, FillingOptions  # noqa: E402

STEM = ROOT / "running_time/results/key_frames"
COPY, FORWARD = "copy of the key frame before", "forward, DIS medium"
DRIVEN = "this tool, --change-driven"


def ways(scales: Sequence[float]) -> dict[str, methods.Method]:
    """Return {title: method}."""
    own = {f"this tool, --scale {s:g}": methods.Both(s, FLOW_MEDIUM) for s in scales}
    fast = {"this tool, --flow-preset fast": methods.Both(1.0, FLOW_FAST)}
    return {COPY: methods.copied, FORWARD: methods.forward, **own, **fast}


def measure(
    found: Sequence[Scene], intervals: Sequence[int], scales: Sequence[float]
) -> list[dict]:
    """Return a row for each interval, way and sequence."""
    rows = []
    with open_backend("no") as backend:
        for interval in intervals:
            for whole in found:
                # Whole intervals alone: behind the last key frame there is nothing to compare.
                scene = whole.until((len(whole.truth) - 1) // (interval + 1) * (interval + 1) + 1)
                even = list(range(0, len(scene.truth), interval + 1))
                jobs = [(title, even, way) for title, way in ways(scales).items()]
                if interval:
                    how = FillingOptions(interval, True, frames_path=str(scene.images))
                    keys = key_frames(scene.dataset, how, backend)
                    jobs.append((DRIVEN, keys, methods.Both(1.0, FLOW_MEDIUM)))
                for title, keys, way in jobs:
                    row = {"interval": interval, "way": title, "sequence": whole.name}
                    rows.append(row | asdict(methods.score(scene, keys, way)))
                print(f"{whole.name}, interval {interval}: done", file=sys.stderr)
    return rows


def _work(args: argparse.Namespace) -> int:
    load, threads = os.getloadavg()[0], cv2.getNumThreads()
    with tempfile.TemporaryDirectory() as scratch:
        found = scenes.find(args.folders) if args.folders else [scenes.demo(Path(scratch))]
        # One thread, so that figures do not depend on how many the machine has.
        cv2.setNumThreads(1)
        rows = measure(found, args.intervals, args.scales)
        cv2.setNumThreads(threads)
    about = {
        "sequences": [scene.name for scene in found],
        "frames": sum(len(scene.truth) for scene in found),
        "processor": platform.processor() or platform.machine(),
        "load": round(load, 1),
        "opencv": cv2.__version__,
    }
    text = table(rows, about)
    print(text)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
    content = {"about": about, "rows": rows}
    args.out.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n")
    figure(rows, args.out.with_suffix(".png"))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    add = parser.add_argument
    add("folders", nargs="*", type=Path, metavar="FOLDER", help="sequences; none: a painted scene")
    add("--intervals", nargs="+", type=natural, default=[0, 1, 2, 3, 4])
    add("--scales", nargs="+", type=share, default=[0.5, 0.75, 1.0])
    add("--out", type=Path, default=STEM, metavar="STEM", help="where the results are written")
    add("--debug", action="store_true", help="show where an error comes from")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    return run_cli(_work, _parser().parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
