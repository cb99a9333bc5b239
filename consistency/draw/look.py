"""From what was asked for to pictures: which frames and masks, in which formats."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from consistency.dataset import Dataset
from consistency.draw import scene
from consistency.draw.movies import Show
from consistency.draw.render import Style
from consistency.draw.scene import Scene
from consistency.experiment import Experiment

# format: ending of the file's name, module and function (show, path, backend, progress)
WRITERS = {
    "gif": (".gif", "movies", "write_gif"),
    "mp4": (".mp4", "movies", "write_mp4"),
    "png": ("", "movies", "write_png"),
    "html": (".html", "viewer.page", "write_html"),
    "timeline": ("_timeline.png", "figures", "write_timeline"),
    "contact": ("_contact.png", "figures", "write_contact"),
    "motion": ("_motion.png", "figures", "write_motion"),
}
BOTH_SIDES = ("html", "contact")  # show the input beside the result wherever it is there


@dataclass(frozen=True)
class Choice:
    """What to leave out, and what to draw beside or below the masks.

    Attributes
    ----------
    panels : "before", "after" or both, from left to right.
    only : labels to draw; None = all.
    hide_shorter : least number of frames of a track.
    frames : which frames.
    frames_path : folder with the images.
    """

    panels: tuple[str, ...] = ("after",)
    only: tuple[int, ...] | None = None
    hide_shorter: int | None = None
    frames: slice = field(default_factory=lambda: slice(None))
    frames_path: Path | None = None

    @property
    def some_labels(self) -> bool:
        """Whether some labels are left out."""
        return self.only is not None or self.hide_shorter is not None


def check_single(folder: Path, name: str) -> None:
    """Raise ValueError if ``folder`` holds the experiments of several sequences."""
    if (folder / f"{folder.name}.json").is_file():
        return
    found = sorted(path.parent for path in folder.glob("**/run.json"))
    if found:
        first = found[0].relative_to(folder).as_posix()
        raise ValueError(
            f"{folder}: holds {len(found)} sequences; draw one at a time, as in --exp-name "
            f"{name}/{first}"
        )


def show_experiment(
    experiment: Experiment, choice: Choice, formats: tuple[str, ...], style: dict, fps: float
) -> Show:
    """Choose frames and masks of an experiment; ``style`` are arguments of Style.

    Raises
    ------
    ValueError, FileNotFoundError
        If nothing is left to draw, or a label, an image or an input that is needed is missing.
    """
    after = scene.labelled(experiment).part(choice.frames)
    if choice.only is not None:
        after = scene.only_labels(after, choice.only)
    if choice.hide_shorter is not None:
        after = scene.hide_shorter(after, choice.hide_shorter)
    before = None
    if "before" in choice.panels:
        before = _input_of(experiment, after, choice)
    elif set(BOTH_SIDES) & set(formats):
        try:
            before = _input_of(experiment, after, choice)
        except ValueError:
            before = None  # what these formats tell of the result does not depend on it
    return _show(experiment.name, experiment, after, before, choice, style, fps)


def _input_of(experiment: Experiment, after: Scene, choice: Choice) -> Scene:
    before = scene.before(experiment).part(choice.frames)
    return scene.same_masks(before, after) if choice.some_labels else before


def show_dataset(name: str, dataset: Dataset, choice: Choice, style: dict, fps: float) -> Show:
    """Choose frames of a data set; raises as ``show_experiment``."""
    if choice.some_labels:
        raise ValueError("--only and --hide-shorter need labels; mark the data first")
    before = scene.unlabelled(dataset).part(choice.frames)
    return _show(name, None, None, before, choice, style, fps)


def _show(
    name: str,
    experiment: Experiment | None,
    after: Scene | None,
    before: Scene | None,
    choice: Choice,
    style: dict,
    fps: float,
) -> Show:
    if choice.frames_path is not None:
        after = after and scene.with_photographs(after, choice.frames_path)
        before = before and scene.with_photographs(before, choice.frames_path)
    first = after or before
    panels = choice.panels if after else ("before",)
    return Show(name, experiment, after, before, panels, Style(first.size(), **style), fps)


def writer(name: str) -> tuple[str, Callable]:
    """Ending of the files of format ``name``, and the function that writes them."""
    ending, module, function = WRITERS[name]
    return ending, getattr(importlib.import_module(f"consistency.draw.{module}"), function)
