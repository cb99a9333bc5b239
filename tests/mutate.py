#!/usr/bin/env python3
"""Which numbers of the tracker could be wrong without a test that notices.

    python tests/mutate.py [--only NAME ...] [--workers 2]

Sets each number of ``Parameters`` in consistency/track/parameters.py to 0, to three times and to a
third of what it is, one at a time, runs tests/track, and lists the changes that all tests survive.
The source is rewritten in copies of the checkout, a copy for each worker: so the tests run as they
are, whatever way the tracker takes to a number.  Not part of CI: each change is a run of the tests.
"""

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parents[1]
FILE = Path("consistency/track/parameters.py")
TESTS = "tests/track"
LEFT_OUT = shutil.ignore_patterns(
    ".*", "__pycache__", "experiments", "vis_consistent", "results", "demo"
)
PASSED = 0  # exit code of pytest
LONGEST = 600.0  # seconds; a change that makes the tracker run for ever is noticed, too


@dataclass(frozen=True)
class Change:
    """One number of the source, and another in its place.

    Attributes
    ----------
    name : the field.
    old, new : the numbers.
    start, stop : where the old one is, bytes of the source.
    """

    name: str
    old: float
    new: float
    start: int
    stop: int

    def apply(self, source: bytes) -> bytes:
        """Return the source with the new number."""
        return source[: self.start] + repr(self.new).encode() + source[self.stop :]


def changes(source: bytes) -> Iterator[Change]:
    """Yield all changes of the defaults of class ``Parameters``, in the order of the source."""
    line_starts = [0]
    for line in source.splitlines(keepends=True):
        line_starts.append(line_starts[-1] + len(line))
    for name, number in _numbers(ast.parse(source)):
        start = line_starts[number.lineno - 1] + number.col_offset
        stop = line_starts[number.end_lineno - 1] + number.end_col_offset
        third = round(number.value / 3) if isinstance(number.value, int) else number.value / 3
        others = dict.fromkeys((type(number.value)(0), 3 * number.value, third))
        for new in others:
            if new != number.value:
                yield Change(name, number.value, new, start, stop)


def _numbers(module: ast.Module) -> Iterator[tuple[str, ast.Constant]]:
    for node in module.body:
        if not (isinstance(node, ast.ClassDef) and node.name == "Parameters"):
            continue
        for field in node.body:
            if isinstance(field, ast.AnnAssign) and field.value is not None:
                for part in ast.walk(field.value):
                    if isinstance(part, ast.Constant) and type(part.value) in (int, float):
                        yield field.target.id, part


def survivors(root: Path, chosen: Sequence[Change], workers: int) -> Iterator[Change]:
    """Yield the changes that no test notices; RuntimeError if a test fails without any."""
    source = (root / FILE).read_bytes()
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(workers) as pool:
        copies: SimpleQueue[Path] = SimpleQueue()
        for k in range(workers):
            copies.put(shutil.copytree(root, Path(scratch) / str(k), ignore=LEFT_OUT))

        def survives(content: bytes) -> bool:
            copy = copies.get()
            try:
                (copy / FILE).write_bytes(content)
                return _passes(copy)
            finally:
                copies.put(copy)

        if not survives(source):
            raise RuntimeError(f"{TESTS} fails as it is; repair it first")
        found = pool.map(survives, [change.apply(source) for change in chosen])
        for change, alive in zip(chosen, found, strict=True):
            print(f"{_text(change)}: {'SURVIVES' if alive else 'noticed'}", flush=True)
            if alive:
                yield change


def _passes(root: Path) -> bool:
    """Whether all tests pass; one that fails, or a tracker that does not load, ends it."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", TESTS]
    # Two changes within a second may have one size: Python would take the bytecode of the first.
    env = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=root, env=env, capture_output=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == PASSED


def _text(change: Change) -> str:
    return f"{change.name} = {change.new:g} in place of {change.old:g}"


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code: 0 if every change was noticed, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="some numbers; default: all")
    parser.add_argument("--workers", type=int, default=2, help="test runs at a time (2)")
    args = parser.parse_args(argv)
    every = list(changes((ROOT / FILE).read_bytes()))
    unknown = set(args.only or ()) - {change.name for change in every}
    if unknown:
        parser.error(f"no number {', '.join(sorted(unknown))} in {FILE}")
    chosen = [change for change in every if not args.only or change.name in args.only]
    alive = list(survivors(ROOT, chosen, args.workers))
    print(f"\n{len(alive)} of {len(chosen)} changes survive", *map(_text, alive), sep="\n")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
