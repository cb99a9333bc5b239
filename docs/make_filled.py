#!/usr/bin/env python3
"""Draw docs/images/filled.png: frames that were filled, beside the truth.

The scene is that of data/make_demo.py, at four frames between two key frames.
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "running_time"), str(ROOT / "data")]

import cv2  # noqa: E402
import key_frame_methods as methods  # noqa: E402
import numpy as np  # noqa: E402
from key_frame_scenes import Masks, demo  # noqa: E402
from PIL import Image, ImageDraw  # noqa: E402

from consistency.draw.colours import colours  # noqa: E402
from consistency.options import FLOW_MEDIUM  # noqa: E402

FIRST, LAST = 10, 15  # key frames
WIDTH = 300  # pixels of one frame in the picture
GAP, HEADING = 4, 18
WRONG = (255, 0, 0)


def main() -> int:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as scratch:
        scene = demo(Path(scratch))
        found, _ = methods.Both(1.0, FLOW_MEDIUM)(scene, FIRST, LAST)
    times = range(FIRST + 1, LAST)
    rows = [
        [(f"frame {t}, truth", scene.truth[t], None) for t in times],
        [(f"frame {t}, filled", masks, scene.truth[t]) for t, masks in zip(times, found)],  # noqa: B905
    ]
    height = round(WIDTH * next(iter(scene.truth[0].values())).shape[0] / 960)
    size = len(times) * (WIDTH + GAP) - GAP, len(rows) * (height + HEADING)
    sheet = Image.new("RGB", size, "white")
    for i, row in enumerate(rows):
        for j, (heading, masks, truth) in enumerate(row):
            corner = j * (WIDTH + GAP), i * (height + HEADING)
            ImageDraw.Draw(sheet).text((corner[0], corner[1] + 3), heading, "black")
            picture = Image.fromarray(painted(masks, truth))
            sheet.paste(picture.resize((WIDTH, height)), (corner[0], corner[1] + HEADING))
    path = ROOT / "docs/images/filled.png"
    sheet.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
    return 0


def painted(masks: Masks, truth: Masks | None) -> np.ndarray:
    """Return a picture of masks, uint8 (h, w, 3); what differs from the truth is red."""
    shape = next(iter(masks.values())).shape
    image = np.full((*shape, 3), 30, np.uint8)
    for number, colour in zip(masks, colours(masks), strict=True):
        image[masks[number]] = colour
        if truth is not None:
            wrong = masks[number] ^ truth.get(number, np.zeros(shape, bool))
            image[cv2.dilate(wrong.astype(np.uint8), np.ones((2, 2))) > 0] = WRONG
    return image


if __name__ == "__main__":
    sys.exit(main())
