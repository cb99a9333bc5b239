"""How much memory the records of a frame take that labels, tables and outputs need to the end."""

import sys
import tracemalloc
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from backends import open_backend  # noqa: E402
from consistency.formats import open_dataset  # noqa: E402
from consistency.labelling import label  # noqa: E402
from consistency.options import Options  # noqa: E402
from consistency.track.results import NO_PAIRS  # noqa: E402

# What records share: what is unknown until the last label is, and what is gone by then.
UNKNOWN = np.full(0, np.nan)
SHARED = [UNKNOWN, NO_PAIRS]


def record_bytes(folder: Path) -> float:
    """Return the bytes that the record of a frame takes while a run measures, on average.

    The records of the data set ``folder`` are made, and a copy of them is weighed.
    """
    dataset = open_dataset(folder)
    with open_backend("no") as backend:
        assert backend is not None  # as it is on ranks of a launcher alone
        frames = label(dataset, backend, Options()).frames
    how = {"iou_before": UNKNOWN, "confidence": UNKNOWN, "shared_before": NO_PAIRS}
    as_measured = [replace(frame, **how) for frame in frames]
    return copied_bytes(as_measured) / len(frames)


def copied_bytes(value: Any) -> int:
    """Return the memory that a copy of ``value`` takes, whatever else holds parts of it."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        held = copied(value)
        after = tracemalloc.get_traced_memory()[0]
        del held
    finally:
        tracemalloc.stop()
    return after - before


def copied(value: Any) -> Any:
    """Copy lists, tuples, arrays and dataclasses to the bottom, made as the first were made.

    ``copy.deepcopy`` gives each object a dictionary that it would not have.
    """
    if any(value is shared for shared in SHARED):
        return value
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, (list, tuple)):
        return type(value)(map(copied, value))
    if is_dataclass(value) and not isinstance(value, type):
        return type(value)(**{f.name: copied(getattr(value, f.name)) for f in fields(value)})
    return value
