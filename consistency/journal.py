"""What a run has done so far, on disk, so that a later one can go on with it.

A journal is a folder beside the unfinished output (``publishing.journal_of``):

about.json      the tool's mark; input, parameters and versions; a hash of ``input.gz``
input.gz        the files of the input, with their sizes and times, or hashes
measurements    what was measured, chunk after chunk
written         what was written, chunk after chunk: the results, and size and time, or checksum, of
                each file

The last two are appended to, record by record, each with a checksum.  What follows a record that is
cut short or damaged is cut off, and done again.  Labels are not kept: they follow from measurements
in a moment, and are the same again.
"""

import json
import logging
import os
import shutil
import struct
import zlib
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any

from consistency import fingerprint
from consistency.backend import Backend
from consistency.dataset import short
from consistency.disk import system_start
from consistency.encoding import decode
from consistency.formats.source import load_json
from consistency.formats.writing import LabelledInput, WriteResult
from consistency.kept_work import (
    MEASURED_CLASSES,
    WRITTEN_CLASSES,
    Kept,
    WriteTask,
    Written,
    write,
)
from consistency.publishing import MADE_BY, RECORDS

FORMAT = 1  # of journals; another one is not read
# Of a record: a mark, the checksum of what follows, and its length.
HEAD = struct.Struct("<4sIQ")
MARK = b"MLCj"
WRITTEN = "written"
DIFFERENCES_SHOWN = 3

log = logging.getLogger("consistency")


@dataclass(frozen=True)
class Input:
    """Where the input of a run lies.

    Attributes
    ----------
    paths : files, and folders with all that is in them.
    without : what the run itself writes.
    by_content : tell a change by the bytes, not by size and time alone.
    """

    paths: tuple[Path, ...]
    without: Path
    by_content: bool = False

    def lines(self, by_content: bool) -> Iterator[str]:
        """Yield what ``fingerprint.listed`` says of it."""
        return fingerprint.listed(self.paths, self.without, by_content)


