"""Parquet: the table of tracks with its types; only written.

tracks.parquet    the columns of tracks.csv beside it: whole numbers, fractions, text, null
"""

from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

from consistency.formats.labelled import LabelledSequence, Track
from consistency.formats.writing import Extra, output_of_tracks


def _write(sequence: LabelledSequence, folder: Path) -> None:
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


OUTPUT = output_of_tracks(_write, Extra("pyarrow"))
