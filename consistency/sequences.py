"""Many sequences in one run: which ones, each into its own folder, and what failed."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from consistency import formats
from consistency.formats.photographs import is_segmented
from consistency.formats.source import Source, read_table
from consistency.limits import check_inside, inside
from consistency.names import check_name
from consistency.options import AUTO
from consistency.progress import Progress, silent

log = logging.getLogger("consistency")

COLUMNS = ("name", "path", "split")
EVERYTHING = "all"  # sequences together, in tables of results
MASKS, FRAMES, FLOW, TRUTH = MODALITIES = ("masks", "frames", "flow", "truth")


@dataclass(frozen=True)
class Sequence:
    """One sequence of several.

    Attributes
    ----------
    name : names the folder of its results.
    path : its dataset, or one of several.
    part : which one of several, or None.
    folders : {modality: where it is} of what a table says beside the masks.
    more : {column: text} of what else it says.
    """

    name: str
    path: Path
    part: str | None = None
    folders: dict[str, Path] = field(default_factory=dict, hash=False)
    more: dict[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Failure:
    """A sequence that could not be marked, and why."""

    sequence: Sequence
    error: Exception


def in_folder(source: Source, input_format: str = AUTO) -> list[Sequence]:
    """List the sequences in the folders of a folder, or its files, in natural order.

    Empty where the folder is itself a dataset, or none of its folders is one.  Where one of them
    is, all count: what is wrong with another is for the run to say.

    Raises ValueError if the folder is a dataset but for some of its files.
    """
    if not source.path.is_dir():
        return []
    # The folder itself comes first: folders of masks inside a data set look like data sets, too.
    fits = formats.fitting(source, input_format)
    if fits:
        found = formats.parts(source, fits).items()
        return [Sequence(n, path, n if path == source.path else None) for n, path in found]
    if input_format == AUTO:
        # Before its folders are tried: a stray file must not turn one data set into many sequences.
        formats.check_close(source)
    # Data sets keep images beside masks; as sequences they would all fail.
    folders = [folder for folder in source.folders if not is_segmented(folder)]
    # One is enough: a damaged sequence is to be reported, not left out without a word.
    if not any(formats.fitting(source.inside(folder), input_format) for folder in folders):
        return []
    with inside(source.root):
        for folder in folders:  # each is a data folder of its own from now on
            check_inside(folder)
    left = [folder.name for folder in source.folders if folder not in folders]
    if left:
        log.warning("%s: left out, images without masks: %s", source.path, ", ".join(left[:3]))
    return [Sequence(folder.name, folder) for folder in folders]


def in_table(file: Path, split: str | None = None) -> list[Sequence]:
    """Read a CSV file with the columns name, path and, if wanted, split.

    Paths are relative to the file.

    Raises
    ------
    FileNotFoundError, ValueError
        With the line, for a missing file, column or value, for a name that is not a plain name or
        appears twice, or if no line has the split.
    """
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; --sequences takes a CSV of name,path,split")
    columns, rows = read_table(file)
    missing = [c for c in COLUMNS[: 3 if split else 2] if c not in columns]
    if missing:
        raise ValueError(f"{file}: no column {missing[0]!r}; the first line is {COLUMNS}")
    # Of all splits: results of every split go to folders side by side.
    names = Counter(row["name"] for row in rows)
    # Line 1 has the names of the columns.
    for number, row in enumerate(rows, 2):
        _check(row, f"{file}, line {number}", names)
    chosen = [row for row in rows if split is None or row["split"] == split]
    if not chosen:
        raise ValueError(f"{file}: no sequence{f' of split {split!r}' if split else ''}; add one")
    return [Sequence(row["name"], file.parent / row["path"]) for row in chosen]


def in_data_file(file: Path, base: Path | None = None, split: str | None = None) -> list[Sequence]:
    """Read a CSV file whose columns are MODALITIES, all but the masks if wanted.

    Names are those in a column name, or of the folders of masks.  All other columns are kept.

    Parameters
    ----------
    base : folder that paths are relative to; None: that of the file.
    split : only the lines with this one in a column split.

    Raises
    ------
    FileNotFoundError, ValueError
        As ``in_table``, and with the line for a folder that is not there.
    """
    if not file.is_file():
        raise FileNotFoundError(
            f"{file}: no such file; --data-file takes a CSV with a column masks"
        )
    columns, rows = read_table(file)
    for column in [MASKS, *(["split"] if split else [])]:
        if column not in columns:
            raise ValueError(f"{file}: no column {column!r}; the first line names the columns")
    base = file.parent if base is None else base
    named = [{"name": Path(row[MASKS]).stem} | row | {"path": row[MASKS]} for row in rows]
    names = Counter(row["name"] for row in named)
    for number, row in enumerate(named, 2):
        where = f"{file}, line {number}"
        _check(row, where, names)
        _check_folders(row, where, base)
    chosen = [row for row in named if split is None or row["split"] == split]
    if not chosen:
        raise ValueError(f"{file}: no sequence{f' of split {split!r}' if split else ''}; add one")
    own = ("name", "path", *MODALITIES)
    return [
        Sequence(
            row["name"],
            base / row["path"],
            folders={key: base / row[key] for key in MODALITIES[1:] if row.get(key)},
            more={key: value for key, value in row.items() if key not in own},
        )
        for row in chosen
    ]


def _check_folders(row: dict[str, str], where: str, base: Path) -> None:
    if row["name"] == EVERYTHING:
        raise ValueError(f"{where}: name {EVERYTHING!r} is that of all together; rename it")
    for key in MODALITIES:
        if row.get(key) and not (base / row[key]).exists():
            raise FileNotFoundError(
                f"{where}: {key}: {base / row[key]}: no such folder or file; paths are relative "
                "to --base-dir"
            )


def _check(row: dict[str, str], where: str, names: Counter[str]) -> None:
    name = row["name"]
    if not name or not row["path"]:
        raise ValueError(f"{where}: name or path is empty; give both")
    check_name(name, f"{where}: sequence")
    if names[name] > 1:
        raise ValueError(f"{where}: name {name!r} appears twice; rename one")


def shard(sequences: list[Sequence], index: int, count: int) -> list[Sequence]:
    """Return every ``count``-th sequence from the ``index``-th (1 ... count)."""
    # Every count-th, not a block: long sequences often stand side by side.
    return sequences[index - 1 :: count]


def mark_all(
    sequences: list[Sequence],
    mark_one: Callable[[Sequence], Any],
    fail_fast: bool = False,
    progress: Progress = silent,
) -> Iterator[Any]:
    """Yield what ``mark_one`` returns for each sequence, or its Failure.

    Raises
    ------
    ValueError, OSError, MemoryError
        If ``fail_fast``, for the first sequence that fails, with its name.
    RuntimeError
        If a worker dies: no other sequence could go on.
    """
    for sequence in progress(sequences, "mark", len(sequences)):
        try:
            # A sequence that fails must not cost the results of the others, see Failure.
            yield mark_one(sequence)
        except (ValueError, OSError, MemoryError) as error:
            if fail_fast:
                # One of these three itself: subclasses as UnicodeDecodeError take more than a text.
                kinds = (ValueError, OSError, MemoryError)
                kind = next(kind for kind in kinds if isinstance(error, kind))
                raise kind(f"sequence {sequence.name!r}: {error}") from error
            yield Failure(sequence, error)
