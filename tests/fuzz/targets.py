"""What is fuzzed: every reader, and all else that reads what somebody may have changed.

A target is made of small data sets, ``{path: content}``, and of a function that opens one and reads
all of it.
"""

import functools
import itertools
import json
import secrets
import shutil
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from unittest import mock

import experiments
import numpy as np
import samples
import sequences
from conftest import squares, write_dataset
from mutator import Files, damage, pack

from consistency import correction_files, journal, mark_label
from consistency.corrections import FORMAT
from consistency.draw import history, scene
from consistency.endings import Interrupted
from consistency.experiment import open_experiment
from consistency.formats import READERS, nerfstudio, open_dataset, read_masks
from consistency.formats.buffer import Buffer
from consistency.formats.labelled import LabelledFrame
from consistency.metrics.ground_truth import compare, open_truth
from consistency.metrics.scores import label_parents
from consistency.metrics.without_truth import label_statistics, summarise_frames
from consistency.renumbering import options_of
from consistency.sequences import in_table
from consistency.track.correcting import start

# One for all inputs: to make it takes as long as many an input does to be read.
parser = functools.cache(mark_label.parser)


@dataclass(frozen=True)
class Target:
    """What is fuzzed.

    Attributes
    ----------
    make : functions that write a data set into a folder; returns what is to be opened.
    read : opens that and reads all of it; a number says how, where there are several ways.
    among : part of the names of the files that are damaged; the others stay as they are.
    """

    make: tuple[Callable[[Path], Path], ...]
    read: Callable[[Path, int], None]
    among: str = ""

    def damaged(self, random: Random, good: Files) -> Files:
        """Return the files of a data set with damage done to some."""
        files = {name: content for name, content in good.items() if self.among in name}
        others = {name: content for name, content in good.items() if name not in files}
        damage(random, files)
        return others | files


def read_dataset(path: Path, number: int) -> None:
    """Open a dataset and read all of its masks."""
    dataset = open_dataset(path)
    for frame in dataset.frames:
        read_masks(dataset.layout, frame, Buffer())


def native_files(folder: Path) -> Path:
    """The native layout with .npy files."""
    return write_dataset(folder, [squares((1, 1, 4), (6, 5, 3), shape=(9, 13))] * 2)


def native_stacks(folder: Path) -> Path:
    """The native layout without its JSON."""
    native_files(folder)
    (folder / "sk_masks.json").unlink()
    shutil.copytree(folder / "numpy_masks" / "0", folder / "numpy_masks" / "2")
    np.save(folder / "numpy_masks" / "3.npy", squares((1, 1, 4), (6, 5, 3), shape=(9, 13)))
    return folder


def experiment(*flags: str) -> Callable[[Path], Path]:
    """An experiment and, beside it, its input."""

    def make(folder: Path) -> Path:
        data = sequences.overlapping(folder / "data")
        return sequences.mark(data, folder, *flags)

    return make


def read_experiment(folder: Path, number: int) -> None:
    """Read an experiment as evaluate and vis do."""
    found = open_experiment(folder)
    views = scene.labelled(found).views
    history.happenings(folder, views)
    history.tracks(folder)
    label_parents(folder)
    for frames in summarise_frames(found):
        label_statistics(frames)
    scene.before(found)


def with_truth(folder: Path) -> Path:
    """An experiment, and the identities of its input."""
    path = experiment("--output", "rle")(folder)
    frames = json.loads((folder / "data" / "sk_masks.json").read_text())
    truth = {name: list(range(1, 1 + len(records))) for name, records in frames.items()}
    (folder / "data" / "truth.json").write_text(json.dumps(truth))
    return path


def read_truth(folder: Path, number: int) -> None:
    """Compare an experiment with its truth."""
    found = open_experiment(folder)
    for _ in compare(found, open_truth(folder.parent / "data", found)):
        pass


def corrected(folder: Path) -> Path:
    """An experiment, and corrections of it."""
    path = experiment("--output", "rle")(folder)
    masks = [{"frame": "0000.png", "mask": 0}, {"frame": "0003.png", "mask": 1}]
    items = [
        {"do": "split", "label": 1, "at": "0002.png"},
        {"do": "merge", "labels": [5, 1], "from": "0000.png"},
        {"do": "swap", "labels": [2, 3], "at": "0002.png"},
        {"do": "rename", "label": 2, "name": "cup"},
        {"do": "drop", "label": 3, "frames": ["0002.png", "0003.png"]},
        {"do": "different", "masks": masks},
        {"do": "same", "masks": masks[::-1]},
    ]
    # As many files as corrections: one that is refused hides those behind it.
    for number in range(len(items)):
        chosen = items[number:] + items[:number]
        content = {"format": FORMAT, "version": 1, "sequence": None, "input": None}
        file = path / f"by-hand-{number}.json"
        file.write_text(json.dumps(content | {"corrections": chosen}))
    return path


def read_corrections(folder: Path, number: int) -> None:
    """Apply corrections to the experiment, without its pixels."""
    found = open_experiment(folder)
    options_of(found)
    frames = [
        LabelledFrame(
            f.name, None, 0, np.array(f.input_indices, np.int64), *[np.zeros(0)] * 5, list(f.labels)
        )
        for f in found.frames
    ]
    corrections = sorted(folder.glob("by-hand-*.json"))
    start(frames).apply(correction_files.read(corrections[number % len(corrections)]))


