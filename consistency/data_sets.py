"""A whole data set that a table lists: results of its sequences against their truth, pictures."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from typing import Any, TextIO

from consistency import publishing
from consistency.backend import Backend
from consistency.draw import ending, render_job, writer
from consistency.draw.replacing import drawing
from consistency.experiment import open_experiment
from consistency.metrics.counts import add
from consistency.metrics.ground_truth import open_truth
from consistency.metrics.per_frame import FrameResult, SequenceResult, averages, judge
from consistency.options import FPS, SelectionOptions, StyleOptions
from consistency.plain_text import write_rows
from consistency.progress import silent
from consistency.sequences import EVERYTHING, FRAMES, TRUTH, Sequence

PICTURE = "gif"


@dataclass(frozen=True)
class Results:
    """Results of the sequences that have a truth.

    Attributes
    ----------
    folder : of all sequences.
    share : "1-of-4" where this run does a share of them; empty where it does all.
    replace : results of an earlier run may go.
    found : {sequence: its result}.
    """

    folder: Path
    share: str = ""
    replace: bool = False
    found: dict[Sequence, SequenceResult] = field(default_factory=dict)

    @property
    def files(self) -> tuple[Path, Path]:
        """Where results go: of all frames, and averages."""
        end = f".{self.share}.csv" if self.share else ".csv"
        return self.folder / f"results{end}", self.folder / f"averages{end}"

    def check(self) -> None:
        """Raise ValueError if there are results that must not be replaced."""
        for path in self.files:
            self._check(path)

    def _check(self, path: Path) -> None:
        if path.exists() and not self.replace:
            raise ValueError(
                f"{path}: exists; --resume keeps what is whole and writes it anew, --overwrite "
                "begins anew"
            )

    def add(self, sequence: Sequence) -> None:
        """Judge the experiment of a sequence, if it has a truth; raises as ``open_truth``."""
        if TRUTH in sequence.folders:
            experiment = open_experiment(self.folder / sequence.name)
            truth = open_truth(sequence.folders[TRUTH], experiment)
            self.found[sequence] = judge(experiment, truth)

    def averages(self) -> dict[str, dict[str, Any]]:
        """Figures of each sequence, and of all."""
        rows = {sequence.name: averages(r.counts) for sequence, r in self.found.items()}
        return rows | {EVERYTHING: averages(add(r.counts for r in self.found.values()))}

    def write(self) -> None:
        """Write both files, if any sequence has a truth."""
        if not self.found:
            return
        more = list(dict.fromkeys(key for sequence in self.found for key in sequence.more))
        with self._writing(self.files[0]) as file:
            names = [each.name for each in fields(FrameResult)]
            write_rows(file, [["sequence", *names, *more]])
            for sequence, result in self.found.items():
                own = [sequence.more.get(key) for key in more]
                rows = ([sequence.name, *_rounded(frame), *own] for frame in result.frames)
                write_rows(file, rows)
        figures = self.averages()
        with self._writing(self.files[1]) as file:
            write_rows(file, [["sequence", *figures[EVERYTHING], *more]])
            for sequence in self.found:
                own = [sequence.more.get(key) for key in more]
                write_rows(file, [[sequence.name, *figures[sequence.name].values(), *own]])
            write_rows(file, [[EVERYTHING, *figures[EVERYTHING].values()]])

    @contextmanager
    def _writing(self, path: Path) -> Iterator[TextIO]:
        with (
            publishing.replacing(path, self._check) as partial_path,
            open(partial_path, "w", newline="", encoding="utf-8") as file,
        ):
            yield file


def _rounded(frame: FrameResult) -> list[Any]:
    return [round(v, 4) if isinstance(v, float) else v for v in astuple(frame)]


def picture_of(folder: Path, out: Path) -> Path:
    """Return where the picture of the experiment ``folder`` goes, as vis.py has it."""
    return out / folder.parent.name / f"{folder.name}{ending(PICTURE)}"


def save_picture(
    folder: Path, sequence: Sequence, out: Path, backend: Backend, overwrite: bool
) -> None:
    """Draw the experiment ``folder`` over the images of its sequence, if it has any.

    Raises ValueError if the picture is there and must not be replaced, OSError if it cannot be
    written.
    """
    path = picture_of(folder, out)
    selection = SelectionOptions(frames_path=sequence.folders.get(FRAMES))
    experiment = open_experiment(folder)
    job = render_job.of_experiment(experiment, selection, (PICTURE,), StyleOptions(), FPS)
    with drawing(path, overwrite) as partial_path:
        writer(PICTURE)(job, partial_path, backend, silent)
