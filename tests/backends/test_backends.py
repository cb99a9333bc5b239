"""One contract over every backend, and whole experiments byte for byte.

``contract.py`` holds the checks; those for MPI run under mpiexec.
"""

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import contract
import numpy as np
import psutil
import pytest
from launch import HANGS, ROOT, needs_mpi, ranks, start

from backends import BACKENDS, launcher, open_backend
from consistency.measure import frame

FRAMES = 11


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """Fail a test that leaves a process running."""
    yield
    children = psutil.Process().children(recursive=True)
    # Python itself keeps one process to clean up after others.
    mine = [p for p in children if "resource_tracker" not in _command(p)]
    assert psutil.wait_procs(mine, timeout=10)[1] == []


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


# --- the contract ------------------------------------------------------------------------------


@pytest.fixture(params=[("no", None), ("multi", 1), ("multi", 2), ("multi", 3)])
def backend(request):
    """Every backend that works inside this process."""
    with open_backend(*request.param) as opened:
        yield opened


@pytest.mark.parametrize("check", contract.CHECKS)
def test_contract(backend, check):
    contract.CHECKS[check](backend)


@functools.cache
def failures_under_mpi(count: int) -> dict[str, str]:
    done = start([*ranks(count), sys.executable, "tests/contract.py", "mpi"])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_mpi
@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("check", contract.CHECKS)
def test_contract_under_mpi(count, check):
    assert failures_under_mpi(count).get(check) is None


