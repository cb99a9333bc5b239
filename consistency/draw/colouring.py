"""Which colour each label of a sequence has: its own, unless one beside it looks too much like it.

A colour is told by a number, that of the label whose own it is (``colours.colours``).
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import numpy as np

from consistency.draw import colour_difference, colours
from consistency.draw.scene import Scene
from consistency.formats.buffer import Buffer

ADAPTED = ("distinct", "colour-blind")  # palettes; the others are conventions
LEAST_DIFFERENCE = 15.0  # CIEDE2000, of neighbours
TABLED = 256  # numbers that are chosen from: those of the table of colours
LOOKED_AT = 100  # frames in which neighbours are looked for, at most
REACH = 0.02  # of the picture's longer side, between the boxes of neighbours

Beside = Mapping[int, set[int]]  # label: its neighbours


def numbers_of(scene: Scene, palette: str) -> dict[int, int]:
    """Return the number of the colour of each label.

    Masks are read only where a frame has too many labels to keep all of them apart.
    """
    if palette not in ADAPTED:
        return {}
    frames = scene.labels()
    differences = table(palette)
    numbers, apart = assigned(frames, differences)
    if apart:
        return numbers
    return assigned(frames, differences, neighbours(scene))[0]


@lru_cache(maxsize=2)
def table(palette: str) -> np.ndarray:
    """Differences of the colours 1 ... TABLED, float64 (TABLED, TABLED)."""
    rgb = colours.colours(range(1, TABLED + 1), palette)
    # Rounded, so that no machine's last bits decide.
    return np.round(colour_difference.table(rgb, palette == "colour-blind"), 3)


def assigned(
    frames: Sequence[Sequence[int]], differences: np.ndarray, beside: Beside | None = None
) -> tuple[dict[int, int], bool]:
    """Give labels colours, the smallest label first.

    No two labels of a frame share one, as far as there are colours.  Neighbours differ by
    LEAST_DIFFERENCE where that is possible; without ``beside`` all labels of a frame are such.

    Returns
    -------
    {label: number of its colour}, and whether all neighbours differ so much.
    """
    places = _places(frames)
    taken = np.zeros((len(frames), len(differences)), bool)  # colours of each frame
    numbers: dict[int, int] = {}
    all_apart = True
    for label in sorted(places):
        used = np.any(taken[places[label]], axis=0)
        near = used if beside is None else _colours_of(beside.get(label, ()), numbers, used.size)
        number, difference = _choose(label, used, near, differences)
        all_apart &= difference >= LEAST_DIFFERENCE
        numbers[label] = number
        if number <= used.size:
            taken[places[label], number - 1] = True
    return numbers, all_apart


def _choose(
    label: int, used: np.ndarray, near: np.ndarray, differences: np.ndarray
) -> tuple[int, float]:
    """Return a number that is free, and its least difference to those nearby."""
    least = differences[:, near].min(axis=1, initial=np.inf)
    least[used] = -1.0  # two objects of a frame do not look the same
    own = label - 1
    if own < least.size and least[own] >= LEAST_DIFFERENCE:
        return label, float(least[own])
    if own >= least.size or least.max() < LEAST_DIFFERENCE:
        if least.max() < 0:  # more labels in a frame than colours in the table
            return max(label, least.size + 1), 0.0
        # Of those that stand out enough, or the most, the first.
        enough = min(LEAST_DIFFERENCE, float(least.max()))
        best = int(np.flatnonzero(least >= enough)[0])
        return best + 1, float(least[best])
    # Among the colours that stand out from neighbours, that which is least like all of the frame.
    elsewhere = differences[:, used].min(axis=1, initial=np.inf)
    elsewhere[least < LEAST_DIFFERENCE] = -1.0
    best = int(elsewhere.argmax())
    return best + 1, float(least[best])


def _places(frames: Sequence[Sequence[int]]) -> dict[int, list[int]]:
    """The frames of each label."""
    found: dict[int, list[int]] = {}
    for t, labels in enumerate(frames):
        for label in set(labels):
            found.setdefault(label, []).append(t)
    return found


def _colours_of(labels: Iterable[int], numbers: Mapping[int, int], size: int) -> np.ndarray:
    """Which colours some labels have, as far as they have one: bool (size,)."""
    given = [numbers[label] - 1 for label in labels if label in numbers]
    result = np.zeros(size, bool)
    result[[number for number in given if number < size]] = True
    return result


def neighbours(scene: Scene) -> dict[int, set[int]]:
    """Labels whose boxes touch, or nearly, in some of the frames."""
    buffer = Buffer()
    found: dict[int, set[int]] = {}
    step = max(1, -(-len(scene.views) // LOOKED_AT))
    for view in scene.views[::step]:
        if not view.labels:
            continue
        masks = view.read(scene.layout, buffer)
        x, y, wide, high = masks.boxes_and_centroids()[0].T
        reach = REACH * max(masks.shape)
        across = (x[:, None] <= (x + wide)[None] + reach) & (x[None] <= (x + wide)[:, None] + reach)
        down = (y[:, None] <= (y + high)[None] + reach) & (y[None] <= (y + high)[:, None] + reach)
        for i, j in np.argwhere(across & down).tolist():
            if view.labels[i] != view.labels[j]:
                found.setdefault(view.labels[i], set()).add(view.labels[j])
    return found
