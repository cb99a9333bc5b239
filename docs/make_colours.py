#!/usr/bin/env python3
"""Choose the colours of the "distinct" palette: print consistency/draw/colour_table.py.

Farthest-point sampling from eight known colours on: each further colour is the candidate with the
largest distance to all before it, the worst of normal and deficient colour vision deciding.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from consistency.draw.colour_difference import DEFICIENCIES  # noqa: E402

BACKGROUND = (0, 0, 0)
TABLE_SIZE = 256
LIGHTNESS = (0.45, 0.93)  # OKLab L
LEAST_CHROMA = 0.06  # OKLab, distance from grey
# A colour nearer than this (OKLab) to one of the few before it counts for less, so that labels
# close in number stay further apart than 256 colours can be on the whole.
NEIGHBOURS, NEIGHBOUR_DISTANCE = 5, 0.15
# The first labels: Okabe, Ito (2008), "Color Universal Design", colours safe for all visions.
OKABE_ITO = [
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66),
    (0, 114, 178), (213, 94, 0), (204, 121, 167),
]  # fmt: skip
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


def choose() -> np.ndarray:
    """Black and the colours of labels 1 ... 256, uint8 (257, 3) RGB."""
    rgb = np.concatenate([[BACKGROUND], OKABE_ITO, candidates()])
    everywhere = seen(rgb)
    nearest = np.full(len(rgb), np.inf)
    chosen: list[int] = []
    recent: list[np.ndarray] = []
    while len(chosen) <= TABLE_SIZE:
        number = len(chosen)
        if number > len(OKABE_ITO):
            score = nearest * np.min([np.full(len(rgb), NEIGHBOUR_DISTANCE), *recent], axis=0)
            number = int(np.argmax(score))
        chosen.append(number)
        away = distance(everywhere, everywhere[:, [number]])
        nearest = np.minimum(nearest, away)
        recent = [*recent, away][-NEIGHBOURS:]
    return rgb[chosen].astype(np.uint8)


def candidates() -> np.ndarray:
    """RGB in coarse steps that are neither dim nor glaring nor grey, by lightness, int (n, 3)."""
    steps = np.arange(0, 256, 17)
    rgb = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    normal = seen(rgb)[0]
    lightness, chroma = normal[:, 0], np.hypot(normal[:, 1], normal[:, 2])
    good = (lightness > LIGHTNESS[0]) & (lightness < LIGHTNESS[1]) & (chroma > LEAST_CHROMA)
    return rgb[good][np.argsort(lightness[good], kind="stable")]


def seen(rgb: np.ndarray) -> np.ndarray:
    """OKLab of sRGB colours (n, 3), as normal and as each deficient vision sees them: (3, n, 3)."""
    value = rgb / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    visions = np.concatenate([np.eye(3)[None], DEFICIENCIES])
    light = np.clip(np.einsum("vij,nj->vni", visions, linear), 0, 1)
    return np.cbrt(light @ TO_CONES.T) @ TO_LAB.T


def distance(some: np.ndarray, other: np.ndarray) -> np.ndarray:
    """OKLab distance in the vision that tells them apart worst; (3, n, 3), (3, 1, 3) -> (n,)."""
    return np.sqrt(((some - other) ** 2).sum(axis=2)).min(axis=0)


def main() -> None:
    """Print twelve colours a line."""
    names = ["".join(f"{int(channel):02x}" for channel in colour) for colour in choose()]
    for start in range(0, len(names), 12):
        print(*names[start : start + 12])


if __name__ == "__main__":
    main()
