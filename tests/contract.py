"""What every backend must do, as checks that run in this process or on the ranks of mpirun.

``python tests/contract.py NAME [WORKERS]`` opens a backend, runs all checks and prints as JSON what
failed: {check: message}.
"""

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

from backends import open_backend
from consistency.masks.packed import PackedMasks
from consistency.masks.packing import pack

SHAPE = (9, 23)  # 207 pixels: neither rows nor the frame end at the end of a word


def nested_loops(earlier: list[np.ndarray], later: list[np.ndarray]) -> np.ndarray:
    """Oracle: common pixels of all pairs, int64 (n, m)."""
    shared = np.zeros((len(earlier), len(later)), np.int64)
    for i, a in enumerate(earlier):
        for j, b in enumerate(later):
            for y in range(SHAPE[0]):
                for x in range(SHAPE[1]):
                    shared[i, j] += bool(a[y, x]) and bool(b[y, x])
    return shared


def frames() -> dict[str, list[np.ndarray]]:
    """Frames of bool masks: none, one, empty ones, many that overlap, the whole frame."""
    random = np.random.default_rng(3)
    empty, full = np.zeros(SHAPE, bool), np.ones(SHAPE, bool)
    return {
        "none": [],
        "one": [random.random(SHAPE) < 0.5],
        "empty": [empty, empty],
        "full": [full, empty, full],
        "sparse": [random.random(SHAPE) < 0.02 for _ in range(4)],
        "many": [random.random(SHAPE) < share for share in np.linspace(0, 1, 12)],
    }


def square(number: int) -> int:
    """Take longer for some numbers than for those after them."""
    time.sleep(0.03 if number % 4 == 0 else 0.001)
    return number * number


def who_works(_: int) -> tuple[int, int]:
    """Return the process and the thread that do the work."""
    time.sleep(0.02)
    return os.getpid(), threading.get_ident()


def fail_at_five(number: int) -> int:
    """Raise for one item in the middle."""
    if number == 5:
        raise ValueError("frame '0005': file x.npy is cut short")
    return number


def count(pair: tuple[PackedMasks, PackedMasks], kernel: Callable) -> np.ndarray:
    """Call the kernel in a worker."""
    return kernel(*pair)


def check_order(backend: Any) -> None:
    """Results come in the order of the items, whichever is done first."""
    assert list(backend.map(square, range(25))) == [n * n for n in range(25)]


def check_nothing_to_do(backend: Any) -> None:
    """No items, no results."""
    assert list(backend.map(square, [])) == []


def check_lazy(backend: Any) -> None:
    """Few items are taken before the first result, and closing takes no more."""
    taken = []

    def items() -> Iterator[int]:
        for n in range(1000):
            taken.append(n)
            yield n

    results = backend.map(abs, items())
    assert next(results) == 0
    results.close()
    assert len(taken) <= 8 * backend.workers, len(taken)
    assert list(backend.map(abs, range(3))) == [0, 1, 2]


def check_every_worker_works(backend: Any) -> None:
    """As many workers as the backend says it has share the work."""
    seen = set(backend.map(who_works, range(40 * backend.workers)))
    assert len(seen) == backend.workers, (len(seen), backend.workers)


def check_error(backend: Any) -> None:
    """An error keeps its kind and message, and the backend can go on with other items."""
    got = []
    with pytest.raises(ValueError, match=r"frame '0005': file x.npy is cut short"):
        got.extend(backend.map(fail_at_five, range(50)))
    assert got == list(range(len(got)))
    assert 5 not in got
    assert list(backend.map(abs, range(7))) == list(range(7))


def check_kernel(backend: Any) -> None:
    """The counts are those of nested loops, bit for bit, wherever they are made."""
    cases = frames()
    names = [(a, b) for a in cases for b in cases]
    pairs = [tuple(pack(cases[name], SHAPE) for name in pair) for pair in names]
    results = backend.map(partial(count, kernel=backend.intersections), pairs)
    for (a, b), pair, far in zip(names, pairs, results, strict=True):
        here = backend.intersections(*pair)
        for shared in (here, far):
            assert shared.dtype == np.int64, (a, b, shared.dtype)
            np.testing.assert_array_equal(shared, nested_loops(cases[a], cases[b]), f"{a} × {b}")


CHECKS = {name: f for name, f in sorted(globals().items()) if name.startswith("check_")}


def failures(backend: Any) -> dict[str, str]:
    """Run all checks; returns what failed, {check: traceback}."""
    failed = {}
    for name, check in CHECKS.items():
        try:
            check(backend)
        except (Exception, pytest.fail.Exception):
            failed[name] = traceback.format_exc()
    return failed


def main(argv: list[str]) -> int:
    """Run all checks on the backend that the command line names."""
    with open_backend(argv[0], int(argv[1]) if argv[1:] else None) as backend:
        if backend is None:
            return 0
        print(json.dumps(failures(backend)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
