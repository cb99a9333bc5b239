#!/usr/bin/env python3
"""Measure the opening of large data sets: all that happens before the first pixel is needed.

Data is made up: run lengths as ``sk_masks.json``, in COCO's form and as MOTS, and a folder of
16-bit label images.  Beside each stands what cannot be saved: parsing the JSON once, reading the
lines, listing the folder.  Opening reads no image but the first, whose pixels tell the format, so
the others are copies of it.
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
from consistency.formats.source import Source, load_json, read_text  # noqa: E402

FRAMES, MASKS = 1000, 200
PARTS = 10  # frames of COCO and MOTS to one of the others, with as many masks in all
SIZE = 1080, 1920
COUNTS = 430  # characters of run lengths of one mask
RUNS = {"size": list(SIZE), "counts": "0" * COUNTS}


def write_json(folder: Path) -> Path:
    """Write records as Segment Anything has them; returns the folder."""
    folder.mkdir()
    record = {
        "segmentation": RUNS,
        "area": 4321,
        "bbox": [12, 34, 56, 78],
        "predicted_iou": 0.98765,
        "stability_score": 0.95432,
    }
    content = {f"{t:05d}": [record] * MASKS for t in range(FRAMES)}
    (folder / "sk_masks.json").write_text(json.dumps(content))
    return folder


def write_coco(file: Path) -> Path:
    """Write annotations as COCO has them; returns the file."""
    frames = range(1, FRAMES * PARTS + 1)
    sides = {"height": SIZE[0], "width": SIZE[1]}
    mask = {"category_id": 1, "segmentation": RUNS, "area": 4321, "bbox": [12, 34, 56, 78]}
    content = {
        "images": [{"id": t, "file_name": f"{t:06d}.jpg", **sides} for t in frames],
        "annotations": [
            {"id": t * MASKS + i, "image_id": t, "iscrowd": 0, **mask}
            for t in frames
            for i in range(MASKS // PARTS)
        ],
        "categories": [{"id": 1, "name": "car"}],
    }
    file.write_text(json.dumps(content))
    return file


def write_mots(file: Path) -> Path:
    """Write a line for each mask, as MOTS has them; returns the file."""
    with open(file, "w", encoding="ascii") as lines:
        for t in range(FRAMES * PARTS):
            for i in range(MASKS // PARTS):
                lines.write(f"{t} {1001 + i} 1 {SIZE[0]} {SIZE[1]} {RUNS['counts']}\n")
    return file


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
    """Figures of all data sets."""
    native = write_json(scratch / "records") / "sk_masks.json"
    coco, mots = write_coco(scratch / "coco.json"), write_mots(scratch / "mots.txt")
    images = write_images(scratch / "images")
    many = f"{FRAMES * PARTS} frames of {MASKS // PARTS} masks"
    return [
        row(
            f"sk_masks.json, {megabytes(native)} MB, {FRAMES} frames of {MASKS} masks",
            repeat,
            lambda: open_source(Source(native.parent)),
            lambda: load_json(native),
        ),
        row(
            f"COCO, {megabytes(coco)} MB, {many}",
            repeat,
            lambda: open_source(Source(coco)),
            lambda: load_json(coco),
        ),
        row(
            f"MOTS, {megabytes(mots)} MB, {many}",
            repeat,
            lambda: open_source(Source(mots)),
            lambda: read_text(mots).splitlines(),
        ),
        row(
            f"{FRAMES} label images, 16-bit PNG, {SIZE[1]} × {SIZE[0]}",
            repeat,
            lambda: open_source(Source(images)),
            lambda: sorted(images.iterdir()),
        ),
    ]


def megabytes(file: Path) -> int:
    """Size of a file in MB, rounded."""
    return round(file.stat().st_size / 1e6)


def table(rows: list[dict]) -> str:
    """Markdown table."""
    lines = ["| what | opened, ms | parsed, read or listed and no more, ms |", "|---|---|---|"]
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
