#!/usr/bin/env python3
"""Peak memory and time for sequences of 100, 1000 and 10 000 small frames."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import floor  # noqa: E402
import numpy as np  # noqa: E402
import study  # noqa: E402
from runs import Setup  # noqa: E402

from consistency.formats import open_dataset  # noqa: E402

LENGTHS = (100, 1000, 10_000)
FRAMES, MASKS, SHAPE = 100, 8, (48, 64)  # the frames that are named again and again


def write_frames(folder: Path) -> None:
    """Write drifting squares, one .npy file a mask."""
    content = {}
    for t in range(FRAMES):
        (folder / "numpy_masks" / str(t)).mkdir(parents=True)
        records = content.setdefault(f"{t}.png", [])
        for i in range(MASKS):
            mask = np.zeros(SHAPE, bool)
            x = (8 * i + t) % (SHAPE[1] - 6)
            mask[5 * i : 5 * i + 5, x : x + 6] = True
            np.save(folder / "numpy_masks" / str(t) / f"{i}.npy", mask)
            records.append({"segmentation": f"numpy_masks/{t}/{i}.npy", "area": int(mask.sum())})
    (folder / "sk_masks.json").write_text(json.dumps(content))


def measure(scratch: Path, workers: int) -> list[dict]:
    """One row a length and backend."""
    write_frames(scratch / "short")
    rows = []
    for length in LENGTHS:
        data = scratch / str(length)
        floor.repeated(open_dataset(scratch / "short"), length // FRAMES, data)
        for setup in (Setup("no", 1), Setup("multi", workers)):
            target = ["--data-path", str(data), "--exp-name", "e", "--experiments", str(scratch)]
            command = [*setup.command(), *target, "--overwrite", "--output", "none"]
            rows.append({"frames": length, "backend": setup.name} | study.watched(command))
    return rows


def table(rows: list[dict], about: dict) -> str:
    """Markdown table."""
    lines = [f"{MASKS} masks of {SHAPE[1]} × {SHAPE[0]} a frame; {about['cpu']}", ""]
    lines += ["| frames | backend | seconds | peak memory of all processes, MB |"]
    lines += ["|---|---|---|---|"]
    for row in rows:
        cells = (row["frames"], f"`{row['backend']}`", f"{row['seconds']:.1f}")
        lines.append(f"| {' | '.join(map(str, cells))} | {row['memory']:.0f} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--workers", type=int, default=2, help="processes of multi")
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as scratch:
        rows = measure(Path(scratch), args.workers)
    about = floor.machine()
    floor.keep(args.json, {"about": about, "long": rows}, table(rows, about))
    return 0


if __name__ == "__main__":
    sys.exit(main())
