"""Still figures of a whole sequence: timeline of labels, contact sheet, path of the camera."""

from collections.abc import Collection
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
UNKNOWN_MOTION = "motion not known: the camera is drawn as if it stood still"
NOTHING_KNOWN = (
    "How the camera moved is not known for any frame:\n"
    "too few masks have a partner of the same shape in the frame before.\n"
    "It is drawn as if it stood still."
)
LIVED = 3.0  # points, width of the line of a label in a tree
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
        axes.scatter(*lost.T, marker="x", color="#d00000", s=30, zorder=4, label=UNKNOWN_MOTION)
        axes.legend(frameon=False, loc="lower left")
    if not known[1:].any() and len(known) > 1:
        axes.text(0.5, 0.5, NOTHING_KNOWN, transform=axes.transAxes, ha="center", va="center")
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


def write_lineage(job: RenderJob, path: Path, backend: Backend, progress: Progress) -> None:
    """Draw families: a line per label over time, daughters beside their mother.

    Raises ValueError where no label has a mother.
    """
    experiment, result = _needed(job, "lineage")
    stretches = history.spans(result.views)
    children: dict[int, list[int]] = {}
    for label, columns in history.tracks(experiment.folder).items():
        mother = int(columns["parent"]) if columns.get("parent") else 0
        if label in stretches and mother in stretches:
            children.setdefault(mother, []).append(label)
    if not children:
        raise ValueError(
            f"{experiment.folder / 'tracks.csv'}: no label has a parent, so there are no families "
            "to draw; --format timeline draws labels alone"
        )
    going_on = {
        mother
        for mother, born in children.items()
        if any(stretches[child][0][0] <= stretches[mother][-1][1] for child in born)
    }
    rows = family_rows(children, going_on)
    figure, axes = _figure(9, float(np.clip(1.5 + 0.14 * len(rows), 3, 30)))
    inks = dict(zip(rows, job.colours_of(rows) / 255, strict=True))
    for label, row in rows.items():
        first, last = stretches[label][0][0], stretches[label][-1][1] + 1
        axes.plot([first, last], [row, row], color=inks[label], linewidth=LIVED)
        axes.annotate(str(label), (last, row), (3, 0), textcoords="offset points", va="center",
                      fontsize=7)  # fmt: skip
        for child in children.get(label, ()):
            at = stretches[child][0][0]
            axes.plot([min(at, last), at, at], [row, row, rows[child]], color="0.6", linewidth=0.8)
    axes.invert_yaxis()
    axes.set_yticks([])
    axes.set(xlabel="frame", title=f"{job.name}: {len(children)} mothers, {len(rows)} labels")
    figure.savefig(path)


def family_rows(children: dict[int, list[int]], going_on: Collection[int] = ()) -> dict[int, float]:
    """Rows of all members of families: one for each leaf, mothers amid their daughters.

    Mothers that are ``going_on`` beside their daughters have a row of their own above them.
    """
    rows: dict[int, float] = {}
    born = {child for mine in children.values() for child in mine}
    free = iter(range(len(children) + len(born)))
    for founder in sorted(set(children) - born):
        # Without recursion: cells of a long sequence divide more often than Python calls itself.
        open_members = [(founder, False)]
        while open_members:
            label, placed = open_members.pop()
            mine = children.get(label, [])
            if placed:
                rows[label] = (rows[mine[0]] + rows[mine[-1]]) / 2
            elif label in going_on:
                rows[label] = float(next(free))
                open_members += [(child, False) for child in reversed(mine)]
            elif mine:
                open_members += [(label, True), *((child, False) for child in reversed(mine))]
            else:
                rows[label] = float(next(free))
    return rows


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
