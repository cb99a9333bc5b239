"""One contract over every backend, and whole experiments byte for byte.

``contract.py`` holds the checks, ``places.py`` says where each backend runs; those for MPI run
under mpiexec.
"""

import functools
import json
import sys

import contract
import pytest
from experiments import FRAMES, OPTIONS, content, mark
from launch import needs_mpi, ranks, start
from places import Place, places, skip_if_missing

from backends import BACKENDS, launcher, open_backend
from consistency.dataset import Frame
from consistency.measure import chunks

pytestmark = pytest.mark.usefixtures("nothing_left_behind")

# --- the contract ------------------------------------------------------------------------------


@pytest.fixture(params=places())
def place(request) -> Place:
    """Every backend, with each number of workers."""
    skip_if_missing(request.param)
    return request.param


@functools.cache
def failures(place: Place) -> dict[str, str]:
    """What of the contract the backend fails, {check: message}; it is opened once for all."""
    if place.backend != "mpi":
        with place.open() as backend:
            return contract.failures(backend)
    done = start([*place.launcher(), sys.executable, "tests/contract.py", "mpi"])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("check", contract.CHECKS)
def test_contract(place, check):
    assert failures(place).get(check) is None


# --- whole experiments -------------------------------------------------------------------------


@pytest.mark.parametrize("place", places(Place("mpi", FRAMES + 2), without=("no",)))
def test_experiments_are_equal_byte_for_byte(data, expected, tmp_path, place):
    skip_if_missing(place)
    done = mark(data, tmp_path, *OPTIONS, *place.options(), launch=place.launcher())
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(" objects, ") == 1  # one summary, whatever the number of ranks
    assert content(tmp_path) == expected


@pytest.mark.parametrize("place", [Place("multi", 2), Place("mpi", 2), Place("dask", 2)])
def test_masks_are_cut_into_pieces_in_every_worker(data, tmp_path, place):
    skip_if_missing(place)
    flags = ["--split-pieces", "3", *OPTIONS]
    assert mark(data, tmp_path / "here", *flags).returncode == 0
    done = mark(data, tmp_path / "there", *flags, *place.options(), launch=place.launcher())
    assert done.returncode == 0, done.stderr
    expected = content(tmp_path / "here")
    assert content(tmp_path / "there") == expected
    counters = expected["e/run.json"]["counters"]
    assert counters["small_pieces"] > 0, "the premise"


@pytest.mark.parametrize("longest", [1, 2, 3, 7, 100])
def test_results_do_not_depend_on_how_the_sequence_is_cut(
    data, expected, tmp_path, longest, monkeypatch
):
    import mark_label

    monkeypatch.setattr(chunks, "CHUNK_FRAMES", longest)
    arguments = ["--data-path", data, "--exp-name", "e", "--experiments", tmp_path, "--quiet"]
    assert mark_label.main([str(a) for a in [*arguments, *OPTIONS]]) == 0
    assert content(tmp_path) == expected


@pytest.mark.parametrize("workers", [1, 2, 3, 16, 1024])
@pytest.mark.parametrize("count", [1, 2, 17, 450, 5000])
def test_chunks_hold_every_frame_once_behind_its_halo(workers, count):
    frames = [Frame(str(t), ()) for t in range(count)]
    seen = []
    for chunk in chunks.chunks(frames, lookback=2, workers=workers):
        assert chunk.frames[: chunk.halo] == tuple(seen[-2:])
        seen.extend(chunk.frames[chunk.halo :])
        assert len(chunk.frames) <= chunks.CHUNK_FRAMES + 2
    assert seen == frames


@needs_mpi
def test_mpi4py_may_run_the_command(data, expected, tmp_path):
    launch = [*ranks(2), sys.executable, "-m", "mpi4py"]
    command = ["mark_label.py", "--data-path", data, "--exp-name", "e", "--experiments", tmp_path]
    done = start([*launch, *command, *OPTIONS, "--multi", "mpi"])
    assert done.returncode == 0, done.stderr
    assert content(tmp_path) == expected


def test_workers_other_than_one_need_a_backend_that_has_them():
    with pytest.raises(ValueError, match=r"--workers 2 with --multi no.*use --multi multi"):
        open_backend("no", 2).__enter__()


def test_unknown_backend_names_the_known_ones():
    with pytest.raises(ValueError, match="allowed: no, multi, mpi, cupy, dask"):
        open_backend("cluster")


@pytest.mark.parametrize("name", sorted(set(BACKENDS) - {"mpi"}))
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


@pytest.mark.parametrize("module", sorted({*BACKENDS.values()} - {"mpi"}))
def test_packages_of_one_backend_are_imported_by_it_alone_and_late(module):
    program = f"import sys, mark_label, backends.{module}; print(*sys.modules)"
    loaded = start([sys.executable, "-c", program]).stdout.split()
    assert "numpy" in loaded
    assert not {"mpi4py", "cupy", "distributed"} & {*loaded}
