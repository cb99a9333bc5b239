"""What is drawn, in whatever format: scenes side by side, chosen as the user asks."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from consistency.dataset import Dataset, Layout
from consistency.draw import BOTH_SIDES, colours, history, scene
from consistency.draw.captions import (
    Caption,
    Entry,
    entries,
    legend_lines,
    legend_width,
    strip_height,
    with_caption,
    with_legend,
)
from consistency.draw.colouring import numbers_of
from consistency.draw.known_images import find_folder
from consistency.draw.render import Style, draw_view
from consistency.draw.scene import Scene, View
from consistency.experiment import Experiment
from consistency.formats.buffer import Buffer
from consistency.options import SelectionOptions, StyleOptions

GAP = 8  # pixels between two pictures side by side, before scaling


@dataclass(frozen=True, eq=False)
class RenderJob:
    """What to draw, and how, whatever the format.

    Attributes
    ----------
    name : of the experiment or the data set.
    experiment : None for a data set.
    after, before : labelled masks and input; None where there is none or nobody asks.
    panels : which of the two to draw, from left to right.
    style : how to draw each frame.
    fps : frames per second.
    numbers : {label: number of its colour}, see ``colouring``; empty: each has its own.
    images : the folder of the images that masks are drawn over; None: there is none.
    """

    name: str
    experiment: Experiment | None
    after: Scene | None
    before: Scene | None
    panels: tuple[str, ...]
    style: Style
    fps: float
    numbers: dict[int, int]
    images: Path | None = None

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """The scenes to draw side by side."""
        return tuple(getattr(self, panel) for panel in self.panels)

    @property
    def count(self) -> int:
        """Number of frames."""
        return len(self.scenes[0].views)

    @property
    def items(self) -> list["FrameViews"]:
        """What workers are given, frame by frame."""
        views = zip(*(scene.views for scene in self.scenes), strict=True)
        return [FrameViews(t, panels) for t, panels in enumerate(views)]

    @property
    def captioned(self) -> list["FrameViews"]:
        """What workers are given where something may be written around the pictures."""
        names = self.panels if len(self.panels) > 1 else ()
        legend = self.legend() if self.style.legend else ()
        items = self.items
        if self.style.captions:
            captions = [
                Caption(names, f"{t} / {len(items)}", item.views[0].frame.name)
                for t, item in enumerate(items, 1)
            ]
            items = [replace(i, caption=c) for i, c in zip(items, captions, strict=True)]
        return [replace(item, legend=legend) for item in items]

    def legend(self) -> tuple[Entry, ...]:
        """The labels that a legend names."""
        if self.after is None or self.experiment is None:
            raise ValueError("--legend needs labels; mark the data first, then use --exp-name")
        known = self.before or self.after
        names = history.names(self.experiment, known.categories)
        most = legend_lines(self.style.picture_size[0])
        return entries(self.after.labels(), self.numbers, names, most)

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """Where the masks of each panel are."""
        return tuple(scene.layout for scene in self.scenes)

    def colours_of(self, labels: Iterable[int]) -> np.ndarray:
        """Colours of labels, uint8 (n, 3) RGB."""
        numbers = (self.numbers.get(label, label) for label in labels)
        return colours.colours(numbers, self.style.palette)

    @property
    def photographs(self) -> bool:
        """Whether masks are drawn over images."""
        return any(view.image is not None for view in self.scenes[0].views)

    def size(self) -> tuple[int, int]:
        """(height, width) of the pictures side by side in pixels."""
        height, width = self.style.picture_size
        count = len(self.scenes)
        return height, width * count + _gap(self.style) * (count - 1)

    def captioned_size(self) -> tuple[int, int]:
        """(height, width) with what is written around the pictures."""
        height, width = self.size()
        wider = legend_width() if self.style.legend else 0
        return height + (strip_height(height) if self.style.captions else 0), width + wider


@dataclass(frozen=True)
class FrameViews:
    """One frame: its number in the sequence, the views side by side, what is around them."""

    number: int
    views: tuple[View, ...]
    caption: Caption | None = None
    legend: tuple[Entry, ...] = ()


def _gap(style: Style) -> int:
    return max(1, round(GAP * style.scale))


def place_of(panel: int, style: Style) -> slice:
    """Columns of a picture in which a panel lies."""
    width = style.picture_size[1]
    start = panel * (width + _gap(style))
    return slice(start, start + width)


def draw(item: FrameViews, layouts: tuple[Layout, ...], style: Style) -> np.ndarray:
    """Draw the views of one frame side by side; see ``consistency.draw.render`` for the result."""
    buffer = Buffer()
    panels: list[np.ndarray] = []
    for view, layout in zip(item.views, layouts, strict=True):
        if panels:
            # The gap has number 0, the background of a palette and black of RGB.
            first = panels[0]
            panels.append(np.zeros((first.shape[0], _gap(style), *first.shape[2:]), np.uint8))
        panels.append(draw_view(view, layout, style, buffer))
    picture = np.concatenate(panels, axis=1) if len(panels) > 1 else panels[0]
    if item.legend:
        swatches = style.inks(tuple(entry.number for entry in item.legend))[1:]
        lines = [entry.text for entry in item.legend]
        picture = with_legend(picture, lines, swatches, style.text_inks)
    if item.caption is not None:
        starts = [place_of(panel, style).start for panel in range(len(item.caption.panels))]
        picture = with_caption(picture, item.caption, starts, style.text_inks)
    return picture


def check_single(folder: Path, name: str) -> None:
    """Raise ValueError if ``folder`` holds the experiments of several sequences."""
    if (folder / f"{folder.name}.json").is_file():
        return
    runs = (path.parent.relative_to(folder) for path in folder.glob("**/run.json"))
    found = sorted(path for path in runs if not path.name.startswith("."))  # hidden: unfinished
    if found:
        first = found[0].as_posix()
        raise ValueError(
            f"{folder}: holds {len(found)} sequences; draw one at a time, as in --exp-name "
            f"{name}/{first}"
        )


def of_experiment(
    experiment: Experiment,
    selection: SelectionOptions,
    formats: Sequence[str],
    style: StyleOptions,
    fps: float,
) -> RenderJob:
    """Choose frames and masks of an experiment.

    Raises
    ------
    ValueError, FileNotFoundError
        If nothing is left to draw, or a label, an image or an input that is needed is missing.
    """
    whole = scene.labelled(experiment)
    # Of all frames and labels: what part of them is drawn changes no colour.
    numbers = numbers_of(whole, style.palette)
    # Frames first: --only and --hide-shorter then speak of what is drawn.
    after = whole.coloured(numbers).part(selection.frames)
    if selection.only is not None:
        after = scene.only_labels(after, selection.only)
    if selection.hide_shorter is not None:
        after = scene.hide_shorter(after, selection.hide_shorter)
    before = None
    if "before" in selection.panels:
        before = _input_of(experiment, after, selection)
    elif set(BOTH_SIDES) & set(formats):
        try:
            before = _input_of(experiment, after, selection)
        except ValueError:
            before = None  # what these formats tell of the result does not depend on it
    data = experiment.run["input"]["path"]
    shown = after, before
    return _job(experiment.name, experiment, *shown, selection, style, fps, data, numbers)


def _input_of(experiment: Experiment, after: Scene, selection: SelectionOptions) -> Scene:
    before = scene.before(experiment).part(selection.frames)
    return scene.same_masks(before, after) if selection.some_labels else before


def of_dataset(
    name: str, dataset: Dataset, selection: SelectionOptions, style: StyleOptions, fps: float
) -> RenderJob:
    """Choose frames of a data set; raises as ``of_experiment``."""
    if selection.some_labels:
        raise ValueError("--only and --hide-shorter need labels; mark the data first")
    before = scene.unlabelled(dataset).part(selection.frames)
    data = dataset.opened_as.get("path") or dataset.layout.root
    return _job(name, None, None, before, selection, style, fps, data)


def _job(
    name: str,
    experiment: Experiment | None,
    after: Scene | None,
    before: Scene | None,
    selection: SelectionOptions,
    style: StyleOptions,
    fps: float,
    data: str | Path | None,
    numbers: dict[int, int] | None = None,
) -> RenderJob:
    shown = after or before
    if shown is None:
        raise ValueError(f"{name}: neither a result nor an input to draw")
    size = shown.size()
    images = selection.frames_path
    if images is None and not selection.plain and data is not None:
        run = experiment.run if experiment else None
        images = find_folder(run, Path(data), [view.frame for view in shown.views], size)
    if images is not None:
        after = after and scene.with_photographs(after, images)
        before = before and scene.with_photographs(before, images)
    style = Style(size=size, **asdict(style))
    # A data set has nothing but its input to show.
    panels = selection.panels if after else ("before",)
    return RenderJob(name, experiment, after, before, panels, style, fps, numbers or {}, images)
