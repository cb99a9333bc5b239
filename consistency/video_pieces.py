"""Pieces of one long video that already have identities: what they hold, and what they share.

Which frames two pieces share is told by names, or by the user; it is never guessed from masks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from consistency.dataset import Dataset, Frame, Layout, natural_key
from consistency.experiment import Experiment
from consistency.formats.source import value_of

Names = Sequence[str]


@dataclass(frozen=True)
class PieceFrame:
    """One frame of a piece.

    Attributes
    ----------
    frame : the frame.
    masks : indices of those with a label.
    labels : one each.
    confidence : one each, as in the records of an experiment; NaN where nothing tells it.
    """

    frame: Frame
    masks: tuple[int, ...]
    labels: tuple[int, ...]
    confidence: tuple[float, ...]


@dataclass(frozen=True)
class Piece:
    """A piece of a video.

    Attributes
    ----------
    path : where it was found.
    dataset : its masks.
    frames : in the order of time.
    parents : {label: label it came from by division}.
    """

    path: Path
    dataset: Dataset = field(repr=False)
    frames: tuple[PieceFrame, ...] = field(repr=False)
    parents: dict[int, int] = field(default_factory=dict)

    @property
    def layout(self) -> Layout:
        """Where its pixels are."""
        return self.dataset.layout

    @property
    def names(self) -> list[str]:
        """Names of its frames."""
        return [each.frame.name for each in self.frames]


def of_experiment(experiment: Experiment, parents: dict[int, int]) -> Piece:
    """Return an experiment of this tool as a piece; ValueError for a label twice in a frame."""
    dataset = experiment.dataset
    for frame, own in zip(dataset.frames, experiment.frames, strict=True):
        _check_once(experiment.folder, frame, own.labels)
    frames = [
        PieceFrame(frame, own.indices, own.labels, tuple(_confidences(frame, own.indices)))
        for frame, own in zip(dataset.frames, experiment.frames, strict=True)
    ]
    return Piece(experiment.folder, dataset, tuple(frames), parents)


def _check_once(path: Path, frame: Frame, labels: Sequence[int]) -> None:
    if len(set(labels)) < len(labels):
        twice = next(v for v in labels if labels.count(v) > 1)
        raise ValueError(
            f"{path}: frame {frame.name!r}: identity {twice} belongs to two masks; an object has "
            "one mask a frame"
        )


def _confidences(frame: Frame, masks: Sequence[int]) -> Iterator[float]:
    for i in masks:
        value = frame.records[i].get("confidence")
        where = f"frame {frame.name!r}, mask {i}"
        known = value is not None
        yield (
            float(value_of(frame.records[i], "confidence", (int, float), where))
            if known
            else np.nan
        )


def of_dataset(path: Path, dataset: Dataset) -> Piece:
    """Return a data set with identities as a piece; a mask without one is an object of its own.

    Raises ValueError if there are no identities, or one is twice in a frame.
    """
    known = {v for frame in dataset.frames for v in frame.identities or () if v is not None}
    if not known:
        raise ValueError(
            f"{path}: its masks have no identities to join; label it first with mark_label.py"
        )
    free, frames = max(known) + 1, []
    for frame in dataset.frames:
        labels = []
        for value in frame.identities or (None,) * len(frame.records):
            labels.append(free if value is None else value)
            free += value is None
        _check_once(path, frame, labels)
        count = len(labels)
        frames.append(PieceFrame(frame, tuple(range(count)), tuple(labels), (np.nan,) * count))
    return Piece(path, dataset, tuple(frames), dict(dataset.parents))


def shared_count(before: Names, after: Names, overlap: int | None, where: tuple[Path, Path]) -> int:
    """Return how many frames at the end of one piece are those at the beginning of the next.

    Parameters
    ----------
    before, after : names of the frames of both.
    overlap : as the user says; None: equal names are equal frames.
    where : paths, for errors.

    Raises
    ------
    ValueError
        If names contradict the order of time, or the second adds nothing to the first.
    """
    first, second = where
    if overlap is not None:
        if overlap >= len(after) or overlap > len(before):
            raise ValueError(
                f"--overlap {overlap}: {first} has {len(before)} frames and {second} has "
                f"{len(after)}; each but the first has to add some"
            )
        return overlap
    return _shared_by_name(before, after, where)


def _shared_by_name(before: Names, after: Names, where: tuple[Path, Path]) -> int:
    """Count the frames of equal names; raises as ``shared_count``."""
    first, second = where
    ours, theirs = ([natural_key(Frame(name, ()).stem)[0] for name in n] for n in (before, after))
    count = len(set(ours) & set(theirs))
    say = "say with --overlap how many frames they share, 0 for none"
    if not count:
        if ours[-1] > theirs[0]:
            raise ValueError(
                f"{second}: frame {after[0]!r} comes before {before[-1]!r} of {first} by its name; "
                f"give the pieces in the order of time, or {say}"
            )
        return 0
    if count == len(theirs):
        raise ValueError(
            f"{second}: the names of all its frames are in {first} too, so it adds none; if they "
            f"begin anew in each piece, {say}"
        )
    if ours[-count:] != theirs[:count]:
        shared = set(ours) & set(theirs)
        name = next(n for n, key in zip(after, theirs, strict=True) if key in shared)
        raise ValueError(
            f"{first} and {second} both have {count} frames such as {name!r}, which are not the "
            f"end of one and the beginning of the other; {say}"
        )
    return count


def unique_names(names: Names) -> tuple[list[str], bool]:
    """Return names for the frames of the whole video, and whether they are new.

    They are numbered anew where two of different pieces have one name: pieces that count from 0.
    """
    stems = [Frame(name, ()).stem for name in names]
    if len(set(stems)) == len(stems):
        return list(names), False
    return [f"{t:06d}" for t in range(len(names))], True
