"""What is to be drawn: frames of an experiment or a data set, and a label for each mask."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from consistency.dataset import Dataset, Frame, Layout
from consistency.experiment import Experiment
from consistency.formats.npy import Buffer
from consistency.packed import PackedMasks


@dataclass(frozen=True)
class View:
    """One frame to draw; small, travels to a worker.

    Attributes
    ----------
    frame : where its masks are.
    indices : the masks to draw, as they are numbered in ``frame``.
    labels : label (int >= 1) of each of them.
    """

    frame: Frame
    indices: tuple[int, ...]
    labels: tuple[int, ...]

    def read(self, layout: Layout, buffer: Buffer) -> PackedMasks:
        """Pack the masks in the order of ``labels``."""
        return layout.read(self.frame, buffer).select(self.indices)


@dataclass(frozen=True)
class Scene:
    """A sequence to draw.

    Attributes
    ----------
    layout : how its masks are read.
    views : the frames in the order of time.
    """

    layout: Layout
    views: tuple[View, ...] = field(repr=False)

    def size(self) -> tuple[int, int]:
        """(height, width) in pixels; ValueError where no frame has a mask."""
        for view in self.views:
            if view.frame.records:
                return self.layout.read(view.frame, Buffer()).shape
        raise ValueError(f"{self.layout.root}: there is no mask in any frame, so nothing to draw")


def labelled(experiment: Experiment) -> Scene:
    """The masks of an experiment with the labels they were given."""
    pairs = zip(experiment.dataset.frames, experiment.frames, strict=True)
    views = (View(frame, known.indices, known.labels) for frame, known in pairs)
    return Scene(experiment.dataset.layout, tuple(views))


def unlabelled(dataset: Dataset) -> Scene:
    """All masks of a data set as a segmenter left them: numbered 1, 2, ... in every frame anew."""
    counts = [len(frame.records) for frame in dataset.frames]
    return Scene(
        dataset.layout,
        tuple(
            View(frame, tuple(range(count)), tuple(range(1, count + 1)))
            for frame, count in zip(dataset.frames, counts, strict=True)
        ),
    )


def before(experiment: Experiment) -> Scene:
    """The input of an experiment, duplicates included.

    Raises
    ------
    ValueError
        If the input is gone, or is not the one that was marked.
    """
    path = experiment.run["input"]["path"]
    try:
        scene = unlabelled(experiment.input())
    except FileNotFoundError as error:
        raise ValueError(
            f"{path}: the input of experiment {experiment.name!r} is gone, so it cannot be drawn; "
            "restore it or leave --before and --side-by-side out"
        ) from error
    check_same_frames(scene.views, experiment, path)
    return scene


def check_same_frames(views: Sequence[View], experiment: Experiment, path: str) -> None:
    """Raise ValueError unless ``views`` are the frames of ``experiment``."""
    if [view.frame.name for view in views] != [frame.name for frame in experiment.frames]:
        raise ValueError(
            f"{path}: its frames are not those of experiment {experiment.name!r}; mark it again"
        )
