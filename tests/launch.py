"""Run commands of the project in processes of their own, under mpiexec too."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}")
needs_mpi = pytest.mark.skipif(
    MPIEXEC is None, reason="no mpiexec beside this Python: pip install mpi4py mpich"
)
# A process in which a pipe passes for a file: it is as slow to read as a test likes.
PIPES = ROOT / "tests" / "pipes"
PIPES_ARE_FILES = {"PYTHONPATH": f"{PIPES}{os.pathsep}{ROOT}"}
# Long after a run must have ended: a run that hangs fails its test instead of blocking all others.
HANGS = 120


def ranks(count: int) -> list[str]:
    """Command that starts a program on ``count`` ranks of this machine."""
    return [str(MPIEXEC), "-n", str(count)]


def start(command: list, **options) -> subprocess.CompletedProcess:
    """Run a command in the repository to its end."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=HANGS,
        cwd=ROOT,
        env=environment,
        **options,
    )
