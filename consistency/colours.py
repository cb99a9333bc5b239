"""Labels to colours: a fixed function, well apart, and the palettes of indexed pictures."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

PALETTES = ("distinct", "davis", "grey")
BACKGROUND = (0, 0, 0)
WHITE = (255, 255, 255)
LARGEST_PALETTE = 256  # of a GIF, background included

# The "distinct" palette and its candidates.
TABLE_SIZE = 256
LIGHTNESS = (0.45, 0.93)  # OKLab L
LEAST_CHROMA = 0.06  # OKLab, distance from grey
# A colour nearer than this (OKLab) to one of the few before it counts for less, so that labels
# close in number stay further apart than 256 colours can be on the whole.
NEIGHBOURS, NEIGHBOUR_DISTANCE = 5, 0.15
GOLDEN = (5**0.5 - 1) / 2
LABEL_LIMIT = 1 << 48  # beyond, as products of labels may be, colours come again

# The first labels: Okabe, Ito (2008), "Color Universal Design", colours safe for all visions.
OKABE_ITO = [
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66),
    (0, 114, 178), (213, 94, 0), (204, 121, 167),
]  # fmt: skip
# Linear RGB as seen without one kind of cones, the two kinds that matter in numbers: Machado,
# Oliveira, Fernandes (2009), table 1, severity 1: protanopia, deuteranopia.
DEFICIENCIES = np.array(
    [
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]],
    ]
)  # fmt: skip
# Linear RGB to OKLab: Ottosson (2020), "A perceptual color space for image processing".
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def colours(labels: Iterable[int], palette: str = "distinct") -> np.ndarray:
    """Return the colour of each label, uint8 (n, 3) RGB; a fixed function of the label alone.

    Label 0 is the black background, and no two of the first 256 labels are alike.  "distinct" is
    well apart for all kinds of colour vision, "davis" the colour map of PASCAL VOC and DAVIS,
    "grey" has no colour.
    """
    numbers = np.fromiter((int(label) % LABEL_LIMIT for label in labels), np.int64)
    if palette == "davis":
        return _davis(numbers)
    if palette == "grey":
        return _grey(numbers)
    table, spare = _distinct()
    beyond = (numbers * GOLDEN % 1 * len(spare)).astype(np.int64)
    return np.where(
        (numbers < len(table))[:, None], table[np.minimum(numbers, len(table) - 1)], spare[beyond]
    )


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


@lru_cache(maxsize=1)
def _distinct() -> tuple[np.ndarray, np.ndarray]:
    """Choose the table of the first labels, and the colours that all further labels share.

    Farthest-point sampling from the first few on: each colour is the candidate with the largest
    distance to all before it, the worst of normal and deficient colour vision deciding.

    Returns
    -------
    table : uint8 (257, 3), black and the colours of labels 1 ... 256.
    spare : uint8 (n, 3), by lightness.
    """
    candidates = _candidates()
    rgb = np.concatenate([[BACKGROUND], OKABE_ITO, candidates])
    seen = _seen(rgb)
    nearest = np.full(len(rgb), np.inf)
    chosen: list[int] = []
    recent: list[np.ndarray] = []
    while len(chosen) <= TABLE_SIZE:
        number = len(chosen)
        if number > len(OKABE_ITO):
            score = nearest * np.min([np.full(len(rgb), NEIGHBOUR_DISTANCE), *recent], axis=0)
            number = int(np.argmax(score))
        chosen.append(number)
        distance = _distance(seen, seen[:, [number]])
        nearest = np.minimum(nearest, distance)
        recent = [*recent, distance][-NEIGHBOURS:]
    return rgb[chosen].astype(np.uint8), candidates.astype(np.uint8)


def _candidates() -> np.ndarray:
    """RGB in coarse steps that are neither dim nor glaring nor grey, by lightness, int (n, 3)."""
    steps = np.arange(0, 256, 17)
    rgb = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    normal = _seen(rgb)[0]
    lightness, chroma = normal[:, 0], np.hypot(normal[:, 1], normal[:, 2])
    good = (lightness > LIGHTNESS[0]) & (lightness < LIGHTNESS[1]) & (chroma > LEAST_CHROMA)
    return rgb[good][np.argsort(lightness[good], kind="stable")]


def _seen(rgb: np.ndarray) -> np.ndarray:
    """OKLab of sRGB colours (n, 3), as normal and as each deficient vision sees them: (3, n, 3)."""
    value = rgb / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    visions = np.concatenate([np.eye(3)[None], DEFICIENCIES])
    seen = np.clip(np.einsum("vij,nj->vni", visions, linear), 0, 1)
    return np.cbrt(seen @ TO_CONES.T) @ TO_LAB.T


def _distance(seen: np.ndarray, other: np.ndarray) -> np.ndarray:
    """OKLab distance in the vision that tells them apart worst; (3, n, 3), (3, 1, 3) -> (n,)."""
    return np.sqrt(((seen - other) ** 2).sum(axis=2)).min(axis=0)


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
    frames: Iterable[Sequence[int]], name: str = "distinct", text: bool = False
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
    for label, colour in zip(rest, colours(rest, name).astype(np.int64), strict=True):
        number[label] = 1 + int(np.argmin(((ink - colour) ** 2).sum(axis=1)))
    table = [[BACKGROUND], ink, [WHITE]] if text else [[BACKGROUND], ink]
    return Palette(np.concatenate(table).astype(np.uint8), number)
