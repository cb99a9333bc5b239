"""``label``: a folder, or masks in memory."""

import argparse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from consistency import correction_files
from consistency.api.backend import run
from consistency.api.labels import Labels
from consistency.api.options import OF_FOLDERS, LabelOptions
from consistency.api.sources import InMemory, OnDisk
from consistency.backend import Backend
from consistency.cli.backend import add_backend_flags
from consistency.cli.correcting import add_corrections
from consistency.cli.filling import add_filling_flags
from consistency.cli.input import add_input_flags, open_input
from consistency.cli.keywords import KeywordParser, as_keywords
from consistency.cli.limits import add_limit_flags, limits_of
from consistency.cli.needs import ASSOCIATION_NEEDS, BACKEND_NEEDS, FILLING_NEEDS, WINDOW_NEEDS
from consistency.cli.tracking import (
    add_association_flags,
    add_mask_flags,
    add_split_flag,
    add_window_flags,
    check_split,
    labels_of,
)
from consistency.dataset import Dataset
from consistency.formats import in_memory
from consistency.labelling import Labelling, label_and_fill
from consistency.limits import within
from consistency.measure.frame import FrameMeasurement, FrameMeasurer
from consistency.measure.work import Work
from consistency.options import Options
from consistency.track.association import associate
from consistency.versions import versions

if TYPE_CHECKING:  # what type checkers know is not installed with Python 3.10
    from typing_extensions import Unpack


def label(
    source: str | Path | Iterable[object] | Mapping[Any, object],
    **options: "Unpack[LabelOptions]",
) -> Labels:
    """Give the masks of one object one label over a whole sequence.

    Parameters
    ----------
    source : the path of a folder or file, as ``--data-path``; or frames, any iterable of them: see
        ``consistency.formats.in_memory`` for what a frame may be.  A mapping names its frames.
        Frames of an iterator are let go as soon as they are measured.
    options : flags of ``mark_label.py``, with underscores; ``backend`` is ``--multi``.

    Returns
    -------
    The labels, frame by frame.

    Raises
    ------
    TypeError
        For a keyword that is no flag.
    ValueError, OSError
        For bad input, with file or frame, and for flags without effect.
    """
    parser = _labelling_parser()
    args = parser.parse_keywords(options)
    check_split(parser, args)
    limits = limits_of(args)
    if args.matching == "seed":  # its labels are products, without end
        raise ValueError("matching 'seed' is a baseline of the command; choose another one")
    try:
        with within(limits):
            if isinstance(source, str | Path):
                return _of_folder(Path(source), args)
            return _of_frames(source, args, options)
    except ValueError as error:
        raise ValueError(as_keywords(str(error))) from error


def _labelling_parser() -> KeywordParser:
    needs = *BACKEND_NEEDS, *ASSOCIATION_NEEDS, *FILLING_NEEDS, *WINDOW_NEEDS
    parser = KeywordParser("label", needs)
    add_input_flags(parser)
    add_backend_flags(parser)
    add_association_flags(parser)
    add_mask_flags(parser)
    add_split_flag(parser)
    add_filling_flags(parser)
    add_window_flags(parser)
    add_corrections(parser)
    add_limit_flags(parser)
    return parser


def _options(args: argparse.Namespace) -> Options:
    files = tuple(correction_files.read(path) for path in args.corrections)
    return replace(labels_of(args), corrections=files)


def _of_folder(path: Path, args: argparse.Namespace) -> Labels:
    args.data_path = path
    options = _options(args)

    def work(backend: Backend) -> Labelling:
        dataset = open_input(args.data_path, args, args.split_pieces)
        return label_and_fill(dataset, backend, options)

    return Labels(run(args, work), options, OnDisk(args))


def _of_frames(
    frames: Iterable[object], args: argparse.Namespace, given: Mapping[str, Any]
) -> Labels:
    for name in OF_FOLDERS:
        if given.get(name) is not None and given[name] is not False:
            raise ValueError(f"{name} has no effect on masks in memory; leave it out")
    if not isinstance(frames, Iterable):
        raise ValueError(f"{type(frames).__name__} is not a path and not an iterable of frames")
    options = _options(args)
    return Labels(_label_in_memory(frames, options), options, InMemory(frames, limits_of(args)))


def _label_in_memory(frames: Iterable[object], options: Options) -> Labelling:
    began, made_with, busy = perf_counter(), versions(), {"read": 0.0, "measured": 0.0}
    done = list[Work]()
    intake, measurer = in_memory.Intake(), FrameMeasurer(in_memory.layout(), options.measuring())

    def measured() -> Iterator[FrameMeasurement]:
        for name, given in in_memory.named(frames):
            now = measurer.measure(intake.frame(given, name))
            busy["read"] += now.seconds_read
            busy["measured"] += now.seconds_measured
            done.append(now.work)
            yield now

    coming = measured()
    first = next(coming, None)
    if first is None:
        raise ValueError("no frames; give at least one, a list of its masks")
    mended = associate(chain([first], coming), options)
    seconds = busy | {"measuring": perf_counter() - began}
    seconds["propagated"] = seconds["measuring"] - sum(busy.values())
    more = {"work": sum(done, Work()).record()}
    return Labelling(Dataset(in_memory.layout(), ()), mended, seconds, made_with, more)
