#!/usr/bin/env python3
"""Feed damaged inputs to every reader: make fuzz, or

    python tests/fuzz/fuzz.py [TARGET ...] [--count 100000] [--start 0] [--workers 2]

An input is made of a target and a number: the same input every time.  It must be read, or refused
in one line; everything else is a find, and printed.  Each worker is a process with a limit of
memory that is started anew when it dies or hangs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PATHS = os.pathsep.join(map(str, (HERE, HERE.parent, ROOT)))
PIECE = 5000  # inputs of one process
HANGS = 60  # seconds without a next input
MEMORY_DISK = Path("/dev/shm")


@dataclass
class Result:
    """What a run has shown: inputs read so far, and {what was found: its inputs}."""

    inputs: int = 0
    finds: dict[str, list[int]] = field(default_factory=dict)

    def add(self, number: int, found: str) -> None:
        """Note a find."""
        self.finds.setdefault(found, []).append(number)


def run(name: str, start: int, count: int) -> Result:
    """Feed inputs to one target, in one process after the other."""
    result = Result()
    number = start
    while number < start + count:
        number = _run_piece(name, number, min(PIECE, start + count - number), result)
    result.inputs = count
    return result


def _run_piece(name: str, start: int, count: int, result: Result) -> int:
    """Feed inputs until a worker has done them, died or hung; returns the number to go on with."""
    where = MEMORY_DISK if MEMORY_DISK.is_dir() else None
    with tempfile.TemporaryDirectory(dir=where) as scratch:
        at = Path(scratch) / "at"
        with (
            subprocess.Popen(
                [sys.executable, str(HERE / "worker.py"), name, str(start), str(count), scratch],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": PATHS, "PYTHONHASHSEED": "0"},
                text=True,
            ) as process,
            ThreadPoolExecutor(1) as watcher,
        ):
            watcher.submit(_kill_if_it_hangs, process, at)
            out, err = process.communicate()
        for line in out.splitlines():
            find = json.loads(line)
            result.add(find["number"], find["found"])
        last = at.read_text() if at.exists() else ""
        if last == "done":
            if err:
                result.add(start, f"printed among {count} inputs: {err[:300]}")
            return start + count
        if not last:
            raise RuntimeError(f"the worker of {name} did not begin: {err}")
        result.add(int(last), f"ended with {process.returncode}: {err[-300:]}")
        return int(last) + 1


def _kill_if_it_hangs(process: subprocess.Popen, at: Path) -> None:
    seen, since = "", time.monotonic()
    while process.poll() is None:
        time.sleep(0.2)
        now = at.read_text() if at.exists() else ""
        if now != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > HANGS:
            process.kill()


def pieces(names: Sequence[str], start: int, count: int) -> Iterator[tuple[str, int, int]]:
    """Yield (target, start, count), all targets in turn."""
    for begin in range(start, start + count, PIECE):
        for name in names:
            yield name, begin, min(PIECE, start + count - begin)


def main() -> int:
    """Command line; returns 1 if there is a find."""
    sys.path[:0] = PATHS.split(os.pathsep)
    from targets import TARGETS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", nargs="*", choices=[[], *TARGETS], default=[])
    parser.add_argument("--count", type=int, default=100_000, help="inputs of each target")
    parser.add_argument("--start", type=int, default=0, help="number of the first input")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    args = parser.parse_args()
    names = args.target or list(TARGETS)
    began, done, finds = time.monotonic(), Counter(), 0
    with ThreadPoolExecutor(args.workers) as pool:
        jobs = [(n, pool.submit(run, n, s, c)) for n, s, c in pieces(names, args.start, args.count)]
        for name, job in jobs:
            result = job.result()
            done[name] += result.inputs
            finds += len(result.finds)
            for found, numbers in result.finds.items():
                print(f"{name} {numbers[:5]} ({len(numbers)}): {found}", flush=True)
            minutes = (time.monotonic() - began) / 60
            print(f"{name}: {done[name]} inputs, {minutes:.1f} minutes", flush=True)
    print(f"{sum(done.values())} inputs, {finds} finds")
    return 1 if finds else 0


if __name__ == "__main__":
    sys.exit(main())
