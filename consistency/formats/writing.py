"""What ``--output`` writes: frame by frame in workers, and once in the main process at the end.

An output is an ``Output`` beside the reader of its format, and a line in ``formats.WRITERS``:

``plan(sequence, options) -> Plan``
    in the main process, before anything is written: refuses what the format cannot hold
    (ValueError with the flag that solves it) and gives every mask its number in the output;
``write_frame(task, shared) -> WriteResult``
    in workers, once per frame: writes its files under ``task.folder`` and returns kilobytes,
    never pixels.  ``shared`` is the plan's;
``gather(sequence, plan, folder)``, where there is something to say about the whole sequence
    context manager in the main process that yields ``add(t, rows)``, called for every frame in
    order; its files are complete when it closes.

Each output has a folder of its own in the experiment's, so that several never meet.
"""

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from consistency.dataset import Frame, Layout
from consistency.formats import WRITERS, reader
from consistency.formats.buffer import Buffer
from consistency.formats.frame_reader import FrameReader
from consistency.formats.labelled import LabelledFrame, LabelledSequence
from consistency.options import WritingOptions

Shared = TypeVar("Shared")  # what an output tells its workers
Own = TypeVar("Own")  # what it keeps for itself
Rows = TypeVar("Rows")  # what a worker tells ``gather`` of a frame


@dataclass(frozen=True, eq=False)
class Plan(Generic[Shared, Own]):
    """What an output has decided before the first frame is written; picklable.

    Attributes
    ----------
    shared : for all frames; goes to workers.
    own : what ``gather`` needs; stays in the main process.
    numbers : for each frame the number of each of its kept masks in this output, 0 = left out;
        None: the labels.
    """

    shared: Shared
    own: Own
    numbers: Sequence[Sequence[int]] | None = None


@dataclass(frozen=True, eq=False)
class FrameTask:
    """One frame for one output, in a worker.

    Attributes
    ----------
    t : index of the frame, from 0.
    reader, labelled_frame : its masks and what is known of the kept ones.
    numbers : the plan's numbers of the kept masks.
    folder : of the experiment.
    files : names, relative to the folder, of the files that are written for this frame.
    """

    t: int
    reader: FrameReader
    labelled_frame: LabelledFrame
    numbers: Sequence[int]
    folder: Path
    files: list[str] = field(default_factory=list)

    def path(self, *parts: str) -> Path:
        """Path of a file to write in the experiment; its folder is made if need be."""
        path = self.folder.joinpath(*parts)
        self.files.append(path.relative_to(self.folder).as_posix())
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


@dataclass(frozen=True, eq=False)
class WriteResult(Generic[Rows]):
    """What a worker returns for one output of one frame.

    Attributes
    ----------
    segmentations : the new "segmentation" of each kept mask; None leaves the input's.
    lost : pixels of each kept mask that other masks cover in this output; None: not asked.
    rows : whatever ``gather`` wants to know.
    """

    segmentations: Sequence[Any] | None = None
    lost: Sequence[int] | None = None
    rows: Rows | None = None


def plain_plan(sequence: LabelledSequence, options: WritingOptions) -> Plan[Any, Any]:
    """For outputs that hold everything under its own label."""
    return Plan(None, None)


Add = Callable[[int, Rows], None]  # takes the index of a frame, and its rows
Gather = Callable[[LabelledSequence, Plan[Shared, Own], Path], AbstractContextManager[Add[Rows]]]


@dataclass(frozen=True)
class Extra:
    """A package that only some outputs need.

    ``name`` : of the package, and of the extra that installs it.
    ``attribute`` : of the package, that versions which are too old do not have.
    ``version`` : how an error calls those that have it.
    """

    name: str
    attribute: str = ""
    version: str = ""

    def require(self, output: str) -> None:
        """Raise ImportError with the command that installs the package if it is not there."""
        try:
            package = importlib.import_module(self.name)
        except ImportError:
            package = None
        if package is None or (self.attribute and not hasattr(package, self.attribute)):
            raise ImportError(
                f"output {output} needs {self.name}{self.version}: "
                f'pip install "mask-label-consistency[{self.name}]", in a checkout ".[{self.name}]"'
            )


