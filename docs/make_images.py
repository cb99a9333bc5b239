#!/usr/bin/env python3
"""Make the pictures of the documentation from the synthetic scene.

Needs requirements-test.txt and Chromium.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
WINDOW = {"width": 1280, "height": 800}
FRAME, POINTER = 17, (0.78, 0.53)  # what the screenshot shows; where on the stage the pointer is


def run(script: str, *flags: str | Path) -> None:
    """Run a script of the project."""
    subprocess.run([sys.executable, ROOT / script, *flags], check=True)


def point(page: Page) -> None:
    """Half before, half after, the pointer on a mask."""
    page.keyboard.press("b")
    box = page.locator("#stage").bounding_box()
    x, y = POINTER
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.wait_for_timeout(500)


def screenshot(page_file: Path, path: Path) -> None:
    """Take a picture of the viewer."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = chromium.new_page(viewport=WINDOW)
        page.goto(f"{page_file.as_uri()}#frame={FRAME}")
        point(page)
        page.screenshot(path=path)
        chromium.close()
    with Image.open(path) as picture:
        picture.convert("RGB").save(path, optimize=True)


def main() -> None:
    """Write before_after.gif and viewer.png."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, experiments = folder / "data" / "demo", folder / "experiments"
        run("data/make_demo.py", "--out", data)
        where = ["--experiments", experiments, "--exp-name", "demo"]
        run("mark_label.py", "--data-path", data, *where, "--output", "none")
        look = [*where, "--out", folder]
        run("vis.py", *look, "--side-by-side", "--scale", "0.5")
        run("vis.py", *look, "--format", "html", "--frames-path", data / "frames")
        shutil.copy(folder / "demo.gif", IMAGES / "before_after.gif")
        screenshot(folder / "demo.html", IMAGES / "viewer.png")


if __name__ == "__main__":
    main()
