"""Parquet: the table of tracks with its types; only written.

tracks.parquet    the columns of tracks.csv beside it: whole numbers, fractions, text, null
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

from consistency.formats.labelled import LabelledSequence, Track
from consistency.formats.writing import Extra, FrameTask, Output, Plan, WriteResult


def _write_frame(task: FrameTask, shared: None) -> WriteResult[None]:
    return WriteResult()  # the table is of the whole sequence


@contextmanager
def _gather(
    sequence: LabelledSequence, plan: Plan[None, None], folder: Path
) -> Iterator[Callable[[int, None], None]]:
    yield lambda t, rows: None
    import pyarrow
    from pyarrow import parquet

    types = {int: pyarrow.int64(), float: pyarrow.float64(), str: pyarrow.string()}
    hints = get_type_hints(Track)
    kinds = {field.name: hints[field.name] for field in fields(Track)}
    # Said, not inferred: a column without a value would have no type, and tables of several
    # sequences could not be joined.
    schema = pyarrow.schema({k: types[(*get_args(kind), kind)[0]] for k, kind in kinds.items()})
    rows = [vars(track) for track in sequence.tracks]
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema), folder / "tracks.parquet")


OUTPUT = Output(_write_frame, gather=_gather, tracks=True, extra=Extra("pyarrow"))
