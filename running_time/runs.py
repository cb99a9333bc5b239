"""One run of the command line, as a user starts it, and what it says of itself."""

import importlib.util
import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parents[1]
MARK, VIS = str(ROOT / "mark_label.py"), str(ROOT / "vis.py")


@dataclass(frozen=True)
class Setup:
    """A backend with its number of workers."""

    backend: str
    workers: int

    @property
    def name(self) -> str:
        """As it stands in tables."""
        return self.backend if self.backend in ("no", "cupy") else f"{self.backend} {self.workers}"

    def command(self, scheduler: str | None = None) -> list[str]:
        """Start of the command line, without data and output."""
        options = ["--multi", self.backend, "--quiet"]
        if scheduler:
            options += ["--scheduler", scheduler]
        if self.backend in ("multi", "dask"):
            options += ["--workers", str(self.workers)]
        launcher = [mpiexec(), "-n", str(self.workers)] if self.backend == "mpi" else []
        return [*launcher, sys.executable, MARK, *options]


@dataclass(frozen=True)
class Run:
    """What one run took.

    Attributes
    ----------
    wall : seconds of the whole command, with its start.
    processor : seconds of processor time of all its processes.
    stages : seconds by stage as in run.json.
    drawn : seconds of vis.py on the result, if it was drawn.
    """

    wall: float
    processor: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    drawn: float | None = None


def mpiexec() -> str:
    """Return the mpiexec beside this Python, or the one of the machine."""
    beside = shutil.which("mpiexec", path=str(Path(sys.executable).parent))
    return beside or shutil.which("mpiexec") or "mpiexec"


def why_not(backend: str) -> str:
    """Say why ``backend`` cannot run here; empty if it can."""
    if backend == "mpi" and importlib.util.find_spec("mpi4py") is None:
        return "mpi4py is not installed"
    if backend == "mpi" and shutil.which(mpiexec()) is None:
        return "no mpiexec"
    if backend == "dask" and importlib.util.find_spec("distributed") is None:
        return "distributed is not installed"
    if backend == "cupy":
        from backends.cupy import bind

        try:
            bind(0)
        except (ImportError, OSError) as error:
            return str(error)
    return ""


def mark(setup: Setup, data: Path, folder: Path, output: str = "none", draw: bool = False) -> Run:
    """Mark ``data`` into ``folder``/e once; RuntimeError with its message if it fails."""
    shutil.rmtree(folder / "e", ignore_errors=True)
    target = ["--exp-name", "e", "--experiments", str(folder)]
    with _ready(setup) as (command, processor_seconds):
        before = processor_seconds()
        wall = _timed([*command, "--data-path", str(data), *target, "--output", output])
        processor = processor_seconds() - before
    stages = json.loads((folder / "e" / "run.json").read_text())["seconds"]
    picture = [
        sys.executable,
        VIS,
        *target,
        "--out",
        str(folder / "pictures"),
        "--overwrite",
        "--quiet",
    ]
    return Run(wall, processor, stages, _timed(picture) if draw else None)


@contextmanager
def _ready(setup: Setup) -> Iterator[tuple[list[str], Callable[[], float]]]:
    """Yield the start of the command, and what tells its processor seconds.

    A cluster of Dask is started before the clock and ended after it, as its users have one.
    """
    if setup.backend != "dask":
        yield setup.command(), processor_seconds
        return
    from dask_cluster import cluster

    with cluster(setup.workers) as running:
        command = setup.command(running.address)
        yield command, lambda: processor_seconds() + running.processor_seconds()


def processor_seconds() -> float:
    """Processor seconds of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _timed(command: list[str]) -> float:
    began = perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return perf_counter() - began


def in_rounds(
    setups: list[Setup], rounds: int, warmup: int, run: Callable[[Setup], Run]
) -> dict[str, list[Run]]:
    """Run all setups in turn, round after round: a busy machine slows all of them alike."""
    taken: dict[str, list[Run]] = {setup.name: [] for setup in setups}
    for number in range(warmup + rounds):
        for setup in setups:
            result = run(setup)
            if number >= warmup:
                taken[setup.name].append(result)
    return taken
