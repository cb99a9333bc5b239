"""Scenes to GIF, MP4 and PNG: frames are drawn in workers and written in the order of time."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from consistency.backend import Backend
from consistency.dataset import Layout
from consistency.draw import colours, gif, video
from consistency.draw.render import Style
from consistency.draw.render_job import FrameViews, RenderJob, draw
from consistency.progress import Progress

Item = TypeVar("Item")

SAMPLES = 12  # frames from which the palette of a GIF of photographs is made
SAMPLE_PIXELS = 200_000  # of each of them, about


def write_gif(job: RenderJob, path: Path, backend: Backend, progress: Progress) -> None:
    """Write one GIF with one palette: exact colours, or the best 256 where there are images."""
    if job.photographs:
        # One table for all frames: with one each, colours would flicker.
        table = sample_colours(job)
        function = partial(
            _quantised_frame,
            nearest=nearest_colours(table),
            layouts=job.layouts,
            style=job.style,
            fps=job.fps,
        )
    else:
        inks = [view.inks for scene in job.scenes for view in scene.views]
        palette = colours.make_palette(inks, job.style.palette, text=has_text(job.style))
        table = palette.colours
        style = replace(job.style, indexed=palette)
        function = partial(_gif_frame, layouts=job.layouts, style=style, fps=job.fps)
    with open(path, "wb") as file:
        file.write(gif.header(job.captioned_size(), table, job.fps))
        items = job.captioned
        for block in progress(backend.map(function, items), "gif", len(items)):
            file.write(block)
        file.write(gif.TRAILER)


def _gif_frame(item: FrameViews, layouts: tuple[Layout, ...], style: Style, fps: float) -> bytes:
    return gif.frame(draw(item, layouts, style), item.number, fps)


def _quantised_frame(
    item: FrameViews, nearest: np.ndarray, layouts: tuple[Layout, ...], style: Style, fps: float
) -> bytes:
    return gif.frame(coloured(draw(item, layouts, style), nearest), item.number, fps)


def coloured(picture: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    """Return the number of the nearest colour for each pixel, uint8 (h, w)."""
    # The nearest of 256 colours is looked up by the high five bits of each channel: a table of 32
    # 768 entries instead of a search per pixel.
    coarse = (picture >> 3).astype(np.uint16)
    return nearest[coarse[..., 0] << 10 | coarse[..., 1] << 5 | coarse[..., 2]]


def sample_colours(job: RenderJob) -> np.ndarray:
    """Choose 256 colours for all frames from a few of them, uint8 (n, 3)."""
    table = colour_table(draw(item, job.layouts, job.style) for item in sampled(job.items))
    if has_text(job.style):  # which has few pixels, so that a sample would give it no colour
        table[-2:] = colours.BACKGROUND, colours.WHITE
    return table


def sampled(items: Sequence[Item]) -> list[Item]:
    """Choose a few of all frames, the first and the last among them."""
    chosen = np.unique(np.linspace(0, len(items) - 1, SAMPLES).round().astype(int))
    return [items[i] for i in chosen.tolist()]


def colour_table(pictures: Iterable[np.ndarray]) -> np.ndarray:
    """Choose 256 colours for some pictures, uint8 (h, w, 3) each: uint8 (n, 3)."""
    samples = []
    for picture in pictures:
        pixels = picture.reshape(-1, 3)
        samples.append(pixels[:: max(1, len(pixels) // SAMPLE_PIXELS)])
    strip = Image.fromarray(np.concatenate(samples)[None])
    # The median cut gives large areas their shades; small objects keep their hue by coverage.
    spread = colours.LARGEST_PALETTE // 4
    shades = strip.quantize(colours.LARGEST_PALETTE - spread, Image.Quantize.MEDIANCUT)
    hues = strip.quantize(spread, Image.Quantize.MAXCOVERAGE)
    palette = [*(shades.getpalette() or ()), *(hues.getpalette() or ())]
    return np.array(palette, np.uint8).reshape(-1, 3)


def nearest_colours(table: np.ndarray) -> np.ndarray:
    """Index of the nearest colour for each cell of 8 × 8 × 8 RGB values, uint8 (32768,)."""
    steps = np.arange(4, 256, 8)
    cells = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    # |a - b|² = |a|² - 2ab + |b|², of which |a|² is the same for all colours
    scores = (table.astype(float) ** 2).sum(axis=1) - 2 * cells @ table.astype(float).T
    return np.argmin(scores, axis=1).astype(np.uint8)


def fits_palettes(job: RenderJob, items: Sequence[FrameViews], style: Style) -> bool:
    """Whether every frame alone has few enough labels for a palette of its own."""
    most = max(len(set(chain.from_iterable(inks_of(item)))) for item in items)
    return not job.photographs and most + 1 + has_text(style) <= colours.LARGEST_PALETTE


def inks_of(item: FrameViews) -> list[tuple[int, ...]]:
    """Numbers of the colours in the views of a frame, and in its legend."""
    legend = tuple(entry.number for entry in item.legend)
    return [*(view.inks for view in item.views), legend]


def has_text(style: Style) -> bool:
    """Whether anything is written, so that a palette needs white."""
    return style.numbers or style.captions or style.legend


def draw_with_palette(
    item: FrameViews, layouts: tuple[Layout, ...], style: Style
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a frame in a palette of its own: a third of the bytes, and as exact as RGB."""
    palette = colours.make_palette(inks_of(item), style.palette, text=has_text(style))
    return draw(item, layouts, replace(style, indexed=palette)), palette.colours


def write_mp4(job: RenderJob, path: Path, backend: Backend, progress: Progress) -> None:
    """Write one H.264 video; sides are made even by a black line where they are not."""
    items = job.captioned
    # Numbers of a palette are a third of what has to go through the pipe to ffmpeg.
    pixels = "pal8" if fits_palettes(job, items, job.style) else "rgb24"
    function = partial(_video_frame, layouts=job.layouts, style=job.style, pixels=pixels)
    height, width = job.captioned_size()
    size = (height + height % 2, width + width % 2)
    frames = progress(backend.map(function, items), "mp4", len(items))
    video.write(path, size, job.fps, pixels, frames)


def _video_frame(item: FrameViews, layouts: tuple[Layout, ...], style: Style, pixels: str) -> bytes:
    if pixels == "rgb24":
        return _even(draw(item, layouts, style)).tobytes()
    picture, table = draw_with_palette(item, layouts, style)
    return _even(picture).tobytes() + video.palette_bytes(table)


def _even(picture: np.ndarray) -> np.ndarray:
    # H.264 holds one colour for each 2 × 2 pixels.
    height, width = picture.shape[:2]
    if height % 2 == width % 2 == 0:
        return picture
    more = ((0, height % 2), (0, width % 2), (0, 0))
    return np.pad(picture, more[: picture.ndim])


def write_png(job: RenderJob, path: Path, backend: Backend, progress: Progress) -> None:
    """Write a folder with one PNG per frame, under the frame's stem."""
    items = job.items
    style = replace(job.style, captions=False, legend=False)  # these are for what is shown as one
    path.mkdir()
    function = partial(
        _png_frame,
        layouts=job.layouts,
        style=style,
        folder=path,
        indexed=fits_palettes(job, items, style),
    )
    # Workers write the files; here they are only waited for.
    for _ in progress(backend.map(function, items), "png", len(items)):
        pass


def _png_frame(
    item: FrameViews, layouts: tuple[Layout, ...], style: Style, folder: Path, indexed: bool
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
