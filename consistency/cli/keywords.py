"""Flags as keywords of Python functions, by the parser of the commands: one table, one check."""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from consistency.cli.needs import Needs
from consistency.cli.parser import Parser, nearest

# The name of a keyword where it is not that of its flag.
RENAMED = {"multi": "backend"}


class KeywordParser(Parser):
    """A parser whose flags are given as keywords: ``min_iou=0.1`` is --min-iou 0.1."""

    def __init__(self, function: str, needs: Sequence[Needs] = ()):
        super().__init__(function, needs)
        self.function = function

    def error(self, message: str) -> NoReturn:
        """Raise ValueError; flags in the message become keywords."""
        raise ValueError(as_keywords(message))

    def parse_keywords(self, keywords: Mapping[str, Any]) -> argparse.Namespace:
        """Return the values of all flags; a keyword that is None counts as not given.

        Raises
        ------
        TypeError
            For a keyword that is no flag, with the nearest one, as functions do.
        ValueError
            For a value that the flag refuses, or a flag without effect.
        """
        flags = {RENAMED.get(a.dest, a.dest): a for a in self._actions if a.dest != "help"}
        arguments: list[str] = []
        for name, value in keywords.items():
            if name not in flags:
                near = nearest(name, flags)
                hint = f"; did you mean {near}?" if near else ""
                raise TypeError(f"{self.function}() has no keyword {name!r}{hint}")
            if value is not None:
                arguments += _as_arguments(flags[name], value)
        return self.parse_args(arguments)


def as_keywords(message: str) -> str:
    """Return a message about flags in the words of keywords: "--min-iou" is "min_iou"."""

    def keyword(flag: re.Match[str]) -> str:
        name = flag[1].replace("-", "_")
        return RENAMED.get(name, name)

    return re.sub(r"--([a-z][a-z-]*)", keyword, message)


def _as_arguments(action: argparse.Action, value: object) -> list[str]:
    """Return what a user would type for ``value``."""
    flag = action.option_strings[0]
    if action.nargs == 0:  # a flag without a value
        if not isinstance(value, bool):
            raise ValueError(f"{action.dest} is True or False, not {value!r}")
        return [flag] if value else []
    if action.nargs == "+":
        several = value if isinstance(value, list | tuple) else [value]
        return [flag, *map(str, several)]
    if not isinstance(value, str | int | float | Path):
        raise ValueError(f"{action.dest} is a text, a number or a path, not {value!r}")
    return [f"{flag}={value}"]
