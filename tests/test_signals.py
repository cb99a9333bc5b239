"""Signals that end a run from outside: the exit code, one line, and nothing left behind."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from conftest import squares, write_dataset
from launch import HANGS, ROOT, start
from places import MOST, Place, skip_if_missing

import mark_label

# Frames whose masks are the same few files: long enough that no run ends by itself.
FRAMES, MASKS = 2000, squares(*((x, 5, 12) for x in range(0, 40, 2)))
PLACES = [place for place in MOST if place.backend != "cupy"]


@pytest.fixture(autouse=True)
def heard():
    """Children that hear what is sent to them.

    A shell starts what it puts into the background deaf to Ctrl-C, nohup starts it deaf to SIGHUP,
    and children inherit that.
    """
    numbers = signal.SIGINT, signal.SIGHUP
    before = [signal.signal(number, signal.SIG_DFL) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """A sequence that takes long."""
    folder = write_dataset(tmp_path_factory.mktemp("long") / "data", [MASKS])
    records = (folder / "sk_masks.json").read_text().partition(": ")[2][:-1]
    frames = ", ".join(f'"{t}.png": {records}' for t in range(FRAMES))
    (folder / "sk_masks.json").write_text(f"{{{frames}}}")
    return folder


@contextmanager
def running(command, out):
    """A command that has begun to write into the folder ``out``."""
    with subprocess.Popen(
        [str(part) for part in command],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as run:
        try:
            until = time.monotonic() + HANGS
            while not [p for p in out.glob(".*") if p.suffix != ".lock"]:
                assert run.poll() is None, run.stderr.read()
                assert time.monotonic() < until
                time.sleep(0.02)
            time.sleep(0.3)  # into the first frames
            yield run
        finally:
            run.kill()


def marking(data, out, place):
    where = ["--data-path", data, "--experiments", out, "--exp-name", "e"]
    return [*place.launcher(), sys.executable, "mark_label.py", *where, *place.options()]


def left_of(run):
    """The processes of a run, and the memory that they share by name."""
    processes = [psutil.Process(run.pid), *psutil.Process(run.pid).children(recursive=True)]
    shared: set[str] = set()
    for process in processes:
        with suppress(OSError):  # it may have ended by now
            maps = Path(f"/proc/{process.pid}/maps").read_text()
            shared.update(re.findall(r"/dev/shm/\S+(?=\n)", maps))
    return processes, shared


def check_nothing_is_left(processes, shared, out, message):
    assert psutil.wait_procs(processes, timeout=10)[1] == []
    until = time.monotonic() + 10  # Python's own process for that may come a moment later
    while any(map(os.path.exists, shared)) and time.monotonic() < until:
        time.sleep(0.05)
    assert [name for name in shared if os.path.exists(name)] == []
    # What has been recorded by then stays, and the message says so.
    assert bool(list(out.glob(".*"))) == ("--resume continues it" in message)


SIGNALS = [
    (place, number)
    for place in PLACES
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    if place.backend == "no" or number == signal.SIGTERM
]


@pytest.mark.parametrize(("place", "number"), SIGNALS)
def test_a_signal_ends_a_run_with_one_line(tmp_path, long, place, number):
    skip_if_missing(place)
    with running(marking(long, tmp_path, place), tmp_path) as run:
        processes, shared = left_of(run)
        os.killpg(run.pid, number)  # as a terminal does: to the run and its workers
        message = run.communicate(timeout=HANGS)[1]
    assert run.returncode == 128 + number
    assert message.startswith("interrupted; ")
    assert message.count("\n") == 1
    check_nothing_is_left(processes, shared, tmp_path, message)


def test_workers_of_a_killed_run_end_without_a_word(tmp_path, long):
    with running(marking(long, tmp_path, Place("multi", 2)), tmp_path) as run:
        processes, shared = left_of(run)
        assert shared, "the premise: workers share locks that have names"
        run.kill()
        assert run.communicate(timeout=HANGS)[1] == ""
    assert psutil.wait_procs(processes, timeout=10)[1] == []
    assert [name for name in shared if os.path.exists(name)] == []


def test_a_signal_ends_a_drawing_with_one_line(tmp_path, mark):
    mark(write_dataset(tmp_path / "data", [MASKS] * 400), "--output", "none")
    out = tmp_path / "out"
    call = [sys.executable, "vis.py", "--experiments", tmp_path / "experiments", "--out", out]
    call += ["--exp-name", "exp", "--format", "mp4", "--workers", "2", "--scale", "12"]
    with running(call, out) as run:
        processes, shared = left_of(run)
        os.killpg(run.pid, signal.SIGTERM)
        message = run.communicate(timeout=HANGS)[1]
    assert (run.returncode, message.count("\n")) == (143, 1), message
    check_nothing_is_left(processes, shared, tmp_path / "out", message)


ENDS = """
import os, signal, subprocess, sys, time
from consistency import endings
from consistency.cli.common import run_cli
from consistency.cli.parser import Parser
endings.LONGEST_END = {seconds}