# --- whole experiments -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Eleven frames of drifting, nested and doubled discs; one frame has none, one mask is empty.

    Objects leave and return, so that a frame lost between two chunks changes labels.
    """
    root = tmp_path_factory.mktemp("data") / "discs"
    random = np.random.default_rng(5)
    start, drift = random.uniform(8, 56, (9, 2)), random.uniform(-2, 2, (9, 2))
    radius = random.uniform(3, 9, 9)
    y, x = np.mgrid[:64, :90]
    content = {}
    for t in range(FRAMES):
        records = content.setdefault(f"{t}.png", [])
        (root / "numpy_masks" / str(t)).mkdir(parents=True)
        for i in random.permutation(9) if t != 4 else ():
            if (t + i) % 5 == 3:  # each object is missing now and then
                continue
            centre = start[i] + t * drift[i]
            disc = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius[i] ** 2
            for mask in (disc, disc & (x % 9 > 0))[: 1 + (i == t % 9)]:
                path = f"numpy_masks/{t}/{len(records)}.npy"
                np.save(root / path, mask & (t != 7 or i != 2))
                records.append({"segmentation": path, "object": int(i)})
    (root / "sk_masks.json").write_text(json.dumps(content))
    return root


def mark(data: Path, folder: Path, *options, launch: tuple = ()) -> subprocess.CompletedProcess:
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


@pytest.fixture(scope="module")
def expected(data, tmp_path_factory) -> dict[str, bytes | dict]:
    """The experiment as one process writes it."""
    folder = tmp_path_factory.mktemp("serial")
    done = mark(data, folder, "--memory", "2", "--output", "masks", "rle")
    assert done.returncode == 0, done.stderr
    files = content(folder)
    assert files["e/run.json"]["counters"]["duplicates"] > 0
    assert b"return" in files["e/events.csv"]
    return files


CUTS = [
    pytest.param((), ("--multi", "multi", "--workers", "2"), id="multi-2"),
    pytest.param((), ("--multi", "multi", "--workers", "3"), id="multi-3"),
    *(
        pytest.param(count, ("--multi", "mpi"), id=f"mpi-{count}", marks=needs_mpi)
        for count in (1, 2, 3, 5, FRAMES + 2)
    ),
]


@pytest.mark.parametrize(("count", "options"), CUTS)
def test_experiments_are_equal_byte_for_byte(data, expected, tmp_path, count, options):
    launch = ranks(count) if count else ()
    memory_and_output = ("--memory", "2", "--output", "masks", "rle")
    done = mark(data, tmp_path, *memory_and_output, *options, launch=launch)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("labels") == 1  # one summary, whatever the number of ranks
    assert content(tmp_path) == expected


@pytest.mark.parametrize("longest", [1, 2, 3, 7, 100])
def test_results_do_not_depend_on_how_the_sequence_is_cut(
    data, expected, tmp_path, longest, monkeypatch
):
    import mark_label

    monkeypatch.setattr(frame, "CHUNK_FRAMES", longest)
    arguments = ["--data-path", data, "--exp-name", "e", "--experiments", tmp_path, "--quiet"]
    more = ["--memory", "2", "--output", "masks", "rle"]
    assert mark_label.main([str(a) for a in [*arguments, *more]]) == 0
    assert content(tmp_path) == expected


@pytest.mark.parametrize("workers", [1, 2, 3, 16, 1024])
@pytest.mark.parametrize("count", [1, 2, 17, 450, 5000])
def test_chunks_hold_every_frame_once_behind_its_halo(workers, count):
    frames = list(range(count))
    seen = []
    for chunk in frame.chunks(frames, lookback=2, workers=workers):
        assert chunk.frames[: chunk.halo] == tuple(seen[-2:])
        seen.extend(chunk.frames[chunk.halo :])
        assert len(chunk.frames) <= frame.CHUNK_FRAMES + 2
    assert seen == frames


# --- what goes wrong ---------------------------------------------------------------------------


@pytest.fixture
def damaged(data, tmp_path) -> Path:
    """The data with one mask file missing in frame 9."""
    copy = tmp_path / "damaged"
    shutil.copytree(data, copy)
    (copy / "numpy_masks" / "9" / "1.npy").unlink()
    return copy


FAILURES = [
    pytest.param((), ("--multi", "multi", "--workers", "2"), "", id="multi-2"),
    pytest.param(1, ("--multi", "mpi"), "rank 0 on ", id="mpi-1", marks=needs_mpi),
    pytest.param(3, ("--multi", "mpi"), "rank ", id="mpi-3", marks=needs_mpi),
]


@pytest.mark.parametrize(("count", "options", "who"), FAILURES)
def test_bad_input_on_a_worker_is_one_line_and_exit_code_2(damaged, tmp_path, count, options, who):
    launch = ranks(count) if count else ()
    done = mark(damaged, tmp_path / "out", *options, launch=launch)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"error: {who}")
    assert "frame '9.png': " in done.stderr
    assert "9/1.npy: no such mask file" in done.stderr
    assert not list((tmp_path / "out").glob("*"))


@pytest.fixture
def endless(data, tmp_path) -> Path:
    """The data with a mask that never arrives: a pipe that nobody writes to."""
    copy = tmp_path / "endless"
    shutil.copytree(data, copy)
    mask = copy / "numpy_masks" / "9" / "1.npy"
    mask.unlink()
    os.mkfifo(mask)
    return copy


@pytest.fixture
def waiting(endless, tmp_path):
    """A run of two worker processes, one of which waits for ever; and its workers."""
    command = [sys.executable, "mark_label.py", "--data-path", endless, "--exp-name", "e"]
    options = ["--experiments", tmp_path / "out", "--multi", "multi", "--workers", "2"]
    with subprocess.Popen(
        [str(part) for part in [*command, *options]],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell starts what it puts into the background deaf to Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as run:
        try:
            yield run, _started_workers(psutil.Process(run.pid))
        finally:
            run.kill()


def _started_workers(parent: psutil.Process) -> list[psutil.Process]:
    """Wait until there are two workers, one of which sleeps in the pipe."""
    while True:
        workers = [p for p in parent.children() if "spawn_main" in _command(p)]
        if len(workers) == 2 and any(_waits_for_a_pipe(p) for p in workers):
            return workers
        time.sleep(0.05)


def _waits_for_a_pipe(process: psutil.Process) -> bool:
    # Linux names the function of the kernel in which a process sleeps.
    return Path(f"/proc/{process.pid}/wchan").read_text() == "wait_for_partner"


linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@linux_only
def test_a_killed_worker_ends_the_run_with_one_line_and_exit_code_1(waiting, tmp_path):
    run, workers = waiting
    workers[0].kill()
    _, message = run.communicate(timeout=HANGS)
    assert run.returncode == 1
    assert message.count("\n") == 1
    assert message.startswith("error: a worker process died")
    assert psutil.wait_procs(workers, timeout=10)[1] == []
    assert not list((tmp_path / "out").glob("*"))


@linux_only
def test_an_interrupted_run_leaves_no_process(waiting):
    run, workers = waiting
    os.killpg(run.pid, signal.SIGINT)  # as Ctrl-C does: to the run and its workers
    _, message = run.communicate(timeout=HANGS)
    assert run.returncode == 130
    assert message.count("\n") == 1
    assert psutil.wait_procs(workers, timeout=10)[1] == []


@linux_only
def test_workers_end_with_a_killed_parent(waiting):
    run, workers = waiting
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
def test_mpi4py_may_run_the_command(data, expected, tmp_path):
    launch = [*ranks(2), sys.executable, "-m", "mpi4py"]
    command = ["mark_label.py", "--data-path", data, "--exp-name", "e", "--experiments", tmp_path]
    options = ["--memory", "2", "--output", "masks", "rle", "--multi", "mpi"]
    done = start([*launch, *command, *options])
    assert done.returncode == 0, done.stderr
    assert content(tmp_path) == expected


@needs_mpi
def test_a_rank_without_a_gpu_ends_all_ranks(data, tmp_path):
    # No GPU is visible to the ranks, whether there is one or not, and CuPy may be missing, too.
    hidden = ["-env", "CUDA_VISIBLE_DEVICES", ""]
    done = mark(data, tmp_path, "--multi", "mpi", "--kernel", "cupy", launch=[*ranks(2), *hidden])
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: rank 0: ")


def test_workers_other_than_one_need_a_backend_that_has_them():
    with pytest.raises(ValueError, match=r"--workers 2 with --multi no.*use --multi multi"):
        open_backend("no", 2).__enter__()


def test_unknown_backend_names_the_known_ones():
    with pytest.raises(ValueError, match="allowed: no, multi, mpi, cupy"):
        open_backend("dask")


@pytest.mark.parametrize("name", ["no", "multi", "cupy"])
def test_other_backends_are_refused_on_several_ranks(name, monkeypatch):
    monkeypatch.setattr(launcher, "placement", lambda: (0, 4))
    with pytest.raises(ValueError, match=f"--multi {name} under a launcher of 4 ranks"):
        open_backend(name)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (0, 1)),
        ({"PMI_RANK": "1", "PMI_SIZE": "4"}, (1, 4)),
        ({"OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "3"}, (2, 3)),
        # srun, and a plain command inside a batch script of a job with four tasks
        ({"SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "4", "SLURM_NTASKS": "4"}, (3, 4)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, (0, 1)),
    ],
)
def test_placement_is_read_from_the_launchers_variables(environment, expected):
    assert launcher.placement(environment) == expected


@pytest.mark.parametrize("module", sorted({*BACKENDS.values()} - {"mpi", "cupy"}))
def test_mpi_and_cupy_are_imported_in_their_own_modules_only(module):
    program = f"import sys, mark_label, backends.{module}; print(*sys.modules)"
    loaded = start([sys.executable, "-c", program]).stdout.split()
    assert "numpy" in loaded
    assert not {"mpi4py", "cupy"} & {*loaded}
