"""How different two colours look: CIEDE2000, also to eyes that lack a kind of cones."""

import numpy as np

# sRGB to CIE XYZ, D65: IEC 61966-2-1.
TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)  # fmt: skip
WHITE = TO_XYZ.sum(axis=1)
# Linear RGB as seen without one kind of cones: Machado, Oliveira, Fernandes (2009), table 1,
# severity 1: protanopia, deuteranopia, the two kinds that matter in numbers.
DEFICIENCIES = np.array(
    [
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]],
    ]
)  # fmt: skip


def lab(rgb: np.ndarray, vision: np.ndarray | None = None) -> np.ndarray:
    """CIE L*a*b* of sRGB colours uint8 (n, 3), as an eye sees them: float64 (n, 3)."""
    value = rgb / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    if vision is not None:
        linear = np.clip(linear @ vision.T, 0, 1)
    ratio = linear @ TO_XYZ.T / WHITE
    root = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    x, y, z = root.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def table(rgb: np.ndarray, deficient: bool = False) -> np.ndarray:
    """Difference of each two colours uint8 (n, 3), float64 (n, n), in CIEDE2000 units.

    ``deficient``: the least of what normal eyes and red-green blind ones see.
    """
    visions = [None, *(DEFICIENCIES if deficient else ())]
    seen = (lab(rgb, vision) for vision in visions)
    return np.min([ciede2000(x[:, None], x[None]) for x in seen], axis=0)


def ciede2000(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Difference of colours, L*a*b* (..., 3): Sharma, Wu, Dalal (2005), equations 2 to 22."""
    mean_c = (np.hypot(one[..., 1], one[..., 2]) + np.hypot(other[..., 1], other[..., 2])) / 2
    stretch = 1 + 0.5 * (1 - _saturated(mean_c))
    (l1, c1, h1), (l2, c2, h2) = (_cylinder(x, stretch) for x in (one, other))
    grey = c1 * c2 == 0
    dh = np.where(grey, 0, (h2 - h1 + 180) % 360 - 180)
    # The mean of two angles lies between them the shorter way round; of a grey one it is the other.
    h = np.where(grey, h1 + h2, (h1 + dh / 2) % 360)
    lightness, c = (l1 + l2) / 2, (c1 + c2) / 2
    t = (
        1
        - 0.17 * _cos(h - 30)
        + 0.24 * _cos(2 * h)
        + 0.32 * _cos(3 * h + 6)
        - 0.20 * _cos(4 * h - 63)
    )
    off = (lightness - 50) ** 2
    part_l = (l2 - l1) / (1 + 0.015 * off / np.sqrt(20 + off))
    part_c = (c2 - c1) / (1 + 0.045 * c)
    part_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(dh / 2)) / (1 + 0.015 * c * t)
    turn = -np.sin(np.radians(60 * np.exp(-(((h - 275) / 25) ** 2)))) * 2 * _saturated(c)
    return np.sqrt(part_l**2 + part_c**2 + part_h**2 + turn * part_c * part_h)


def _saturated(chroma: np.ndarray) -> np.ndarray:
    return np.sqrt(chroma**7 / (chroma**7 + 25.0**7))


def _cylinder(colour: np.ndarray, stretch: np.ndarray) -> tuple[np.ndarray, ...]:
    """Lightness, chroma and hue in degrees, a* stretched."""
    a, b = colour[..., 1] * stretch, colour[..., 2]
    return colour[..., 0], np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360


def _cos(degrees: np.ndarray) -> np.ndarray:
    return np.cos(np.radians(degrees))
