"""Give the masks of one object one label over a whole sequence."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from backends import KERNELS
from backends.launcher import only_rank_zero_prints
from consistency.cli.backend import add_backend_flags, chosen_backend
from consistency.cli.common import bars, plain_name, run_command, say
from consistency.cli.correcting import add_correction_flags, with_corrections
from consistency.cli.filling import add_filling_flags
from consistency.cli.input import add_input_flags, name_of, open_input
from consistency.cli.limits import add_limit_flags
from consistency.cli.needs import (
    ASSOCIATION_NEEDS,
    BACKEND_NEEDS,
    CORRECTION_NEEDS,
    FILLING_NEEDS,
    KERNEL_NEEDS,
    SEQUENCE_NEEDS,
    WINDOW_NEEDS,
    output_needs,
)
from consistency.cli.output import add_output_choice, add_output_flags
from consistency.cli.parser import Parser
from consistency.cli.sequences import (
    WHOLE,
    add_sequence_flags,
    run_many,
    sequences_of,
    with_folders,
)
from consistency.cli.summary import command, summary
from consistency.cli.tracking import (
    add_association_flags,
    add_mask_flags,
    add_split_flag,
    add_window_flags,
    check_split,
    options_of,
)
from consistency.endings import BAD_INPUT
from consistency.formats import fitting
from consistency.formats.source import Source
from consistency.names import check_name
from consistency.options import EXPERIMENTS
from consistency.progress import Progress, silent

if TYPE_CHECKING:  # NumPy is not loaded for --help
    from consistency.backend import Backend
    from consistency.dataset import Dataset
    from consistency.outputs import Report

NEEDS = (
    *SEQUENCE_NEEDS, *BACKEND_NEEDS, *KERNEL_NEEDS, *ASSOCIATION_NEEDS, *WINDOW_NEEDS,
    *FILLING_NEEDS, *CORRECTION_NEEDS, *output_needs("--output"),
)  # fmt: skip


# What --help shows; the rest is for --help-all.
MATTER_MOST = (
    "DATA", "--exp-name", "--output", "--overwrite", "--multi", "--workers", "--input-format",
    "--min-length", "--memory", "--sequences",
)  # fmt: skip
DEFAULT_DATA = Path("data")
FIRST_STEPS = (  # name of the command, its arguments, what it does
    (
        "mark_label",
        "DATA",
        "label the masks in DATA, a folder or file in a format of docs/formats.md",
    ),
    ("mark_label", "DATA --output coco", "write them for another tool"),
    ("mark_label", "--help", "show the flags that matter most"),
    ("vis", "--exp-name DATA", "draw the result"),
)


def parser() -> Parser:
    """Return the command line."""
    result = Parser(__doc__, NEEDS, MATTER_MOST)
    result.usage = "%(prog)s DATA [flags]"
    group = result.add_argument_group
    where = group("input")
    where.add_argument(
        "data", nargs="?", metavar="DATA", type=Path, help="folder or file with the masks"
    )
    where.add_argument("--data-path", type=Path, help="DATA, as a flag; without both: ./data")
    add_input_flags(where)
    add_sequence_flags(result)
    add_experiment_flags(group("experiment"))
    add_correction_flags(group("corrections"))
    work = group("where the work runs")
    add_backend_flags(work)
    work.add_argument(
        "--kernel", choices=KERNELS, help="what counts, cupy: a GPU a rank of --multi mpi"
    )
    add_association_flags(result)
    masks = group("masks")
    add_mask_flags(masks)
    add_split_flag(masks)
    add_filling_flags(group("frames without masks"))
    add_window_flags(group("windows of a long sequence"))
    outputs = group("outputs")
    add_output_choice(outputs)
    add_output_flags(outputs)
    add_limit_flags(group("limits"))
    return result


def add_experiment_flags(parser: argparse._ActionsContainer) -> None:
    """Add where the experiment goes, and what becomes of one that is there."""
    add = parser.add_argument
    add("--exp-name", type=plain_name, help="name of the experiment; default: that of DATA")
    add("--experiments", type=Path, default=EXPERIMENTS, help="where experiments are kept")
    add("--overwrite", action="store_true", help="replace an experiment of this name")
    add("--resume", action="store_true", help="go on where an interrupted run ended")
    add(
        "--hash",
        action="store_true",
        help="--resume tells a changed input by its bytes, not by sizes and times; reads all twice",
    )
    add(
        "--report",
        action="store_true",
        help="write report.html, which labels are most worth checking; measures masks once more",
    )
    add("--quiet", action="store_true", help="no progress bars, no summary")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Return what the command line says; ``data_path`` is where the masks are, None = not given."""
    result = parser()
    args = result.parse_args(argv)
    if args.data is not None:
        others = ("--data-path", "--sequences", "--data-file")
        for flag in others:
            value = getattr(args, flag[2:].replace("-", "_"))
            if value is not None:
                result.error(f"DATA and {flag} both say where the masks are; leave one of them out")
        args.data_path = args.data
    check_split(result, args)
    return args


