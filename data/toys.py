"""What the objects of the synthetic scene look like: outlines, colours and parts of each kind.

Object coordinates: about 1 from the centre to the rim, x to the right, y down; angles in radians.
"""

from dataclasses import dataclass

import numpy as np

PALETTE = ["e25e4a", "f5b142", "58a07a", "4286b2", "7e62a8", "e88a9a", "3e5478", "96bc54", "ece2cc"]
SKIN = ["facea0", "e0a678", "966446"]
CREAM, DARK, STEEL, GLASS, COFFEE, LIPS = [
    "f8f2e2",
    "2c2a32",
    "bec4cc",
    "b2dae8",
    "603a26",
    "be3c46",
]


@dataclass(frozen=True)
class Part:
    """A painted region of an object.

    outline : (n, 2) float64, closed polygon in object coordinates (1 = size of the object).
    colour : RGB as six hexadecimal digits.
    inside : number of the part it belongs to; 0 is the object itself.
    has_mask : whether it is a mask of its own; if not, it only decorates the part it belongs to.
    """

    outline: np.ndarray
    colour: str
    inside: int = 0
    has_mask: bool = True


def radial(radius, centre=(0.0, 0.0), turn: float = 0.0) -> np.ndarray:
    """Return the (n, 2) outline whose n radii are spread evenly over the full circle."""
    angle = turn + np.linspace(0, 2 * np.pi, len(radius), endpoint=False)
    return np.asarray(radius)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1) + centre


def ellipse(x: float, y: float, radius_x: float, radius_y: float) -> np.ndarray:
    """Return an ellipse as a (48, 2) outline."""
    return radial(np.ones(48)) * (radius_x, radius_y) + (x, y)


def smooth(corners, rounds: int = 3) -> np.ndarray:
    """Round the corners of a polygon by cutting them (Chaikin 1974)."""
    points = np.asarray(corners, dtype=np.float64)
    for _ in range(rounds):
        after = np.roll(points, -1, axis=0)
        points = np.stack([0.8 * points + 0.2 * after, 0.2 * points + 0.8 * after], 1)
        points = points.reshape(-1, 2)
    return points


def box(x: float, y: float, half_width: float, half_height: float) -> np.ndarray:
    """Return a rectangle with rounded corners, a superellipse, as a (48, 2) outline."""
    unit = radial(np.ones(48))
    return np.sign(unit) * np.abs(unit) ** 0.25 * (half_width, half_height) + (x, y)


def face(rng, main, accent):
    """A head with hair and two eyes; pupils and mouth are decoration."""
    hair = [(-0.8, 0.0), (-0.86, -0.66), (-0.4, -1.1), (0.3, -1.1), (0.84, -0.7), (0.8, 0.0)]
    hair += [(0.6, -0.46), (0.1, -0.56), (-0.5, -0.4)]
    smile = [(-0.36, 0.36), (0.0, 0.48), (0.36, 0.36), (0.22, 0.7), (-0.22, 0.7)]
    return (
        Part(ellipse(0, 0, 0.78, 1), SKIN[rng.integers(3)]),
        Part(smooth(hair), main),
        Part(ellipse(-0.31, -0.05, 0.2, 0.17), CREAM),
        Part(ellipse(-0.28, -0.03, 0.1, 0.1), DARK, 2, False),
        Part(ellipse(0.31, -0.05, 0.2, 0.17), CREAM),
        Part(ellipse(0.34, -0.03, 0.1, 0.1), DARK, 4, False),
        Part(smooth(smile), LIPS, 0, False),
    )


