"""The folder of one experiment: written whole or not at all, and read back.

experiments/<name>/<name>.json          {frame: [record, ...]}
experiments/<name>/tracks.csv           one line a label
experiments/<name>/events.csv           births, gaps, returns, ends; masks dropped, with the reason
experiments/<name>/run.json             parameters, versions, input, counters, seconds
experiments/<name>/numpy_masks/ ...     what the outputs write
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from consistency.corrections import LARGEST
from consistency.dataset import Dataset, Frame, short
from consistency.formats import native, read_masks, reopen
from consistency.formats.buffer import Buffer
from consistency.formats.damage import naming_file
from consistency.formats.filled import with_filled
from consistency.formats.source import load_json, value_of
from consistency.limits import inside
from consistency.masks.packed import PackedMasks
from consistency.names import check_name
from consistency.options import SORTS
from consistency.plain_text import to_json, write_rows
from consistency.publishing import CONTINUE, DISCARD, REFUSE, replacing

LONGEST_PATH = 400  # characters that a message shows


@contextmanager
def writing(folder: Path, overwrite: bool, resume: bool = False) -> Iterator[Path]:
    """Yield a folder beside ``folder`` that takes its name when all has gone well.

    It is empty, or has been begun by an interrupted run if ``resume``.

    Raises
    ------
    ValueError
        If ``folder`` exists and must not be replaced, has a name that no experiment may have, or is
        being written by another run.
    OSError
        If nothing can be written there.
    """
    check_name(folder.name, "experiment")
    # With both flags work goes on: --overwrite then says only that the old experiment may go.
    unfinished = CONTINUE if resume else DISCARD if overwrite else REFUSE
    check = partial(check_free, overwrite=overwrite)
    with replacing(folder, check, unfinished) as partial_folder:
        partial_folder.mkdir(exist_ok=resume)
        yield partial_folder


def check_free(folder: Path, overwrite: bool) -> None:
    """Raise ValueError if ``folder`` exists and must not be replaced."""
    # Asked before ``exists``, which follows the link and is false for a dangling one.
    if folder.is_symlink():
        raise ValueError(f"{folder}: is a symbolic link; remove it, or choose another name")
    if not folder.exists():
        return
    if not overwrite:
        raise ValueError(
            f"{folder}: this experiment exists; add --overwrite or choose another name"
        )
    # --overwrite removes the whole folder, so a mistyped path must not be enough.
    if not is_experiment(folder):
        raise ValueError(f"{folder}: is not an experiment, so it is not overwritten; move it away")


def is_experiment(folder: Path) -> bool:
    """Whether this tool wrote ``folder``: its run.json says so."""
    run = folder / "run.json"
    if not (run.is_file() and (folder / f"{folder.name}.json").is_file()):
        return False
    try:
        content = load_json(run)
    except ValueError:
        return False
    return isinstance(content, dict) and {"parameters", "counters", "seconds"} <= content.keys()


def check_apart(dataset: Dataset, folder: Path, beside: Iterable[str] = ()) -> None:
    """Raise ValueError if masks of ``dataset`` lie in ``folder``, which is about to be replaced.

    Links are followed, so that a data set of links into the old experiment counts as well.
    ``beside`` are paths of what else is read.
    """
    # A folder that does not exist holds no masks; the walk over the input is spared.
    if folder.exists():
        for path in chain(_places(dataset), beside):
            check_outside(path, folder)


def check_outside(path: Path | str, folder: Path) -> None:
    """Raise ValueError if the input ``path`` is ``folder`` or lies in it, links followed."""
    target = os.path.realpath(folder)
    if os.path.commonpath([os.path.realpath(path), target]) == target:
        raise ValueError(
            f"{path}: the input lies in {folder}, which the output would replace; write to another "
            "name"
        )


def _places(dataset: Dataset) -> Iterator[str]:
    """Yield where files of a data set may lie: its folder, links in it, folders of its masks."""
    root = str(dataset.layout.root)
    yield root
    yield dataset.opened_as.get("path") or root
    # os.walk does not enter links to folders, so none can lead it around in circles.
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            if os.path.islink(path):
                yield path
    segmentations = (r.get("segmentation") for frame in dataset.frames for r in frame.records)
    # Folders, not files: a few names instead of one for every mask.
    named = (os.path.dirname(value) for value in segmentations if isinstance(value, str))
    yield from (os.path.join(root, name) for name in dict.fromkeys(named))


@dataclass(frozen=True)
class ExperimentFrame:
    """A frame of an experiment: which masks of its layout have which label."""

    name: str
    labels: tuple[int, ...]
    indices: tuple[int, ...]  # of the masks in the dataset that is read
    input_indices: tuple[int, ...]  # of the masks in the input


@dataclass(frozen=True)
class Experiment:
    """A finished experiment.

    Attributes
    ----------
    name, folder : of the experiment.
    run : content of run.json.
    dataset : where the labelled masks are: the experiment itself, or its input.
    frames : in order, aligned with ``dataset.frames``.
    """

    name: str
    folder: Path
    run: dict
    dataset: Dataset
    frames: tuple[ExperimentFrame, ...]

    def read(self, t: int, buffer: Buffer) -> PackedMasks:
        """Pack the masks of frame ``t`` in the order of its labels."""
        masks = read_masks(self.dataset.layout, self.dataset.frames[t], buffer)
        return masks.select(self.frames[t].indices)

    def input(self) -> Dataset:
        """Open the input again, with the frames of the experiment in their order.

        Raises
        ------
        FileNotFoundError
            If it is gone.
        ValueError
            If it is damaged, or has other frames by now.
        """
        return _input(self.folder, self.run, [frame.name for frame in self.frames])


def open_experiment(folder: Path) -> Experiment:
    """Read the experiment in ``folder``; the order of its frames is that of its JSON.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If a file of it is damaged.
    """
    folder = Path(folder)
    path = folder / f"{folder.name}.json"
    if not path.is_file():
        renamed = native.experiment_name(folder)
        what = f"rename {renamed}.json to {path.name}" if renamed else "run mark_label.py first"
        raise FileNotFoundError(f"{path}: no such experiment; {what}")
    run = _checked_run(load_json(folder / "run.json"), folder / "run.json")
    content = load_json(path)
    with inside(folder), naming_file(path):
        given = native.dataset_of_records(folder, content, path, key=None)
    labelled = [_labelled(frame, path) for frame in given.frames]
    # These hold the kept masks alone, in the order of the records; other outputs leave the pixels
    # to the input, where a mask keeps its own index.
    if {"masks", "rle"} & set(run["parameters"]["output"]):
        labelled = [replace(f, indices=tuple(range(len(f.labels)))) for f in labelled]
        return Experiment(folder.name, folder, run, given, tuple(labelled))
    dataset = _input(folder, run, list(content))
    if run["parameters"].get("filling"):
        dataset = _with_filled(dataset, given.frames, labelled, run)
    for frame, mine in zip(dataset.frames, labelled, strict=True):
        # The input may have been written anew since, with the same frames.
        if max(mine.indices, default=-1) >= len(frame.records):
            raise ValueError(
                f"{path}: frame {frame.name!r}: has mask {max(mine.indices)}, but its input has "
                f"{len(frame.records)} masks; mark it again"
            )
    return Experiment(folder.name, folder, run, dataset, tuple(labelled))


def _labelled(frame: Frame, path: Path) -> ExperimentFrame:
    where = f"{path}: frame {frame.name!r}, mask"
    labels = tuple(value_of(r, "label", int, f"{where} {i}") for i, r in enumerate(frame.records))
    own = [value_of(r, "mask_index", int, f"{where} {i}") for i, r in enumerate(frame.records)]
    if min(labels, default=1) < 1 or min(own, default=0) < 0:
        raise ValueError(f"{path}: frame {frame.name!r}: a label below 1 or a mask_index below 0")
    if max([*labels, *own], default=1) > LARGEST:
        raise ValueError(
            f"{path}: frame {frame.name!r}: a label or mask_index above {LARGEST}; mark it again"
        )
    return ExperimentFrame(frame.name, labels, tuple(own), tuple(own))


def _with_filled(
    dataset: Dataset, written: Sequence[Frame], labelled: Sequence[ExperimentFrame], run: dict
) -> Dataset:
    """Return the input with the masks that were filled in, whose run lengths the records have."""
    keys = run.get("key_frames")
    frames = tuple(
        # Its own masks were not read, if it has any.
        Frame(frame.name, ()) if keys is not None and frame.name not in keys else frame
        for frame in dataset.frames
    )
    filled = {}
    for t, (frame, mine) in enumerate(zip(frames, labelled, strict=True)):
        pairs = zip(mine.indices, written[t].records, strict=True)
        behind = [pair for pair in pairs if pair[0] >= len(frame.records)]
        filled[t] = [record for _, record in sorted(behind, key=lambda pair: pair[0])]
    return with_filled(replace(dataset, frames=frames), filled)


def _checked_run(run: Any, path: Path) -> dict:
    """Return the content of run.json; ValueError where it does not say what is read of it."""
    outputs = value_of(value_of(run, "parameters", dict, str(path)), "output", list, str(path))
    opened_as = value_of(run, "input", dict, str(path))
    # The path is null where the input was in memory.
    if "path" not in opened_as:
        raise ValueError(f"{path}: no 'path' of the input; mark it again")
    given = [opened_as.get(key) for key in ("path", "format", "sort", "sequence")]
    above = opened_as.get("split_pieces", "0")
    texts = [*outputs, *(text for text in given if text is not None), above]
    texts += value_of(run, "key_frames", list, str(path)) if "key_frames" in run else []
    steps = value_of(run, "motion", list, str(path)) if "motion" in run else []
    whole = all(isinstance(text, str) for text in texts) and all(map(_is_motion, steps))
    if not whole or not re.fullmatch("[0-9]{1,18}", above):
        raise ValueError(
            f"{path}: its 'input', 'output', 'motion' or 'key_frames' is damaged; mark it again"
        )
    return run


def _is_motion(step: object) -> bool:
    """Whether this is None or a 2 × 3 transform."""
    if step is None:
        return True
    # [None] fails the test below: one line instead of another return.
    rows = step if isinstance(step, list) and len(step) == 2 else [None]
    return all(
        isinstance(row, list) and len(row) == 3 and all(isinstance(v, int | float) for v in row)
        for row in rows
    )


def _input(folder: Path, run: dict, names: list[str]) -> Dataset:
    """Open the input of the experiment ``folder`` with the frames ``names``."""
    opened_as = run["input"]
    if opened_as["path"] is None and opened_as.get("format") == "joined":
        raise ValueError(
            f"{folder}: was joined from pieces and has no input of its own; look at the pieces, or "
            "leave out what asks for the input"
        )
    if opened_as["path"] is None:
        raise ValueError(
            f"{folder}: its input was in memory and is gone; mark masks on disk instead"
        )
    path = opened_as["path"]
    if not os.path.exists(path):  # of a name too long, too, unlike Path.exists
        shown = path if len(path) <= LONGEST_PATH else short(path)
        raise FileNotFoundError(
            f"{folder}: its input {shown} is not there; put it back, or mark it again where it is"
        )
    # The names say the order, and which frames a list chose: the list itself is not needed.
    chosen = opened_as.get("sort") not in (None, *SORTS)
    dataset = reopen(opened_as | {"sort": None})
    frames = {frame.name: frame for frame in dataset.frames}
    missing = [name for name in names if name not in frames]
    # A list leaves frames out on purpose; without one, a new frame says that the input is not the
    # one that was marked.
    more = [] if chosen else [name for name in frames if name not in set(names)]
    if missing or more:
        problem = f"has no frame {missing[0]!r}" if missing else f"has the new frame {more[0]!r}"
        raise ValueError(
            f"{opened_as['path']}: {problem}, so its frames are not those of experiment "
            f"{folder.name!r}; mark it again"
        )
    return replace(dataset, frames=tuple(frames[name] for name in names))


def write_json(path: Path, frames: Iterator[tuple[str, list[dict]]]) -> None:
    """Write {frame: [record, ...]}, a frame a line, without holding all of it."""
    with open(path, "w", encoding="utf-8") as file:
        file.write("{")
        for i, (name, records) in enumerate(frames):
            # The comma goes in front, as no one knows which frame is the last.
            lead = ",\n" if i else "\n"
            file.write(f"{lead}{to_json(name)}: {to_json(records)}")
        file.write("\n}\n")


def write_csv(path: Path, kind: type, rows: Sequence[Any]) -> None:
    """Write one line for each dataclass of ``kind``; None becomes an empty field."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        write_rows(file, [[field.name for field in fields(kind)]])
        write_rows(file, (astuple(row) for row in rows))
