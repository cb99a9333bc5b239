"""A frame of one scene, or of two side by side, as a picture of palette numbers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from consistency import render
from consistency.dataset import Layout
from consistency.formats.npy import Buffer
from consistency.scene import Scene, View

GAP = 8  # pixels between two pictures side by side, before scaling


@dataclass(frozen=True, eq=False)
class Style:
    """How to draw every frame.

    Attributes
    ----------
    size : (height, width) of the masks in pixels.
    palette : numbers and colours of all labels.
    scale : side of the picture over side of the masks.
    """

    size: tuple[int, int]
    palette: render.Palette
    scale: float = 1.0


def draw(
    views: Sequence[View], layouts: Sequence[Layout], style: Style, buffer: Buffer
) -> np.ndarray:
    """Draw one frame, its views side by side: (height, width) of palette numbers."""
    panels = []
    for view, layout in zip(views, layouts, strict=True):
        if panels:
            panels.append(np.zeros((style.size[0], GAP), panels[0].dtype))
        panels.append(draw_view(view, layout, style, buffer))
    image = np.concatenate(panels, axis=1) if len(panels) > 1 else panels[0]
    return render.scaled(image, style.scale)


def draw_view(view: View, layout: Layout, style: Style, buffer: Buffer) -> np.ndarray:
    """Draw the masks of one frame: (height, width) of palette numbers.

    Raises ValueError if they have another size than those of the first frame.
    """
    if not view.frame.records:
        return np.zeros(style.size, style.palette.numbers([]).dtype)
    masks = view.read(layout, buffer)
    if masks.shape != style.size:
        raise ValueError(
            f"frame {view.frame.name!r}: masks of {masks.shape} pixels, but {style.size} in the "
            "first frame; all masks of a sequence have one size"
        )
    return render.paint(masks, view.labels, style.palette)


def draw_all(scenes: Sequence[Scene], style: Style, backend: Any) -> Iterator[np.ndarray]:
    """Draw the frames of scenes of equal length in the order of time."""
    function = partial(_draw_item, layouts=[scene.layout for scene in scenes], style=style)
    views = [scene.views for scene in scenes]
    return iter(backend.map(function, list(zip(*views, strict=True))))


def _draw_item(views: Sequence[View], layouts: Sequence[Layout], style: Style) -> np.ndarray:
    return draw(views, layouts, style, Buffer())


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a name beside ``path`` to write to; it takes the place of ``path`` if all goes well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_path = path.with_name(f"{path.stem}.partial{path.suffix}")
    try:
        yield partial_path
        partial_path.replace(path)
    finally:
        partial_path.unlink(missing_ok=True)
