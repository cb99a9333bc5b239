"""Labels to colours: a fixed function, well apart, and the palettes of indexed pictures."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from consistency.draw.colour_table import TABLE
from consistency.options import StyleOptions

BACKGROUND = (0, 0, 0)
WHITE = (255, 255, 255)
LARGEST_PALETTE = 256  # of a GIF, background included

LABEL_LIMIT = (1 << 31) - 1  # beyond, as products of labels may be, colours come again

# Colours of the labels beyond the table: a coarse grid of RGB without what is dim, glaring or grey.
GRID_STEP = 17
LUMA = (70_000, 225_000)  # 299 R + 587 G + 114 B
LEAST_SPREAD = 68  # between the largest and the smallest channel
GOLDEN = 2654435769  # 2**32 / golden ratio: successive multiples fall far apart (Knuth 6.4)


def colours(labels: Iterable[int], palette: str = StyleOptions.palette) -> np.ndarray:
    """Return the colour of each label, uint8 (n, 3) RGB; a fixed function of the label alone.

    Label 0 is the black background, and no two of the first 256 labels are alike.  "distinct" is
    well apart for all kinds of colour vision, "davis" the colour map of PASCAL VOC and DAVIS,
    "grey" has no colour.
    """
    numbers = np.fromiter((label and (int(label) - 1) % LABEL_LIMIT + 1 for label in labels), int)
    if palette == "davis":
        return _davis(numbers)
    if palette == "grey":
        return _grey(numbers)
    table, spare = _table(), _spare()
    # The product modulo 2**32, scaled to the number of spare colours: its high bits are the best
    # mixed.
    beyond = (numbers * GOLDEN % 2**32) * len(spare) >> 32
    own = table[np.minimum(numbers, len(table) - 1)]
    return np.where((numbers < len(table))[:, None], own, spare[beyond])


@lru_cache(maxsize=1)
def _table() -> np.ndarray:
    """Colours of labels 0 ... 256, uint8 (257, 3)."""
    return np.frombuffer(bytes.fromhex(TABLE), np.uint8).reshape(-1, 3)


@lru_cache(maxsize=1)
def _spare() -> np.ndarray:
    """Colours that all further labels share, by luma, uint8 (n, 3)."""
    steps = np.arange(0, 256, GRID_STEP)
    rgb = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    luma = rgb @ [299, 587, 114]
    good = (luma > LUMA[0]) & (luma < LUMA[1]) & (np.ptp(rgb, axis=1) >= LEAST_SPREAD)
    return rgb[good][np.argsort(luma[good], kind="stable")].astype(np.uint8)


def _davis(labels: np.ndarray) -> np.ndarray:
    """Colour map of PASCAL VOC: bits 0, 3, 6 of the label are the high bits of red, and so on."""
    # 256 colours come back to black; further labels take the colours of 1 ... 255 again.
    labels = np.where(labels > 255, (labels - 1) % 255 + 1, labels)
    channels = np.zeros((labels.size, 3), np.int64)
    for source in range(8):
        channels[:, source % 3] |= (labels >> source & 1) << (7 - source // 3)
    return channels.astype(np.uint8)


def _grey(labels: np.ndarray) -> np.ndarray:
    """Levels 1 ... 255, each once; labels close in number are about 0.62 of the range apart."""
    step = 158  # shares no factor with 255 and is near the golden ratio of it
    levels = np.where(labels > 0, (labels - 1) % 255 * step % 255 + 1, 0)
    return np.repeat(levels[:, None], 3, axis=1).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Palette:
    """The colours of one sequence and the number of each label among them.

    Attributes
    ----------
    colours : uint8 (n <= 256, 3) RGB; number 0 is the background; with text the last is white.
    number : label -> index into ``colours``.
    """

    colours: np.ndarray
    number: dict[int, int]

    def numbers(self, labels: Sequence[int]) -> np.ndarray:
        """Number of each label, uint8 (n,)."""
        return np.array([self.number[label] for label in labels], np.uint8)


def make_palette(
    frames: Iterable[Sequence[int]], name: str = StyleOptions.palette, text: bool = False
) -> Palette:
    """Give every label of a sequence a number.

    The labels seen in the most frames keep their own colour, as many as the palette holds; each
    other one borrows the nearest of these.

    Parameters
    ----------
    frames : the labels of each frame.
    name : see ``colours``.
    text : keep the last place for white.
    """
    seen = Counter(label for labels in frames for label in labels)
    by_use = sorted(seen, key=lambda label: (-seen[label], label))
    room = LARGEST_PALETTE - 1 - text
    own, rest = by_use[:room], by_use[room:]
    ink = colours(own, name)
    number = {label: i + 1 for i, label in enumerate(own)}
    # int64: the square of a difference of bytes does not fit a byte.
    for label, colour in zip(rest, colours(rest, name).astype(np.int64), strict=True):
        number[label] = 1 + int(np.argmin(((ink - colour) ** 2).sum(axis=1)))
    table = np.concatenate([[BACKGROUND], ink, [WHITE] if text else ink[:0]])
    return Palette(table.astype(np.uint8), number)
