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
FRAME, SPLIT, POINTER = (
    17,
    5,
    (0.78, 0.53),
)  # what the pictures show; where on the stage the pointer is


def run(folder: Path, script: str, *flags: str) -> None:
    """Run a script of the project in a folder."""
    subprocess.run([sys.executable, ROOT / script, *flags], check=True, cwd=folder)


def compare(page: Page) -> None:
    """Half before, half after, the pointer on a mask."""
    page.keyboard.press("b")
    box = page.locator("#stage").bounding_box()
    x, y = POINTER
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])


def correct(page: Page) -> None:
    """A label is split, and the next correction is being asked for."""
    page.click(f"#rows .row[data-label='{SPLIT}']")
    page.keyboard.press("s")
    page.keyboard.press("Enter")
    page.keyboard.press("m")
    page.keyboard.type("6")
    page.click("#tab-corrections")


PICTURES = {"viewer.png": ("dark", compare), "corrections.png": ("light", correct)}


def screenshots(page_file: Path) -> None:
    """Take the pictures of the viewer."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for name, (scheme, prepare) in PICTURES.items():
            page = chromium.new_page(viewport=WINDOW, color_scheme=scheme)
            page.goto(f"{page_file.as_uri()}#frame={FRAME}")
            page.wait_for_selector("body[data-ready=yes]")
            prepare(page)
            page.wait_for_timeout(500)
            page.screenshot(path=IMAGES / name)
            with Image.open(IMAGES / name) as picture:
                picture.quantize(256).save(IMAGES / name, optimize=True)
        chromium.close()


def main() -> None:
    """Write before_after.gif and the pictures of the viewer."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(folder, "data/make_demo.py", "--out", "data/demo")
        run(folder, "mark_label.py", "data/demo", "--exp-name", "demo", "--output", "none")
        look = ["vis.py", "--exp-name", "demo", "--out", "."]
        run(folder, *look, "--side-by-side", "--scale", "0.4", "--plain")
        run(folder, *look, "--format", "html")
        shutil.copy(folder / "demo.gif", IMAGES / "before_after.gif")
        screenshots(folder / "demo.html")


if __name__ == "__main__":
    main()
