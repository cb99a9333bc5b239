"""The Snakemake rule of docs/cluster.md, run by Snakemake."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import labels_of, squares, write_dataset
from launch import HANGS, ROOT

import mark_label

PAGE = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")


@pytest.fixture
def here(tmp_path) -> Path:
    """A folder of three sequences, the second of them broken, with the Snakefile beside it."""
    for name in ("a", "b", "c"):
        frames = [squares((5 + t, 5, 10), (30, 20, 12)) for t in range(3)]
        write_dataset(tmp_path / "videos" / name, frames)
    (tmp_path / "videos" / "b" / "numpy_masks" / "1" / "0.npy").write_bytes(b"broken")
    (rule,) = re.findall(r"```python\n(.*?rule label:.*?)```", PAGE, re.DOTALL)
    (tmp_path / "Snakefile").write_text(rule)
    # What "pip install ." puts beside Python; the wheel has tests of its own.
    program = tmp_path / "bin" / "mark-label"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT / "mark_label.py"}" "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return tmp_path


def snakemake(folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["snakemake", "--cores", "2", "--keep-going"],
        cwd=folder,
        env=os.environ | {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=HANGS,
    )


@pytest.mark.skipif(shutil.which("snakemake") is None, reason="no snakemake: pip install snakemake")
def test_a_second_call_marks_what_failed_in_the_first_and_nothing_else(here):
    done = snakemake(here)
    assert done.returncode == 1
    assert "error: frame '1.png'" in done.stderr
    folder = here / "experiments" / "all"
    assert sorted(p.name for p in folder.iterdir() if not p.name.startswith(".")) == ["a", "c"]
    assert labels_of(folder / "c")["2.png"] == [2, 1]
    before = (folder / "a" / "run.json").read_bytes()
    (here / "videos" / "b" / "numpy_masks" / "1" / "0.npy").unlink()
    shutil.copy(
        here / "videos" / "a" / "numpy_masks" / "1" / "0.npy",
        here / "videos" / "b" / "numpy_masks" / "1" / "0.npy",
    )
    done = snakemake(here)
    assert done.returncode == 0, done.stderr
    assert labels_of(folder / "b") == labels_of(folder / "a")
    assert (folder / "a" / "run.json").read_bytes() == before


def test_the_command_of_the_nextflow_process_is_one_of_the_tools(tmp_path, monkeypatch):
    """Nextflow itself needs Java and a download: only its script line is run, as it would be."""
    (line,) = re.findall(r"mark-label (\$\{video\}.*)", PAGE)
    write_dataset(tmp_path / "videos" / "a", [squares((5, 5, 10))])
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").symlink_to(tmp_path / "videos" / "a")
    monkeypatch.chdir(tmp_path)
    words = line.replace("${video}", "in/a").replace("${task.cpus}", "2").split()
    assert mark_label.main(words) == 0
    assert labels_of(tmp_path / "a") == {"0.png": [1]}
