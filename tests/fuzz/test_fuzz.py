"""Damaged input is read, or refused in one line; ``make fuzz`` tries far more of it."""

import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random

import corpus
import pytest
import worker
from fuzz import PATHS, pieces, run
from mutator import damage
from targets import TARGETS, Target, build

HERE = Path(__file__).parent
INPUTS = 60  # of each target

FINDS = sorted(corpus.CORPUS.glob("*.json"))


@pytest.fixture(autouse=True)
def time_is_limited():
    """Limit the time of inputs that are read in this process."""
    before = signal.signal(signal.SIGPROF, worker._too_long)
    yield
    signal.signal(signal.SIGPROF, before)


@pytest.mark.parametrize("find", FINDS, ids=lambda file: file.stem)
def test_finds_stay_mended(find, tmp_path):
    target, path = corpus.replay(find, tmp_path / "x")
    assert worker.outcome(target, path, 0) in worker.GOOD


@pytest.mark.parametrize("half", [0, 1])
def test_some_damaged_inputs(half, tmp_path):
    names = ",".join(list(TARGETS)[half::2])
    done = subprocess.run(
        [sys.executable, HERE / "worker.py", names, "0", str(INPUTS), tmp_path],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": PATHS},
    )
    assert done.stderr == "", "libraries print nothing of their own"
    assert done.stdout == ""
    assert (tmp_path / "at").read_text() == "done"


def too_much(path: Path, number: int) -> None:
    """Take more memory than there is for anybody."""
    bytearray(1 << 62)


def raises(error: BaseException) -> Callable[[Path, int], None]:
    """Return a reader that fails."""

    def read(path: Path, number: int) -> None:
        raise error

    return read


def loops(path: Path, number: int) -> None:
    """Read for ever."""
    while True:
        pass


BAD: dict[str, Callable[[Path, int], None]] = {
    "KeyError in test_fuzz.py": raises(KeyError("id")),
    "MemoryError in test_fuzz.py": too_much,
    "names no file, frame or flag: bad value": raises(ValueError("bad value")),
    "a line of 9001 characters": raises(ValueError("/" + "x" * 9000)),
    "takes too long": loops,
    "warning: overflow": lambda *_: warnings.warn("overflow", RuntimeWarning, stacklevel=1),
    "prints 'oops": lambda *_: print("oops"),
}


@pytest.mark.parametrize("found", BAD)
def test_what_is_wrong_is_found(found, monkeypatch, tmp_path):
    monkeypatch.setitem(TARGETS, "bad", Target((), BAD[found]))
    monkeypatch.setattr(worker, "SECONDS", 0.2)
    assert worker.outcome("bad", tmp_path, 0).startswith(found)
    good = Target((), raises(ValueError("x/y.json: is not JSON; write it again")))
    monkeypatch.setitem(TARGETS, "bad", good)
    assert worker.outcome("bad", tmp_path, 0) == "refused", "the premise"


@pytest.mark.parametrize("name", ["native", "npz", "tiff", "mots", "png"])
def test_a_number_always_means_the_same_damage(name, tmp_path):
    good, _ = build(name, 0, tmp_path / "x")
    outcomes = set()
    for number in range(30):
        first, second = dict(good), dict(good)
        damage(Random(number), first)
        damage(Random(number), second)
        assert first == second
        outcomes.add(json.dumps(sorted((k, hash(v)) for k, v in first.items())))
    assert len(outcomes) > 20


def test_a_worker_that_dies_is_a_find_and_the_others_go_on(monkeypatch, tmp_path):
    killer = tmp_path / "worker.py"
    killer.write_text(
        "import os, sys\nfrom pathlib import Path\n"
        "start, count, at = int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]) / 'at'\n"
        "for number in range(start, start + count):\n"
        "    at.write_text(str(number))\n"
        "    if number == 7: os.abort()\n"
        "at.write_text('done')\n"
    )
    monkeypatch.setattr("fuzz.HERE", tmp_path)
    result = run("native", 5, 20)
    assert result.inputs == 20
    assert list(result.finds.values()) == [[7]]
    assert next(iter(result.finds)).startswith("ended with -6")
    assert sum(count for *_, count in pieces(["a", "b"], 0, 12_000)) == 24_000
