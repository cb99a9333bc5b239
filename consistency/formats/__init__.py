"""Formats of masks on disk, one module each; a name is a module and a line in a table.

A module that reads (READERS) has

``matches(source) -> bool``
    whether the folder or file looks like this format; cheap, reads no pixels but at most the
    header or content of one sample (see ``source.Source``);
``open_dataset(source) -> Dataset``
    frames and records in order; no pixels are read: where only they tell how many masks there
    are, frames are left unlisted;
``misfit(source) -> str`` (optional)
    what keeps a folder that ``matches`` but for some name from being this format: better an error
    than another format that fits its folders;
``unclear(source) -> str`` (optional)
    what a folder may be that no format reads unless it is named, and how to name it;
``parts(source) -> {name: path}`` (optional)
    the files of a folder that ``matches`` where each is a sequence of its own; or the folder
    itself, where ``--sequence NAME`` chooses one;
``read_masks(layout, frame, buffer) -> PackedMasks``
    all masks of one frame in the order of its records; called in workers;
``read_unlisted(layout, frame) -> (Frame, PackedMasks)`` (where there are unlisted frames)
    the frame with its records, and their masks, from the same pixels; called in workers; without
    a source it keeps that of the unlisted frame;
``check_listed(layout, frames)`` (optional)
    raises ValueError if the records that were found do not fit what lies beside them;
``count_several(layout, frame) -> int`` (optional)
    number of masks whose pixels have several values other than 0, all of which count as the mask;
``pixel_slices(layout, frame, index, rows, buffer)`` (optional)
    the pixels of the rows (first, one behind the last) of a mask, slice by slice, where that is
    cheaper than packing; None where it is not.

A module that writes (WRITERS) has an ``Output``, see ``consistency.formats.writing``.
"""

import importlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from consistency.dataset import Dataset, Frame, Layout, check_records, short
from consistency.formats import not_masks
from consistency.formats.damage import naming_file, naming_frame
from consistency.formats.hints import hint
from consistency.formats.source import Source, read_text, without_collection
from consistency.limits import OutsideError, inside, within
from consistency.options import AUTO, LEXICAL, NATURAL, SORTS

if TYPE_CHECKING:  # NumPy is not loaded for --help
    from consistency.formats.buffer import Buffer
    from consistency.masks.packed import PackedMasks

# Each with a reader; SEVERAL can hold several sequences, of which --sequence names one.
READERS = (
    "native", "amg", "sa1b", "sav", "coco", "ytvis", "mots", "davis", "labelmaps", "panoptic",
    "ctc", "tiff", "npz", "png", "video", "labelme", "cvat",
    "yolo", "grounded_sam",
)  # fmt: skip
SEVERAL = ("ytvis", "mots", "yolo")

WRITERS = {
    "masks": "mask_files.MASKS",
    "rle": "native.RLE",
    "none": "native.NONE",
    "labelmaps": "labelmaps.OUTPUT",
    "davis": "davis.OUTPUT",
    "gaussian-grouping": "gaussian_grouping.OUTPUT",
    "coco": "coco.OUTPUT",
    "ytvis": "ytvis.OUTPUT",
    "mots": "mots.OUTPUT",
    "ctc": "ctc.OUTPUT",
    "tiff": "tiff.OUTPUT",
    "nerfstudio": "nerfstudio.OUTPUT",
    "napari": "napari.OUTPUT",
    "yolo": "yolo.OUTPUT",
    "cvat": "cvat.OUTPUT",
    "geff": "geff.OUTPUT",
    "ome-zarr": "ome_zarr.OUTPUT",
    "parquet": "parquet.OUTPUT",
}


IGNORED_SHOWN = 3  # of the names of what was ignored

log = logging.getLogger("consistency")


def find(source: Source, name: str = AUTO) -> ModuleType:
    """Return the module that reads ``source``, chosen by name or by content.

    Raises
    ------
    ValueError
        If there is no format of that name; if none fits or several do.
    """
    if name != AUTO:
        if name not in READERS:
            raise ValueError(
                f"{source.path}: input format {short(name)}; allowed: {AUTO}, {', '.join(READERS)}"
            )
        return reader(name)
    # All formats are asked, not the first that fits: the order of the table must decide nothing.
    fits = fitting(source)
    if len(fits) == 1:
        return next(iter(fits.values()))
    if fits:
        shown = [f"{n}{getattr(module, 'SHOWN', '')}" for n, module in fits.items()]
        raise ValueError(
            f"{source.path}: looks like {' and like '.join(shown)}; choose one with "
            f"--input-format {{{','.join(fits)}}}"
        )
    if source.left_out:
        # Nothing fits, but a format would have read a file behind a link: that is the likelier
        # reason.
        raise source.left_out[0]
    # Last of all: a near miss is worth an error only where nothing fits as it is.
    check_close(source)
    known = not_masks.recognised(source)
    raise ValueError(f"{source.path}: {known or f'no masks found; {hint(source, _fits_any)}'}")


