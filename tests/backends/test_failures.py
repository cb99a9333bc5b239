"""What goes wrong on a worker, and how the run ends."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from experiments import command_of, mark, waiting
from launch import HANGS, needs_mpi, ranks, start
from places import MOST, Place, skip_if_missing

pytestmark = pytest.mark.usefixtures("nothing_left_behind")

# How an error on a worker begins.
WHO = {"mpi": "rank ", "dask": "worker tcp://"}


@pytest.fixture
def damaged(data, tmp_path) -> Path:
    """The data with one mask file missing in frame 9."""
    copy = tmp_path / "damaged"
    shutil.copytree(data, copy)
    (copy / "numpy_masks" / "9" / "1.npy").unlink()
    return copy


@pytest.mark.parametrize("place", [Place("mpi", 1), *MOST])
def test_bad_input_on_a_worker_is_one_line_and_exit_code_2(damaged, tmp_path, place):
    skip_if_missing(place)
    done = mark(damaged, tmp_path / "out", *place.options(), launch=place.launcher())
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"error: {WHO.get(place.backend, '')}")
    assert "frame '9.png': " in done.stderr
    assert "9/1.npy: no such mask file" in done.stderr
    assert not list((tmp_path / "out").glob("*"))


def workers_of(run: subprocess.Popen) -> list[psutil.Process]:
    """The worker processes of --multi multi."""
    workers = [p for p in psutil.Process(run.pid).children() if "spawn_main" in command_of(p)]
    assert len(workers) == 2
    return workers


MULTI = ["--multi", "multi", "--workers", "2"]


def test_a_killed_worker_ends_the_run_with_one_line_and_exit_code_1(endless, tmp_path):
    with waiting(endless, tmp_path / "out", MULTI) as run:
        workers = workers_of(run)
        workers[0].kill()
        _, message = run.communicate(timeout=HANGS)
    assert run.returncode == 1
    assert message.count("\n") == 1
    assert message.startswith("error: a worker process died")
    assert psutil.wait_procs(workers, timeout=10)[1] == []
    assert not list((tmp_path / "out").glob("[!.]*"))


FAILING = """
import os, sys, time
from multiprocessing.connection import Connection
from backends import open_backend

def send_half(self, data):
    os.write(self._handle, data[: len(data) // 2])
    time.sleep(1000)

def work(item):
    time.sleep(0 if item[0] == "bad" else 1)
    if item[0] == "bad":
        raise ValueError("item is bad")
    if item[0] == "slow":
        time.sleep(1000)
    Connection._send = send_half

if __name__ == "__main__":
    with open_backend("multi", 2) as backend:
        list(backend.map(work, {items}))
"""


# The second: more is handed out than a pipe holds, so that nobody takes the rest.
@pytest.mark.parametrize(
    "items", ['[["half sent"], ["bad"]]', '[["bad"], *[["slow", bytes(1 << 20)]] * 5]']
)
def test_pipes_of_killed_workers_do_not_keep_the_run(tmp_path, items):
    program = tmp_path / "program.py"
    program.write_text(FAILING.format(items=items))
    done = start([sys.executable, program])
    assert done.returncode == 1
    assert done.stderr.endswith("ValueError: item is bad\n")


def test_an_interrupted_run_leaves_no_process(endless, tmp_path):
    with waiting(endless, tmp_path / "out", MULTI) as run:
        workers = workers_of(run)
        os.killpg(run.pid, signal.SIGINT)  # as Ctrl-C does: to the run and its workers
        _, message = run.communicate(timeout=HANGS)
    assert run.returncode == 130
    assert message.count("\n") == 1
    assert psutil.wait_procs(workers, timeout=10)[1] == []


def test_workers_end_with_a_killed_parent(endless, tmp_path):
    with waiting(endless, tmp_path / "out", MULTI) as run:
        workers = workers_of(run)
        run.kill()
        run.wait()
        assert psutil.wait_procs(workers, timeout=10)[1] == []


HANG_OR_FAIL = """
import sys, time
from mpi4py import MPI
from backends import open_backend
from consistency.cli.common import run_cli
from consistency.cli.parser import Parser

def work(item):
    if MPI.COMM_WORLD.rank == 1:
        time.sleep(1000)
    if MPI.COMM_WORLD.rank == 2:
        raise ValueError("frame '12': broken")
    time.sleep(0.01)

def run(args):
    with open_backend("mpi") as backend:
        if backend:
            list(backend.map(work, range(1000)))
    return 0

if __name__ == "__main__":
    sys.exit(run_cli(run, Parser("").parse_args()))
"""


@needs_mpi
@pytest.mark.parametrize("hanging", [0, 1])
def test_a_failing_rank_ends_ranks_that_never_would(hanging, tmp_path):
    program = tmp_path / "hang_or_fail.py"
    program.write_text(HANG_OR_FAIL.replace("rank == 1", f"rank == {hanging}"))
    done = start([*ranks(3), sys.executable, program])
    assert done.returncode != 0
    assert done.stderr.count("error: rank 2 on ") == 1
    assert "frame '12': broken" in done.stderr


@needs_mpi
def test_a_killed_rank_ends_the_run(tmp_path):
    program = tmp_path / "kill.py"
    dies = "import os; os.kill(os.getpid(), 9)"
    program.write_text(HANG_OR_FAIL.replace("""raise ValueError("frame '12': broken")""", dies))
    done = start([*ranks(3), sys.executable, program])
    assert done.returncode != 0


@needs_mpi
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--multi", "mpi", "--min-iou", "7"), "'7' is not between 0 and 1"),
        (("--multi", "mpi", "--workers", "7"), "mpirun -n 7 python mark_label.py --multi mpi"),
        (("--multi", "no"), "--multi no under a launcher of 3 ranks"),
        (("--multi", "multi"), "--multi multi under a launcher of 3 ranks"),
        (("--multi", "mpi", "--data-path", "nowhere"), "nowhere: no such folder"),
    ],
)
def test_bad_arguments_are_reported_once(data, tmp_path, options, message):
    done = mark(data, tmp_path, *options, launch=ranks(3))
    assert done.returncode == 2
    assert done.stderr.count("error: ") == 1
    assert message in done.stderr


@needs_mpi
def test_a_launcher_of_another_mpi_is_refused(data, tmp_path, monkeypatch):
    # Its ranks are started, and each is alone in the world of mpi4py's library.
    monkeypatch.setenv("OMPI_COMM_WORLD_RANK", "0")
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    done = mark(data, tmp_path, "--multi", "mpi")
    assert done.returncode == 2
    assert "error: the launcher started 2 ranks that do not see one another" in done.stderr
    monkeypatch.setenv("OMPI_COMM_WORLD_RANK", "1")
    done = mark(data, tmp_path, "--multi", "mpi")
    assert done.returncode == 0
    assert "error" not in done.stderr  # rank 0 says it


@needs_mpi
def test_a_rank_without_a_gpu_ends_all_ranks(data, tmp_path):
    # No GPU is visible to the ranks, whether there is one or not, and CuPy may be missing, too.
    hidden = ["-env", "CUDA_VISIBLE_DEVICES", ""]
    done = mark(data, tmp_path, "--multi", "mpi", "--kernel", "cupy", launch=[*ranks(2), *hidden])
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: rank 0: ")
