"""What measuring takes without any reading, and what it gains by masks that stay as they are.

All masks are packed beforehand.  Each round measures the whole sequence twice, with what is known
of unchanged masks copied and with everything computed, so that a busy machine slows both.
"""

from pathlib import Path
from time import perf_counter

import cv2
import floor
import numpy as np

from consistency.dataset import Frame, Layout
from consistency.formats import open_dataset, read_frame
from consistency.formats.buffer import Buffer
from consistency.masks.packed import PackedMasks
from consistency.masks.packing import pack
from consistency.measure.frame import FrameMeasurement, FrameMeasurer
from consistency.measure.work import Work
from consistency.options import Options
from consistency.track.association import associate

FRAMES, SIZE = 60, (1080, 1920)
ROWS, COLUMNS, MOVING = 5, 6, 5  # objects of the scene, and how many of them move
SPEED = 6.0  # pixels per frame

Masks = dict[str, PackedMasks]


def static_scene(
    frames: int = FRAMES, size: tuple[int, int] = SIZE, moving: int = MOVING, seed: int = 0
) -> Masks:
    """Masks of a camera that stands: polygons in a grid, some of which move, in random order."""
    rng = np.random.default_rng(seed)
    height, width = size
    cell = np.array([width / COLUMNS, height / ROWS])
    walkers = rng.permutation(ROWS * COLUMNS)[:moving]
    objects = []
    for number in range(ROWS * COLUMNS):
        corners = int(rng.integers(5, 10))
        angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
        reach = rng.uniform(0.18, 0.6, corners)[:, None] * cell[1]
        outline = reach * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        place = (np.array([number % COLUMNS, number // COLUMNS]) + 0.5) * cell
        speed = rng.normal(0, SPEED, 2) * (number in walkers)
        objects.append((place + outline, speed))
    return {f"{t:04d}": _seen(objects, t, size, rng) for t in range(frames)}


def _seen(objects: list, t: int, size: tuple[int, int], rng: np.random.Generator) -> PackedMasks:
    masks = []
    for index in rng.permutation(len(objects)):
        outline, speed = objects[index]
        picture = np.zeros(size, np.uint8)
        cv2.fillPoly(picture, [np.rint(outline + t * speed).astype(np.int32)], 1)
        masks.append(picture)
    return pack(masks, size)


def of_dataset(path: Path) -> tuple[list[Frame], Masks]:
    """Read all frames of a data set."""
    dataset, buffer = open_dataset(path), Buffer()
    read = [read_frame(dataset.layout, frame, buffer) for frame in dataset.frames]
    return [frame for frame, _ in read], {frame.name: masks for frame, masks in read}


def measure(data: Path | None, repeat: int, warmup: int) -> dict:
    """Measure a data set, or the scene of a camera that stands; returns what is stored as JSON."""
    if data is None:
        masks = static_scene()
        frames = [Frame(name, tuple({} for _ in range(m.count))) for name, m in masks.items()]
    else:
        frames, masks = of_dataset(data)
    taken: dict[bool, list[float]] = {True: [], False: []}
    measured: dict[bool, list[FrameMeasurement]] = {}
    for number in range(warmup + repeat):
        # Who comes first in a round finds the caches as the other left them.
        for reuse in (True, False) if number % 2 else (False, True):
            seconds, measured[reuse] = _all_frames(frames, masks, reuse)
            if number >= warmup:
                taken[reuse].append(1000 * seconds / len(frames))
    labels = {reuse: _labels(measured[reuse]) for reuse in taken}
    if labels[True] != labels[False]:
        raise RuntimeError("reuse gives other labels")
    pairs = list(zip(taken[False], taken[True], strict=True))
    return {
        "in memory": "static scene" if data is None else data.resolve().name,
        "about": floor.machine() | {"frames": len(frames), "repeat": repeat, "warmup": warmup},
        "masks": sum(m.count for m in masks.values()),
        "work": sum((m.work for m in measured[True]), Work()).record(),
        "all computed, ms a frame": floor.stats(taken[False]),
        "with reuse, ms a frame": floor.stats(taken[True]),
        "speed-up": floor.stats([a / b for a, b in pairs]),
    }


def _all_frames(
    frames: list[Frame], masks: Masks, reuse: bool
) -> tuple[float, list[FrameMeasurement]]:
    """Seconds for all frames, and their measurements."""

    def read(layout: Layout, frame: Frame, buffer: Buffer) -> tuple[Frame, PackedMasks]:
        # Without what an earlier round has counted and kept beside the words.
        m = masks[frame.name]
        return frame, PackedMasks(m.shape, m.order, m.count, m.position, m.mask, m.word)

    measurer = FrameMeasurer(
        Layout(Path(), "in_memory"), Options().measuring(), read=read, reuse=reuse
    )
    began = perf_counter()
    measured = [measurer.measure(frame) for frame in frames]
    return perf_counter() - began, measured


def _labels(measured: list[FrameMeasurement]) -> list[list[int]]:
    return [frame.labels for frame in associate(measured, Options()).frames]


def report(content: dict) -> str:
    """One line of Markdown for what ``measure`` returned."""
    work = content["work"]
    cells = [
        content["in memory"],
        f"{content['all computed, ms a frame']['median']:.2f}",
        f"{content['with reuse, ms a frame']['median']:.2f}",
        f"{content['speed-up']['median']:.2f}",
        f"{100 * work['masks_unchanged'] / max(content['masks'], 1):.0f} %",
        f"{100 * work['blocks_changed'] / max(work['blocks'], 1):.0f} %",
        f"1 in {work['words_dense'] // max(work['words'], 1)}",
    ]
    return f"| {' | '.join(cells)} |"


HEAD = (
    "| in memory | all computed, ms | with reuse, ms | speed-up | masks unchanged "
    "| blocks changed | words ANDed |\n|---|---|---|---|---|---|---|"
)
