"""The wheel, installed into a fresh environment, does the main job from any folder."""

import json
import os
import shlex
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import labels_of, squares, write_dataset
from launch import HANGS, ROOT, needs_mpi, ranks

from consistency import __version__
from consistency.masks import compiled

COMMANDS = ("", "-vis", "-evaluate", "-convert", "-correct", "-report", "-validate")
SOURCES = ("backends", "consistency", "README.md", "pyproject.toml", "requirements.txt", "setup.py")


def call(
    *command: object, where: Path = ROOT, set_to: Mapping[str, str] = {}
) -> subprocess.CompletedProcess:
    """Run a command to its end without the checkout on Python's path."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    # mpi4py looks for the library of the package mpich beside its own interpreter.
    environment["LD_LIBRARY_PATH"] = str(Path(sys.prefix) / "lib")
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=HANGS,
        cwd=where,
        env=environment | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"} | set_to,
    )


def build(tmp_path_factory, **set_to: str) -> Path:
    """Build a wheel from a copy of the sources: building leaves files beside them."""
    sources, out = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("wheel")
    leave_out = shutil.ignore_patterns("__pycache__", "*.so")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, sources / name, ignore=leave_out)
        else:
            shutil.copy(ROOT / name, sources / name)
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation")
    done = call(*pip, "--wheel-dir", out, sources, set_to=set_to)
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


def held(wheel: Path) -> set[str]:
    """Names of the files of a wheel."""
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info" not in name}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel."""
    return build(tmp_path_factory)


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory) -> Path:
    """Programs of a fresh environment with the wheel; other packages are those of the tests."""
    home = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(home, symlinks=os.name != "nt")
    python = home / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-compile")
    done = call(*pip, wheel)
    assert done.returncode == 0, done.stderr
    (own,) = home.glob("lib/python*/site-packages")
    (own / "others.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return home / "bin"


@pytest.fixture
def data(tmp_path) -> Path:
    """A data set of three frames and two objects."""
    frames = [squares((5 + 2 * t, 5, 10), (30, 24 - t, 8))[:: (-1) ** t] for t in range(3)]
    return write_dataset(tmp_path / "data", frames)


def test_the_wheel_holds_two_packages_and_all_of_their_files(wheel):
    # What is compiled has a name for each platform.
    names = {name for name in held(wheel) if not name.endswith((".so", ".pyd"))}
    assert {name.split("/")[0] for name in names} == {"backends", "consistency"}
    listed = ["git", "ls-files", "backends", "consistency"]
    tracked = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a checkout of git")
    assert names == set(tracked.stdout.split())


@pytest.mark.skipif(compiled.native is None, reason="there was no compiler for the checkout either")
def test_the_inner_loops_are_compiled_where_there_is_a_compiler(wheel, tmp_path_factory):
    plain = build(tmp_path_factory, CC="false")
    (more,) = held(wheel) - held(plain)
    assert more.startswith("consistency/masks/_compiled.")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_there_and_knows_its_version(programs, command, tmp_path):
    done = call(programs / f"mark-label{command}", "--version", where=tmp_path)
    assert (done.stdout, done.stderr) == (f"mark-label{command} {__version__}\n", "")


@pytest.mark.parametrize("launch", [(), pytest.param((2,), marks=needs_mpi)])
def test_the_main_job_from_another_folder(programs, data, launch, tmp_path, mark):
    flags = ("--multi", "mpi") if launch else ("--multi", "multi", "--workers", "2")
    start = ranks(*launch) if launch else ()
    done = call(*start, programs / "mark-label", "--data-path", data, *flags, where=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    folder = tmp_path / "experiments" / "data"
    assert labels_of(folder) == labels_of(mark(data))
    assert json.loads((folder / "run.json").read_text())["backend"]["workers"] == 2


def test_the_other_commands_go_on_from_there(programs, data, tmp_path):
    for line in (
        "mark-label --data-path data --quiet",
        "mark-label-vis --exp-name data --format html",
        "mark-label-evaluate experiments/data",
        "mark-label-convert data out --to rle",
        "mark-label-validate data",
        "python -c 'import consistency; print(consistency.label(\"data\").tracks[1].frames)'",
    ):
        program, *arguments = shlex.split(line)
        done = call(programs / program, *arguments, where=tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), line
    assert done.stdout == "3\n"
    assert (tmp_path / "vis_consistent" / "data.html").stat().st_size > 1000
