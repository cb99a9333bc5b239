"""What is fuzzed: every reader, and all else that reads what somebody may have changed.

A target is made of small data sets, ``{path: content}``, and of a function that opens one and reads
all of it.
"""

import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import samples
import sequences
from conftest import squares, write_dataset
from mutator import Files, pack

from consistency import mark_label
from consistency.draw import history, scene
from consistency.experiment import open_experiment
from consistency.formats import READERS, nerfstudio, open_dataset, read_masks
from consistency.formats.buffer import Buffer
from consistency.metrics.ground_truth import compare, open_truth
from consistency.metrics.scores import label_parents
from consistency.metrics.without_truth import label_statistics, summarise_frames
from consistency.sequences import in_table


@dataclass(frozen=True)
class Target:
    """What is fuzzed.

    Attributes
    ----------
    make : functions that write a data set into a folder; returns what is to be opened.
    read : opens that and reads all of it; a number says how, where there are several ways.
    """

    make: tuple[Callable[[Path], Path], ...]
    read: Callable[[Path, int], None]


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
    mark_label.mark(mark_label.parser().parse_args([*where, "--exp-name", "fuzz", *flags]))


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
    "transforms": Target((transforms,), read_transforms),
    "sequences": Target((table,), read_both),
    "frames": Target((listed,), read_listed),
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
