"""Other values of the tracker's numbers, and what choosing among them is worth elsewhere."""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

from quality_jobs import Tuned

from consistency.track.parameters import Parameters

DEFAULT = "default"

# {title of a column: {method: {figure: value}}}, as of the study.
Scores = dict[str, dict[str, dict[str, float]]]
Choice = dict[str, float]  # {parameter: value}


@dataclass(frozen=True)
class Sweep:
    """Values of one parameter; the default is always tried as well."""

    name: str
    values: tuple[float, ...]

    def title(self, value: float) -> str:
        """As in a table."""
        return f"{self.name} = {value:g}"


def sweep(text: str) -> Sweep:
    """Argument type: NAME=V1,V2,..., a field of ``Parameters``."""
    name, _, values = text.partition("=")
    defaults = {field.name: field.default for field in fields(Parameters)}
    if name not in defaults:
        raise argparse.ArgumentTypeError(
            f"{name!r} is none of the tracker's numbers; see consistency/track/parameters.py"
        )
    kind = type(defaults[name])
    try:
        return Sweep(name, tuple(kind(value) for value in values.split(",")))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not {name}=V1,V2,... with values like {defaults[name]}"
        ) from error


def method(choice: Choice) -> Tuned:
    """Return the default matching with some parameters replaced."""
    return Tuned(replace(Parameters(), **choice))


def methods(sweeps: Iterable[Sweep]) -> dict[str, Tuned]:
    """Return {title: method} of the default and of every value, each alone."""
    found = {s.title(value): method({s.name: value}) for s in sweeps for value in s.values}
    return {DEFAULT: method({})} | found


def choose(scores: Scores, sweeps: Iterable[Sweep], columns: Sequence[str]) -> Choice:
    """Return the values with the largest mean AssA over ``columns``.

    Each parameter is chosen alone; it keeps its default unless a value is better.
    """

    def worth(name: str) -> float:
        return sum(scores[column][name]["AssA"] for column in columns)

    chosen = {}
    for each in sweeps:
        best = max(each.values, key=lambda value: worth(each.title(value)))
        if worth(each.title(best)) > worth(DEFAULT):
            chosen[each.name] = best
    return chosen


def describe(choice: Choice) -> str:
    """As in a table."""
    return ", ".join(f"{name} = {value:g}" for name, value in choice.items()) or DEFAULT
