"""Give the masks of one object one label over a whole sequence."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from backends import KERNELS
from backends.launcher import only_rank_zero_prints
from consistency.cli.backend import add_backend_flags, chosen_backend
from consistency.cli.common import bars, one_line, plain_name, run_cli, shard
from consistency.cli.input import add_input_flags, name_of, open_input
from consistency.cli.output import add_output_choice, add_output_flags
from consistency.cli.parser import Parser
from consistency.cli.tracking import add_association_flags, add_mask_flags, options_of
from consistency.formats.source import Source
from consistency.names import check_name
from consistency.options import (
    ASSOCIATION_NEEDS,
    BACKEND_NEEDS,
    BAD_INPUT,
    EXPERIMENTS,
    KERNEL_NEEDS,
    SEQUENCE_NEEDS,
    output_needs,
)

if TYPE_CHECKING:  # NumPy is not loaded for --help
    from consistency.backend import Backend
    from consistency.pipeline import Report

NEEDS = (
    *SEQUENCE_NEEDS, *BACKEND_NEEDS, *KERNEL_NEEDS, *ASSOCIATION_NEEDS, *output_needs("--output")
)  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = Parser(__doc__, NEEDS)
    add = result.add_argument
    add("--data-path", type=Path, default=Path("data"), help="folder or file with the masks")
    add_input_flags(result)
    add_sequence_flags(result)
    add("--exp-name", type=plain_name, help="name of the experiment; default: the data folder's")
    add("--experiments", type=Path, default=EXPERIMENTS, help="where experiments are kept")
    add("--overwrite", action="store_true", help="replace an experiment of this name")
    add_backend_flags(result)
    add("--kernel", choices=KERNELS, help="what counts, cupy: a GPU a rank of --multi mpi")
    add_association_flags(result)
    add_mask_flags(result)
    add_output_choice(result)
    add_output_flags(result)
    add("--quiet", action="store_true", help="no progress bars, no summary")
    return result


def add_sequence_flags(result: argparse.ArgumentParser) -> None:
    """Add what chooses among many sequences."""
    group = result.add_argument_group("many sequences (--data-path may be a folder of them)")
    add = group.add_argument
    add("--sequences", type=Path, help="CSV file of sequences: name, path and, if wanted, split")
    add("--split", help="only the sequences of this split")
    add("--shard", type=shard, metavar="I/N", help="every N-th sequence from the I-th, from 1")
    add("--fail-fast", action="store_true", help="stop at the first sequence that fails")


def mark(args: argparse.Namespace) -> int:
    """Run the pipeline; returns the exit code."""
    with chosen_backend(args, args.kernel) as backend:
        if backend is None:  # one of many ranks, its work done
            return 0
        return run(args, backend)


def run(args: argparse.Namespace, backend: "Backend") -> int:
    """Mark what the command line names on ``backend``; returns the exit code."""
    from consistency import pipeline

    options = options_of(args)
    folder = args.experiments / (args.exp_name or name_of(args.sequences or args.data_path))
    check_name(folder.name, "experiment")
    source = Source(args.data_path, args.sequence)
    chosen = sequences_of(args, source)
    if chosen is not None:
        return run_many(args, backend, chosen, folder)
    dataset = open_input(source, args)
    progress = bars(args.quiet)
    report = pipeline.run(dataset, folder, backend, options, args.overwrite, progress)
    if not args.quiet:
        print(summary(report, folder))
    return 0


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


def run_many(args: argparse.Namespace, backend: "Backend", chosen: list, folder: Path) -> int:
    """Mark each sequence into its folder of ``folder``; reports what failed at the end."""
    from consistency import pipeline
    from consistency.sequences import Failure, Sequence, mark_all

    if folder.is_symlink():
        raise ValueError(f"{folder}: is a symbolic link; remove it, or choose another --exp-name")
    if (folder / f"{folder.name}.json").exists():
        raise ValueError(f"{folder}: is one experiment; choose another --exp-name for sequences")

    def mark_one(sequence: Sequence) -> int:
        dataset = open_input(sequence.path, args)
        target = folder / sequence.name
        report = pipeline.run(dataset, target, backend, options_of(args), args.overwrite)
        return report.counters["frames"]

    bar = bars(args.quiet, "sequence")
    results = list(mark_all(chosen, mark_one, args.fail_fast, bar))
    failed = [result for result in results if isinstance(result, Failure)]
    for failure in failed:
        where = f"sequence {failure.sequence.name!r}"
        print(f"error: {where}: {one_line(failure.error)}", file=sys.stderr)
    if not args.quiet:
        frames = sum(result for result in results if result not in failed)
        print(
            f"{folder}: {len(results) - len(failed)} sequences, {frames} frames; "
            f"{len(failed)} failed"
        )
    return BAD_INPUT if failed else 0


def summary(report: "Report", folder: Path) -> str:
    """Return the one line that tells what was done."""
    count, seconds = report.counters, report.seconds
    return (
        f"{folder}: {count['frames']} frames, {count['masks']} masks, "
        f"{count['duplicates']} duplicates, {count['labels']} labels; seconds "
        f"read {seconds['read']:.2f}, measured {seconds['measured']:.2f}, "
        f"propagated {seconds['propagated']:.2f}, written {seconds['written']:.2f}"
    )


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    with only_rank_zero_prints():
        args = parser().parse_args(argv)
    return run_cli(mark, args)


if __name__ == "__main__":
    sys.exit(main())
