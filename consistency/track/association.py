"""From measurements to labels, by whichever matching was asked for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from consistency.measure.frame import FrameMeasurement
from consistency.track.assignment import MIN_IOU
from consistency.track.endpoint_shapes import EndShapes
from consistency.track.linking import stitch
from consistency.track.predecessor import propagate_seed
from consistency.track.results import (
    FrameLabels,
    Labelled,
    compared,
    gathered,
    propagate,
    relabelled,
    summarise,
    without_short,
)
from consistency.track.tracker import (
    LONG_MEMORY,
    MEMORY,
    MEMORY_OF_LINEAGES,
    Follower,
    Lineage,
    follow,
)

MATCHINGS = ("track", "optimal", "greedy", "seed")
MEMORY_OF_IOU = 1  # of "optimal" and "greedy": one drop-out of the segmenter


@dataclass(frozen=True)
class Association:
    """How labels are carried.

    Attributes
    ----------
    matching : "track" follows motion and shape; "optimal" and "greedy" look at IoU alone; "seed"
        is the predecessor.  What follows is for "track" unless it says otherwise.
    min_iou : "optimal", "greedy": least IoU of two masks that get one label, 0-1.
    memory : number of frames a track may miss and still return (not "seed"); None = the default
        of the matching.
    long_memory : a longer absence, after which a track returns only where the camera's motion has
        been known all the while and place and shape fit; None = the default.
    motion : how the camera's motion is estimated, one of ``camera_motion.KINDS``.
    frames_path : folder with the images of the frames, for the motion "frames".
    on_split : "keep" or "new", see ``consistency.track.splits``.
    passes : 1, or 2 to join tracks afterwards with what is known of their future.
    min_length : leave out tracks with fewer masks (any matching).
    without : parts of the evidence to leave out, see ``consistency.track.similarity.PARTS``.
    """

    matching: str = "track"
    min_iou: float = MIN_IOU
    memory: int | None = None
    long_memory: int | None = None
    motion: str = "affine"
    frames_path: str | None = None
    on_split: str = "keep"
    passes: int = 2
    min_length: int = 1
    without: tuple[str, ...] = ()

    def frames_missed(self) -> int:
        """Return the memory, the default filled in."""
        if self.memory is not None:
            return self.memory
        if self.matching != "track":
            return MEMORY_OF_IOU
        return MEMORY if self.on_split == "keep" else MEMORY_OF_LINEAGES

    def most_missed(self) -> int:
        """Return the long memory, the default filled in."""
        if self.long_memory is not None:
            return self.long_memory
        return LONG_MEMORY if self.on_split == "keep" else MEMORY_OF_LINEAGES


def associate(
    measurements: Iterable[FrameMeasurement], how: Association
) -> tuple[list[FrameLabels], Lineage]:
    """Give every kept mask its label."""
    lineage = Lineage()
    if how.matching == "track":
        follower = Follower(
            how.frames_missed(), how.most_missed(), how.on_split, frozenset(how.without)
        )
        shapes = EndShapes(max(how.frames_missed(), how.most_missed()))
        labelled = _shown(follow(measurements, follower), shapes if how.passes > 1 else None)
        frames = list(gathered(labelled))
        lineage = follower.lineage
        if how.passes > 1:
            same = stitch(frames, lineage, shapes, how.frames_missed(), how.most_missed())
            frames, lineage = relabelled(frames, same), lineage.relabelled(same)
        frames = compared(frames)
    elif how.matching == "seed":
        frames = summarise(propagate_seed(measurements))
    else:
        frames = summarise(propagate(measurements, how.matching, how.min_iou))
    return without_short(frames, how.min_length), lineage


def _shown(labelled: Iterable[Labelled], shapes: EndShapes | None) -> Iterator[Labelled]:
    """Show ``shapes`` what passes by."""
    for now, labels in labelled:
        if shapes:
            shapes.add(labels, now.areas, now.thumbnails)
        yield now, labels
