#!/usr/bin/env python3
"""How well motion alone finds the objects of sequences with a truth: J of the best region.

    python running_time/motion_masks.py NAME=FLOW_OR_IMAGES:TRUTH ...

TRUTH is a folder of label images, all of whose objects count as one.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    result.add_argument("sequences", nargs="+", metavar="NAME=FLOW_OR_IMAGES:TRUTH")
    result.add_argument("--masks", type=int, nargs="+", default=[4], help="numbers of regions")
    return result


def jaccard(data: Path, truth: Path) -> float:
    """Mean IoU over the frames of the region that has the largest."""
    values: dict[int, list[float]] = {}
    frames = json.loads((data / "sk_masks.json").read_text())
    for name, records in frames.items():
        with Image.open(truth / f"{name}.png") as image:
            true = np.array(image) > 0
        for record in records:
            found = np.load(data / record["segmentation"])
            union = (found | true).sum()
            value = (found & true).sum() / union if union else 1.0
            values.setdefault(record["label"], []).append(float(value))
    return max(sum(v) / len(frames) for v in values.values())


def run(source: Path, regions: int, out: Path) -> str:
    """Segment a sequence; returns the summary."""
    flow = any(source.glob("*.flo"))
    flag = "--flow-path" if flow else "--frames-path"
    command = [sys.executable, "-m", "consistency.motion_masks", flag, source, "--out", out]
    done = subprocess.run(
        [*map(str, command), "--masks", str(regions)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def main(argv: list[str] | None = None) -> int:
    """Print a table; returns the exit code."""
    args = parser().parse_args(argv)
    print("| sequence | regions | frames | J | steps | seconds |\n|---|---|---|---|---|---|")
    for text in args.sequences:
        name, _, rest = text.partition("=")
        source, _, truth = rest.rpartition(":")
        for regions in args.masks:
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "masks"
                said = run(Path(source).resolve(), regions, out)
                value = jaccard(out, Path(truth))
            frames, steps, seconds = re.search(
                r"(\d+) frames.* (\d+) steps.* ([\d.]+) seconds", said
            ).groups()
            cells = (name, regions, frames, f"{value:.2f}", steps, seconds)
            print(f"| {' | '.join(map(str, cells))} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
