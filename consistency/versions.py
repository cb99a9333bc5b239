"""Which versions of the tool, and of what its numbers depend on, a run was made with."""

import platform
from importlib.metadata import version
from pathlib import Path

from consistency import __version__

ROOT = Path(__file__).resolve().parents[1]


def versions() -> dict[str, str]:
    """Return {name: version}; with the commit where the tool runs from a checkout of its sources.

    Changes that nobody has committed do not show.
    """
    found = {"mask-label-consistency": __version__}
    at = commit(ROOT)
    if at is not None:
        found["commit"] = at
    found["python"] = platform.python_version()
    return found | {name: version(name) for name in ("numpy", "scipy")}


def commit(root: Path) -> str | None:
    """Return the hash of the commit that is checked out in ``root``; None where there is none.

    The files of git are read, and git is not asked: it may be missing, refuse a folder of another
    user, or be slow on a shared disk, and a program under MPI had better not start others.
    """
    git = root / ".git"
    try:
        if git.is_file():  # a work tree beside the main one: the file says where its folder is
            git = root / git.read_text().removeprefix("gitdir:").strip()
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref:"):
            return head
        return _resolve(git, head.removeprefix("ref:").strip())
    except (OSError, UnicodeDecodeError):
        return None


def _resolve(git: Path, reference: str) -> str | None:
    """Return the hash of a reference such as refs/heads/main; OSError where there is none."""
    shared = git / "commondir"
    common = git / shared.read_text().strip() if shared.is_file() else git
    if (common / reference).is_file():
        return (common / reference).read_text().strip()
    for line in (common / "packed-refs").read_text().splitlines():
        value, _, name = line.partition(" ")
        if name == reference:
            return value
    return None