def transforms(folder: Path) -> Path:
    """A transforms.json of nerfstudio."""
    folder.mkdir(parents=True)
    frames = [{"file_path": f"images/{t:04d}.png", "transform_matrix": [[1.0]]} for t in range(3)]
    (folder / "transforms.json").write_text(json.dumps({"frames": frames, "fl_x": 1.0}))
    return folder / "transforms.json"


def read_transforms(path: Path, number: int) -> None:
    """Extend it."""
    nerfstudio.extend(path, {f"{t:04d}": f"masks/{t:04d}.png" for t in range(3)})


def table(folder: Path) -> Path:
    """A table of sequences."""
    folder.mkdir(parents=True)
    (folder / "names.csv").write_text("name,path,split\na,x/a,train\nb,x/b,val\n")
    return folder / "names.csv"


def read_both(path: Path, number: int) -> None:
    """Read it with a split and without."""
    in_table(path)
    in_table(path, "val")


def listed(folder: Path) -> Path:
    """A data set, and a list of its frames."""
    data = sequences.disjoint(folder)
    (folder / "frames.txt").write_text("0002.png\n0001\n0003.png\n")
    return data


def read_listed(path: Path, number: int) -> None:
    """Open it in the order of the list."""
    open_dataset(path, sort=str(path / "frames.txt"))


# Flags by which damage gets further than to the reader.
FLAGS = (
    ("--output", "rle", "coco", "ytvis"),
    ("--keep-ids", "--output", "masks", "tiff"),
    ("--output", "labelmaps", "mots", "--flatten", "small-on-top"),
    ("--keep", "score", "--output", "napari", "davis", "--drop", "smallest"),
    ("--matching", "seed", "--output", "none"),
)


def mark(path: Path, number: int) -> None:
    """Mark a data set, with other flags every time; raises what the command would say."""
    flags = ["--quiet", "--overwrite", *FLAGS[number % len(FLAGS)]]
    where = ["--data-path", str(path), "--experiments", str(path.parent / "out")]
    mark_label.mark(parser().parse_args([*where, "--exp-name", "fuzz", *flags]))


def interrupted(record: int, *flags: str) -> Callable[[Path], Path]:
    """A run that has ended from outside behind a record of its journal, and what it would give."""

    def make(folder: Path) -> Path:
        write_dataset(
            folder, [squares((1 + t, 1, 6), (12, 5, 7), shape=(20, 30)) for t in range(6)]
        )
        true, count, names = journal._append, itertools.count(), iter("0123456789abcdef")

        def append(path: Path, data: bytes) -> None:
            true(path, data)
            if next(count) == record:
                raise Interrupted

        mark_sequence(folder, folder / "expected", *flags)
        # The names of what is unfinished are random, and those of a find are to be found again.
        with (
            mock.patch.object(journal, "_append", append),
            mock.patch.object(secrets, "token_hex", lambda count: next(names) * 2 * count),
            suppress(Interrupted),
        ):
            mark_sequence(folder, folder / "out", *flags)
        (folder / "flags.json").write_text(json.dumps(flags))
        return folder

    return make


def mark_sequence(data: Path, out: Path, *flags: str) -> None:
    """Mark the masks of a folder as ``e``; raises what the command would say."""
    where = ["--data-path", data / "numpy_masks", "--experiments", out, "--exp-name", "e"]
    arguments = [*map(str, where), "--quiet", *flags]
    mark_label.mark(parser().parse_args(arguments))


def read_journal(folder: Path, number: int) -> None:
    """Go on with a run; it is refused, or gives what it would have given."""
    work = folder / "work"
    shutil.copytree(folder / "out", work)
    try:
        mark_sequence(folder, work, "--resume", *json.loads((folder / "flags.json").read_text()))
        found, expected = experiments.content(work), experiments.content(folder / "expected")
        # What else lay in the unfinished folder is somebody's, and stays.
        assert {**found, **expected} == found, "is read, and gives something else"
    finally:
        shutil.rmtree(work)


def of_format(name: str) -> Target:
    """Return the target of a format: all of its samples."""
    make = [sample for sample, (own, _) in samples.SAMPLES.items() if own == name]
    make += [native_files, native_stacks] if name == "native" else []
    return Target(tuple(make), read_dataset)


OF_FORMATS = {name: of_format(name) for name in READERS}
TARGETS = {name: target for name, target in OF_FORMATS.items() if target.make} | {
    "experiment": Target(
        (experiment("--output", "rle"), experiment(), experiment("--output", "none")),
        read_experiment,
    ),
    "truth": Target((with_truth,), read_truth),
    "corrections": Target((corrected,), read_corrections),
    "transforms": Target((transforms,), read_transforms),
    "sequences": Target((table,), read_both),
    "frames": Target((listed,), read_listed),
    "journal": Target(
        (
            interrupted(0),
            interrupted(1, "--hash"),
            interrupted(4, "--output", "masks", "coco"),
            interrupted(4, "--hash", "--output", "masks", "rle"),
        ),
        read_journal,
        among="out/.e.",
    ),
    "marking": Target((*samples.SAMPLES, native_files), mark),
}


def build(name: str, index: int, folder: Path) -> tuple[Files, Path]:
    """Write a sample of a target into ``folder``; returns its files, and what is to be opened."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    path = TARGETS[name].make[index](folder / "data")
    for archive in folder.rglob("*.npz"):  # NumPy writes the time of day into them
        with zipfile.ZipFile(archive) as parts:
            content = {part: parts.read(part) for part in parts.namelist()}
        archive.write_bytes(pack(content))
    files = {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.name.startswith(".")
    }
    return files, path
