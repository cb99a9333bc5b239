"""What is to be drawn: frames of an experiment or a data set, and a label for each mask."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from consistency.dataset import Dataset, Frame, Layout
from consistency.experiment import Experiment
from consistency.formats import read_masks
from consistency.formats.buffer import Buffer
from consistency.formats.photographs import find_photograph
from consistency.masks.packed import PackedMasks


@dataclass(frozen=True)
class View:
    """One frame to draw; small, travels to a worker.

    Attributes
    ----------
    frame : where its masks are.
    indices : the masks to draw, as they are numbered in ``frame``.
    labels : label (int >= 1) of each of them.
    image : the photograph of this frame, if it is drawn over one.
    numbers : of the colour of each mask, see ``colouring``; None: its label.
    """

    frame: Frame
    indices: tuple[int, ...]
    labels: tuple[int, ...]
    image: Path | None = None
    numbers: tuple[int, ...] | None = None

    @property
    def inks(self) -> tuple[int, ...]:
        """Number of the colour of each mask."""
        return self.labels if self.numbers is None else self.numbers

    def read(self, layout: Layout, buffer: Buffer) -> PackedMasks:
        """Pack the masks in the order of ``labels``."""
        return read_masks(layout, self.frame, buffer).select(self.indices)

    def keep(self, wanted: Callable[[int, int], bool]) -> "View":
        """Leave out masks for which ``wanted(index, label)`` is False."""
        kept = [
            k for k, pair in enumerate(zip(self.indices, self.labels, strict=True)) if wanted(*pair)
        ]
        numbers = self.numbers and tuple(self.numbers[k] for k in kept)
        return replace(
            self,
            indices=tuple(self.indices[k] for k in kept),
            labels=tuple(self.labels[k] for k in kept),
            numbers=numbers,
        )


@dataclass(frozen=True)
class Scene:
    """A sequence to draw.

    Attributes
    ----------
    layout : how its masks are read.
    views : the frames in the order of time.
    categories : {category_id of the records: name}, where the input knows it.
    """

    layout: Layout
    views: tuple[View, ...] = field(repr=False)
    categories: dict[int, str] = field(default_factory=dict, repr=False)

    def size(self) -> tuple[int, int]:
        """(height, width) in pixels; ValueError where no frame has a mask."""
        # A frame without masks has no size of its own, and the first ones may be empty.
        for view in self.views:
            if view.frame.records:
                return read_masks(self.layout, view.frame, Buffer()).shape
        raise ValueError(f"{self.layout.root}: no frame has a mask, so there is nothing to draw")

    def labels(self) -> list[tuple[int, ...]]:
        """The labels of each frame."""
        return [view.labels for view in self.views]

    def coloured(self, numbers: Mapping[int, int]) -> "Scene":
        """Give labels the colours of these numbers; those that are not there keep their own."""
        views = (
            replace(view, numbers=tuple(numbers.get(label, label) for label in view.labels))
            for view in self.views
        )
        return replace(self, views=tuple(views))

    def part(self, frames: slice) -> "Scene":
        """Some of the frames; ValueError if that leaves none."""
        views = self.views[frames]
        if not views:
            raise ValueError(
                f"--start {frames.start} --stop {frames.stop} leave none of {len(self.views)} "
                "frames; frames are counted from 0"
            )
        return replace(self, views=views)


def labelled(experiment: Experiment) -> Scene:
    """The masks of an experiment with the labels they were given."""
    pairs = zip(experiment.dataset.frames, experiment.frames, strict=True)
    views = (View(frame, known.indices, known.labels) for frame, known in pairs)
    return Scene(experiment.dataset.layout, tuple(views), experiment.dataset.categories)


def unlabelled(dataset: Dataset) -> Scene:
    """All masks of a data set as a segmenter left them: numbered 1, 2, ... in every frame anew."""
    counts = [len(frame.records) for frame in dataset.frames]
    return Scene(
        dataset.layout,
        tuple(
            View(frame, tuple(range(count)), tuple(range(1, count + 1)))
            for frame, count in zip(dataset.frames, counts, strict=True)
        ),
        dataset.categories,
    )


def before(experiment: Experiment) -> Scene:
    """The input of an experiment, duplicates included.

    Raises
    ------
    ValueError
        If the input is gone, or is not the one that was marked.
    """
    try:
        return unlabelled(experiment.input())
    except FileNotFoundError as error:
        raise ValueError(
            f"{experiment.run['input']['path']}: the input of experiment {experiment.name!r} is "
            "gone, so it cannot be drawn; restore it or leave --before and --side-by-side out"
        ) from error


def only_labels(scene: Scene, labels: Iterable[int]) -> Scene:
    """Leave out all masks but those with one of ``labels``; ValueError if a label is unknown."""
    wanted = set(labels)
    # Of the frames that are drawn: a label outside them would leave all pictures empty.
    unknown = wanted - {label for view in scene.views for label in view.labels}
    if unknown:
        raise ValueError(f"--only {min(unknown)}: no mask has this label; tracks.csv lists them")
    return _keep_labels(scene, wanted)


def hide_shorter(scene: Scene, frames: int) -> Scene:
    """Leave out tracks with masks in fewer than ``frames`` frames."""
    seen = Counter(label for view in scene.views for label in set(view.labels))
    return _keep_labels(scene, {label for label, count in seen.items() if count >= frames})


def _keep_labels(scene: Scene, wanted: set[int]) -> Scene:
    views = (view.keep(lambda _, label: label in wanted) for view in scene.views)
    return replace(scene, views=tuple(views))


def same_masks(unlabelled_scene: Scene, scene: Scene) -> Scene:
    """Leave out of an input the masks that are not in the labelled ``scene`` either."""
    # By number in the input, which every record of a result keeps: duplicates are left out of it.
    pairs = zip(unlabelled_scene.views, scene.views, strict=True)
    views = (_only_masks(view, set(input_indices(other))) for view, other in pairs)
    return replace(unlabelled_scene, views=tuple(views))


def _only_masks(view: View, indices: set[int]) -> View:
    return view.keep(lambda index, _: index in indices)


def input_indices(view: View) -> list[int]:
    """Index in the input of each mask of a view of an experiment."""
    records = view.frame.records
    return [records[index].get("mask_index", index) for index in view.indices]


def with_photographs(scene: Scene, folder: Path) -> Scene:
    """Give every frame the image of its name in ``folder``; raises as ``find_photograph``."""
    views = (replace(view, image=find_photograph(view.frame, folder)) for view in scene.views)
    return replace(scene, views=tuple(views))
