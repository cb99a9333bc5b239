#!/usr/bin/env python3
"""Measure the opening of large data sets: all that happens before the first pixel is needed.

Data is made up: a ``sk_masks.json`` of run lengths, and a folder of 16-bit label images.  Beside
each stands what cannot be saved: parsing the JSON once, and listing the folder.  Opening reads no
image but the first, whose pixels tell the format, so the others are copies of it.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import floor  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from consistency.formats import open_source  # noqa: E402
from consistency.formats.source import Source, load_json  # noqa: E402

FRAMES, MASKS = 1000, 200
SIZE = 1080, 1920
COUNTS = 400  # characters of run lengths of one mask


def write_json(folder: Path) -> Path:
    """Write records as Segment Anything has them; returns the folder."""
    folder.mkdir()
    record = {
        "segmentation": {"size": list(SIZE), "counts": "0" * COUNTS},
        "area": 4321,
        "bbox": [12, 34, 56, 78],
        "predicted_iou": 0.98765,
        "stability_score": 0.95432,
    }
    content = {f"{t:05d}": [record] * MASKS for t in range(FRAMES)}
    (folder / "sk_masks.json").write_text(json.dumps(content))
    return folder


def write_images(folder: Path) -> Path:
    """Write label images of 300 values; returns the folder."""
    folder.mkdir()
    values = np.arange(300, dtype=np.uint16).repeat(SIZE[0] * SIZE[1] // 300)
    Image.fromarray(values.reshape(SIZE)).save(folder / "00000.png")
    for t in range(1, FRAMES):
        shutil.copyfile(folder / "00000.png", folder / f"{t:05d}.png")
    return folder


def row(name: str, repeat: int, ours: Callable[[], object], least: Callable[[], object]) -> dict:
    """Figures of one data set, in ms: [median, least, most] of opening, and of what is needed."""
    times = floor.in_turn(repeat, ours, least)
    ms = [[1e3 * value for value in sorted(some)] for some in times]
    opening, needed = ([some[len(some) // 2], some[0], some[-1]] for some in ms)
    return {"data": name, "opening": opening, "needed": needed}


def measure(scratch: Path, repeat: int) -> list[dict]:
    """Figures of both data sets."""
    records = write_json(scratch / "records")
    images = write_images(scratch / "images")
    file = records / "sk_masks.json"
    megabytes = file.stat().st_size / 1e6
    return [
        row(
            f"sk_masks.json, {megabytes:.0f} MB, {FRAMES} frames of {MASKS} masks",
            repeat,
            lambda: open_source(Source(records)),
            lambda: load_json(file),
        ),
        row(
            f"{FRAMES} label images, 16-bit PNG, {SIZE[1]} × {SIZE[0]}",
            repeat,
            lambda: open_source(Source(images)),
            lambda: sorted(images.iterdir()),
        ),
    ]


def table(rows: list[dict]) -> str:
    """Markdown table."""
    lines = ["| what | opened, ms | parsed or listed and no more, ms |", "|---|---|---|"]
    for row in rows:
        ours, needed = (
            f"{median:.0f} ({low:.0f} – {high:.0f})"
            for median, low, high in (row["opening"], row["needed"])
        )
        lines.append(f"| {row['data']} | **{ours}** | {needed} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    args = floor.timing_parser(__doc__).parse_args(argv)
    with tempfile.TemporaryDirectory(dir=args.scratch) as scratch:
        rows = measure(Path(scratch), args.repeat)
    about = floor.machine() | {"repeat": args.repeat}
    content = f"{about['cpu']}, one process; median (least – most)\n\n{table(rows)}"
    floor.keep(args.json, {"about": about, "rows": rows}, content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
