"""What outputs are given: the labels of every frame and what is known of the masks; no pixels."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from consistency.dataset import Frame


@dataclass(frozen=True, eq=False)
class KeptMasks:
    """What is known of the kept masks of one frame, whatever their labels.

    Attributes
    ----------
    name : the frame's name.
    shape : (height, width) in pixels; None for a frame without masks.
    count : number of masks in the input.
    kept : int64 (n,), index of each kept mask in the input.
    areas : int64 (n,), pixels.
    boxes : int64 (n, 4), x, y, width, height in pixels.
    centroids : float64 (n, 2), x, y in pixels.
    same : int64 (n,), index in the input of the frame before of a kept mask with the same pixels;
        -1 where none is known.
    """

    name: str
    shape: tuple[int, int] | None
    count: int
    kept: np.ndarray
    areas: np.ndarray
    boxes: np.ndarray
    centroids: np.ndarray
    same: np.ndarray


@dataclass(frozen=True, eq=False)
class LabelledFrame(KeptMasks):
    """The kept masks of one frame, with their labels.

    Attributes
    ----------
    (of KeptMasks) : the masks.
    overlaps : int64 (p, 3), pairs of kept masks i < j and the pixels that they share.
    labels : one int >= 1 for each kept mask.
    """

    overlaps: np.ndarray
    labels: list[int]


@dataclass(frozen=True)
class Track:
    """One line of tracks.csv.

    Attributes
    ----------
    label : the label.
    first, last : names of the first and the last frame with a mask.
    frames : number of frames with a mask.
    gaps : number of absences between them.
    mean_area : pixels.
    mean_iou : mean IoU of its masks in consecutive frames, 0-1; empty if there are none.
    parent : label of the track that it split from; empty if it did not.
    part_of : label of the track that it is a part of; empty if there is none.
    mean_confidence, least_confidence : of the links between its masks, probabilities, 0-1; empty if
        there are none, or nothing tells it.
    """

    label: int
    first: str
    last: str
    frames: int
    gaps: int
    mean_area: float
    mean_iou: float | None
    parent: int | None = None
    part_of: int | None = None
    mean_confidence: float | None = None
    least_confidence: float | None = None


@dataclass(frozen=True)
class NamedLabel:
    """One line of classes.csv: the name that a person has given a label."""

    label: int
    name: str


@dataclass(frozen=True, eq=False)
class LabelledSequence:
    """All that outputs may know of the sequence; no pixels.

    Attributes
    ----------
    name : of the experiment.
    frames, labelled_frames : one each a frame.
    parents : {label: label it came from by division}.
    categories : {category_id of the records: name}, as far as the input has them.
    tracked : whether a label means the same object in all frames.
    tracks : one for each label, in their order.
    """

    name: str
    frames: Sequence[Frame]
    labelled_frames: Sequence[LabelledFrame]
    parents: dict[int, int] = field(default_factory=dict)
    categories: dict[int, str] = field(default_factory=dict)
    tracked: bool = True
    tracks: Sequence[Track] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width); ValueError if no frame has a mask."""
        # All masks of a sequence have one size, so the first frame with any tells it for the
        # others.
        shape = next((frame.shape for frame in self.labelled_frames if frame.shape), None)
        if shape is None:
            raise ValueError("no frame has a mask, so their size is unknown; use --output none")
        return shape