def car(rng, main, accent):
    """A car with two windows and two wheels; hubs are decoration."""
    body = [(-1.3, 0.42), (-1.32, -0.1), (-0.9, -0.2), (-0.5, -0.66), (0.34, -0.66), (0.74, -0.18)]
    body += [(1.26, -0.06), (1.34, 0.42)]
    back = [(-0.68, -0.18), (-0.42, -0.54), (-0.1, -0.54), (-0.1, -0.18)]
    front = [(0.02, -0.18), (0.02, -0.54), (0.28, -0.54), (0.56, -0.18)]
    return (
        Part(smooth(body), main),
        Part(smooth(back, 2), GLASS),
        Part(smooth(front, 2), GLASS),
        Part(ellipse(-0.76, 0.42, 0.3, 0.3), DARK),
        Part(ellipse(-0.76, 0.42, 0.15, 0.15), STEEL, 3, False),
        Part(ellipse(0.76, 0.42, 0.3, 0.3), DARK),
        Part(ellipse(0.76, 0.42, 0.15, 0.15), STEEL, 5, False),
    )


def mug(rng, main, accent):
    """A mug with coffee in it and a star on its side; rim and handle are decoration."""
    angle = np.linspace(-1.5, 1.5, 16)
    arc = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    handle = np.add(np.concatenate([0.56 * arc, 0.34 * arc[::-1]]), (0.6, 0.05))
    return (
        Part(smooth([(-0.72, -0.8), (0.72, -0.8), (0.62, 1.0), (-0.62, 1.0)]), main),
        Part(handle, main, 0, False),
        Part(ellipse(0, -0.78, 0.7, 0.2), CREAM, 0, False),
        Part(ellipse(0, -0.76, 0.56, 0.13), COFFEE, 2),
        Part(radial(np.tile([0.42, 0.19], 5), (-0.02, 0.2), -np.pi / 2), accent),
    )


def disc(rng, main, accent):
    """A disc with a ring and a centre, one inside the other."""
    return (
        Part(ellipse(0, 0, 1, 1), main),
        Part(ellipse(0, 0, 0.58, 0.58), accent),
        Part(ellipse(0, 0, 0.26, 0.26), main, 1),
    )


def polygon(rng, main, accent):
    """A regular polygon without parts."""
    return (Part(smooth(radial(np.ones(rng.integers(3, 8)))), main),)


def star(rng, main, accent):
    """A star without parts."""
    return (Part(smooth(radial(np.tile([1.1, 0.52], rng.integers(5, 8))), 2), main),)


def blob(rng, main, accent):
    """A wobbly outline; its two spots are decoration."""
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    waves = (rng.uniform(0.05, 0.13) * np.cos(k * angle + rng.uniform(0, 6)) for k in (2, 3, 5))
    return (
        Part(radial(0.9 + sum(waves)), main),
        Part(ellipse(-0.3, -0.25, 0.24, 0.2), accent, 0, False),
        Part(ellipse(0.3, 0.25, 0.17, 0.22), accent, 0, False),
    )


def flower(rng, main, accent):
    """Petals around a centre."""
    angle = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    petals = 0.7 + 0.34 * np.abs(np.cos(rng.integers(5, 8) * angle / 2))
    return (Part(radial(petals), main), Part(ellipse(0, 0, 0.36, 0.36), accent))


def book(rng, main, accent):
    """A cover with a label; the spine is decoration."""
    darker = bytes(int(0.7 * value) for value in bytes.fromhex(main)).hex()
    return (
        Part(box(0, 0, 0.8, 1.1), main),
        Part(box(-0.64, 0, 0.16, 1.1), darker, 0, False),
        Part(box(0.14, -0.34, 0.42, 0.32), CREAM),
    )


def mat(rng, main, accent):
    """A large mat with an inlay, on which others lie."""
    return (Part(box(0, 0, 1.35, 0.95), main), Part(box(0, 0, 0.86, 0.5), accent))


# kind, size in picture heights, largest tilt in radians, chance to move
KINDS = (
    (face, 0.165, 0.3, 0.3),
    (car, 0.14, 0.1, 0.9),
    (mug, 0.12, 0.2, 0.2),
    (disc, 0.085, 3.1, 0.5),
    (star, 0.085, 3.1, 0.5),
    (blob, 0.11, 3.1, 0.5),
    (mat, 0.21, 0.4, 0.0),
    (flower, 0.1, 3.1, 0.3),
    (polygon, 0.08, 3.1, 1.0),
    (book, 0.12, 0.8, 0.0),
)
