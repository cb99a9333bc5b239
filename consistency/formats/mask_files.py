"""The output "masks": a .npy file for each mask, which the native layout reads again.

Files that would be the same as one of the frame before can be hard links to it.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from consistency.dataset import Frame
from consistency.formats import npy, numpy_folders
from consistency.formats.labelled import LabelledFrame, LabelledSequence
from consistency.formats.writing import Add, FrameTask, Output, Plan, WriteResult
from consistency.options import WritingOptions

Links = list[dict[int, int]]  # of each frame {kept mask: index of the mask before it equals}


def _plan(sequence: LabelledSequence, options: WritingOptions) -> Plan[np.dtype, Links]:
    """Choose the smallest unsigned dtype that holds the largest label, and what is linked."""
    largest = max(
        (label for frame in sequence.labelled_frames for label in frame.labels), default=1
    )
    frames = sequence.labelled_frames
    if not options.link_unchanged:
        return Plan(np.min_scalar_type(largest), [{} for _ in frames])
    links = [{}, *map(_equal, frames, frames[1:])]
    numbers = [
        [0 if k in linked else label for k, label in enumerate(frame.labels)]
        for frame, linked in zip(frames, links, strict=False)
    ]
    return Plan(np.min_scalar_type(largest), links, numbers)


def _equal(before: LabelledFrame, now: LabelledFrame) -> dict[int, int]:
    """Kept masks with the pixels and the label of one of the frame before, and its index there."""
    labels = dict(zip(before.kept.tolist(), before.labels, strict=True))
    pairs = enumerate(zip(now.same.tolist(), now.labels, strict=True))
    return {k: index for k, (index, label) in pairs if labels.get(index) == label}


def _write(task: FrameTask, dtype: np.dtype) -> WriteResult[None]:
    """Write mask × label as numpy_masks/<frame stem>/<mask index>.npy, (h, w) of ``dtype``.

    Those of number 0 are linked, when the file of the frame before is there.
    """
    relative = _folder(task.reader.frame)
    (task.folder / relative).mkdir(parents=True, exist_ok=True)
    paths = []
    shape = task.labelled_frame.shape or (0, 0)  # without masks, and none is written
    numbered = zip(task.labelled_frame.kept.tolist(), task.numbers, strict=True)
    for k, (index, label) in enumerate(numbered):
        # Named by the index in the input, so that a mask can be found again; numbers have gaps
        # where masks were dropped.
        paths.append(f"{relative}/{index}.npy")
        if not label:
            continue
        first, slices = task.reader.pixel_slices(k)
        path = task.folder / paths[-1]
        task.files.append(paths[-1])
        npy.write_labelled(path, shape, slices, label, dtype, task.reader.buffer, first)
    return WriteResult(paths)


def _folder(frame: Frame) -> str:
    return f"{numpy_folders.NAME}/{frame.stem}"


@contextmanager
def _linking(
    sequence: LabelledSequence, plan: Plan[np.dtype, Links], folder: Path
) -> Iterator[Add[None]]:
    """Link what is not written; frames come in order, so the file that is linked to is there."""

    def add(t: int, rows: None) -> None:
        kept = sequence.labelled_frames[t].kept
        for k, index in plan.own[t].items():
            _link(
                folder / _folder(sequence.frames[t - 1]) / f"{index}.npy",
                folder / _folder(sequence.frames[t]) / f"{kept[k]}.npy",
            )

    yield add


def _link(old: Path, new: Path) -> None:
    """Make ``new`` the file ``old``; OSError where the file system has no hard links."""
    new.unlink(missing_ok=True)  # of an earlier run that this one goes on with
    try:
        os.link(old, new)
    except OSError as error:
        if error.errno != errno.EMLINK:
            raise OSError(
                error.errno, f"{error.strerror}; leave --link-unchanged out", str(new)
            ) from error
        # A file has so many names and no more (65 000 on ext4): the next ones are of a copy.
        shutil.copyfile(old, new)


MASKS = Output(_write, _plan, _linking)
