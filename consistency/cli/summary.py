"""What a person wants to know when a run is done."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from consistency.options import EXPERIMENTS, IGNORE, Options

if TYPE_CHECKING:  # NumPy is not loaded for --help
    from consistency.outputs import Report

# A shorter sequence says nothing: tracks cannot be long, and a motion may well be unknown.
LONG_ENOUGH = 10  # frames
SHORT_TRACKS = 2  # masks, the median of a poor result
MOST = 0.5  # share of masks that are alone on their track


def command(name: str) -> str:
    """Return how the command ``name`` is started, in the way in which this program was."""
    program = Path(sys.argv[0])
    if program.name.startswith("mark-label"):  # installed
        return "mark-label" if name == "mark_label" else f"mark-label-{name}"
    scripts = ("mark_label", "vis")
    if program.parent.name == "consistency" or name not in scripts:
        return f"python -m consistency.{name}"
    beside = program.stem in scripts  # as it was typed, with its folder
    return f"python {program.with_name(name + '.py') if beside else name + '.py'}"


def what_was_done(count: Mapping[str, int], seconds: float) -> str:
    """Return frames, masks, objects and time; ``count`` as in ``Report.counters``."""
    parts = (("frames", "frame"), ("masks", "mask"), ("labels", "object"))
    return ", ".join(
        [*(counted(count[key], word) for key, word in parts), f"{seconds:.1f} seconds"]
    )


def counted(number: int, word: str, *more: str) -> str:
    """Return a number and what it counts: "1 mask", "2 masks"; ``more`` follows the word."""
    return " ".join([str(number), word if number == 1 else f"{word}s", *more])


def summary(report: "Report", folder: Path, options: Options, has_input: bool = True) -> str:
    """Return what was done, where it is, what to do next, and a warning where it looks poor.

    ``has_input`` : whether the input can be opened again, to be drawn beside the result.
    """
    done = what_was_done(report.counters, report.seconds["total"])
    lines = [f"{folder}: {done}"]
    left_out = [
        counted(report.counters[key], *what)
        for key, what in (
            ("duplicates", ("duplicate", "of other masks")),
            ("empty", ("mask", "without pixels")),
            ("short", ("mask", "of short tracks")),
            ("small_pieces", ("small piece", "of masks")),
            ("corrected", ("mask", "that corrections drop")),
        )
        if report.counters[key]
    ]
    if left_out:
        lines.append(f"left out: {', '.join(left_out)}; events.csv lists them")
    if "filled" in report.counters:
        lines.append(f"filled: {report.counters['filled']} masks; events.csv lists them")
    lines += [f"warning: {problem}" for problem in problems(report, options)]
    return "\n".join([*lines, f"next: {next_step(folder, has_input)}"])


def next_step(folder: Path, has_input: bool = True) -> str:
    """Return the command that draws the experiment ``folder``, beside its input if it has one."""
    arguments = ["--exp-name", folder.name]
    if folder.parent != EXPERIMENTS:
        arguments += ["--experiments", str(folder.parent)]
    beside = ["--side-by-side"] if has_input else []
    return f"{command('vis')} {shlex.join([*arguments, *beside])}"


def problems(report: "Report", options: Options) -> list[str]:
    """Return signs of a poor result, each with what to look at; none of a short sequence."""
    count, found = report.counters, list[str]()
    if count["frames"] < LONG_ENOUGH or not count["kept"]:
        return found
    if report.alone > MOST * count["kept"]:
        found.append(
            f"{report.alone} of {count['kept']} masks are alone on their track; are the frames in "
            f"order and of one video? {command('validate')} tells what is in the data"
        )
    elif report.median_length <= SHORT_TRACKS:
        found.append(
            f"half of the tracks have {report.median_length:g} masks or fewer of "
            f"{count['frames']} frames; are frames far apart, or masks often missing (--memory)?"
        )
    between = options.filling is not None and options.filling.interval > 0
    # Between key frames no motion is estimated.
    moves = options.matching == "track" and options.motion != "none" and not between
    if moves and options.given_ids == IGNORE and count["motion_unknown"] == count["frames"] - 1:
        found.append(
            "the motion of the camera is unknown throughout, as masks do not cover most of the "
            "frame; if it moves, --motion frames finds it in the images"
        )
    return found
