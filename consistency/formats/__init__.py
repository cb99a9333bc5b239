"""Formats of masks on disk, one module each.  A module that reads has

``matches(path) -> bool``
    whether the folder or file looks like this format; cheap, reads no pixels;
``open_dataset(path) -> Dataset``
    frames and records in order, no pixels;
``read_masks(layout, frame, buffer) -> PackedMasks``
    all masks of one frame in the order of its records; called in workers.
``pixel_slices(layout, frame, index, buffer)`` (optional)
    the pixels of one mask row by row (see Packer.add_flat), where that is cheaper than packing.
"""

import importlib
from pathlib import Path
from types import ModuleType

READERS = ("native",)


def find(path: Path) -> ModuleType:
    """Return the module that reads ``path``; ValueError if none or several fit."""
    modules = [importlib.import_module(f"{__name__}.{name}") for name in READERS]
    fitting = [module for module in modules if module.matches(path)]
    if len(fitting) == 1:
        return fitting[0]
    raise ValueError(
        f"{path}: no masks found; expected {path.name}/sk_masks.json or {path.name}/numpy_masks/"
    )