def mark(args: argparse.Namespace) -> int:
    """Run the pipeline; returns the exit code."""
    if args.data_path is None:
        args.data_path = DEFAULT_DATA
        if args.sequences is None and args.data_file is None and is_bare(DEFAULT_DATA):
            with only_rank_zero_prints():
                print(first_steps(), file=sys.stderr)
            return BAD_INPUT
    with chosen_backend(args, args.kernel) as backend:
        if backend is None:  # one of many ranks, its work done
            return 0
        return run(args, backend)


def first_steps() -> str:
    """Return help in five lines."""
    calls = [(f"{command(name)} {arguments}", what) for name, arguments, what in FIRST_STEPS]
    width = max(len(call) for call, _ in calls)
    steps = [f"  {call:{width}}   {what}" for call, what in calls]
    return "\n".join([f"error: no DATA, and no masks in ./{DEFAULT_DATA}", *steps])


def is_bare(folder: Path) -> bool:
    """Whether there are no masks in ``folder``, nor folders with masks."""
    from consistency.sequences import in_folder

    source = Source(folder)
    return not (folder.exists() and (fitting(source) or in_folder(source)))


def run(args: argparse.Namespace, backend: "Backend") -> int:
    """Mark what the command line names on ``backend``; returns the exit code."""
    named = args.data_file or args.sequences or args.data_path
    folder = args.experiments / (args.exp_name or name_of(named))
    check_name(folder.name, "experiment")
    source = Source(args.data_path, args.sequence)
    if args.data_file is None:
        options_of(args)  # flags that do not fit are an error of the run, not of each sequence
    chosen = sequences_of(args, source)
    if chosen:
        options_of(with_folders(args, chosen[0]))

    def mark_next(own: argparse.Namespace, part: Source, target: Path) -> "Report | None":
        dataset = open_input(part, own, own.split_pieces)
        return mark_one(dataset, target, backend, own)

    if chosen is not None:
        if args.corrections:
            raise ValueError(
                f"--corrections is for one sequence; {args.data_path} has {len(chosen)}; mark that "
                "one alone, with its --sequence or its own folder"
            )
        return run_many(args, backend, chosen, folder, mark_next)
    dataset = open_input(source, args, args.split_pieces)
    report = mark_one(dataset, folder, backend, args, bars(args.quiet))
    if not args.quiet:
        say(summary(report, folder, options_of(args)) if report else f"{folder}: {WHOLE}")
    return 0


def mark_one(
    dataset: "Dataset",
    folder: Path,
    backend: "Backend",
    args: argparse.Namespace,
    progress: Progress = silent,
) -> "Report | None":
    """Mark one sequence; None if it is whole already, and the user wants the rest."""
    from consistency import pipeline
    from consistency.publishing import clear_up, is_unfinished
    from consistency.resuming import Keeping, is_whole

    options = with_corrections(options_of(args), args, folder)
    if args.resume and not is_unfinished(folder):
        try:
            if is_whole(dataset, folder, options):
                clear_up(folder)
                return None
        except ValueError:  # it is, of something else
            if not args.overwrite:
                raise
    keeping = Keeping(args.resume, args.hash)
    how = args.overwrite, progress, keeping
    report = pipeline.run(dataset, folder, backend, options, *how)
    if args.report:
        from consistency.experiment import open_experiment
        from consistency.review.report import write

        write(open_experiment(folder), backend, False, progress, args.frames_path)
    return report


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    return run_command(mark, parse, argv)


if __name__ == "__main__":
    sys.exit(main())
