"""docs/extending.md: its files and changes are applied to a copy of the project and run."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from conftest import squares, write_dataset
from launch import ROOT, start

PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
SECTIONS = {
    text.splitlines()[0]: re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)
    for text in PAGE.split("\n## ")[1:]
}
COPIED = (
    "backends",
    "consistency",
    "mark_label.py",
    "vis.py",
    "pyproject.toml",
    "running_time",
    "tests",
)


@pytest.fixture
def project(tmp_path) -> Path:
    """A copy of the project, without what benchmarks have stored, and a data set."""
    copy = tmp_path / "project"
    copy.mkdir()
    leave_out = shutil.ignore_patterns("__pycache__", "results", ".*")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=leave_out)
        else:
            shutil.copy(ROOT / name, copy / name)
    frames = [squares((5 + 2 * t, 5, 10), (30, 24 - t, 8)) for t in range(4)]
    write_dataset(copy / "DATA", frames)
    return copy


def change(project: Path, diff: str) -> None:
    """Apply changes: "--- FILE", then lines that stay, go (-) and come (+)."""
    for part in re.split(r"^--- ", diff, flags=re.MULTILINE)[1:]:
        name, *lines = part.splitlines()
        before = "\n".join(line[1:] for line in lines if line[:1] != "+")
        after = "\n".join(line[1:] for line in lines if line[:1] != "-")
        text = (project / name).read_text()
        assert text.count(before + "\n") == 1, f"{name}: the page shows other lines"
        (project / name).write_text(text.replace(before + "\n", after + "\n"))


def test_the_page_has_what_it_says():
    assert list(SECTIONS) == ["A backend", "A reader", "An output", "A matching"]


@pytest.mark.parametrize("name", SECTIONS)
def test_every_file_change_and_command_of_the_page_works(project, name):
    commands = []
    for language, text in SECTIONS[name]:
        if language == "python":
            path = project / text.splitlines()[0].removeprefix("# ")
            assert not path.exists()
            path.write_text(text)
        elif language == "diff":
            change(project, text)
        else:
            assert language == "bash"
            commands.append(text)
    assert commands
    tools = f"PATH={Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = f"set -e\ncd '{project}'\n{''.join(commands)}"
    done = start(["env", "-u", "PYTHONPATH", tools, "bash", "-c", script])
    assert done.returncode == 0, done.stdout + done.stderr
    runs = list((project / "experiments").glob("*/run.json"))
    assert len(runs) == 1
    if name == "A backend":
        assert re.search(r"[1-9]\d* passed", done.stdout)
        assert "failed" not in done.stdout
    if name == "An output":
        assert "frame,label,area\n0.png,1,100\n" in done.stdout
    if name in ("A matching", "A reader"):
        assert f", {'2 objects' if name == 'A matching' else '1 object'}, " in done.stdout