def _fits_any(source: Source) -> bool:
    try:
        return bool(fitting(source))
    except (ValueError, OSError):  # of a damaged file, in a folder that nobody has named
        return False


def check_close(source: Source) -> None:
    """Raise ValueError with what does not fit if the folder is some format but for that."""
    for name in READERS:
        misfit = getattr(reader(name), "misfit", None)
        problem = misfit(source) if misfit is not None and source.path.is_dir() else ""
        if problem:
            raise ValueError(
                f"{problem}; rename it or move it away, or say with --input-format what "
                f"{source.path.name} holds"
            )
        unclear = getattr(reader(name), "unclear", None)
        question = unclear(source) if unclear is not None and source.path.is_dir() else ""
        if question:
            raise ValueError(question)


def fitting(source: Source, name: str = AUTO) -> dict[str, ModuleType]:
    """Return the modules, all or the one of that name, that ``source`` looks like."""
    names = READERS if name == AUTO else (name,)
    modules = {n: reader(n) for n in names}
    with naming_file(source.path), inside(source.root):
        return {n: module for n, module in modules.items() if _fits(module, source)}


def parts(source: Source, fits: dict[str, ModuleType]) -> dict[str, Path]:
    """Return the sequences that ``source`` holds; none where it is one, or is not clear."""
    # A user who has not chosen among several formats is asked by ``find``, with a better error.
    if len(fits) != 1:
        return {}
    own = getattr(next(iter(fits.values())), "parts", None)
    return own(source) if own is not None else {}


def _fits(module: ModuleType, source: Source) -> bool:
    try:
        return module.matches(source)
    except OutsideError as error:  # of no matter where it is not part of the data
        source.left_out.append(error)
        return False


def reader(name: str) -> ModuleType:
    """Return the module of the format ``name``."""
    # By name and only when asked for: Pillow, tifffile and others load slowly.
    return importlib.import_module(f"{__name__}.{name}")


def read_masks(layout: Layout, frame: Frame, buffer: "Buffer") -> "PackedMasks":
    """Pack all masks of ``frame`` in the order of its records.

    Raises ValueError, OSError or MemoryError with the file or record and the frame in question.
    """
    with within(layout.limits), naming_frame(frame):
        return reader(layout.format).read_masks(layout, frame, buffer)


def read_frame(layout: Layout, frame: Frame, buffer: "Buffer") -> tuple[Frame, "PackedMasks"]:
    """Return ``frame``, its records known, and its masks; raises as ``read_masks``."""
    if frame.listed:
        return frame, read_masks(layout, frame, buffer)
    return read_unlisted(layout, frame)


def read_unlisted(layout: Layout, frame: Frame) -> tuple[Frame, "PackedMasks"]:
    """Return a frame that is not listed with its records, and its masks; as ``read_masks``."""
    with within(layout.limits), naming_frame(frame):
        found, masks = reader(layout.format).read_unlisted(layout, frame)
        # What is listed at once was checked on opening; these records are new.
        check_records(found, layout.root)
        return found, masks


def count_several(layout: Layout, frame: Frame) -> int:
    """Return how many masks of a frame that was read have several values other than 0.

    Such values are refused, or tell masks apart, in formats that do not say.
    """
    count = getattr(reader(layout.format), "count_several", None)
    with within(layout.limits), naming_frame(frame):
        return count(layout, frame) if count is not None else 0


def with_frames(dataset: Dataset, frames: Iterable[Frame]) -> Dataset:
    """Return the dataset with its frames as they were found; ValueError where they do not fit."""
    pairs = zip(frames, dataset.frames, strict=True)
    found = tuple(f if f.source is not None else replace(f, source=b.source) for f, b in pairs)
    with within(dataset.layout.limits), naming_file(dataset.layout.root):
        check_listed(dataset.layout, found)
    return replace(dataset, frames=found)


def check_listed(layout: Layout, frames: Sequence[Frame]) -> None:
    """Raise ValueError if the records that were found do not fit what lies beside them."""
    check = getattr(reader(layout.format), "check_listed", None)
    if check is not None:
        check(layout, frames)


