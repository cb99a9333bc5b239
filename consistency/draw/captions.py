"""What is written around the pictures of a GIF or a video: captions above, a legend beside."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

LEAST, MOST = 12, 28  # pixels, height of text
SHARE = 24  # part of the picture's height that a line of text takes: 1 / SHARE
LINE = 1.5  # height of a line over that of its text
LEGEND_TEXT = 12  # pixels
LEGEND_WIDTH = 13  # letters


@dataclass(frozen=True)
class Caption:
    """What stands above a frame: names of its panels, its number, and its name if there is room."""

    panels: tuple[str, ...]
    frame: str
    name: str


@dataclass(frozen=True)
class Entry:
    """A line of the legend: number of a colour, and what has it."""

    number: int
    text: str


def strip_height(height: int) -> int:
    """Pixels that captions take above a picture of ``height`` pixels."""
    return round(LINE * _text_size(height))


def legend_width() -> int:
    """Pixels that a legend takes beside a picture."""
    return round(0.6 * LEGEND_TEXT * LEGEND_WIDTH)


def legend_lines(height: int) -> int:
    """How many labels a legend beside a picture of ``height`` pixels names."""
    return max(1, int(height / (LINE * LEGEND_TEXT)))


def entries(
    labels: Sequence[Sequence[int]], numbers: dict[int, int], names: dict[int, str], most: int
) -> tuple[Entry, ...]:
    """The ``most`` labels that are in the most frames, in the order of labels."""
    seen = Counter(label for frame in labels for label in set(frame))
    chosen = sorted(sorted(seen, key=lambda label: (-seen[label], label))[:most])
    return tuple(
        Entry(numbers.get(label, label), f"{label} {names.get(label, '')}".strip())
        for label in chosen
    )


def with_caption(
    picture: np.ndarray, caption: Caption, starts: Sequence[int], inks: tuple
) -> np.ndarray:
    """Put a line of text above a picture, uint8 (h, w) or (h, w, 3).

    Parameters
    ----------
    starts : column at which each panel begins.
    inks : of the text and of its ground.
    """
    height, width = picture.shape[:2]
    size = _text_size(height)
    strip = np.broadcast_to(
        np.array(inks[1], np.uint8), (strip_height(height), width, *picture.shape[2:])
    )
    canvas, pen = _pen(strip)
    middle = strip.shape[0] / 2
    font = ImageFont.load_default(size)
    whole = f"{caption.frame}   {caption.name}"
    panels = sum(_width(name, size) + size for name in caption.panels)
    text = whole if _width(whole, size) + size + panels <= width else caption.frame
    free = width - _width(text, size) - size
    for start, name in zip(starts, caption.panels, strict=True):
        if start + size / 2 + _width(name, size) < free:
            pen.text((start + size / 2, middle), name, fill=inks[0], font=font, anchor="lm")
    if free > 0:
        pen.text((width - size / 2, middle), text, fill=inks[0], font=font, anchor="rm")
    return np.concatenate([np.asarray(canvas), picture])


def with_legend(
    picture: np.ndarray, lines: Sequence[str], swatches: np.ndarray, inks: tuple
) -> np.ndarray:
    """Put a legend beside a picture; ``swatches`` is the ink of each line."""
    strip = np.broadcast_to(
        np.array(inks[1], np.uint8), (picture.shape[0], legend_width(), *picture.shape[2:])
    ).copy()
    high = LINE * LEGEND_TEXT
    for i, ink in enumerate(swatches):
        top = round(i * high + high / 4)
        strip[top : top + LEGEND_TEXT - 2, 4:14] = ink
    canvas, pen = _pen(strip)
    font = ImageFont.load_default(LEGEND_TEXT)
    for i, text in enumerate(lines):
        place = (18, (i + 0.5) * high)
        pen.text(place, text[: LEGEND_WIDTH - 3], fill=inks[0], font=font, anchor="lm")
    return np.concatenate([picture, np.asarray(canvas)], axis=1)


def _pen(strip: np.ndarray) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    canvas = Image.fromarray(np.ascontiguousarray(strip))
    pen = ImageDraw.Draw(canvas)
    if strip.ndim == 2:
        pen.fontmode = "1"  # shades between two numbers would be other labels' colours
    return canvas, pen


def _text_size(height: int) -> int:
    return int(np.clip(height // SHARE, LEAST, MOST))


@lru_cache(maxsize=1000)
def _width(text: str, size: int) -> float:
    return ImageFont.load_default(size).getlength(text)
