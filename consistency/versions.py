"""Which versions of the tool, and of what its numbers depend on, a run was made with."""

import hashlib
import platform
from functools import lru_cache
from importlib.metadata import distribution
from pathlib import Path

from consistency import __version__

ROOT = Path(__file__).resolve().parents[1]
# Of the package, what only asks, shows or compares: it decides no byte of an experiment but by its
# parameters, which are compared for themselves.
DECIDES_NOTHING = (
    "api", "cli", "convert.py", "draw", "evaluate.py", "mark_label.py", "metrics", "sequences.py",
    "validate.py", "vis.py",
)  # fmt: skip
COUNTING = Path("backends", "kernel.py")  # on a GPU
CODE_DIGITS = 16


def versions() -> dict[str, str]:
    """Return {name: version}; with the commit where the tool runs from a checkout of its sources.

    Changes that nobody has committed do not show.
    """
    found = {"mask-label-consistency": __version__}
    at = commit(ROOT)
    if at is not None:
        found["commit"] = at
    found["python"] = platform.python_version()
    return found | {name: _version(name) for name in ("numpy", "scipy", "opencv-python-headless")}


@lru_cache  # what this process has imported stays
def _version(name: str) -> str:
    """Return the version of an installed package; PackageNotFoundError if there is none."""
    # ``importlib.metadata.version`` parses all metadata as mail, licences with them: 2 to 3 ms each
    # of numpy and scipy.
    found = distribution(name)
    lines = (found.read_text("METADATA") or "").splitlines()
    at = next((line for line in lines if line.startswith("Version:")), "")
    return at.partition(":")[2].strip() or found.version


def versions_that_decide() -> dict[str, str]:
    """Return what the bytes of an experiment depend on: ``versions`` with the code for the commit.

    Most commits change none of it, and changes that nobody has committed count.
    """
    found = versions() | {"code": code(ROOT)}
    found.pop("commit", None)
    return found


@lru_cache
def code(root: Path) -> str:
    """Return a hash of the sources below ``root`` that decide results, the same in all copies."""
    package = root / "consistency"
    files = [
        path
        for path in package.rglob("*")
        if path.suffix in (".py", ".c")
        and path.relative_to(package).parts[0] not in DECIDES_NOTHING
    ]
    result = hashlib.sha256()
    for path in sorted([*files, root / COUNTING]):
        content = path.read_bytes()
        head = f"{path.relative_to(root).as_posix()} {len(content)}\n"
        result.update(head.encode() + content)
    return result.hexdigest()[:CODE_DIGITS]


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
