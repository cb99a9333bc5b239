"""Still figures of a whole sequence: timeline of labels, contact sheet, path of the camera."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from consistency.backend import Backend
from consistency.draw import history
from consistency.draw.render_job import FrameViews, RenderJob, draw
from consistency.draw.scene import Scene
from consistency.experiment import Experiment
from consistency.progress import Progress

DOTS_PER_INCH = 120
PAPER, ABSENT = 255, 222  # grey of the background and of gaps
# How events look in the timeline; kinds that are not listed are not drawn.
MARKERS = {
    "return": {"marker": "^", "color": "black", "label": "return"},
    "split": {"marker": "D", "color": "#d00000", "label": "split"},
    "merge": {"marker": "s", "color": "#0050d0", "label": "merge"},
}
KEY_FRAMES = 6
SHEET_COLUMN = 300  # pixels
MARGIN = 24  # pixels
CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])


def write_timeline(job: RenderJob, path: Path, backend: Backend, progress: Progress) -> None:
    """Draw labels × frames, sorted by birth: colour where a label is, grey in its gaps."""
    experiment, result = _needed(job, "timeline")
    stretches = history.spans(result.views)
    rows = {label: row for row, label in enumerate(stretches)}
    # Inches: a row stays readable up to 140 labels, then rows get thinner.
    height = float(np.clip(1.2 + 0.09 * len(rows), 3, 14))
    figure, axes = _figure(float(np.clip(2 + 0.12 * job.count, 9, 24)), height)
    axes.imshow(timeline_image(stretches, job.count, job.colours_of(stretches)), aspect="auto")
    events = history.happenings(experiment.folder, result.views)
    for kind, look in MARKERS.items():
        here = [
            (event.frame, rows[label])
            for event in events
            if event.kind == kind
            for label in event.labels
            if label in rows
        ]
        if here:
            axes.scatter(*zip(*here, strict=True), s=9, linewidths=0, zorder=3, **look)
            axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    # A hundred labels are what fits beside the axis; of more, every second, third, ... is named.
    step = -(-len(rows) // 100)
    axes.set_yticks(range(0, len(rows), step), [str(label) for label in list(rows)[::step]])
    axes.tick_params(axis="y", labelsize=6)
    axes.set(xlabel="frame", ylabel="label", title=f"{job.name}: {len(rows)} labels")
    figure.savefig(path)


def timeline_image(
    stretches: dict[int, list[tuple[int, int]]], frames: int, inks: np.ndarray
) -> np.ndarray:
    """One row per label, one column per frame, uint8 (labels, frames, 3) RGB; inks (labels, 3)."""
    image = np.full((len(stretches), frames, 3), PAPER, np.uint8)
    for row, (parts, ink) in enumerate(zip(stretches.values(), inks, strict=True)):
        # Grey from birth to end; colour goes over it, so that grey is left in the gaps.
        image[row, parts[0][0] : parts[-1][1] + 1] = ABSENT
        for first, last in parts:
            image[row, first : last + 1] = ink
    return image


def write_contact(job: RenderJob, path: Path, backend: Backend, progress: Progress) -> None:
    """Draw a sheet of key frames, the input above the result."""
    # Key frames are drawn small from the start, not shrunk: outlines stay one pixel wide.
    width = job.style.size[1]
    style = replace(job.style, scale=min(job.style.scale, SHEET_COLUMN / width))
    both = {"before": job.before, "after": job.after}
    scenes = {name: scene for name, scene in both.items() if scene is not None}
    count = len(next(iter(scenes.values())).views)
    chosen = np.unique(np.linspace(0, count - 1, KEY_FRAMES).round().astype(int)).tolist()
    high, wide = style.picture_size
    sheet = Image.new(
        "RGB",
        (len(chosen) * (wide + MARGIN) + MARGIN, len(scenes) * (high + MARGIN) + MARGIN),
        "white",
    )
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(MARGIN // 2)
    for column, t in enumerate(progress(chosen, "contact", len(chosen))):
        left = MARGIN + column * (wide + MARGIN)
        for row, (name, scene) in enumerate(scenes.items()):
            top = MARGIN + row * (high + MARGIN)
            picture = draw(FrameViews(t, (scene.views[t],)), (scene.layout,), style)
            sheet.paste(Image.fromarray(picture), (left, top))
            text = f"{name} · {scene.views[t].frame.name}"
            pen.text((left, top - 4), text, fill="black", font=font, anchor="ls")
    sheet.save(path)


def write_motion(job: RenderJob, path: Path, backend: Backend, progress: Progress) -> None:
    """Draw where the middle of the picture went, in the pixels of the first frame."""
    experiment, _ = _needed(job, "motion")
    motion = experiment.run.get("motion")
    if motion is None:
        raise ValueError(
            f"{experiment.folder / 'run.json'}: holds no camera motion, which --format motion "
            "draws; mark the data with --matching track --motion affine"
        )
    views, known = camera_views(motion, job.style.size)
    middle = views.mean(axis=1)
    figure, axes = _figure(9, 6)
    numbers = np.arange(len(middle))
    axes.plot(*middle.T, color="0.6", linewidth=1, zorder=1)
    points = axes.scatter(*middle.T, c=numbers, cmap="viridis", s=18, zorder=3)
    lost = middle[~known]
    if lost.size:
        axes.scatter(*lost.T, marker="x", color="#d00000", s=30, zorder=4, label="no estimate")
        axes.legend(frameon=False)
    # Outlines of whole views show turns and zooms, which the way of the middle does not.
    for t in (0, len(middle) // 2, len(middle) - 1):
        axes.plot(*views[t, [0, 1, 2, 3, 0]].T, color=points.to_rgba(t), linewidth=1)
    figure.colorbar(points, label="frame")
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.set(
        xlabel="x, pixels of the first frame",
        ylabel="y, pixels of the first frame",
        title=f"{job.name}: middle of the view; first, middle and last view",
    )
    figure.savefig(path)


def camera_views(motion: list, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Chain motions to the view of every frame in the first frame's pixels.

    Parameters
    ----------
    motion : for each frame the 2 × 3 affine map of pixels (x, y) of the frame before to its own,
        or None where it is not known; then the camera is taken to stand still.
    size : (height, width) in pixels.

    Returns
    -------
    views : float64 (frames, 4, 2), x, y of the corners of each frame.
    known : bool (frames,), False where the motion is not known; the first frame is known.
    """
    height, width = size
    corners = np.column_stack([CORNERS * [width, height], np.ones(4)])
    to_first = np.eye(3)
    views, known = [], []
    for t, step in enumerate(motion):
        if step is not None and t > 0:
            # A motion leads from the frame before into its own, so back is the inverse.
            to_first = to_first @ np.linalg.inv(np.vstack([step, [0, 0, 1]]))
        views.append((corners @ to_first.T)[:, :2])
        known.append(step is not None or t == 0)
    return np.array(views), np.array(known)


def _needed(job: RenderJob, name: str) -> tuple[Experiment, Scene]:
    if job.experiment is None or job.after is None:
        raise ValueError(f"--format {name} needs labels; mark the data first, then use --exp-name")
    return job.experiment, job.after


def _figure(width: float, height: float) -> tuple[Figure, Any]:
    """A figure of its own, without pyplot: no display, no state kept behind anyone's back."""
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()
