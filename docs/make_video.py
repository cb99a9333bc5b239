#!/usr/bin/env python3
"""Make the pictures of docs/video.md from the synthetic scene."""

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
# A segmenter that gives a thing that stands the same pixels in each frame.
STEADY = ("--camera-speed", "0", "--jitter", "0", "--drop-out", "0", "--duplicates", "0")
FRAME = 8  # what the picture of the blocks shows
MOVING = (
    *("--size", "640x360", "--frames", "12", "--objects", "8"),
    *("--object-speed", "0.02", "--camera-speed", "0.003"),
)
REGIONS_FRAME = 6  # what the picture of the regions shows


def run(script: str, *flags: str | Path) -> None:
    """Run a script of the project."""
    subprocess.run([sys.executable, ROOT / script, *flags], check=True, cwd=ROOT)


def draw_blocks(folder: Path) -> None:
    """Blocks in which anything changed, over a scene whose camera stands."""
    data, size = folder / "standing", ("--size", "640x360", "--frames", "16")
    run("data/make_demo.py", "--out", data, *STEADY, *size)
    look = ["--format", "blocks", "--frames-path", data / "frames", "--out", folder]
    run("vis.py", "--data-path", data, *look)
    with Image.open(folder / "standing_blocks.gif") as film:
        film.seek(FRAME)
        film.convert("RGB").save(IMAGES / "blocks.png", optimize=True)


def draw_regions(folder: Path) -> None:
    """Regions that move as one, of a scene whose toys move."""
    data, masks = folder / "moving", folder / "regions"
    run("data/make_demo.py", "--out", data, *MOVING)
    flags = "-m", "consistency.motion_masks", "--frames-path", data / "frames", "--out", masks
    subprocess.run([sys.executable, *flags, "--masks", "5"], check=True, cwd=ROOT)
    where = ["--experiments", folder, "--exp-name", "motion"]
    run("mark_label.py", masks, "--keep-ids", "--output", "none", *where)
    run(
        "vis.py",
        *where,
        "--format",
        "png",
        "--frames-path",
        data / "frames",
        "--out",
        folder / "vis",
    )
    with Image.open(folder / "vis" / "motion" / f"{REGIONS_FRAME:04d}.png") as picture:
        picture.convert("RGB").save(IMAGES / "motion_regions.png", optimize=True)


def main() -> None:
    """Write all of them."""
    with tempfile.TemporaryDirectory() as name:
        draw_blocks(Path(name))
        draw_regions(Path(name))


if __name__ == "__main__":
    main()
