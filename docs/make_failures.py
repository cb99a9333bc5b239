#!/usr/bin/env python3
"""Make the pictures of labels that do not hold (docs/association.md) from the synthetic scene."""

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
# Name of the picture: frames shown side by side, and the part of them (left, top, right, bottom).
CASES = {
    "failure_border": ((7, 8, 12), (0, 180, 200, 400)),
    "failure_parts": ((22, 23, 24), (800, 180, 960, 380)),
}
SPACE = 6  # pixels between frames


def run(script: str, *flags: str | Path) -> None:
    """Run a script of the project."""
    subprocess.run([sys.executable, ROOT / script, *flags], check=True)


def side_by_side(pictures: list[Image.Image]) -> Image.Image:
    """Join pictures of one size."""
    width, height = pictures[0].size
    joined = Image.new("RGB", ((width + SPACE) * len(pictures) - SPACE, height), "white")
    for k, picture in enumerate(pictures):
        joined.paste(picture, (k * (width + SPACE), 0))
    return joined


def main() -> int:
    """Write docs/images/failure_*.png."""
    with tempfile.TemporaryDirectory() as folder:
        data, experiments = Path(folder, "data"), Path(folder, "experiments")
        run("data/make_demo.py", "--out", data, "--setting", "hard")
        name = ["--exp-name", "hard", "--experiments", experiments]
        run("mark_label.py", "--data-path", data, *name, "--output", "rle", "--quiet")
        run("vis.py", *name, "--out", folder, "--format", "png", "--numbers", "--quiet")
        drawn = sorted(Path(folder).glob("hard*/**/*.png"))
        for case, (frames, box) in CASES.items():
            pictures = [Image.open(drawn[t]).convert("RGB").crop(box) for t in frames]
            side_by_side(pictures).quantize(64).save(IMAGES / f"{case}.png", optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
