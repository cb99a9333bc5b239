"""Give the masks of one object one label over a whole sequence."""

import argparse
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from backends import KERNELS
from backends.launcher import only_rank_zero_prints
from consistency.cli.backend import add_backend_flags, chosen_backend
from consistency.cli.common import bars, one_line, plain_name, run_cli, say, shard
from consistency.cli.filling import add_filling_flags
from consistency.cli.input import add_input_flags, name_of, open_input
from consistency.cli.limits import add_limit_flags
from consistency.cli.output import add_output_choice, add_output_flags
from consistency.cli.parser import Parser
from consistency.cli.summary import command, counted, summary, what_was_done
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
from consistency.options import (
    ASSOCIATION_NEEDS,
    BACKEND_NEEDS,
    EXPERIMENTS,
    FILLING_NEEDS,
    KERNEL_NEEDS,
    SEQUENCE_NEEDS,
    WINDOW_NEEDS,
    output_needs,
)
from consistency.progress import Progress, silent

if TYPE_CHECKING:  # NumPy is not loaded for --help
    from consistency.backend import Backend
    from consistency.dataset import Dataset
    from consistency.pipeline import Report

WHOLE = "is whole already; nothing was done"
NEEDS = (
    *SEQUENCE_NEEDS, *BACKEND_NEEDS, *KERNEL_NEEDS, *ASSOCIATION_NEEDS, *WINDOW_NEEDS,
    *FILLING_NEEDS, *output_needs("--output"),
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
    add = group("experiment").add_argument
    add("--exp-name", type=plain_name, help="name of the experiment; default: that of DATA")
    add("--experiments", type=Path, default=EXPERIMENTS, help="where experiments are kept")
    add("--overwrite", action="store_true", help="replace an experiment of this name")
    add("--resume", action="store_true", help="go on where an interrupted run ended")
    add(
        "--hash",
        action="store_true",
        help="--resume tells a changed input by its bytes, not by sizes and times; reads all twice",
    )
    add("--quiet", action="store_true", help="no progress bars, no summary")
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


def add_sequence_flags(result: argparse.ArgumentParser) -> None:
    """Add what chooses among many sequences."""
    group = result.add_argument_group("many sequences (DATA may be a folder of them)")
    add = group.add_argument
    add("--sequences", type=Path, help="CSV file of sequences: name, path and, if wanted, split")
    add("--split", help="only the sequences of this split")
    add("--shard", type=shard, metavar="I/N", help="every N-th sequence from the I-th, from 1")
    add("--fail-fast", action="store_true", help="stop at the first sequence that fails")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Return what the command line says; ``data_path`` is where the masks are, None = not given."""
    result = parser()
    args = result.parse_args(argv)
    if args.data is not None:
        for flag, value in (("--data-path", args.data_path), ("--sequences", args.sequences)):
            if value is not None:
                result.error(f"DATA and {flag} both say where the masks are; leave one of them out")
        args.data_path = args.data
    check_split(result, args)
    return args


def mark(args: argparse.Namespace) -> int:
    """Run the pipeline; returns the exit code."""
    if args.data_path is None:
        args.data_path = DEFAULT_DATA
        if args.sequences is None and is_bare(DEFAULT_DATA):
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
    options = options_of(args)
    folder = args.experiments / (args.exp_name or name_of(args.sequences or args.data_path))
    check_name(folder.name, "experiment")
    source = Source(args.data_path, args.sequence)
    chosen = sequences_of(args, source)
    if chosen is not None:
        return run_many(args, backend, chosen, folder)
    dataset = open_input(source, args, args.split_pieces)
    report = mark_one(dataset, folder, backend, args, bars(args.quiet))
    if not args.quiet:
        say(summary(report, folder, options) if report else f"{folder}: {WHOLE}")
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

    options = options_of(args)
    if args.resume and not is_unfinished(folder):
        try:
            if is_whole(dataset, folder, options):
                clear_up(folder)
                return None
        except ValueError:  # it is, of something else
            if not args.overwrite:
                raise
    keeping = Keeping(args.resume, args.hash)
    return pipeline.run(dataset, folder, backend, options, args.overwrite, progress, keeping)


def sequences_of(args: argparse.Namespace, source: Source) -> list | None:
    """Return the sequences that the command line names; None where ``source`` is a dataset."""
    from consistency import sequences

    if args.sequences:
        found = sequences.in_table(args.sequences, args.split)
    else:
        found = [] if args.sequence else sequences.in_folder(source, args.input_format)
    for flag, value in (("--shard", args.shard), ("--fail-fast", args.fail_fast)):
        if value and not found:
            raise ValueError(
                f"{flag} is for many sequences; {args.data_path} is not a folder of sequences"
            )
    if args.shard:  # may be empty: there may be more shards than sequences
        return sequences.shard(found, *args.shard)
    return found or None


def done_of(report: "Report | None") -> str:
    """Return what was done with one of many sequences."""
    return what_was_done(report.counters, report.seconds["total"]) if report else WHOLE


def run_many(args: argparse.Namespace, backend: "Backend", chosen: list, folder: Path) -> int:
    """Mark each sequence into its folder of ``folder``; reports what failed at the end."""
    from consistency.sequences import Failure, Sequence, mark_all

    if folder.is_symlink():
        raise ValueError(f"{folder}: is a symbolic link; remove it, or choose another --exp-name")
    if (folder / f"{folder.name}.json").exists():
        raise ValueError(f"{folder}: is one experiment; choose another --exp-name for sequences")

    def mark_next(sequence: Sequence) -> "Report | None":
        source = Source(sequence.path, sequence.part or args.sequence)
        dataset = open_input(source, args, args.split_pieces)
        target = folder / sequence.name
        report = mark_one(dataset, target, backend, args)
        if not args.quiet:
            say(f"{target}: {done_of(report)}")
        return report

    began = perf_counter()
    results = list(mark_all(chosen, mark_next, args.fail_fast, bars(args.quiet, "sequence")))
    failed = [result for result in results if isinstance(result, Failure)]
    for failure in failed:
        where = f"sequence {failure.sequence.name!r}"
        print(f"error: {where}: {one_line(failure.error)}", file=sys.stderr)
    if not args.quiet:
        done_now = [result for result in results if result and not isinstance(result, Failure)]
        counts = [result.counters for result in done_now]
        before = results.count(None)
        whole = f" {before} {'was' if before == 1 else 'were'} whole;" if before else ""
        total = {key: sum(c[key] for c in counts) for key in ("frames", "masks", "labels")}
        done = what_was_done(total, perf_counter() - began)
        many = counted(len(counts), "sequence")
        say(f"{folder}: {many}, {done};{whole} {len(failed)} failed")
    return BAD_INPUT if failed else 0


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    with only_rank_zero_prints():
        args = parse(argv)
    return run_cli(mark, args)


if __name__ == "__main__":
    sys.exit(main())
