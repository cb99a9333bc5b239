"""nerfstudio: a black and white image per frame and its path in ``transforms.json``; only written.

Black pixels are ignored in training, so chosen objects (--ids, else all) are white and the rest
is black; --invert turns that round, to leave moving objects out.  With --transforms FILE every
image of FILE needs a mask and gets its "mask_path".

Written: nerfstudio/masks/<frame stem>.png and nerfstudio/transforms.json, or mask_paths.json where
there is none to extend; both are to be moved beside the images.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np

from consistency.dataset import short
from consistency.formats import flatten
from consistency.formats.labelled import LabelledSequence
from consistency.formats.source import load_json, value_of
from consistency.formats.writing import FrameTask, Output, Plan, WriteResult
from consistency.options import WritingOptions
from consistency.plain_text import to_json

FOLDER = "nerfstudio"
ShapeAndInvert = tuple[tuple[int, int], bool]
NameAndContent = tuple[str, dict]  # of the JSON


def _plan(
    sequence: LabelledSequence, options: WritingOptions
) -> Plan[ShapeAndInvert, NameAndContent]:
    """``shared`` is (shape, invert); ``own`` is the JSON to write and its name."""
    labels = {label for frame in sequence.labelled_frames for label in frame.labels}
    wanted = set(options.ids) or labels
    unknown = sorted(wanted - labels)
    # A mistyped label would give black images, which training takes without a word.
    if unknown:
        raise ValueError(f"--ids {unknown[0]}: there is no such label; see tracks.csv")
    numbers = [
        [int(label in wanted) for label in frame.labels] for frame in sequence.labelled_frames
    ]
    paths = {frame.stem: f"masks/{frame.stem}.png" for frame in sequence.frames}
    if options.transforms is None:
        entries = [
            {"file_path": frame.name, "mask_path": paths[frame.stem]} for frame in sequence.frames
        ]
        own: NameAndContent = "mask_paths.json", {"frames": entries}
    else:
        own = "transforms.json", extend(Path(options.transforms), paths)
    return Plan((sequence.shape, options.invert), own, numbers)


def extend(file: Path, paths: dict[str, str]) -> dict:
    """Return the content of ``file`` with a mask path for every image."""
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; give the scene's with --transforms")
    content = load_json(file)
    entries = []
    for i, entry in enumerate(value_of(content, "frames", list, str(file))):
        name = value_of(entry, "file_path", str, f"{file}: frame {i}")
        image = PurePosixPath(name)
        # By the image's own name, else with its folder: names of frames may be either.
        path = paths.get(image.stem) or paths.get(str(image.parent / image.stem))
        if path is None:
            raise ValueError(
                f"{file}: image {short(name)} has no frame of masks; all images need one"
            )
        # A new object: everything else that the scene says is kept as it is.
        entries.append(entry | {"mask_path": path})
    return content | {"frames": entries}


def _write_frame(task: FrameTask, shared: ShapeAndInvert) -> WriteResult[None]:
    shape, invert = shared
    image = np.zeros(shape, np.uint8)
    chosen = [k for k, number in enumerate(task.numbers) if number]
    if chosen:
        # One value for all: where chosen masks overlap, the order of painting does not matter.
        white = np.full(len(task.numbers), 255, np.uint8)
        image, _ = task.reader.kept().paint(white, chosen)
    image = 255 - image if invert else image
    flatten.save_png(task.path(FOLDER, "masks", f"{task.reader.frame.stem}.png"), image)
    return WriteResult()


@contextmanager
def _gather(
    sequence: LabelledSequence, plan: Plan[ShapeAndInvert, NameAndContent], folder: Path
) -> Iterator[Callable[[int, None], None]]:
    yield lambda t, rows: None
    name, content = plan.own
    (folder / FOLDER / name).write_text(to_json(content, indent=2) + "\n")


OUTPUT = Output(_write_frame, _plan, _gather)
