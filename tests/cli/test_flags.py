"""Which flags go together: a flag without effect is refused, and no flag is forgotten."""

import importlib
import shlex

import pytest

from backends import open_backend
from consistency.cli.parser import Parser, without_effect
from consistency.formats import WRITERS, open_dataset, writing
from consistency.formats.labelled import LabelledSequence
from consistency.labelling import label
from consistency.options import Options, WritingOptions

# Flags of each command that have an effect whatever the others are.  A new flag goes here or into
# a table of consistency/cli/needs.py.
LIMITS = " --max-pixels --max-memory --follow-links --read-all"
ALWAYS = {
    "consistency.mark_label": "--debug --input-format --sort --sequence --data-file --shard "
    "--fail-fast --exp-name --experiments --overwrite --resume --hash --multi "
    "--matching --min-length --duplicate-iou --split-pieces --output --quiet" + LIMITS,
    "consistency.vis": "--debug --exp-name --data-path --out --format --overwrite --quiet" + LIMITS,
    "consistency.convert": "--debug --to --overwrite --multi --quiet --input-format --sort "
    "--sequence" + LIMITS,
    "consistency.join": "--debug --out --experiments --overwrite --quiet --overlap --min-iou "
    "--memory --multi --input-format --sort --sequence --output" + LIMITS,
    "consistency.evaluate": "--debug --ground-truth --against --json" + LIMITS,
    "consistency.report": "--debug --frames-path --viewer --overwrite --multi --quiet" + LIMITS,
    "consistency.correct": "--debug --out --overwrite --multi --quiet" + LIMITS,
    "consistency.motion_masks": "--debug --flow-path --frames-path --masks --out --size --kernel "
    "--quiet" + LIMITS,
    "consistency.validate": "--debug --multi --quiet --input-format --sort --sequence" + LIMITS,
}


def parser_of(command: str) -> Parser:
    return importlib.import_module(command).parser()


def flags_of(parser: Parser) -> dict:
    return {name: a for a in parser._actions for name in a.option_strings if name[:2] == "--"}


def values_of(*settings: str) -> dict[str, str]:
    """{name: value} of settings such as "--matching track"."""
    parts = (setting.partition(" ") for setting in settings)
    return {flag[2:].replace("-", "_"): value for flag, _, value in parts}


ROWS = {(command, row) for command in ALWAYS for row in parser_of(command).needs}


@pytest.mark.parametrize(
    ("row", "flag"), sorted(((row, flag) for _, row in ROWS for flag in row.flags), key=repr)
)
def test_each_row_refuses_its_flags_and_accepts_them_with_a_companion(row, flag):
    alone = values_of(flag)
    others = dict.fromkeys(values_of(*row.any_of, *row.none_of), "another")
    for setting in row.any_of:
        beside = alone | values_of(setting)
        assert without_effect([row], beside, others | beside) is None
    if row.any_of:
        message = without_effect([row], alone, others | alone)
        assert message.startswith(f"{flag} has no effect without {row.any_of[0].split()[0]}")
    else:
        assert without_effect([row], alone, others | alone) is None
    for setting in row.none_of:
        beside = alone | values_of(*row.any_of[:1], setting)
        message = without_effect([row], beside, others | beside)
        assert message == f"{flag} has no effect with {setting}; leave one of them out"


@pytest.mark.parametrize(
    ("line", "companion"),
    [
        ("consistency.mark_label --matching track --min-iou 0.9", "--matching greedy"),
        ("consistency.mark_label --min-iou 0.05", "--keep-ids"),  # the default, and yet given
        ("consistency.mark_label --on-split new --matching optimal", "--matching track"),
        ("consistency.mark_label --memory 5 --matching seed", "--matching optimal"),
        ("consistency.mark_label --ids 3 --output masks", "--output masks nerfstudio"),
        ("consistency.mark_label --transforms missing.json", "--output nerfstudio"),
        ("consistency.mark_label --frames-path DIR", "--motion frames"),
        ("consistency.mark_label --kernel cupy", "--multi mpi"),
        ("consistency.mark_label --split val", "--sequences FILE"),
        ("consistency.vis --exp-name exp --alpha 0.2 --format timeline", "--format gif"),
        ("consistency.vis --exp-name exp --outline --format html", "--format html gif"),
        ("consistency.convert IN OUT --drop smallest --to coco", "--to davis"),
        ("consistency.mark_label --no-corrections", "--overwrite"),
        ("consistency.correct EXPERIMENT FILE --workers 2", "--multi multi"),
        ("consistency.evaluate EXPERIMENT --metric HOTA", "--ground-truth FILE"),
        ("consistency.validate IN --workers 2", "--multi multi"),
    ],
)
def test_a_flag_without_effect_is_one_line_that_names_its_companion(line, companion, capsys):
    command, *arguments = shlex.split(line)
    main = importlib.import_module(command).main
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("error: --")
    assert companion.split()[0] in err
    args = parser_of(command).parse_args([*arguments, *shlex.split(companion)])
    assert "object" not in str(args)  # no stand-in for a default is left


def test_a_table_of_sequences_has_their_paths(capsys):
    with pytest.raises(SystemExit):
        parser_of("consistency.mark_label").parse_args(
            ["--sequences", "FILE", "--data-path", "DIR"]
        )
    assert "--data-path has no effect with --sequences; leave one" in capsys.readouterr().err


@pytest.mark.parametrize("command", ALWAYS)
def test_every_flag_is_in_the_table_or_always_has_an_effect(command):
    parser = parser_of(command)
    conditional = {flag for row in parser.needs for flag in row.flags}
    always = set(ALWAYS[command].split())
    assert not conditional & always
    assert conditional | always == set(flags_of(parser)) - {"--help", "--help-all", "--version"}


@pytest.mark.parametrize("command", ALWAYS)
def test_the_table_names_flags_and_choices_that_there_are(command):
    parser = parser_of(command)
    for row in parser.needs:
        for setting in (*row.any_of, *row.none_of):
            flag, _, value = setting.partition(" ")
            assert value in (flags_of(parser)[flag].choices or [""]), setting


class Noting(WritingOptions):
    """Notes what an output asks for."""

    def __getattribute__(self, name: str):
        if name in WritingOptions.__dataclass_fields__:
            vars(self).setdefault("asked", set()).add(name)
        return super().__getattribute__(name)


@pytest.mark.parametrize("output", WRITERS)
def test_outputs_ask_for_what_the_table_says(output, disjoint):
    dataset = open_dataset(disjoint)
    with open_backend("no") as backend:
        frames = label(dataset, backend, Options()).frames
    options = Noting()
    vars(options).pop("asked", None)
    writing.plan(output, LabelledSequence("exp", dataset.frames, frames), options)
    asked = {"--" + name.replace("_", "-") for name in vars(options).get("asked", ())}
    needs = parser_of("consistency.convert").needs
    assert asked == {flag for row in needs if f"--to {output}" in row.any_of for flag in row.flags}
