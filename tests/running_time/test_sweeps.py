"""Values of the tracker's numbers are tried, and chosen without a look at what is scored."""

import argparse
import json
import sys
from pathlib import Path

import pytest
from conftest import squares, write_dataset

sys.path.append(str(Path(__file__).resolve().parents[2] / "running_time"))

import quality
import sweeps
from measured import Cache
from quality_columns import Column, Group
from sweeps import DEFAULT, Sweep

from consistency.track.parameters import Parameters

LOW, HIGH = Sweep("least_similarity", (0.01, 0.3)), Sweep("most_candidates", (2, 20))


def row(low: float, high: float, two: float, twenty: float, default: float = 50.0) -> dict:
    """AssA of each value on one column."""
    names = [sweeps.DEFAULT, *map(LOW.title, LOW.values), *map(HIGH.title, HIGH.values)]
    values = [default, low, high, two, twenty]
    return {name: {"AssA": v} for name, v in zip(names, values, strict=True)}


def test_the_value_with_the_best_mean_is_chosen_if_it_beats_the_default():
    scores = {"a": row(60, 40, 50, 45), "b": row(45, 59, 50, 40), "c": row(0, 90, 99, 99)}
    assert sweeps.choose(scores, [LOW, HIGH], ["a", "b"]) == {"least_similarity": 0.01}
    assert sweeps.choose(scores, [LOW, HIGH], ["b"]) == {"least_similarity": 0.3}
    assert sweeps.choose(scores, [LOW], ["a", "b", "c"]) == {"least_similarity": 0.3}
    assert sweeps.choose(scores, [HIGH], ["a", "b"]) == {}
    assert sweeps.choose(scores, [HIGH], []) == {}


def test_a_value_has_the_type_of_the_default():
    assert sweeps.sweep("least_similarity=0.01,1") == Sweep("least_similarity", (0.01, 1.0))
    found = sweeps.sweep("most_candidates=2,20")
    assert [type(value) for value in found.values] == [int, int]
    methods = sweeps.methods([found])
    assert list(methods) == [DEFAULT, "most_candidates = 2", "most_candidates = 20"]
    assert methods[DEFAULT].parameters == Parameters()
    assert methods["most_candidates = 2"].parameters == Parameters(most_candidates=2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("speed=1", "'speed' is none of the tracker's numbers"),
        ("most_candidates=1.5", "is not most_candidates=V1,V2,... with values like 8"),
        ("most_candidates", "is not most_candidates=V1"),
    ],
)
def test_bad_sweeps_are_refused(text, message):
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        sweeps.sweep(text)


def test_what_is_scored_takes_no_part_in_the_choice(monkeypatch):
    """Left out by group, the same sequences with faults do not help to choose either."""
    cars, cells = Group("cars", (), "keep"), Group("cells", (), "keep")
    wanted = [Column(cars), Column(cells), Column(cars, level=1.0)]
    # Cars, with faults or without, and cells want opposite values, cars more so.
    scores = {
        "cars": row(90, 10, 0, 0),
        "cars, faults": row(90, 10, 0, 0),
        "cells": row(30, 70, 0, 0),
    }
    asked = []
    monkeypatch.setattr(quality, "study", lambda methods, cache: asked.append(methods) or {})
    _, by_column = quality.leave_one_out(wanted, scores, [LOW], "column", Cache(Path()))
    assert by_column["cars"] == by_column["cells"] == {"least_similarity": 0.01}
    _, by_group = quality.leave_one_out(wanted, scores, [LOW], "group", Cache(Path()))
    assert by_group["cars"] == by_group["cars, faults"] == {"least_similarity": 0.3}
    assert by_group["cells"] == {"least_similarity": 0.01}
    tried = asked[1][wanted[0]]
    assert tried[quality.ON_ALL].parameters.least_similarity == 0.01
    assert tried[quality.ON_OTHERS].parameters.least_similarity == 0.3


def test_the_command_tries_values_and_leaves_one_out(tmp_path, capsys):
    # Of two objects one is away for longer than the tracker remembers it: linking joins it.
    away = {"still": (), "away": range(4, 16)}
    for name, frames in away.items():
        shown = [[1, 2] if t not in frames else [1] for t in range(20)]
        boxes = {1: (5, 25, 12), 2: (5, 5, 10)}
        masks = [squares(*(boxes[k] for k in now)) for now in shown]
        write_dataset(tmp_path / name / "data", masks)
        truth = {f"{t}.png": now for t, now in enumerate(shown)}
        (tmp_path / name / "truth.json").write_text(json.dumps(truth))
    file = tmp_path / "figures.json"
    groups = [f"{name}={tmp_path / name}" for name in away]
    sweep = ["--sweep", "join_bias=5,-100", "--leave-one-out", "column"]
    assert quality.main([*groups, *sweep, "--json", str(file)]) == 0
    content = json.loads(file.read_text())
    for name, labels in (("still", 2), ("away", 3)):
        scores = content["scores"][name]
        assert scores["join_bias = 5"]["labels"] == scores[DEFAULT]["labels"] == 2
        assert scores["join_bias = 5"]["AssA"] == 100.0
        assert scores["join_bias = -100"]["labels"] == labels
    assert content["chosen"] == {quality.ON_ALL: {}, "still": {}, "away": {}}
    assert content["left out"]["away"][quality.ON_OTHERS]["AssA"] == 100.0
    assert "One column left out:" in capsys.readouterr().out


def test_leaving_out_needs_values_to_choose_from(capsys):
    with pytest.raises(SystemExit, match="2"):
        quality.main(["a=b", "--leave-one-out", "group"])
    assert "--leave-one-out needs values to choose from" in capsys.readouterr().err
