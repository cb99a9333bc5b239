"""What all command lines share: one line for an error, progress bars, types of arguments."""

import argparse
import errno
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

from backends.launcher import only_rank_zero_prints, placement
from consistency.cli.limits import limits_of
from consistency.endings import exit_code, notes_of, stopping
from consistency.limits import within
from consistency.names import problem_of
from consistency.progress import Item, Progress

Number = TypeVar("Number", int, float)
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def run_command(
    work: Callable[[argparse.Namespace], int],
    parse: Callable[[list[str] | None], argparse.Namespace],
    argv: list[str] | None,
) -> int:
    """Parse the command line and ``run_cli``; of many ranks one says what is wrong with it."""
    with only_rank_zero_prints():
        args = parse(argv)
    return run_cli(work, args)


def run_cli(work: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """Run ``work(args)`` and turn an error into one line on stderr and an exit code."""
    if hasattr(sys.stdout, "reconfigure"):  # a terminal that has no "é" shows its number
        sys.stdout.reconfigure(errors="backslashreplace")
    notes = Notes()
    log = logging.getLogger("consistency")
    log.addHandler(notes)
    try:
        with stopping(), within(limits_of(args)), warnings.catch_warnings():
            warnings.showwarning = _note_warning
            return work(args)
    except BrokenPipeError:  # of "| head": what was asked for has been seen
        silence_stdout()
        return 0
    except (ValueError, OSError, ImportError, RuntimeError, MemoryError) as error:
        if args.debug:
            raise
        print(f"error: {one_line(error)}", file=sys.stderr)
        return exit_code(error)
    except KeyboardInterrupt as error:
        if placement()[0] == 0:  # all ranks may have been signalled
            left = notes_of(error) or ["nothing half-written is left"]
            print(f"interrupted; {'; '.join(left)}", file=sys.stderr)
        return exit_code(error)
    finally:
        log.removeHandler(notes)


def silence_stdout() -> None:
    """Lead what is still to be printed to nowhere, so that Python can end without an error."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _note_warning(message: Warning | str, *_: object, **__: object) -> None:
    logging.getLogger("consistency").warning("%s", " ".join(str(message).split()))


class Notes(logging.Handler):
    """What is no error and yet to be known, each on one line of stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print what was logged."""
        print(f"note: {record.getMessage()}", file=sys.stderr)


def one_line(error: Exception) -> str:
    """Return the message of ``error`` on one line, with what to do where the system says it."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, MemoryError):
        text += "; free some memory, or use fewer --workers"
    elif isinstance(error, OSError) and error.errno in NO_ROOM:
        text += "; free some room, or write to another disk"
    return "; ".join([text, *notes_of(error)])


def bars(quiet: bool, unit: str = "frame") -> Progress:
    """Return a function that shows a stage's items as a bar on stderr, if that is a terminal."""

    def progress(items: Iterable[Item], stage: str, total: int) -> Iterable[Item]:
        if quiet or not sys.stderr.isatty():
            return items
        from tqdm import tqdm

        return tqdm(items, desc=f"{stage:8}", total=total, unit=unit)

    return progress


def say(line: str) -> None:
    """Print what was done, while a bar may be shown; where nobody can hear it, it is done, too."""
    try:
        if sys.stderr.isatty():
            from tqdm import tqdm

            tqdm.write(line)  # takes the bar away and puts it back below the line
        else:
            print(line, flush=True)
    except (OSError, ValueError):  # closed, full; ValueError: by this process
        silence_stdout()


def fraction(text: str) -> float:
    """Argument type: a number from 0 to 1."""
    value = _number(text, float)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 1")
    return value


def share(text: str) -> float:
    """Argument type: a number above 0, up to 1."""
    value = fraction(text)
    if not value:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
    return value


def positive(text: str) -> int:
    """Argument type: a whole number from 1."""
    value = _number(text, int)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return value


def natural(text: str) -> int:
    """Argument type: a whole number from 0."""
    value = _number(text, int)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return value


def whole_number(text: str) -> int:
    """Argument type: a whole number, below 0 too."""
    return _number(text, int)


def _number(text: str, kind: Callable[[str], Number]) -> Number:
    try:
        return kind(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from error


def shard(text: str) -> tuple[int, int]:
    """Argument type: ``i/n``, the i-th of n shares, 1 <= i <= n."""
    index, _, count = text.partition("/")
    short = text.isascii() and len(text) < 16
    if not (short and index.isdigit() and count.isdigit() and 1 <= int(index) <= int(count)):
        raise argparse.ArgumentTypeError(f"{text!r} is not i/n with i from 1 to n")
    return int(index), int(count)


def plain_name(text: str) -> str:
    """Argument type: a name that an experiment may have, with no path in it."""
    problem = problem_of(text)
    if problem:
        raise argparse.ArgumentTypeError(f"{text!r} {problem}")
    return text
