"""What the study scores: groups of sequences, at a frame rate, with faults or without."""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

from measured import Source


@dataclass(frozen=True)
class Group:
    """Sequences that count together."""

    name: str
    folders: tuple[Path, ...]
    on_split: str


@dataclass(frozen=True)
class Column:
    """A group at a frame rate, with faults or without; figures are means over its seeds."""

    group: Group
    step: int = 1
    level: float = 0.0
    seeds: int = 1

    @property
    def title(self) -> str:
        """As in the head of a table."""
        rate = "" if self.step == 1 else f", every {self.step}. frame"
        return self.group.name + rate + (", faults" if self.level else "")

    def runs(self) -> list[list[Source]]:
        """Sequences that count together, once for each seed."""
        return [
            [Source(folder, self.step, self.level, seed) for folder in self.group.folders]
            for seed in range(self.seeds)
        ]


def group(text: str) -> Group:
    """Argument type: NAME[:new]=FOLDER[,FOLDER...]."""
    name, separator, folders = text.partition("=")
    name, _, on_split = name.partition(":")
    paths = tuple(Path(folder) for folder in folders.split(",") if folder)
    if not (name and separator and paths) or on_split not in ("", "new"):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME[:new]=FOLDER[,FOLDER...]")
    return Group(name, paths, on_split or "auto")


def columns(groups: list[Group], steps: list[int], level: float, seeds: int) -> list[Column]:
    """All columns; those without faults first."""
    clean = [Column(g, step) for step in steps for g in groups]
    return clean + [replace(c, level=level, seeds=seeds) for c in clean if level]
