"""The parser of all command lines: what its help shows, and which flags go together."""

import argparse
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NoReturn

from consistency import __version__
from consistency.cli.needs import Needs
from consistency.endings import BAD_INPUT


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows the default where there is one, not "None", "False" and "[]"."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False, []):
            return action.help
        if isinstance(action.default, list):
            return f"{action.help} (default: {' '.join(action.default)})"
        return super()._get_help_string(action)


class _HelpAll(argparse.Action):
    """Prints all flags and ends the process."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str):
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *args: object) -> None:
        assert isinstance(parser, Parser)
        print(parser.format_help(everything=True), end="")
        parser.exit()


_NOT_GIVEN = object()


def _program() -> str:
    """Return how this program was started: a script, or a module of the package."""
    path = Path(sys.argv[0])
    as_module = path.suffix == ".py" and path.parent.name == "consistency"
    return f"python -m consistency.{path.stem}" if as_module else path.name


class Parser(argparse.ArgumentParser):
    """A parser with the house rules: defaults in the help, no abbreviations, --debug, --version.

    A flag that has no effect beside the others is refused, in one line that names what it needs.

    Attributes
    ----------
    needs : what flags need in order to have an effect.
    matter_most : the arguments that --help shows and --help-all begins with, as the user types
        them or, of one without a flag, its metavar; empty: --help shows all.
    """

    def __init__(
        self, description: str, needs: Sequence[Needs] = (), matter_most: Sequence[str] = ()
    ):
        super().__init__(
            prog=_program(),
            description=description,
            formatter_class=_HelpFormatter,
            allow_abbrev=False,
        )
        self.needs = tuple(needs)
        self.matter_most = tuple(matter_most)
        if matter_most:
            self.add_argument("--help-all", action=_HelpAll, help="show all flags")
        self.add_argument("--debug", action="store_true", help="show the traceback of an error")
        version = f"%(prog)s {__version__}"
        self.add_argument("--version", action="version", version=version)

    def parse_args(  # type: ignore[override]  # a namespace of the caller's is not for here
        self, args: Sequence[str] | None = None
    ) -> argparse.Namespace:
        """Parse; ends the process with exit code 2 for what is wrong, a flag without effect too."""
        defaults = {
            action.dest: action.default
            for action in self._actions
            if action.default is not argparse.SUPPRESS
        }
        # What the namespace has already, argparse leaves alone: so a flag that was given can be
        # told from one that was not, even where its value is the default.
        blank = argparse.Namespace(**dict.fromkeys(defaults, _NOT_GIVEN))
        found, foreign = self.parse_known_args(args, blank)
        if foreign:
            self.error(f"unrecognized arguments: {' '.join(foreign)}{self._nearest(foreign[0])}")
        given = {name: value for name, value in vars(found).items() if value is not _NOT_GIVEN}
        problem = without_effect(self.needs, given, defaults | given)
        if problem:
            self.error(problem)
        return argparse.Namespace(**defaults | given)

    def format_help(self, everything: bool = False) -> str:
        """Return the text of --help, or of --help-all."""
        if not self.matter_most:
            return super().format_help()
        first = [self._argument(name) for name in (*self.matter_most, "--help-all")]
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, [], [])
        formatter.add_text(self.description)
        formatter.start_section("what matters most")
        formatter.add_arguments(first)
        formatter.end_section()
        for group in self._action_groups if everything else []:
            formatter.start_section(group.title)
            formatter.add_arguments([a for a in group._group_actions if a not in first])
            formatter.end_section()
        return formatter.format_help()

    def _argument(self, name: str) -> argparse.Action:
        return next(a for a in self._actions if name in (a.metavar, *a.option_strings))

    def error(self, message: str) -> NoReturn:
        """End the process with one line, as for any other bad input."""
        self.exit(BAD_INPUT, f"error: {message}\n")

    def _nearest(self, word: str) -> str:
        """Return what to do about a flag that there is not: which one may have been meant."""
        if not word.startswith("-"):
            return f"; a value goes behind its flag, see {self.prog} --help"
        near = nearest(word.partition("=")[0], self._option_string_actions)
        return f"; did you mean {near}?" if near else f"; see {self.prog} --help"


def nearest(word: str, words: Collection[str]) -> str | None:
    """Return the one of ``words`` that is most like ``word``; None where none is like it."""
    from difflib import get_close_matches

    longer = sorted(w for w in words if len(word) > 3 and w.startswith(word))
    return next(iter([*longer, *get_close_matches(word, list(words), 1)]), None)


def without_effect(needs: Sequence[Needs], given: dict, values: dict) -> str | None:
    """Tell what is wrong with the first flag that has no effect; None where all have one.

    Parameters
    ----------
    needs : what flags need.
    given : {name: value} of the flags on the command line.
    values : the same with the defaults of the others.
    """

    def holds(setting: str) -> bool:
        flag, _, wanted = setting.partition(" ")
        if not wanted:
            return _name(flag) in given
        value = values[_name(flag)]
        # A flag with several values holds if one of them is the wanted one.
        return wanted in value if isinstance(value, list) else wanted == value

    for row in needs:
        for flag in row.flags:
            if _name(flag) not in given:
                continue
            if row.any_of and not any(map(holds, row.any_of)):
                needed = listed(row.any_of)
                return f"{flag} has no effect without {needed}; add that, or leave {flag} out"
            # The first one is enough: a line names one thing to change.
            for setting in filter(holds, row.none_of):
                return f"{flag} has no effect with {setting}; leave one of them out"
    return None


def _name(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_")


def listed(settings: Iterable[str]) -> str:
    """Return settings as one reads them: "--matching {optimal,greedy} or --keep-ids"."""
    values: dict[str, list[str]] = {}
    for setting in settings:
        flag, _, value = setting.partition(" ")
        values.setdefault(flag, []).append(value)
    return " or ".join(
        f"{flag} {{{','.join(some)}}}" if len(some) > 1 else f"{flag} {some[0]}".rstrip()
        for flag, some in values.items()
    )
