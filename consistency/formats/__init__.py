"""Formats of masks on disk, one module each; a name is a module and a line in a table.

A module that reads (READERS) has

``matches(source) -> bool``
    whether the folder or file looks like this format; cheap, reads no pixels but at most the
    header or content of one sample (see ``source.Source``);
``open_dataset(source) -> Dataset``
    frames and records in order; values of label images are looked up, no masks are made;
``read_masks(layout, frame, buffer) -> PackedMasks``
    all masks of one frame in the order of its records; called in workers;
``pixel_slices(layout, frame, index, buffer)`` (optional)
    the pixels of one mask row by row (see Packer.add_flat), where that is cheaper than packing.

A module that writes (WRITERS) has an ``Output``, see ``consistency.formats.writing``.
"""

import importlib
from types import ModuleType

from consistency.formats.source import Source

READERS = (
    "native", "amg", "sa1b", "sav", "coco", "ytvis", "mots", "davis", "labelmaps", "panoptic",
    "ctc", "tiff", "npz", "png",
)  # fmt: skip

WRITERS = {
    "masks": "native.MASKS",
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
}


def find(source: Source, name: str = "auto") -> ModuleType:
    """Return the module that reads ``source``, chosen by name or by content.

    Raises
    ------
    ValueError
        If there is no format of that name; if none fits or several do.
    """
    if name != "auto":
        if name not in READERS:
            raise ValueError(f"input format {name!r}; allowed: auto, {', '.join(READERS)}")
        return importlib.import_module(f"{__name__}.{name}")
    fits = fitting(source)
    if len(fits) == 1:
        return next(iter(fits.values()))
    if fits:
        raise ValueError(
            f"{source.path}: looks like {' and like '.join(fits)}; choose one with "
            f"--input-format {{{','.join(fits)}}}"
        )
    raise ValueError(f"{source.path}: no masks found; {source.hint()}")


def fitting(source: Source, name: str = "auto") -> dict[str, ModuleType]:
    """Return the modules, all or the one of that name, that ``source`` looks like."""
    names = READERS if name == "auto" else (name,)
    modules = {n: importlib.import_module(f"{__name__}.{n}") for n in names}
    return {n: module for n, module in modules.items() if module.matches(source)}