def work(args):
{work}

sys.exit(run_cli(work, Parser("").parse_args([])))
"""
STUBBORN = """
    try:
        signal.raise_signal(signal.SIGTERM)
    except KeyboardInterrupt:
        time.sleep({pause})
        signal.raise_signal({again})
        time.sleep(1000)
"""
IMPORTING = """
    import half_way
    time.sleep(1000)
"""

# NumPy's library has threads, which take what the first thread holds back.
HELD_BACK = """
    import numpy
    with endings.held_back():
        subprocess.run(["kill", "-TERM", str(os.getpid())], check=True)
        time.sleep(0.5)
        print("whole", flush=True)
    time.sleep(1000)
"""


def ends(tmp_path, work, seconds=1000.0):
    program = tmp_path / "program.py"
    program.write_text(ENDS.format(work=work, seconds=seconds))
    return start([sys.executable, program])


def test_a_second_signal_ends_at_once(tmp_path):
    done = ends(tmp_path, STUBBORN.format(pause=0.5, again="signal.SIGTERM"))
    assert done.returncode == 143
    assert done.stderr.startswith("interrupted; ended at once")


def test_a_signal_that_is_sent_twice_is_one(tmp_path):
    # timeout(1) does that; who cannot end ends later.
    done = ends(tmp_path, STUBBORN.format(pause=0, again="signal.SIGTERM"), seconds=1.0)
    assert done.returncode == 143
    work = "    signal.raise_signal(signal.SIGHUP); time.sleep(1000)"
    done = start(["timeout", "-s", "TERM", "0.0001", *ends(tmp_path, work).args])
    assert done.returncode == 124
    assert "Traceback" not in done.stderr


def test_what_does_not_end_is_ended(tmp_path):
    done = ends(tmp_path, STUBBORN.format(pause=1000, again=0), seconds=0.5)
    assert done.returncode == 143
    assert done.stderr.count("\n") == 1


def test_a_module_that_is_being_imported_is_imported_to_its_end(tmp_path):
    lines = ["import signal, time", "signal.raise_signal(signal.SIGTERM)", "time.sleep(0.5)"]
    (tmp_path / "half_way.py").write_text("\n".join([*lines, "print('whole', flush=True)"]))
    done = ends(tmp_path, IMPORTING)
    assert (done.returncode, done.stdout) == (143, "whole\n")
    assert done.stderr.count("\n") == 1


def test_a_pool_that_is_being_started_is_started_to_its_end(tmp_path):
    done = ends(tmp_path, HELD_BACK)
    assert (done.returncode, done.stdout) == (143, "whole\n")
    assert done.stderr.count("\n") == 1


def test_nohup_is_respected(tmp_path):
    data = write_dataset(tmp_path / "data", [MASKS])

    def deaf():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    program = "import mark_label, signal, sys; from consistency import endings\n"
    program += "with endings.stopping(): signal.raise_signal(signal.SIGHUP)\n"
    program += f"sys.exit(mark_label.main(['--data-path', {str(data)!r}, '--experiments', "
    program += f"{str(tmp_path / 'out')!r}]))"
    assert start([sys.executable, "-c", program], preexec_fn=deaf).returncode == 0


def test_handlers_are_those_of_before_when_a_command_has_ended(tmp_path):
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert mark_label.main(["--data-path", str(tmp_path / "nowhere")]) == 2
    after = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert after == before
