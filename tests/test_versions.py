"""The commit that run.json names, read without git and compared with what git says."""

import shutil
import subprocess

import pytest

from consistency.versions import commit

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
