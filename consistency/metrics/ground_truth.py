"""What the objects of an experiment really are: true masks with identities, beside its labels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from consistency.dataset import LARGEST_NUMBER, Dataset, check_records, short
from consistency.experiment import Experiment
from consistency.formats import open_dataset, read_masks
from consistency.formats.buffer import Buffer
from consistency.formats.source import load_json
from consistency.masks.intersections import intersections, iou
from consistency.masks.packed import PackedMasks
from consistency.masks.packing import repacked
from consistency.metrics.ctc import Overlaps
from consistency.metrics.frame_pairs import pair_frames


@dataclass(frozen=True)
class Truth:
    """True masks, frame by frame and in the order in which the experiment has them.

    Attributes
    ----------
    dataset : frames with identities.
    own : the masks are the experiment's own input: mask by mask the same.
    parents : {identity: identity it came from by division}.
    """

    dataset: Dataset
    own: bool
    parents: dict[int, int] = field(default_factory=dict)


def open_truth(path: Path, experiment: Experiment, sequence: str | None = None) -> Truth:
    """Open ground truth: truth.json of the experiment's input, or any dataset with identities.

    ``sequence`` says which one where the dataset holds several.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it has no identities, or not the experiment's frames, see ``pair_frames``.
    """
    path = Path(path)
    file = path / "truth.json" if (path / "truth.json").is_file() else path
    if file.name == "truth.json":
        dataset, own = identified(experiment.input(), load_json(file), file), True
    else:
        dataset, own = open_dataset(path, sequence=sequence), False
    if not any(frame.identities for frame in dataset.frames):
        raise ValueError(f"{path}: holds no identities; give truth.json or a labelled format")
    known = [v for frame in dataset.frames for v in frame.identities or () if v is not None]
    extreme = max(known, key=abs, default=0)
    if abs(extreme) > LARGEST_NUMBER:
        raise ValueError(f"{path}: identity {short(extreme)}; number the objects anew")
    largest = max((label for frame in experiment.frames for label in frame.labels), default=0)
    if largest > LARGEST_NUMBER:  # products, as --matching seed gives
        raise ValueError(f"{experiment.folder}: label {short(largest)}; compared are 64 bits")
    names = [frame.name for frame in experiment.frames]
    dataset = replace(dataset, frames=pair_frames(dataset.frames, names, path))
    return Truth(dataset, own, dict(dataset.parents))


def identified(dataset: Dataset, content: object, file: Path) -> Dataset:
    """Give the masks of the input the identities {frame: [identity or null]}."""
    if not isinstance(content, dict):
        raise ValueError(f"{file}: is not {{frame: [identity, ...]}}; give the truth of this input")
    frames = []
    for frame in dataset.frames:
        found = content.get(frame.name)
        if not isinstance(found, list) or len(found) != len(frame.records):
            raise ValueError(
                f"{file}: frame {frame.name!r} has {len(frame.records)} masks and "
                f"{f'{len(found)} identities' if isinstance(found, list) else 'no entry'}; "
                "give the truth of this very input"
            )
        frames.append(replace(frame, identities=tuple(found)))
        check_records(frames[-1], file)
    return replace(dataset, frames=tuple(frames))


@dataclass(frozen=True, eq=False)
class FrameComparison:
    """One frame of truth and result: masks of both, packed alike, and their overlaps.

    ``similarity`` is their IoU, or where the truth's masks are the experiment's own 1 for the same
    mask and 0 for any other.
    """

    overlaps: Overlaps
    similarity: np.ndarray
    true_masks: PackedMasks
    masks: PackedMasks


def compare(experiment: Experiment, truth: Truth) -> Iterator[FrameComparison]:
    """Read both, frame by frame."""
    buffer = Buffer()
    for t, frame in enumerate(truth.dataset.frames):
        identities = frame.identities or (None,) * len(frame.records)
        # Nobody knows what a mask without identity shows: it counts for and against nothing.
        chosen = [i for i, value in enumerate(identities) if value is not None]
        if truth.own:
            chosen = _once(chosen, identities, experiment.frames[t].input_indices)
        true_masks = read_masks(truth.dataset.layout, frame, buffer).select(chosen)
        masks = repacked(experiment.read(t, buffer), true_masks.order)
        if true_masks.count and masks.count and true_masks.shape != masks.shape:
            raise ValueError(
                f"frame {frame.name!r}: true masks of {true_masks.shape[0]} × "
                f"{true_masks.shape[1]} pixels, labelled ones of {masks.shape[0]} × "
                f"{masks.shape[1]}; both must have one size"
            )
        shared = np.zeros((true_masks.count, masks.count), np.int64)
        if shared.size:
            shared = intersections(true_masks, masks)
        areas = true_masks.areas(), masks.areas()
        if truth.own:
            index = np.array(experiment.frames[t].input_indices)
            # Duplicates and near-duplicates have a high IoU with the wrong record; the index tells
            # for sure.
            similarity = (np.array(chosen)[:, None] == index[None, :]).astype(float)
            similarity = similarity.reshape(shared.shape)
        else:
            similarity = iou(shared, *areas)
        names = np.array([identities[i] for i in chosen], np.int64)
        labels = np.array(experiment.frames[t].labels, np.int64)
        yield FrameComparison(
            Overlaps(names, labels, shared, *areas), similarity, true_masks, masks
        )


def _once(
    chosen: Sequence[int], identities: Sequence[int | None], kept: Sequence[int]
) -> list[int]:
    """Leave one of the masks of an identity, a ``kept`` one if there is: duplicates are no misses.

    All are indices of masks of one frame.
    """
    present = set(kept)
    of_identity: dict[int | None, int] = {}
    for i in sorted(chosen, key=lambda i: i not in present):
        of_identity.setdefault(identities[i], i)
    return sorted(of_identity.values())
