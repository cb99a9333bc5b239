"""Which flags are keywords of what; the flags themselves say what is allowed."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

# Of a folder alone: masks in memory are in order, and are labelled where they are, all in one go.
OF_FOLDERS = (
    "input_format",
    "sort",
    "sequence",
    "backend",
    "workers",
    "scheduler",
    "keep_ids",
    "split_pieces",
    "follow_links",
    "read_all",
    "frame_interval",
    "change_driven",
    "fill_gaps",
    "flow_path",
    "flow_preset",
    "scale",
    "cut_size",
    "cut_overlap",
    "low_memory",
)


class TrackerOptions(TypedDict, total=False):
    """Flags of ``mark_label.py`` that make sense without a future; None is the default."""

    memory: int | None
    long_memory: int | None
    motion: str
    duplicate_iou: float
    duplicate_containment: float | None
    keep: str


class LabelOptions(TrackerOptions, total=False):
    """Flags of ``mark_label.py`` for labels; the second group is for folders alone."""

    matching: str
    min_iou: float
    on_split: str
    passes: int
    min_length: int
    compact: bool
    frames_path: str | Path | None
    corrections: str | Path | Sequence[str | Path] | None
    keep_ids: bool
    max_pixels: int
    max_memory: int | str | None

    input_format: str
    sort: str
    sequence: str | None
    backend: str
    workers: int | None
    scheduler: str | None
    split_pieces: int | None
    follow_links: bool
    read_all: bool
    frame_interval: int
    change_driven: bool
    fill_gaps: bool
    flow_path: str | Path | None
    flow_preset: str
    scale: float
    cut_size: int
    cut_overlap: int | None
    low_memory: bool


class WriteOptions(TypedDict, total=False):
    """Flags of ``mark_label.py`` for outputs."""

    flatten: str | None
    max_ids: int | None
    drop: str | None
    ids: Sequence[int]
    invert: bool
    transforms: str | Path | None
    first_frame: int
    class_id: int
    link_unchanged: bool
