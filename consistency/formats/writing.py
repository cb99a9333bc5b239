"""What ``--output`` writes: frame by frame in workers, and once in the main process at the end.

An output is an ``Output`` beside the reader of its format, and a line in ``formats.WRITERS``:

``plan(sequence, settings) -> Plan``
    in the main process, before anything is written: refuses what the format cannot hold
    (ValueError with the flag that solves it) and gives every mask its number in the output;
``write_frame(task, shared) -> Written``
    in workers, once a frame: writes the frame's files under ``task.folder`` and returns kilobytes,
    never pixels.  ``shared`` is the plan's;
``gather(sequence, plan, folder)``, where there is something to say about the whole sequence
    context manager in the main process that yields ``add(t, rows)``, called for every frame in
    order; its files are complete when it closes.

Each output has a folder of its own in the experiment's, so that several never meet.
"""

import importlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from consistency.dataset import Frame, Layout
from consistency.formats import WRITERS, npy, rle
from consistency.masks.packed import PackedMasks
from consistency.track.results import FrameLabels


@dataclass(frozen=True)
class Settings:
    """What a user may say about outputs; goes into run.json.

    Attributes
    ----------
    flatten : who wins a pixel that several masks claim, a name from ``flatten.RULES``; None: the
        smallest, but formats that insist on disjoint masks refuse overlaps.
    max_ids : most objects in an output of label images; None: what the format holds.
    drop : which labels go where there are more, "smallest" or "shortest"; None: refuse.
    ids : labels for outputs of chosen objects; empty: all.
    invert : chosen objects are black and all else is white.
    transforms : path of the transforms.json to extend with mask paths; None: there is none.
    first_frame : number of the first frame in formats that count frames from 0 or 1.
    class_id : class of masks that have none, in formats that want one.
    """

    flatten: str | None = None
    max_ids: int | None = None
    drop: str | None = None
    ids: tuple[int, ...] = ()
    invert: bool = False
    transforms: str | None = None
    first_frame: int = 0
    class_id: int = 1


