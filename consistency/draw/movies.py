"""Scenes to GIF, MP4 and PNG: frames are drawn in workers and written in the order of time."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
from PIL import Image

from consistency.dataset import Layout
from consistency.draw import colours, gif, video
from consistency.draw.render import Style, draw_view
from consistency.draw.scene import Scene, View
from consistency.experiment import Experiment
from consistency.formats.npy import Buffer

GAP = 8  # pixels between two pictures side by side, before scaling
SAMPLES = 12  # frames from which the palette of a GIF of photographs is made
SAMPLE_PIXELS = 200_000  # of each of them, about

Progress = Callable[[Iterable, str, int], Iterable]


@dataclass(frozen=True, eq=False)
class Show:
    """What to draw, and how, whatever the format.

    Attributes
    ----------
    name : of the experiment or the data set.
    experiment : None for a data set.
    after, before : labelled masks and input; None where there is none or nobody asks.
    panels : which of the two to draw, from left to right.
    style : how to draw each frame.
    fps : frames a second.
    """

    name: str
    experiment: Experiment | None
    after: Scene | None
    before: Scene | None
    panels: tuple[str, ...]
    style: Style
    fps: float

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """The scenes to draw side by side."""
        return tuple(getattr(self, panel) for panel in self.panels)

    @property
    def count(self) -> int:
        """Number of frames."""
        return len(self.scenes[0].views)

    @property
    def items(self) -> list["Item"]:
        """What workers are given, frame by frame."""
        views = zip(*(scene.views for scene in self.scenes), strict=True)
        return [Item(t, panels) for t, panels in enumerate(views)]

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """Where the masks of each panel are."""
        return tuple(scene.layout for scene in self.scenes)

    @property
    def photographs(self) -> bool:
        """Whether masks are drawn over images."""
        return any(view.image is not None for view in self.scenes[0].views)

    def size(self) -> tuple[int, int]:
        """(height, width) of the whole picture in pixels."""
        height, width = self.style.picture_size
        count = len(self.scenes)
        return height, width * count + _gap(self.style) * (count - 1)


@dataclass(frozen=True)
class Item:
    """One frame: its number in the sequence and the views to draw side by side."""

    number: int
    views: tuple[View, ...]


def _gap(style: Style) -> int:
    return max(1, round(GAP * style.scale))


def draw(item: Item, layouts: tuple[Layout, ...], style: Style) -> np.ndarray:
    """Draw the views of one frame side by side; see ``consistency.draw.render`` for the result."""
    buffer = Buffer()
    panels: list[np.ndarray] = []
    for view, layout in zip(item.views, layouts, strict=True):
        if panels:
            first = panels[0]
            panels.append(np.zeros((first.shape[0], _gap(style), *first.shape[2:]), np.uint8))
        panels.append(draw_view(view, layout, style, buffer))
    return np.concatenate(panels, axis=1) if len(panels) > 1 else panels[0]


def write_gif(show: Show, path: Path, backend: Any, progress: Progress) -> None:
    """Write one GIF with one palette: exact colours, or the best 256 where there are images."""
    if show.photographs:
        table = sample_colours(show)
        function = partial(
            _quantised_frame,
            nearest=nearest_colours(table),
            layouts=show.layouts,
            style=show.style,
            fps=show.fps,
        )
    else:
        labels = [labels for scene in show.scenes for labels in scene.labels()]
        palette = colours.make_palette(labels, show.style.palette, text=show.style.numbers)
        table = palette.colours
        style = replace(show.style, indexed=palette)
        function = partial(_gif_frame, layouts=show.layouts, style=style, fps=show.fps)
    with replacing(path) as partial_path, open(partial_path, "wb") as file:
        file.write(gif.header(show.size(), table, show.fps))
        items = show.items
        for block in progress(backend.map(function, items), "gif", len(items)):
            file.write(block)
        file.write(gif.TRAILER)


def _gif_frame(item: Item, layouts: tuple[Layout, ...], style: Style, fps: float) -> bytes:
    return gif.frame(draw(item, layouts, style), item.number, fps)


def _quantised_frame(
    item: Item, nearest: np.ndarray, layouts: tuple[Layout, ...], style: Style, fps: float
) -> bytes:
    picture = draw(item, layouts, style)
    coarse = (picture >> 3).astype(np.uint16)
    cells = coarse[..., 0] << 10 | coarse[..., 1] << 5 | coarse[..., 2]
    return gif.frame(nearest[cells], item.number, fps)


def sample_colours(show: Show) -> np.ndarray:
    """Choose 256 colours for all frames from a few of them, uint8 (n, 3)."""
    items = show.items
    chosen = np.unique(np.linspace(0, len(items) - 1, SAMPLES).round().astype(int))
    samples = []
    for i in chosen.tolist():
        pixels = draw(items[i], show.layouts, show.style).reshape(-1, 3)
        samples.append(pixels[:: max(1, len(pixels) // SAMPLE_PIXELS)])
    strip = Image.fromarray(np.concatenate(samples)[None])
    # The median cut gives large areas their shades; small objects keep their hue by coverage.
    spread = colours.LARGEST_PALETTE // 4
    shades = strip.quantize(colours.LARGEST_PALETTE - spread, Image.Quantize.MEDIANCUT)
    hues = strip.quantize(spread, Image.Quantize.MAXCOVERAGE)
    palette = [*shades.getpalette(), *hues.getpalette()]
    return np.array(palette, np.uint8).reshape(-1, 3)


def nearest_colours(table: np.ndarray) -> np.ndarray:
    """Index of the nearest colour for each cell of 8 × 8 × 8 RGB values, uint8 (32768,)."""
    steps = np.arange(4, 256, 8)
    cells = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    # |a - b|² = |a|² - 2ab + |b|², of which |a|² is the same for all colours
    scores = (table.astype(float) ** 2).sum(axis=1) - 2 * cells @ table.astype(float).T
    return np.argmin(scores, axis=1).astype(np.uint8)


def fits_palettes(show: Show) -> bool:
    """Whether every frame alone has few enough labels for a palette of its own."""
    frames = (set().union(*(view.labels for view in item.views)) for item in show.items)
    most = max(len(labels) for labels in frames)
    return not show.photographs and most + 1 + show.style.numbers <= colours.LARGEST_PALETTE


def draw_with_palette(
    item: Item, layouts: tuple[Layout, ...], style: Style
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a frame in a palette of its own: a third of the bytes, and as exact as RGB."""
    labels = [view.labels for view in item.views]
    palette = colours.make_palette(labels, style.palette, text=style.numbers)
    return draw(item, layouts, replace(style, indexed=palette)), palette.colours


