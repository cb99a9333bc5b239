"""The commit that run.json names, compared with what git says; the code that decides results."""

import shutil
import subprocess

import pytest

from consistency.versions import ROOT, code, commit

AUTHOR = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]


@pytest.fixture
def git(tmp_path, monkeypatch):
    """A checkout with one commit; returns a function that runs git in a folder of it."""
    if shutil.which("git") is None:
        pytest.skip("git is not there")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, folder=tmp_path) -> str:
        command = ["git", *AUTHOR, *arguments]
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    run("init", "-q", "-b", "main")
    run("commit", "-q", "--allow-empty", "-m", "first")
    return run


def test_the_commit_of_a_branch(git, tmp_path):
    assert commit(tmp_path) == git("rev-parse", "HEAD")


def test_the_commit_of_a_packed_branch(git, tmp_path):
    git("pack-refs", "--all")
    assert not (tmp_path / ".git" / "refs" / "heads" / "main").exists()
    assert commit(tmp_path) == git("rev-parse", "HEAD")


def test_the_commit_that_is_on_no_branch(git, tmp_path):
    first = git("rev-parse", "HEAD")
    git("commit", "-q", "--allow-empty", "-m", "second")
    git("checkout", "-q", "--detach", first)
    assert commit(tmp_path) == first


def test_the_commit_of_a_work_tree(git, tmp_path):
    git("worktree", "add", "-q", "-b", "other", "aside")
    git("commit", "-q", "--allow-empty", "-m", "second", folder=tmp_path / "aside")
    assert commit(tmp_path / "aside") == git("rev-parse", "other") != git("rev-parse", "main")


def test_no_commit_where_there_is_none(git, tmp_path):
    (tmp_path / "inside").mkdir()  # a folder of some checkout, as site-packages may be
    assert commit(tmp_path / "inside") is None
    (tmp_path / ".git" / "refs" / "heads" / "main").unlink()
    assert commit(tmp_path) is None


@pytest.mark.parametrize(
    ("name", "decides"),
    [
        ("consistency/track/parameters.py", True),
        ("consistency/formats/native.py", True),
        ("consistency/labelling.py", True),
        ("consistency/masks/_compiled.c", True),
        ("backends/kernel.py", True),
        ("backends/dask.py", False),
        ("consistency/draw/render.py", False),
        ("consistency/vis.py", False),
        ("tests/conftest.py", False),
    ],
)
def test_the_code_that_decides_results(tmp_path, name, decides):
    copies = tmp_path / "same", tmp_path / "other"
    for copy in copies:
        for package in ("consistency", "backends"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / package, copy / package, ignore=ignored)
    changed = copies[1] / name
    changed.parent.mkdir(exist_ok=True)
    with open(changed, "a") as file:
        file.write("\n")
    same, other = map(code, copies)
    assert same == code(ROOT)
    assert (other != same) == decides


def test_a_name_that_changes_is_another_code(tmp_path):
    shutil.copytree(ROOT / "consistency", tmp_path / "consistency")
    shutil.copytree(ROOT / "backends", tmp_path / "backends")
    (tmp_path / "consistency" / "limits.py").rename(tmp_path / "consistency" / "bounds.py")
    assert code(tmp_path) != code(ROOT)
