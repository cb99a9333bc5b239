"""Where the masks of labels are when they are to be written."""

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from backends import serial
from backends.interface import Wanted
from consistency import experiment
from consistency.api.backend import run
from consistency.backend import Backend
from consistency.cli.limits import limits_of
from consistency.dataset import Dataset, in_order
from consistency.formats import in_memory
from consistency.labelling import Labelling
from consistency.limits import Limits, within
from consistency.options import Options
from consistency.outputs import write
from consistency.resuming import read_beside


class Source(Protocol):
    """Writes labels beside the masks that they are of."""

    def write(
        self, labelling: Labelling, folder: Path, options: Options, overwrite: bool, report: bool
    ) -> None:
        """Write the experiment ``folder``, and its report if that is wanted.

        Raises ValueError or OSError as ``pipeline.run``.
        """
        ...


@dataclass(frozen=True, eq=False)
class OnDisk:
    """Where the masks of a folder are labelled and written: as the flags say."""

    args: argparse.Namespace

    def write(
        self, labelling: Labelling, folder: Path, options: Options, overwrite: bool, report: bool
    ) -> None:
        args = argparse.Namespace(**vars(self.args), folder=folder)

        def work(backend: Backend) -> None:
            beside = read_beside(labelling.dataset, options)
            experiment.check_apart(labelling.dataset, args.folder, beside)
            with experiment.writing(args.folder, overwrite) as partial:
                write(labelling, partial, args.folder.name, backend, options)
            if report:
                _report(args.folder, backend, args.frames_path)

        with within(limits_of(args)):
            run(args, work)


@dataclass(frozen=True, eq=False)
class InMemory:
    """The frames that were given; they are looked at once more, under ``limits``, to be written."""

    frames: Iterable[object]
    limits: Limits

    def write(
        self, labelling: Labelling, folder: Path, options: Options, overwrite: bool, report: bool
    ) -> None:
        if options.output == ("none",):
            raise ValueError("output none needs masks on disk; write masks or rle")
        if not {"masks", "rle"} & set(options.output):  # else the pixels would be nowhere
            options = replace(options, output=("rle", *options.output))
        with within(self.limits):
            labelling = replace(labelling, dataset=self._dataset(labelling))
        with serial.open(Wanted()) as backend:
            with experiment.writing(folder, overwrite) as partial:
                write(labelling, partial, folder.name, backend, options)
            if report:
                _report(folder, backend)

    def _dataset(self, labelling: Labelling) -> Dataset:
        if isinstance(self.frames, Iterator):
            raise ValueError(
                "the frames came from an iterator and are gone; give label() a list of them, or a "
                "folder, to write them"
            )
        intake = in_memory.Intake()
        given = [intake.frame(masks, name) for name, masks in in_memory.named(self.frames)]
        if [len(frame.records) for frame in given] != [frame.count for frame in labelling.frames]:
            raise ValueError("the frames are not those that were labelled; label them again")
        frames = in_order(in_memory.for_files(given), Path("frames"), None)
        layout = in_memory.layout(intake.order)
        return Dataset(layout, frames, opened_as={"path": None, "format": in_memory.NAME})


def _report(folder: Path, backend: Backend, frames_path: Path | None = None) -> None:
    from consistency.review.report import (
        write as write_report,
    )  # draws: for those alone who want it

    write_report(experiment.open_experiment(folder), backend, frames_path=frames_path)