def write_mp4(show: Show, path: Path, backend: Any, progress: Progress) -> None:
    """Write one H.264 video; sides are made even by a black line where they are not."""
    items = show.items
    pixels = "pal8" if fits_palettes(show) else "rgb24"
    function = partial(_video_frame, layouts=show.layouts, style=show.style, pixels=pixels)
    height, width = show.size()
    size = (height + height % 2, width + width % 2)
    with replacing(path) as partial_path:
        frames = progress(backend.map(function, items), "mp4", len(items))
        video.write(partial_path, size, show.fps, pixels, frames)


def _video_frame(item: Item, layouts: tuple[Layout, ...], style: Style, pixels: str) -> bytes:
    if pixels == "rgb24":
        return _even(draw(item, layouts, style)).tobytes()
    picture, table = draw_with_palette(item, layouts, style)
    return _even(picture).tobytes() + video.palette_bytes(table)


def _even(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    if height % 2 == width % 2 == 0:
        return picture
    more = ((0, height % 2), (0, width % 2), (0, 0))
    return np.pad(picture, more[: picture.ndim])


def write_png(show: Show, path: Path, backend: Any, progress: Progress) -> None:
    """Write a folder with one PNG a frame, under the frame's stem."""
    items = show.items
    with replacing(path) as folder:
        folder.mkdir()
        function = partial(
            _png_frame,
            layouts=show.layouts,
            style=show.style,
            folder=folder,
            indexed=fits_palettes(show),
        )
        for _ in progress(backend.map(function, items), "png", len(items)):
            pass


def _png_frame(
    item: Item, layouts: tuple[Layout, ...], style: Style, folder: Path, indexed: bool
) -> None:
    if indexed:
        picture, table = draw_with_palette(item, layouts, style)
        image = Image.fromarray(picture)
        image.putpalette(table.tobytes())
    else:
        image = Image.fromarray(draw(item, layouts, style))
    path = folder / f"{item.views[0].frame.stem}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, compress_level=3)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a name beside ``path`` to write to; it takes the place of ``path`` if all goes well.

    Raises ValueError if ``path`` is a folder with anything but PNGs in it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and any(p.is_file() and p.suffix != ".png" for p in path.rglob("*")):
        raise ValueError(f"{path}: holds other files than .png, so it is not replaced; move it")
    partial_path = path.with_name(f"{path.stem}.partial{path.suffix}")
    _remove(partial_path)  # what a killed run left
    try:
        yield partial_path
        if path.is_dir():
            rmtree(path)
        partial_path.replace(path)
    finally:
        _remove(partial_path)


def _remove(path: Path) -> None:
    if path.is_dir():
        rmtree(path)
    else:
        path.unlink(missing_ok=True)