@dataclass(frozen=True)
class Output(Generic[Shared, Own, Rows]):
    """The functions of one output, see the module's docstring.

    ``tracks`` : whether it makes sense only where labels mean the same object in all frames.
    ``extra`` : the package that it needs beyond those that are always there.
    """

    write_frame: Callable[[FrameTask, Shared], WriteResult[Rows]]
    plan: Callable[[LabelledSequence, WritingOptions], Plan[Shared, Own]] = plain_plan
    gather: Gather[Shared, Own, Rows] | None = None
    tracks: bool = False
    extra: Extra | None = None


def output_of_tracks(
    write: Callable[[LabelledSequence, Path], None], extra: Extra | None = None
) -> Output[None, None, None]:
    """Return an output that ``write(sequence, folder)`` makes at the end of what is known by then.

    No pixels are read for it.
    """

    @contextmanager
    def gather(
        sequence: LabelledSequence, plan: Plan[None, None], folder: Path
    ) -> Iterator[Add[None]]:
        yield lambda t, rows: None
        write(sequence, folder)

    return Output(_write_nothing, gather=gather, tracks=True, extra=extra)


def _write_nothing(task: FrameTask, shared: None) -> WriteResult[None]:
    return WriteResult()


def plan(name: str, sequence: LabelledSequence, options: WritingOptions) -> Plan[Any, Any]:
    """Plan output ``name``; ValueError for what it cannot hold."""
    output = find(name)
    if output.tracks and not sequence.tracked:
        raise ValueError(
            f"the input does not say which masks show one object, as {name} needs; "
            "label it with mark_label.py"
        )
    return output.plan(sequence, options)


def require_extras(names: Iterable[str]) -> None:
    """Raise ImportError if an output needs a package that is not there.

    Asked before the first mask is read: who has waited an hour wants no such answer.
    """
    for name in names:
        extra = find(name).extra
        if extra is not None:
            extra.require(name)


def find(name: str) -> Output[Any, Any, Any]:
    """Return the output of that name; ValueError if there is none."""
    if name not in WRITERS:
        raise ValueError(f"output {name!r}; allowed: {', '.join(WRITERS)}")
    module, attribute = WRITERS[name].split(".")
    return getattr(reader(module), attribute)


@contextmanager
def _naming_frame(frame: Frame) -> Iterator[None]:
    """Say in an error of the system, or for want of memory, which frame was being written."""
    lead = f"frame {frame.name!r}: "
    try:
        yield
    except MemoryError as error:
        raise MemoryError(f"{lead}{error or 'not enough memory to write it'}") from error
    except OSError as error:
        # Not of the system: a reader has raised it, with the frame in its text.
        if error.errno is None:
            raise
        # OSError(errno, ...) chooses its subclass by the number, so that it can be told apart as
        # before.
        names = [error.filename] if error.filename else []
        raise OSError(error.errno, f"{lead}{error.strerror}", *names) from error


@dataclass(frozen=True, eq=False)
class LabelledInput:
    """A frame of the input and what is known of its kept masks; travels to a worker.

    ``numbers`` holds the plans' numbers, {output: one for each kept mask}.
    """

    t: int
    frame: Frame
    labelled_frame: LabelledFrame
    numbers: dict[str, Sequence[int]]


def write_chunk(
    chunk: Sequence[LabelledInput],
    layout: Layout,
    folder: Path,
    shared: dict[str, Any],
    files: list[str] | None = None,
) -> list[dict[str, WriteResult[Any]]]:
    """Write all outputs of some frames.

    Parameters
    ----------
    shared : {output: its plan's shared part}.
    files : gets the names of the files that were written, relative to ``folder``.
    """
    files = [] if files is None else files
    # One buffer for the whole chunk: memory is the same for a chunk of any length.
    buffer = Buffer()
    results: list[dict[str, WriteResult[Any]]] = []
    # "masks" alone can do without packed masks; behind the others it takes what they have read.
    names = sorted(shared, key=lambda name: name == "masks")
    for item in chunk:
        source = FrameReader(layout, item.frame, item.labelled_frame, buffer)
        results.append({})
        for name in names:
            # Plans without numbers are not in the dict: labels travel once, not once per output.
            numbers = item.numbers.get(name, item.labelled_frame.labels)
            task = FrameTask(item.t, source, item.labelled_frame, numbers, folder, files)
            with _naming_frame(item.frame):
                results[-1][name] = find(name).write_frame(task, shared[name])
    return results
