#!/usr/bin/env python3
"""Make the pictures of the documentation from the synthetic scene.

Needs requirements-test.txt, Chromium, and data/demo and experiments/demo from ``make demo``.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import vis  # noqa: E402  (found only now)

WINDOW = {"width": 1280, "height": 800}
FRAME, LABEL_AT = 14, (0.62, 0.45)  # what the screenshot shows; where the pointer is on the stage


def show(folder: Path, *flags: str) -> None:
    """Draw the demo into ``folder``."""
    experiments = HERE.parent / "experiments"
    where = ["--exp-name", "demo", "--experiments", str(experiments), "--out", str(folder)]
    if vis.main([*where, *flags]):
        sys.exit("make demo first")


def point(page: Page) -> None:
    """Half before, half after, the pointer on a mask."""
    page.keyboard.press("b")
    box = page.locator("#stage").bounding_box()
    x, y = LABEL_AT
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.wait_for_timeout(500)


def main() -> None:
    """Write before_after.gif and viewer.png."""
    images = HERE / "images"
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        show(folder, "--side-by-side", "--scale", "0.5")
        shutil.copy(folder / "demo.gif", images / "before_after.gif")
        frames = str(HERE.parent / "data" / "demo" / "frames")
        show(folder, "--format", "html", "--frames-path", frames)
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = chromium.new_page(viewport=WINDOW)
        page.goto(f"{(folder / 'demo.html').as_uri()}#frame={FRAME}")
        point(page)
        page.screenshot(path=folder / "viewer.png")
        chromium.close()
        with Image.open(folder / "viewer.png") as picture:
            picture.convert("RGB").save(images / "viewer.png", optimize=True)


if __name__ == "__main__":
    main()
