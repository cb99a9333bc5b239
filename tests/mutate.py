#!/usr/bin/env python3
"""Which numbers of the tracker could be wrong without a test that notices.

    python tests/mutate.py [--only NAME ...] [--factors F ...] [--tests PATH ...] [--workers 2]

Multiplies each number of ``Parameters`` in consistency/track/parameters.py by 0, by 3 and by a
third, one at a time, runs tests/track, and lists the changes that all tests survive.  Those in
``REASONS`` are known.  Tests are collected once; each change has a process of its own, forked
before the first test.  Not part of CI: it takes minutes.

``--factors 0.8 1.25`` asks the opposite: which tests would not let a number be tuned.
"""

import argparse
import ast
import importlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULE = "consistency.track.parameters"
FILE = Path(*MODULE.split(".")).with_suffix(".py")
TESTS = ("tests/track",)
FACTORS = (0.0, 3.0, 1 / 3)
PASSED = 0  # status of a process
# Seconds; a change that makes the tracker run for ever is noticed, too.  Of the processor, not of
# the clock: on a busy machine every change would seem to be noticed.
LONGEST = 120
# {number: why no test notices some change of it}
REASONS = {
    "first_links": "how precisely a rate is known: a third as many still tell it",
    "first_frames": "a bound for crowds, where first_links are seen in a few frames",
}


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


def changes(source: bytes, factors: Sequence[float] = FACTORS) -> Iterator[Change]:
    """Yield all changes of the defaults of class ``Parameters``, in the order of the source."""
    line_starts = [0]
    for line in source.splitlines(keepends=True):
        line_starts.append(line_starts[-1] + len(line))
    for name, number in _numbers(ast.parse(source)):
        start = line_starts[number.lineno - 1] + number.col_offset
        stop = line_starts[number.end_lineno - 1] + number.end_col_offset
        whole = isinstance(number.value, int)
        others = (factor * number.value for factor in factors)
        for new in dict.fromkeys(round(other) if whole else other for other in others):
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


def survivors(
    root: Path, chosen: Sequence[Change], workers: int, tests: Sequence[str] = TESTS
) -> list[Change]:
    """Return the changes that no test notices; RuntimeError if a test fails without any.

    pytest is started in this process: there is one at a time, and none after it.
    """
    os.chdir(root)
    forks = _Forks(FILE.read_bytes(), chosen, workers)
    # What is captured must not go to a file, which all processes would share.
    options = ["-x", "-qq", "--capture=sys", "-p", "no:cacheprovider", "-p", "no:xdist"]
    code = pytest.main([*options, *tests], plugins=[forks])
    if forks.is_fork:
        sys.exit(code)
    if not forks.passed.pop(None, False):
        raise RuntimeError(f"{' '.join(tests)} fails as it is; repair it first")
    return [change for change in chosen if forks.passed[change]]


class _Forks:
    """Plugin of pytest: runs the tests that it has collected in one process for each change.

    Attributes
    ----------
    passed : {change: whether all tests pass with it}; None is no change.
    is_fork : in one of these processes.
    """

    def __init__(self, source: bytes, chosen: Sequence[Change], workers: int) -> None:
        self._source, self._chosen, self._workers = source, chosen, workers
        self._running: dict[int, Change | None] = {}
        self.passed: dict[Change | None, bool] = {}
        self.is_fork = False

    def pytest_collection_modifyitems(self, items: list) -> None:
        """What tries hundreds of examples is asked only where nothing else notices a change."""
        items.sort(key=lambda item: getattr(item.obj, "is_hypothesis_test", False))

    def pytest_runtestloop(self) -> bool | None:
        """Run the tests here if this is a fork (None: as ever), else fork and wait (True: done)."""
        if self._forks(None):
            return None
        self._wait()
        for change in self._chosen if self.passed[None] else ():
            if len(self._running) == self._workers:
                self._wait()
            if self._forks(change):
                return None
        while self._running:
            self._wait()
        return True

    def _forks(self, change: Change | None) -> bool:
        """Make a process for a change; whether this is the one."""
        pid = os.fork()
        if pid:
            self._running[pid] = change
            return False
        self.is_fork = True
        signal.setitimer(signal.ITIMER_PROF, LONGEST)  # ends the process
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        if change:
            _replace_defaults(change.apply(self._source))
        return True

    def _wait(self) -> None:
        pid, status = os.wait()
        change = self._running.pop(pid)
        self.passed[change] = status == PASSED
        if change:
            verdict = "SURVIVES" if self.passed[change] else "noticed"
            print(f"{_text(change)}: {verdict}", file=sys.__stdout__, flush=True)


def _replace_defaults(source: bytes) -> None:
    """Give the parameters the defaults of another source, for all who have imported them."""
    module = importlib.import_module(MODULE)
    changed: dict = {"__name__": MODULE}
    exec(compile(source, FILE, "exec"), changed)
    for name, value in vars(changed["DEFAULTS"]).items():
        object.__setattr__(module.DEFAULTS, name, value)  # it is frozen
        setattr(module.Parameters, name, value)
    module.Parameters.__init__.__defaults__ = changed["Parameters"].__init__.__defaults__


def _text(change: Change) -> str:
    return f"{change.name} = {change.new:g} in place of {change.old:g}"


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code: 0 if nothing survives but for a reason, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="some numbers; default: all")
    parser.add_argument(
        "--factors", nargs="+", type=float, default=FACTORS, metavar="F", help="(0 3 0.333)"
    )
    parser.add_argument("--tests", nargs="+", default=TESTS, metavar="PATH", help="(tests/track)")
    parser.add_argument("--workers", type=int, default=2, help="test runs at a time (2)")
    args = parser.parse_args(argv)
    every = list(changes((ROOT / FILE).read_bytes(), args.factors))
    unknown = set(args.only or ()) - {change.name for change in every}
    if unknown:
        parser.error(f"no number {', '.join(sorted(unknown))} in {FILE}")
    chosen = [change for change in every if not args.only or change.name in args.only]
    alive = survivors(ROOT, chosen, args.workers, args.tests)
    print(f"\n{len(alive)} of {len(chosen)} changes survive")
    for change in alive:
        print(_text(change), REASONS.get(change.name, "no reason is known"), sep=": ")
    return 1 if any(change.name not in REASONS for change in alive) else 0


if __name__ == "__main__":
    sys.exit(main())