@dataclass(frozen=True, eq=False)
class LabelledSequence:
    """All that outputs may know of the sequence; no pixels.

    Attributes
    ----------
    name : of the experiment.
    frames, labels : one each a frame.
    parents : {label: label it came from by division}.
    categories : {category_id of the records: name}, as far as the input has them.
    tracked : whether a label means the same object in all frames.
    """

    name: str
    frames: Sequence[Frame]
    labels: Sequence[FrameLabels]
    parents: dict[int, int] = field(default_factory=dict)
    categories: dict[int, str] = field(default_factory=dict)
    tracked: bool = True

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width); ValueError if no frame has a mask."""
        shape = next((frame.shape for frame in self.labels if frame.shape), None)
        if shape is None:
            raise ValueError("no frame has a mask, so their size is unknown; use --output none")
        return shape


@dataclass(frozen=True, eq=False)
class Plan:
    """What an output has decided before the first frame is written; picklable.

    Attributes
    ----------
    shared : for all frames; goes to workers.
    numbers : for each frame the number of each of its kept masks in this output, 0 = left out;
        None: the labels.
    own : what ``gather`` needs; stays in the main process.
    """

    shared: Any = None
    numbers: Sequence[Sequence[int]] | None = None
    own: Any = None


@dataclass(frozen=True, eq=False)
class Task:
    """One frame for one output, in a worker.

    Attributes
    ----------
    t : index of the frame, from 0.
    reader, labels : its masks and what is known of the kept ones.
    numbers : the plan's numbers of the kept masks.
    folder : of the experiment.
    """

    t: int
    reader: "FrameReader"
    labels: FrameLabels
    numbers: Sequence[int]
    folder: Path

    def path(self, *parts: str) -> Path:
        """Path of a file in the experiment; its folder is made if need be."""
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


@dataclass(frozen=True, eq=False)
class Written:
    """What a worker returns for one output of one frame.

    Attributes
    ----------
    segmentations : the new "segmentation" of each kept mask; None leaves the input's.
    lost : pixels of each kept mask that other masks cover in this output; None: not asked.
    rows : whatever ``gather`` wants to know.
    """

    segmentations: Sequence[Any] | None = None
    lost: Sequence[int] | None = None
    rows: Any = None


def plain_plan(sequence: LabelledSequence, settings: Settings) -> Plan:
    """For outputs that hold everything under its own label."""
    return Plan()


Gather = Callable[[LabelledSequence, Plan, Path], AbstractContextManager]


@dataclass(frozen=True)
class Output:
    """The functions of one output, see the module's docstring.

    ``tracks`` : whether it makes sense only where labels mean the same object in all frames.
    """

    write_frame: Callable[[Task, Any], Written]
    plan: Callable[[LabelledSequence, Settings], Plan] = plain_plan
    gather: Gather | None = None
    tracks: bool = False


def plan(name: str, sequence: LabelledSequence, settings: Settings) -> Plan:
    """Plan output ``name``; ValueError for what it cannot hold."""
    output = find(name)
    if output.tracks and not sequence.tracked:
        raise ValueError(
            f"the input does not say which masks show one object, as {name} needs; "
            "label it with mark_label.py"
        )
    return output.plan(sequence, settings)


def find(name: str) -> Output:
    """Return the output of that name; ValueError if there is none."""
    if name not in WRITERS:
        raise ValueError(f"output {name!r}; allowed: {', '.join(WRITERS)}")
    module, attribute = WRITERS[name].split(".")
    return getattr(importlib.import_module(f"consistency.formats.{module}"), attribute)


@dataclass(frozen=True, eq=False)
class LabelledInput:
    """A frame of the input and what is known of its kept masks; travels to a worker.

    ``numbers`` holds the plans' numbers, {output: one for each kept mask}.
    """

    t: int
    frame: Frame
    labels: FrameLabels
    numbers: dict[str, Sequence[int]]


class FrameReader:
    """Reads the masks of one frame once, when the first output asks for them."""

    def __init__(self, layout: Layout, frame: Frame, labels: FrameLabels, buffer: npy.Buffer):
        self.layout, self.frame, self.labels, self.buffer = layout, frame, labels, buffer
        self._masks: PackedMasks | None = None
        self._kept: PackedMasks | None = None
        self._run_lengths: list[dict] | None = None

    def masks(self) -> PackedMasks:
        """All masks of the input frame, packed."""
        if self._masks is None:
            self._masks = self.layout.read(self.frame, self.buffer)
        return self._masks

    def kept(self) -> PackedMasks:
        """The kept masks, packed, in the order of their labels."""
        if self._kept is None:
            self._kept = self.masks().select(self.labels.kept)
        return self._kept

    def run_lengths(self) -> list[dict]:
        """COCO run lengths of the kept masks, in the order of their labels."""
        if self._run_lengths is None:
            self._run_lengths = self._given() or self._encoded()
        return self._run_lengths

    def _given(self) -> list[dict] | None:
        """Run lengths of the input, if it has them as text; they have been checked."""
        records = [self.frame.records[index] for index in self.labels.kept.tolist()]
        values = [record.get("segmentation") for record in records]
        if all(isinstance(v, dict) and isinstance(v.get("counts"), str) for v in values):
            return [{"size": list(v["size"]), "counts": v["counts"]} for v in values]
        return None

    def _encoded(self) -> list[dict]:
        if not self.labels.labels:
            return []
        kept, boxes = self.kept(), self.labels.boxes
        looked_at = int((boxes[:, 2] * boxes[:, 3]).sum())
        if len(self.labels.overlaps) or looked_at < kept.shape[0] * kept.shape[1]:
            return [rle.encode(kept, i, box) for i, box in enumerate(boxes)]
        # Disjoint masks with large boxes: one pass over the frame is less work.
        number = np.arange(1, kept.count + 1, dtype=np.min_scalar_type(kept.count))
        image, _ = kept.paint(number, range(kept.count))
        found = rle.of_labels(image)
        return [found[value] for value in number.tolist()]

    def pixel_slices(self, index: int):
        """Pixels of one input mask, row by row (see Packer.add_flat), the cheapest way there is."""
        direct = getattr(self.layout.module, "pixel_slices", None)
        if direct and self._masks is None:  # what another output has read is not read again
            slices = direct(self.layout, self.frame, index, self.buffer)
            if slices is not None:
                return slices
        pixels = self.masks().unpack(index).ravel().view(np.uint8)
        return (pixels[i : i + npy.SLICE_BYTES] for i in range(0, pixels.size, npy.SLICE_BYTES))


def write_chunk(
    chunk: Sequence[LabelledInput], layout: Layout, folder: Path, shared: dict[str, Any]
) -> list[dict[str, Written]]:
    """Write all outputs of some frames; ``shared`` is {output: its plan's shared part}."""
    buffer = npy.Buffer()
    results = []
    # "masks" alone can do without packed masks; behind the others it takes what they have read.
    names = sorted(shared, key=lambda name: name == "masks")
    for item in chunk:
        reader = FrameReader(layout, item.frame, item.labels, buffer)
        results.append({})
        for name in names:
            numbers = item.numbers.get(name, item.labels.labels)
            task = Task(item.t, reader, item.labels, numbers, folder)
            results[-1][name] = find(name).write_frame(task, shared[name])
    return results
