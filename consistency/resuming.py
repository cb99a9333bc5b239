"""Which work may be continued: that on the same input, with the same parameters and versions."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from consistency import fingerprint
from consistency.dataset import Dataset
from consistency.experiment import is_experiment
from consistency.formats.source import load_json
from consistency.journal import HOW, Input, Journal, differences, in_short
from consistency.options import IGNORE, SORTS, WHOLE, Options
from consistency.publishing import journal_of
from consistency.track.parameters import DEFAULTS
from consistency.versions import versions_that_decide


@dataclass(frozen=True)
class Keeping:
    """How a run keeps what it has done, for a later one.

    Attributes
    ----------
    resume : go on with what an interrupted run has kept, if there is one.
    by_content : tell a change of the input by its bytes, not by sizes and times.
    """

    resume: bool = False
    by_content: bool = False


def open_journal(
    dataset: Dataset, folder: Path, partial: Path, options: Options, by_content: bool
) -> Journal:
    """Open the journal of work on ``partial``, which will be the experiment ``folder``.

    Raises ValueError if it has one that is about something else, with what has changed.
    """
    about = _about(dataset, options) | {"versions": versions_that_decide()}
    return Journal(journal_of(partial), about, _input(dataset, folder, options, by_content))


def is_whole(dataset: Dataset, folder: Path, options: Options) -> bool:
    """Whether the experiment ``folder`` is there, and made of this input with these options.

    Raises ValueError with what has changed if it was made of or with something else.
    """
    if not is_experiment(folder):
        return False
    run: dict[str, Any] = load_json(folder / "run.json")
    now = json.loads(json.dumps(_about(dataset, options)))
    before = {key: run.get(key) for key in now} | {"frames": run["counters"].get("frames")}
    found = differences(before, now)
    known = run.get("fingerprint")
    if not found and known:
        by_content = known.get("by") == HOW[True]
        lines = _input(dataset, folder, options).lines(by_content)
        if fingerprint.digest(lines) != known.get("value"):
            found = ["the files of the input"]
    if found:
        raise ValueError(
            f"{folder}: is whole, but this has changed since: {in_short(found)}; add --overwrite "
            "or choose another --exp-name"
        )
    return True


def parameters_of(options: Options) -> dict[str, Any]:
    """Return the parameters in effect, as run.json has them."""
    parameters = asdict(options.effective())
    del parameters["corrections"]
    if options.corrections:
        parameters["corrections"] = [file.digest() for file in options.corrections]
    if not options.compact:  # as in runs of versions that left holes
        del parameters["compact"]
    if options.filling is None:  # ... that could not fill
        del parameters["filling"]
    if options.cut_size == WHOLE:
        for name in ("cut_size", "cut_overlap", "low_memory"):
            del parameters[name]
    if options.given_ids == IGNORE and options.matching == "track":
        parameters["tracker"] = asdict(DEFAULTS)
    return parameters


def input_of(dataset: Dataset) -> dict[str, Any]:
    """Return what run.json says of the input."""
    root = dataset.layout.root
    return dataset.opened_as or {"path": str(root.resolve()), "format": dataset.layout.format}


def _about(dataset: Dataset, options: Options) -> dict[str, Any]:
    return {
        "input": input_of(dataset),
        "frames": len(dataset.frames),
        "parameters": parameters_of(options),
    }


def read_beside(dataset: Dataset, options: Options) -> list[str]:
    """Return the files and folders that a run reads beside its masks and its corrections."""
    sort, filling = dataset.opened_as.get("sort"), options.filling
    places = [options.frames_path, options.writing.transforms, None if sort in SORTS else sort]
    if filling is not None:
        places += [filling.frames_path, filling.flow_path]
    return [place for place in places if place is not None]


def _input(dataset: Dataset, folder: Path, options: Options, by_content: bool = False) -> Input:
    root = dataset.layout.root
    places = [dataset.opened_as.get("path") or root, root, *read_beside(dataset, options)]
    paths: list[Path] = []
    for place in (Path(place).resolve() for place in places):
        if not any(place == path or path in place.parents for path in paths):
            paths.append(place)
    # Other experiments may be written beside this one, and are not part of the input either.
    beside = folder.resolve().parent
    inside = any(path in beside.parents for path in paths)
    return Input(tuple(paths), beside if inside else folder, by_content)
