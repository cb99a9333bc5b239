"""Blocks in which anything changed, over the frames: where the work of measuring them was."""

from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from consistency.backend import Backend
from consistency.dataset import Layout
from consistency.draw import gif
from consistency.draw.movies import colour_table, coloured, nearest_colours, sampled
from consistency.draw.render import Style, picked
from consistency.draw.render_job import FrameViews, RenderJob, draw, place_of
from consistency.draw.scene import View
from consistency.formats.buffer import Buffer
from consistency.masks.unchanged import NONE, Comparable, find_same
from consistency.measure.work import BLOCK, changed_blocks
from consistency.progress import Progress

# Of 256: what is left of the colours elsewhere, and how much white is added where work was done.
DIM, LIGHT = 110, 60

Pair = tuple[FrameViews | None, FrameViews]  # a frame behind the one before it, if there is one


def write_blocks(job: RenderJob, path: Path, backend: Backend, progress: Progress) -> None:
    """Write one GIF: bright where a mask is new or gone since the frame drawn before."""
    items = job.items
    pairs: list[Pair] = [(None, items[0]), *pairwise(items)]
    table = colour_table(draw_executed(pair, job.layouts, job.style) for pair in sampled(pairs))
    function = partial(
        _frame,
        nearest=nearest_colours(table),
        layouts=job.layouts,
        style=job.style,
        fps=job.fps,
    )
    with open(path, "wb") as file:
        file.write(gif.header(job.size(), table, job.fps))
        for block in progress(backend.map(function, pairs), "blocks", len(pairs)):
            file.write(block)
        file.write(gif.TRAILER)


def _frame(
    pair: Pair, nearest: np.ndarray, layouts: tuple[Layout, ...], style: Style, fps: float
) -> bytes:
    picture = draw_executed(pair, layouts, style)
    return gif.frame(coloured(picture, nearest), pair[1].number, fps)


def draw_executed(pair: Pair, layouts: tuple[Layout, ...], style: Style) -> np.ndarray:
    """Draw a frame with the blocks in which anything changed, uint8 (h, w, 3)."""
    before, now = pair
    picture = draw(now, layouts, style)
    for panel, (view, layout) in enumerate(zip(now.views, layouts, strict=True)):
        changed = executed(None if before is None else before.views[panel], view, layout)
        part = picture[:, place_of(panel, style)]
        part[:] = _lit(part, changed, style)
    return picture


def executed(before: View | None, now: View, layout: Layout) -> np.ndarray:
    """Blocks in which a mask is new, or one is gone, bool (rows, columns)."""
    buffer = Buffer()
    later = Comparable(now.read(layout, buffer))
    if before is None:
        return changed_blocks(later.masks, np.full(later.masks.count, NONE), None)
    earlier = Comparable(before.read(layout, buffer))
    return changed_blocks(later.masks, find_same(earlier, later), earlier.masks)


def _lit(picture: np.ndarray, changed: np.ndarray, style: Style) -> np.ndarray:
    """Dim a picture, but not where ``changed``, whose blocks get a border."""
    y, x = (picked(length, style.scale) // BLOCK for length in style.size)
    if not changed.size:  # a frame without masks has no size
        return picture // 2
    lit = changed[y][:, x]
    border = np.zeros(lit.shape, bool)
    border[:, 1:] |= np.diff(x) > 0
    border[1:] |= np.diff(y)[:, None] > 0
    dim, light = picture.astype(np.uint16) * DIM >> 8, picture // 2 + LIGHT
    light = np.where((border & lit)[..., None], 255, np.maximum(picture, light))
    return np.where(lit[..., None], light, dim).astype(np.uint8)
