"""Many sequences in one run: their flags, and how they are marked one after the other."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from consistency.cli.common import bars, one_line, say, shard
from consistency.cli.summary import counted, what_was_done
from consistency.endings import BAD_INPUT
from consistency.formats.source import Source
from consistency.options import PICTURES_FOLDER

if TYPE_CHECKING:  # NumPy is not loaded for --help
    from consistency.backend import Backend
    from consistency.data_sets import Results
    from consistency.outputs import Report
    from consistency.sequences import Sequence

WHOLE = "is whole already; nothing was done"
# Marks the data set of some arguments into a folder; None if it is whole already.
MarkOne = Callable[[argparse.Namespace, "Source", Path], "Report | None"]


def add_sequence_flags(result: argparse.ArgumentParser) -> None:
    """Add what chooses among many sequences."""
    group = result.add_argument_group("many sequences (DATA may be a folder of them)")
    add = group.add_argument
    add("--sequences", type=Path, help="CSV file of sequences: name, path and, if wanted, split")
    add(
        "--data-file",
        type=Path,
        metavar="CSV",
        help="table of a data set: a line for each sequence, columns masks and, if wanted, frames, "
        "flow, truth, name, split; with a truth: results.csv and averages.csv",
    )
    add("--base-dir", type=Path, help="what paths of --data-file are relative to; default: its own")
    add(
        "--save-vis",
        type=Path,
        nargs="?",
        const=PICTURES_FOLDER,
        metavar="FOLDER",
        help=f"draw each sequence of --data-file, into {PICTURES_FOLDER} or FOLDER",
    )
    add("--split", help="only the sequences of this split")
    add("--shard", type=shard, metavar="I/N", help="every N-th sequence from the I-th, from 1")
    add("--fail-fast", action="store_true", help="stop at the first sequence that fails")


def sequences_of(args: argparse.Namespace, source: Source) -> "list[Sequence] | None":
    """Return the sequences that the command line names; None where ``source`` is a dataset."""
    from consistency import sequences

    if args.data_file:
        found = sequences.in_data_file(args.data_file, args.base_dir, args.split)
    elif args.sequences:
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


def with_folders(args: argparse.Namespace, sequence: "Sequence") -> argparse.Namespace:
    """Return the arguments for one sequence, with the folders that the table gives it.

    Raises ValueError where they are needed and the table has none.
    """
    if args.data_file is None:
        return args
    images, found = sequence.folders.get("frames"), dict[str, Path | None]()
    if args.motion == "frames" and images is None:
        raise ValueError(
            f"--motion frames needs the images; give {args.data_file} a column frames with their "
            "folders"
        )
    fills = bool(args.frame_interval or args.fill_gaps)
    if fills or args.motion == "frames":
        found["frames_path"] = images
    if fills:
        found["flow_path"] = sequence.folders.get("flow")
    return argparse.Namespace(**vars(args) | found)


def run_many(
    args: argparse.Namespace,
    backend: "Backend",
    chosen: "list[Sequence]",
    folder: Path,
    mark_one: MarkOne,
) -> int:
    """Mark each sequence into its folder of ``folder``; reports what failed at the end."""
    from consistency.sequences import Failure, mark_all

    if folder.is_symlink():
        raise ValueError(f"{folder}: is a symbolic link; remove it, or choose another --exp-name")
    if (folder / f"{folder.name}.json").exists():
        raise ValueError(f"{folder}: is one experiment; choose another --exp-name for sequences")
    results = results_of(args, folder)

    def mark_next(sequence: "Sequence") -> "Report | None":
        target, own = folder / sequence.name, with_folders(args, sequence)
        source = Source(sequence.path, sequence.part or args.sequence)
        report = mark_one(own, source, target)
        results.add(sequence)
        if args.save_vis:
            save_vis(args, target, sequence, backend)
        if not args.quiet:
            say(f"{target}: {done_of(report)}")
        return report

    began = perf_counter()
    done = list(mark_all(chosen, mark_next, args.fail_fast, bars(args.quiet, "sequence")))
    failed = [result for result in done if isinstance(result, Failure)]
    for failure in failed:
        where = f"sequence {failure.sequence.name!r}"
        print(f"error: {where}: {one_line(failure.error)}", file=sys.stderr)
    results.write()
    if not args.quiet:
        reports = [r for r in done if not isinstance(r, Failure)]
        say(f"{folder}: {total_of(reports, perf_counter() - began)} {len(failed)} failed")
        for line in results_lines(results):
            say(line)
    return BAD_INPUT if failed else 0


def results_of(args: argparse.Namespace, folder: Path) -> "Results":
    """Return where results go; ValueError if some are there that must not be replaced."""
    from consistency.data_sets import Results

    share = "{}-of-{}".format(*args.shard) if args.shard else ""
    results = Results(folder, share, replace=args.overwrite or args.resume)
    if args.data_file:
        results.check()
    return results


def save_vis(
    args: argparse.Namespace, target: Path, sequence: "Sequence", backend: "Backend"
) -> None:
    """Draw a sequence, unless --resume finds its picture."""
    from consistency.data_sets import picture_of, save_picture

    if not (args.resume and not args.overwrite and picture_of(target, args.save_vis).exists()):
        save_picture(target, sequence, args.save_vis, backend, args.overwrite)


def done_of(report: "Report | None") -> str:
    """Return what was done with one of many sequences."""
    return what_was_done(report.counters, report.seconds["total"]) if report else WHOLE


def total_of(reports: "list[Report | None]", seconds: float) -> str:
    """Return what was done with all sequences that did not fail."""
    counts = [report.counters for report in reports if report]
    before = reports.count(None)
    whole = f" {before} {'was' if before == 1 else 'were'} whole;" if before else ""
    total = {key: sum(c[key] for c in counts) for key in ("frames", "masks", "labels")}
    return f"{counted(len(counts), 'sequence')}, {what_was_done(total, seconds)};{whole}"


def results_lines(results: "Results") -> list[str]:
    """Return averages over sequences as a table, and where they are; nothing without a truth."""
    if not results.found:
        return []
    names = ["J mean", "J recall", "J decay"]
    rows = results.averages()
    width = max(map(len, rows)) + 2
    lines = [" " * width + "".join(f"{name:>10}" for name in names)]
    for name, row in rows.items():
        cells = ("" if row[key] is None else f"{row[key]:.4f}" for key in names)
        lines.append(f"{name:{width}}" + "".join(f"{cell:>10}" for cell in cells))
    first, second = results.files
    return [*lines, f"results: {first} (each frame), {second}"]