class Journal:
    """The journal of one run.

    Attributes
    ----------
    fingerprint : of the input, {"by": what, "value": hash}.
    """

    def __init__(self, folder: Path, about: dict[str, Any], given: Input):
        """Open the journal in ``folder``, or begin one.

        Parameters
        ----------
        about : input, parameters and versions; content of a JSON file.

        Raises
        ------
        ValueError
            If the journal is about something else, with what has changed.
        """
        self._folder, self._input = folder, given
        about = json.loads(json.dumps(about))
        if (folder / RECORDS).is_file():
            self.fingerprint = self._check(about)
        else:
            folder.mkdir(exist_ok=True)
            value = fingerprint.digest(given.lines(given.by_content), folder / "input.gz")
            self.fingerprint = {"by": HOW[given.by_content], "value": value}
            content = {"made_by": MADE_BY, "format": FORMAT, "about": about}
            text = json.dumps(content | {"fingerprint": self.fingerprint}, indent=1)
            (folder / "about.json").write_text(text + "\n")

    def _check(self, about: dict[str, Any]) -> dict[str, str]:
        """Return the fingerprint of then; ValueError where anything differs by now."""
        try:
            kept = load_json(self._folder / "about.json")
            before, known = kept["about"], kept["fingerprint"]
            by_content, value = known["by"] == HOW[True], known["value"]
            if kept["made_by"] != MADE_BY or kept["format"] != FORMAT:
                raise KeyError("format")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self._folder}: the journal of the interrupted run cannot be read ({error}); "
                "start anew with --overwrite"
            ) from error
        found = differences(before, about)
        if not found and fingerprint.digest(self._input.lines(by_content)) != value:
            lines = self._input.lines(by_content)
            found = [fingerprint.changes(self._folder / "input.gz", lines) or "the input"]
        if found:
            raise ValueError(
                "cannot go on with the interrupted run, as this has changed since: "
                f"{in_short(found)}; change it back, or start anew with --overwrite"
            )
        return {"by": HOW[by_content], "value": value}

    def changed(self) -> str:
        """Tell which files of the input have changed since the run began; empty if none has."""
        # A second reading of all bytes would cost too much: their times will do.
        if (
            self._by_content
            or fingerprint.digest(self._input.lines(False)) == self.fingerprint["value"]
        ):
            return ""
        return fingerprint.changes(self._folder / "input.gz", self._input.lines(False))

    def measured(
        self,
        names: Sequence[str],
        classes: Sequence[type] = MEASURED_CLASSES,
        what: str = "frames had been measured",
    ) -> Iterator[list[Any]]:
        """Yield what is known already, chunk after chunk, of the frames ``names`` from the first.

        To be read to the end before anything is added.  What is kept of a frame, or of a window of
        frames, is made of ``classes`` and has a ``name``; ``what`` says in a note what it is.
        """
        path, done = self._folder / RECORDS, 0
        for at, data in _records(path):
            try:
                group: list[Any] = decode(data, classes)
                here = [m.name for m in group]
            except (ValueError, AttributeError, TypeError):
                here = []
            if not here or here != list(names[done : done + len(here)]):
                _cut(path, at)
                break
            done += len(here)
            yield group
        if done:
            log.warning("continued: %d of %d %s", done, len(names), what)

    def add_measured(self, kept: Kept) -> list[Any]:
        """Keep what was made of the next chunk; returns it."""
        # Opened each time: to buffer is to lose, and a chunk takes a hundred times as long.
        _append(self._folder / RECORDS, kept.data)
        return kept.value

    def begin_writing(self, folder: Path, labels: bytes) -> None:
        """Empty ``folder``, unless it holds what was written of the same labels.

        ``labels`` is a checksum of all of them.
        """
        # What was written before the system went down may not have reached the disk.
        key = labels if self._by_content else labels + system_start()
        path = self._folder / WRITTEN
        if next(_records(path), (0, b""))[1] != key:
            for old in folder.iterdir():
                shutil.rmtree(old) if old.is_dir() else old.unlink()
            path.write_bytes(b"")
            _append(path, key)

    def written_by(
        self,
        backend: Backend,
        chunks: Iterable[Sequence[LabelledInput]],
        how: dict[str, Any],
    ) -> Generator[list[dict[str, WriteResult[Any]]], None, None]:
        """Write all chunks in workers, but for what is there; yields the results of each.

        ``how`` is for ``writing.write_chunk``.
        """
        known, handed_out = self._written(), deque[WriteTask]()

        def tasks() -> Iterator[WriteTask]:
            for chunk in chunks:
                handed_out.append(WriteTask(chunk, next(known, None)))
                yield handed_out[-1]

        function = partial(write, by_content=self._by_content, **how)
        with closing(backend.map(function, tasks())) as results:
            for kept in results:
                done = handed_out.popleft().known
                if kept is not None:
                    _append(self._folder / WRITTEN, kept.data)
                    done = kept.value
                assert done is not None  # as ``write`` promises
                yield done.results

    def _written(self) -> Iterator[Written]:
        """Yield what is known of what was written, chunk after chunk."""
        path = self._folder / WRITTEN
        for at, data in islice(_records(path), 1, None):  # the first is the key
            try:
                known: Written = decode(data, WRITTEN_CLASSES)
            except ValueError:
                _cut(path, at)
                return
            yield known

    @property
    def _by_content(self) -> bool:
        return self.fingerprint["by"] == HOW[True]


HOW = {False: "size and time", True: "content"}


def differences(before: Any, now: Any, where: str = "") -> list[str]:
    """Tell what differs in two values of JSON files: ["parameters.min_iou 0.05, now 0.1"]."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = dict.fromkeys([*before, *now])
        parts = [
            differences(before.get(key), now.get(key), f"{where}.{key}" if where else key)
            for key in keys
        ]
        return [line for part in parts for line in part]
    if before == now:
        return []
    return [f"{short(where)[1:-1] or 'all'} was {short(before)} and is {short(now)}"]


def in_short(differences: Sequence[str]) -> str:
    """Return the first of what differs, and how many there are beside."""
    more = len(differences) - DIFFERENCES_SHOWN
    return "; ".join(differences[:DIFFERENCES_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def _append(path: Path, data: bytes) -> None:
    with open(path, "ab") as file:
        file.write(HEAD.pack(MARK, zlib.crc32(data), len(data)) + data)


def _records(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the records of a file and where each begins; cut off what is not whole behind them."""
    if not path.is_file():
        return
    with open(path, "rb") as file:
        size, at = os.fstat(file.fileno()).st_size, 0
        while at < size:
            data = _record(file, size - at)
            if data is None:
                log.warning("%s: the journal is damaged or cut short at byte %d", path.name, at)
                break
            yield at, data
            at = file.tell()
    if at < size:
        _cut(path, at)


def _record(file: IO[bytes], left: int) -> bytes | None:
    """Read the next record; None if it is not whole."""
    head = file.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    mark, value, length = HEAD.unpack(head)
    if mark != MARK or length > left - HEAD.size:
        return None
    data = file.read(length)
    return data if len(data) == length and zlib.crc32(data) == value else None


def _cut(path: Path, at: int) -> None:
    os.truncate(path, at)
