"""Every choice, default and record of options, once; imports nothing heavy.

Flags of the command lines take their choices and defaults from here, and so do callers in Python.
A record's field is the default of the flag: ``AssociationOptions.min_iou`` is 0.05.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from consistency.corrections import Corrections

MATCHINGS = ("track", "optimal", "greedy", "seed")
MOTIONS = ("none", "translation", "affine", "frames")
ON_SPLIT = ("auto", "keep", "new")
PASSES = (1, 2)
KEEP = ("area", "score")
# What speaks for a pair of a track and a mask; each can be left out to learn what it is worth.
CUES = ("velocity", "shape", "whole", "nesting", "uncertainty", "borrowing", "motion")

AUTO = "auto"  # the format that fits
NATURAL, LEXICAL = SORTS = ("natural", "lexical")
EXPERIMENTS = Path("experiments")  # where they are kept
PICTURES_FOLDER = Path("vis_consistent")  # ... and pictures of them
# How pixels are flattened: row after row, or column after column.
Order = Literal["C", "F"]

# Which mask wins a pixel of several.
SMALL_ON_TOP = "small-on-top"
LARGE_ON_TOP = "large-on-top"
SCORE = "score"
RULES = (SMALL_ON_TOP, LARGE_ON_TOP, SCORE)
# Which labels go where an output holds fewer.
SMALLEST = "smallest"
SHORTEST = "shortest"
DROPS = (SMALLEST, SHORTEST)

# What to do with the identities that the input has.
IGNORE = "ignore"  # they play no part in labelling
KEEP_IDS = "keep"  # masks without one go on with the label of the mask that they match
ONLY_IDS = "only"  # nothing is matched; masks without one are counted within their frame

# How dense optical flow is computed: OpenCV's presets of DIS.
FLOW_PRESETS = FLOW_FAST, FLOW_MEDIUM = ("fast", "medium")

PALETTES = ("distinct", "colour-blind", "davis", "grey")

MEMORY = 10  # frames that a track may miss
LONG_MEMORY = 40  # ... where the camera's motion is known
MEMORY_OF_IOU = 1  # of "optimal" and "greedy": one drop-out of the segmenter

# Mean IoU of one object in frames that two pieces of a video share: half of an object that the
# other piece has whole still counts.
PIECES_IOU = 0.3

WHOLE = -1  # a sequence that is not cut into windows
# Frames that windows share unless the user says otherwise, at most half of a window: an object that
# is away for longer would not be found again within one window either.
CUT_OVERLAP = LONG_MEMORY


@dataclass(frozen=True)
class MeasureOptions:
    """What decides which masks are kept and how far back they are compared.

    Attributes
    ----------
    duplicate_iou : a mask goes if its IoU with a kept one is larger.
    duplicate_containment : ... or its intersection over the smaller area; None = off.
    keep : "area" keeps the largest of duplicates, "score" the one with the best
        predicted_iou · stability_score, "seed" is the predecessor's rule.
    lookback : number of frames before a frame whose masks are compared with its masks.
    shapes : make a thumbnail of each mask.
    motion : estimate the camera's motion, one of MOTIONS; from masks only with ``shapes``.
    frames_path : folder with the images, for the motion "frames".
    """

    duplicate_iou: float = 0.5
    duplicate_containment: float | None = None
    keep: str = "area"
    lookback: int = 1
    shapes: bool = False
    motion: str = "none"
    frames_path: str | None = None


@dataclass(frozen=True)
class AssociationOptions:
    """How labels are carried.

    Attributes
    ----------
    matching : "track" follows motion and shape; "optimal" and "greedy" look at IoU alone; "seed"
        is the predecessor.  What follows is for "track" unless it says otherwise.
    min_iou : "optimal", "greedy": least IoU of two masks that get one label, 0-1.  Low on purpose:
        one-to-one assignment already decides between rivals, and fast or small objects overlap
        little.
    memory : number of frames a track may miss and still return (not "seed"); None = the default
        of the matching.
    long_memory : a longer absence, after which a track returns only where the camera's motion has
        been known all the while and place and shape fit; None = the default.
    motion : how the camera's motion is estimated, one of MOTIONS.
    frames_path : folder with the images of the frames, for the motion "frames".
    on_split : "auto", "keep" or "new", see ``consistency.track.divisions``.
    passes : 1, or 2 to join tracks afterwards with what is known of their future.
    min_length : leave out tracks with fewer masks (any matching).
    compact : number labels without holes, in the order in which they appear (any matching but
        "seed").
    without : some of CUES, to be left out.
    corrections : what a person says is wrong with the labels, files in order (any matching but
        "seed").
    """

    matching: str = "track"
    min_iou: float = 0.05
    memory: int | None = None
    long_memory: int | None = None
    motion: str = "affine"
    frames_path: str | None = None
    on_split: str = ON_SPLIT[0]
    passes: int = 2
    min_length: int = 1
    compact: bool = False
    without: tuple[str, ...] = ()
    corrections: tuple[Corrections, ...] = ()

    def frames_missed(self) -> int:
        """Return the memory, the default filled in."""
        if self.memory is not None:
            return self.memory
        if self.matching != "track":
            return MEMORY_OF_IOU
        return MEMORY

    def most_missed(self) -> int:
        """Return the long memory, the default filled in."""
        return LONG_MEMORY if self.long_memory is None else self.long_memory


@dataclass(frozen=True)
class WritingOptions:
    """What a user may say about outputs; goes into run.json.

    Attributes
    ----------
    flatten : who wins a pixel that several masks claim, one of RULES; None: the smallest, but
        formats that insist on disjoint masks refuse overlaps.
    max_ids : most objects in an output of label images; None: what the format holds.
    drop : which labels go where there are more, one of DROPS; None: refuse.
    ids : labels for outputs of chosen objects; empty: all.
    invert : chosen objects are black and all else is white.
    transforms : path of the transforms.json to extend with mask paths; None: there is none.
    first_frame : number of the first frame in formats that count frames from 0 or 1.
    class_id : class of masks that have none, in formats that want one.
    link_unchanged : files of masks with the pixels and the label of one of the frame before are
        hard links to its file.
    """

    flatten: str | None = None
    max_ids: int | None = None
    drop: str | None = None
    ids: tuple[int, ...] = ()
    invert: bool = False
    transforms: str | None = None
    first_frame: int = 0
    class_id: int = 1
    link_unchanged: bool = False


@dataclass(frozen=True)
class FillingOptions:
    """Which masks are made from those of other frames, and of what.

    Attributes
    ----------
    interval : number of frames between two key frames, whose masks are read and labelled.
    change_driven : choose key frames by how much changes, as many as the interval gives.
    gaps : fill the gaps of tracks.
    frames_path : folder with the images; None: there are none.
    flow_path : folder with flow fields; None: the flow is computed from the images.
    preset : how, one of FLOW_PRESETS.
    scale : size at which images and flow are looked at over their own, above 0, up to 1.
    """

    interval: int = 0
    change_driven: bool = False
    gaps: bool = False
    frames_path: str | None = None
    flow_path: str | None = None
    preset: str = FLOW_MEDIUM
    scale: float = 1.0

    @property
    def wanted(self) -> bool:
        """Whether anything is to be filled."""
        return self.interval > 0 or self.gaps


@dataclass(frozen=True)
class Options(AssociationOptions):
    """Parameters of a run; they go into run.json.

    Attributes
    ----------
    (of AssociationOptions) : how labels are carried.
    duplicate_iou, duplicate_containment, keep : see MeasureOptions.
    given_ids : what to do with the identities of the input: IGNORE, KEEP_IDS or ONLY_IDS.
    cut_size : frames of a window; windows are labelled independently and joined.  WHOLE: not cut.
    cut_overlap : frames that a window shares with the one before; None = the default.
    low_memory : keep the measurements of one window at a time, and label it in this process.
    filling : masks made from those of other frames; None: none are.
    output : names from ``consistency.formats.WRITERS``.
    writing : what the outputs may want to know.
    """

    duplicate_iou: float = MeasureOptions.duplicate_iou
    duplicate_containment: float | None = MeasureOptions.duplicate_containment
    keep: str = MeasureOptions.keep
    given_ids: str = IGNORE
    cut_size: int = WHOLE
    cut_overlap: int | None = None
    low_memory: bool = False
    filling: FillingOptions | None = None
    output: tuple[str, ...] = ("masks",)
    writing: WritingOptions = field(default_factory=WritingOptions)

    def effective(self) -> "Options":
        """Return the options with defaults that depend on others filled in.

        A memory is None where it plays no part, as among labels of the predecessor.
        """
        remembers = self.given_ids == IGNORE and self.matching != "seed"
        long = remembers and self.matching == "track" and self.motion != "none"
        return replace(
            self,
            memory=self.frames_missed() if remembers else None,
            long_memory=self.most_missed() if long else None,
            cut_overlap=self.shared_frames() if self.cut_size != WHOLE else None,
        )

    def shared_frames(self) -> int:
        """Return the frames that windows share, the default filled in."""
        return (
            min(CUT_OVERLAP, self.cut_size // 2) if self.cut_overlap is None else self.cut_overlap
        )

    def measuring(self) -> MeasureOptions:
        """The part that the measuring stage needs."""
        if self.given_ids == ONLY_IDS:  # an IoU is never above 1: all masks are kept
            return MeasureOptions(1.0, None, "area", 1)
        if self.matching == "seed":
            return MeasureOptions(self.duplicate_iou, None, "seed", 1)
        limits = self.duplicate_iou, self.duplicate_containment
        if self.matching == "track":
            return MeasureOptions(*limits, self.keep, 1, True, self.motion, self.frames_path)
        return MeasureOptions(*limits, self.keep, self.frames_missed() + 1)


@dataclass(frozen=True)
class StyleOptions:
    """How pictures look.

    Attributes
    ----------
    palette : colours of the labels, one of PALETTES.
    scale : size of the picture over size of the masks.
    alpha : opacity of masks over photographs, 0-1.
    outline : draw the borders of all masks.
    numbers : write every label into its mask.
    captions : write the frame, and what is before and after, above a GIF or a video.
    legend : name the labels of the most frames beside a GIF or a video.
    """

    palette: str = "distinct"
    scale: float = 1.0
    alpha: float = 0.5
    outline: bool = False
    numbers: bool = False
    captions: bool = True
    legend: bool = False


FPS = 10.0  # frames a second of a GIF or a video


@dataclass(frozen=True)
class SelectionOptions:
    """What is drawn: which frames and labels, and over which images.

    Attributes
    ----------
    panels : "before", "after" or both, from left to right.
    only : labels to draw; None = all.
    hide_shorter : least number of frames of a track.
    frames : which frames.
    frames_path : folder with the images; None: one that is known is taken.
    plain : draw over no images, even where they are known.
    """

    panels: tuple[str, ...] = ("after",)
    only: tuple[int, ...] | None = None
    hide_shorter: int | None = None
    frames: slice = field(default_factory=lambda: slice(None))
    frames_path: Path | None = None
    plain: bool = False

    @property
    def some_labels(self) -> bool:
        """Whether some labels are left out."""
        return self.only is not None or self.hide_shorter is not None
