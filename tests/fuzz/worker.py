"""Reads damaged inputs one after the other, and tells what is neither read nor refused in one line.

    python tests/fuzz/worker.py TARGET[,TARGET ...] START COUNT SCRATCH

Each find is a line of JSON on stdout.  The file SCRATCH/at holds the number of the input that is
being read: who started this process sees where it died or hangs.
"""

import contextlib
import io
import json
import logging
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from random import Random

from mutator import Files
from targets import TARGETS, build

from consistency.cli.common import one_line
from consistency.limits import Limits, within

SECONDS = 5  # of processor time, for an input
# Beyond what the process has when it begins; an input may have a quarter of it.
MEMORY = 1 << 30
LIMITS = Limits(max_pixels=1 << 22, max_memory=MEMORY // 4)
LONGEST = 700  # characters of a line
GOOD = ("read", "refused")


class TooLongError(BaseException):
    """The time of an input is over."""


def _too_long(*_: object) -> None:
    raise TooLongError


def outcome(name: str, path: Path, number: int) -> str:
    """Read one input; returns one of GOOD, or what is wrong."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        found = _outcome(name, path, number)
    printed = found in GOOD and said.getvalue()
    return f"prints {printed[:200]!r}" if printed else found


def _outcome(name: str, path: Path, number: int) -> str:
    try:
        with warnings.catch_warnings(record=True) as heard, within(LIMITS):
            warnings.simplefilter("always")
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            TARGETS[name].read(path, number)
        return f"warning: {heard[0].message}" if heard else "read"
    except (ValueError, OSError) as error:
        signal.setitimer(signal.ITIMER_PROF, 0)
        return _judged(one_line(error), heard)
    except TooLongError:
        return "takes too long"
    except BaseException as error:
        signal.setitimer(signal.ITIMER_PROF, 0)
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        return f"{type(error).__name__} in {where}: {error}"[:300]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _judged(message: str, heard: list) -> str:
    if heard:
        return f"warning: {heard[0].message}"
    if len(message) > LONGEST:
        return f"a line of {len(message)} characters: {message[:100]}"
    if not any(sign in message for sign in ("/", "frame ", "--")):
        return f"names no file, frame or flag: {message[:200]}"
    return "refused"


def inputs(name: str, start: int, count: int, scratch: Path) -> Iterator[tuple[int, Path]]:
    """Write one damaged input after the other; yields its number, and what is to be opened."""
    homes: dict[int, tuple[Files, Path]] = {}
    for number in range(start, start + count):
        random = Random(f"{name}:{number}")
        index = random.randrange(len(TARGETS[name].make))
        folder = scratch / f"{name}-{index}"
        if index not in homes:
            homes[index] = build(name, index, folder)
        good, path = homes[index]
        files = TARGETS[name].damaged(random, good)
        replace_files(folder, good, files)
        yield number, path
        replace_files(folder, files, good)


def replace_files(folder: Path, old: Files, new: Files) -> None:
    """Turn a folder with the files ``old`` into one with ``new``."""
    for name in old.keys() - new.keys():
        (folder / name).unlink()
    for name, content in new.items():
        if old.get(name) != content:
            (folder / name).write_bytes(content)


def main(names: str, start: int, count: int, scratch: Path) -> None:
    """Read inputs of one target after the other."""
    signal.signal(signal.SIGPROF, _too_long)
    logging.getLogger("consistency").addHandler(logging.NullHandler())
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    at = scratch / "at"
    for name in names.split(","):
        for number, path in inputs(name, start, count, scratch):
            at.write_text(str(number))
            found = outcome(name, path, number)
            if found not in GOOD:
                print(json.dumps({"target": name, "number": number, "found": found}), flush=True)
    at.write_text("done")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
