"""Where faults are provoked."""

import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from conftest import squares, write_dataset
from experiments import content
from launch import start
from places import Place

from consistency import mark_label

STRIKE = Path(__file__).with_name("strike.py")
OUTPUT = ("--output", "masks", "coco")
FRAMES = [
    squares((3 + t, 5, 10), (30, 5 + t, 12), (30, 5 + t, 11), *[(50, 30, 6)] * (t % 2))
    for t in range(9)
]


class Skipped(Exception):
    """This machine cannot provoke the fault."""


class Scene:
    """A folder with a data set and an experiment of it."""

    def __init__(self, root: Path):
        self.root, self.out = root, root / "out"
        self.data = write_dataset(root / "data", FRAMES)
        assert self.run(out=root / "once").code == 0
        self.expected = content(root / "once")
        assert self.run("--output", "rle").code == 0
        self.old = self.visible()

    def flags(self, *flags: str, out: Path | None = None) -> list[str]:
        where = ["--data-path", self.data, "--experiments", out or self.out, "--exp-name", "e"]
        return [*map(str, where), "--quiet", *([] if "--output" in flags else OUTPUT), *flags]

    def run(self, *flags: str, out: Path | None = None) -> "Done":
        """Run the command in this process."""
        said = StringIO()
        with redirect_stderr(said), redirect_stdout(said):
            return Done(mark_label.main(self.flags(*flags, out=out)), said.getvalue())

    def struck(self, fault: str, place: Place, **variables: str) -> "Done":
        """Run it in processes of its own, with a fault of strike.py."""
        command = [*place.launcher(), sys.executable, STRIKE, fault, *self.flags("--overwrite")]
        with patch.dict(os.environ, variables):
            done = start([*command, *place.options()])
        return Done(done.returncode, done.stderr)

    def visible(self) -> dict:
        """What is there under the name of the experiment."""
        return {name: of for name, of in content(self.out).items() if name.startswith("e/")}

    def check_old(self) -> None:
        """The earlier experiment is there."""
        assert self.visible() == self.old

    def check_whole(self) -> None:
        """The undisturbed result is there, and nothing else."""
        assert [p.name for p in self.out.iterdir()] == ["e"]
        assert self.visible() == self.expected

    def recover(self, *flags: str) -> None:
        """Continue, and compare with the undisturbed result."""
        done = self.run("--overwrite", "--resume", *flags)
        assert done.code == 0, done.said
        self.check_whole()

    @property
    def journal(self) -> Path:
        (folder,) = self.out.glob(".*.journal")
        return folder


@dataclass(frozen=True)
class Done:
    """How a run ended, and what it said on stderr."""

    code: int
    said: str

    def check(self, code: int, *words: str) -> str:
        """Return what was observed; AssertionError if it is not one line with ``words``."""
        assert self.code == code, (self.code, self.said)
        assert self.said.count("\n") <= 1, self.said
        assert all(word in self.said for word in words), self.said
        return f"exit code {code}, one line" if self.said else f"exit code {code}, no word"
