"""Corrections on disk: read from a file, kept in the experiment, found there again.

experiments/<name>/corrections.json         what was corrected; corrections-2.json, ... after that
experiments/<name>/classes.csv              names of labels
"""

from itertools import count
from pathlib import Path

from consistency.corrections import Corrections, parse
from consistency.experiment import write_csv
from consistency.formats.labelled import NamedLabel
from consistency.formats.source import load_json
from consistency.plain_text import to_json
from consistency.track.mending import Mended

CLASSES = "classes.csv"


def read(path: Path) -> Corrections:
    """Read a file of corrections.

    Raises FileNotFoundError if there is none, ValueError, with the correction, if it is damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file of corrections")
    return parse(load_json(path), str(path))


def kept_in(folder: Path) -> list[Corrections]:
    """Return the corrections that an experiment was made with, in the order of their making."""
    found: list[Corrections] = []
    for number in count(1):
        path = folder / _name(number)
        if not path.is_file():
            return found
        found.append(read(path))
    raise AssertionError("numbers do not end")


def write(mended: Mended, folder: Path, name: str) -> None:
    """Keep the corrections of the experiment ``name``, and the names of its labels."""
    for number, file in enumerate(mended.files, 1):
        content = file.as_json() | {"sequence": file.sequence or name}
        (folder / _name(number)).write_text(to_json(content, indent=1) + "\n")
    if mended.names:
        rows = [NamedLabel(label, text) for label, text in mended.names.items()]
        write_csv(folder / CLASSES, NamedLabel, rows)


def _name(number: int) -> str:
    return "corrections.json" if number == 1 else f"corrections-{number}.json"


def made_for(file: Corrections, folder: Path) -> bool:
    """Whether a file was made for the labels that the experiment ``folder`` has now."""
    return file.input is not None and file.input == load_json(folder / "run.json").get("labels")