def list_masks(dataset: Dataset, map: Callable[..., Iterable] = map) -> Dataset:
    """Return the dataset with the records of all frames; raises as ``read_masks``.

    ``map`` is that of a backend, or the built-in one.
    """
    if dataset.listed:
        return dataset
    return with_frames(dataset, map(partial(_listed, layout=dataset.layout), dataset.frames))


def _listed(frame: Frame, layout: Layout) -> Frame:
    return frame if frame.listed else read_unlisted(layout, frame)[0]


def open_dataset(
    path: Path, input_format: str = AUTO, sort: str = NATURAL, sequence: str | None = None
) -> Dataset:
    """Open the dataset at ``path``.

    Parameters
    ----------
    path : folder, or the one file that is the dataset.
    input_format : a name from READERS, or AUTO: the one that fits.
    sort : "natural" leaves frames in the order of time that the format has, or sorts names with
        numbers compared as numbers; "lexical" sorts names as text; anything else is a text file
        with one frame name (or stem) a line, and frames that it does not name are left out.
    sequence : which one, where the input holds several (videos of one JSON, text files of one
        folder).

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file.
    ValueError
        If no format fits, or several do; for malformed input, with file and frame.
    """
    return list_masks(open_source(Source(path, sequence), input_format, sort))


def open_source(
    source: Source,
    input_format: str = AUTO,
    sort: str = NATURAL,
    split_pieces: int | None = None,
) -> Dataset:
    """Open what has been looked at already; frames of label images are left unlisted.

    ``split_pieces`` makes a mask of each piece of more pixels (``pieces.py``); None makes none.
    Raises as ``open_dataset``.
    """
    path, sequence = source.path, source.sequence
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such folder or file; give the one with the masks")
    dataset = _opened(source, input_format)
    # A name that nothing looks at would pass for one that was found.
    if sequence is not None and dataset.layout.format not in SEVERAL:
        raise ValueError(
            f"{path}: holds one sequence, as every {dataset.layout.format} does; leave out "
            f"--sequence {sequence}"
        )
    opened_as: dict[str, str | None] = {
        # Absolute, as run.json may be read from another folder.
        "path": str(path.resolve()),
        "format": dataset.layout.format,
        "sort": sort if sort in SORTS else str(Path(sort).resolve()),
        "sequence": sequence,
    }
    frames = _sorted(dataset.frames, sort)
    dataset = replace(dataset, frames=frames, opened_as=opened_as)
    if split_pieces is None:
        return dataset
    cut: Dataset = reader("pieces").split_dataset(dataset, split_pieces)
    return replace(cut, opened_as={**opened_as, "split_pieces": str(split_pieces)})


def _opened(source: Source, input_format: str) -> Dataset:
    """Open the data set with the module of its format; says what was ignored."""
    path = source.path
    # Around both: the records of a JSON are there when its format is found.
    with without_collection():
        module = find(source, input_format)
        with naming_file(path), inside(source.root):
            dataset: Dataset = module.open_dataset(source)
    if source.ignored:
        some = ", ".join(str(p.relative_to(path)) for p in source.ignored[:IGNORED_SHOWN])
        log.warning("%s: ignored %d hidden or foreign: %s", path, len(source.ignored), some)
    return dataset


def reopen(opened_as: dict[str, Any]) -> Dataset:
    """Open a dataset again from its ``opened_as``; raises as ``open_dataset``."""
    above = opened_as.get("split_pieces")
    return list_masks(
        open_source(
            Source(Path(opened_as["path"]), opened_as.get("sequence")),
            opened_as.get("format") or AUTO,
            opened_as.get("sort") or NATURAL,
            None if above is None else int(above),
        )
    )


def _sorted(frames: tuple[Frame, ...], sort: str) -> tuple[Frame, ...]:
    if sort == NATURAL:
        return frames
    if sort == LEXICAL:
        return tuple(sorted(frames, key=lambda frame: frame.name))
    if not Path(sort).is_file():
        raise FileNotFoundError(
            f"{sort}: no such list; --sort takes {NATURAL}, {LEXICAL} or a file"
        )
    # Full names win where the stem of one frame is the name of another.
    by_name = {frame.stem: frame for frame in frames} | {frame.name: frame for frame in frames}
    wanted = [line.strip() for line in read_text(Path(sort)).splitlines() if line.strip()]
    missing = [name for name in wanted if name not in by_name]
    chosen = tuple(by_name[name] for name in wanted if name in by_name)
    if missing or not chosen or len({frame.name for frame in chosen}) < len(chosen):
        absent = f"frame {short(missing[0])} is not in the data" if missing else ""
        problem = absent or "empty or has a repeat"
        raise ValueError(f"{sort}: {problem}; name every wanted frame once, one per line")
    return chosen
