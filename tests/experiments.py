"""Whole runs of the command line, and what they have written."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from launch import HANGS, PIPES_ARE_FILES, ROOT, start

FRAMES = 11
OPTIONS = ("--memory", "2", "--output", "masks", "rle")


def mark(data: Path, folder: Path, *options, launch=()) -> subprocess.CompletedProcess:
    """Run the command line."""
    command = [*launch, sys.executable, "mark_label.py", "--data-path", data]
    return start([*command, "--exp-name", "e", "--experiments", folder, *options])


def content(folder: Path) -> dict[str, bytes | dict]:
    """All files of an experiment; run.json without the seconds and the backend, which differ."""
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    run = json.loads(files["e/run.json"])
    assert run.pop("seconds")
    assert run.pop("backend")["workers"] >= 1
    return files | {"e/run.json": run}


def command_of(process: psutil.Process) -> str:
    """Return the command line of a process; empty if it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


@contextmanager
def waiting(data: Path, out: Path, options: Sequence[str]) -> Iterator[subprocess.Popen]:
    """A run with a worker that waits for ever."""
    command = [sys.executable, "mark_label.py", "--data-path", data, "--exp-name", "e"]
    with subprocess.Popen(
        [str(part) for part in [*command, "--experiments", out, *options]],
        cwd=ROOT,
        env=os.environ | PIPES_ARE_FILES,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell starts what it puts into the background deaf to Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as run:
        pipe = None
        try:
            pipe = opened_by_a_reader(data / "numpy_masks" / "9" / "1.npy")
            yield run
        finally:
            run.kill()
            if pipe is not None:
                os.close(pipe)  # workers of a cluster outlive the run, and read on


def opened_by_a_reader(pipe: Path) -> int:
    """Wait until a worker has opened the pipe for reading; returns its other end, open."""
    until = time.monotonic() + HANGS
    while True:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:  # there is no reader yet
            if error.errno != errno.ENXIO or time.monotonic() > until:
                raise
        time.sleep(0.05)
