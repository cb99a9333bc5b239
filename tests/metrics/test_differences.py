"""Labels of two experiments on the same masks, compared."""

import itertools
import json

import numpy as np
import pytest
from labelling import boxes
from sequences import write_native

import mark_label
from consistency import evaluate
from consistency.experiment import Experiment, ExperimentFrame
from consistency.metrics import differences
from consistency.metrics.counts import add


def experiment(tmp_path, *frames, path="data"):
    """An experiment of frames {mask: label}."""
    found = tuple(
        ExperimentFrame(str(t), tuple(f.values()), tuple(f), tuple(f)) for t, f in enumerate(frames)
    )
    return Experiment("e", tmp_path, {"input": {"path": path}}, None, found)


def best_agreement(here, there):
    """Oracle: masks that keep their label under the best of all one-to-one maps."""
    pairs = [(a[i], b[i]) for a, b in zip(here, there, strict=True) for i in a if i in b]
    ours, theirs = sorted({a for a, _ in pairs}), sorted({b for _, b in pairs})
    free = theirs + [None] * len(ours)
    return max(
        sum(dict(zip(ours, chosen, strict=True))[a] == b for a, b in pairs)
        for chosen in itertools.permutations(free, len(ours))
    )


@pytest.mark.parametrize("seed", range(6))
def test_changed_masks_are_those_outside_of_the_best_map(tmp_path, seed):
    random = np.random.default_rng(seed)
    sides = [
        [
            dict(
                zip(
                    random.permutation(5)[:3].tolist(),
                    random.permutation(4)[:3].tolist(),
                    strict=True,
                )
            )
            for _ in range(4)
        ]
        for _ in range(2)
    ]
    found = differences.count(*(experiment(tmp_path, *side) for side in sides))
    assert found["masks"] - differences.figures(found)["changed"] == best_agreement(*sides)


def test_what_is_cut_and_what_is_joined(tmp_path):
    there = [{0: 1, 1: 2}, {0: 1, 1: 2}, {0: 1, 1: 3}, {0: 1}]
    here = [{0: 7, 1: 5}, {0: 7, 1: 5}, {0: 8, 1: 5}, {0: 8, 2: 9}]
    counts = differences.count(experiment(tmp_path, *here), experiment(tmp_path, *there))
    found = differences.figures(counts)
    assert found["masks"] == 7
    assert (found["only here"], found["only there"]) == (1, 0)
    assert (found["labels"], found["labels there"]) == (4, 3)
    assert (found["cut"], found["joined"]) == (1, 1)
    # 7 is 1 and 5 is 2: two masks of 1 that are 8, and one of 3, are changed.
    assert found["changed"] == 3
    assert found["changed, %"] == pytest.approx(300 / 7)
    # Of seven masks: 1 is cut into two and two of four; 2 and 3 are together.
    assert found["AssA"] == pytest.approx((4 * 2 / 4 + 2 * 2 / 3 + 1 / 3) / 7)
    both = differences.figures(add([counts, counts]))
    assert (both["masks"], both["changed"], both["AssA"]) == (14, 6, pytest.approx(found["AssA"]))


def test_the_same_labels_differ_in_nothing(tmp_path):
    frames = [{0: 1, 1: 2}, {}, {1: 1}]
    found = differences.figures(
        differences.count(experiment(tmp_path, *frames), experiment(tmp_path, *frames))
    )
    assert (found["changed"], found["cut"], found["joined"], found["AssA"]) == (0, 0, 0, 1)
    nothing = experiment(tmp_path, {}, {})
    assert differences.figures(differences.count(nothing, nothing))["changed"] == 0


def test_other_masks_are_refused(tmp_path):
    one, other = experiment(tmp_path, {0: 1}), experiment(tmp_path, {0: 1}, path="elsewhere")
    for against in (other, experiment(tmp_path, {0: 1}, {})):
        with pytest.raises(ValueError, match="are not of the same input with the same frames"):
            differences.count(one, against)


@pytest.fixture
def folders(tmp_path):
    """Two sequences in windows and whole, in folders of their own, and their truth."""
    for name in ("x", "y"):
        frames = [boxes((10 + 3 * t, 10, 20, 20), (100, 50, 20, 20)) for t in range(9)]
        if name == "y":  # away for as long as windows share frames
            frames[4:6] = [frame[1:] for frame in frames[4:6]]
        write_native(tmp_path / "data" / name, [[{"segmentation": m} for m in f] for f in frames])
        truth = {f"{t:04d}.png": [5, 6][2 - len(f) :] for t, f in enumerate(frames)}
        (tmp_path / "truth" / name).mkdir(parents=True)
        (tmp_path / "truth" / name / "truth.json").write_text(json.dumps(truth))
    for name, flags in {"whole": (), "cut": ("--cut-size", "6", "--cut-overlap", "2")}.items():
        where = ["--data-path", tmp_path / "data", "--experiments", tmp_path, "--exp-name", name]
        arguments = [*where, "--quiet", "--output", "none", *flags]
        assert mark_label.main([str(a) for a in arguments]) == 0
    return tmp_path


def test_windows_are_compared_with_the_whole_sequence(folders, capsys):
    arguments = [folders / "cut", "--against", folders / "whole", "--ground-truth"]
    more = [folders / "truth", "--metric", "AssA", "IDSW", "--json", folders / "figures.json"]
    assert evaluate.main([str(a) for a in [*arguments, *more]]) == 0
    out = capsys.readouterr().out
    figures = json.loads((folders / "figures.json").read_text())
    assert figures["labels"]["x"]["changed"] == 0
    assert figures["labels"]["y"]["cut"] == 1, (
        "the premise: the windows share what the object missed"
    )
    assert figures["labels"]["all"]["masks"] == 18 + 16
    assert figures["truth"]["there"] == {"AssA": 1.0, "IDSW": 0}
    assert figures["truth"]["here"]["IDSW"] == figures["truth"]["difference"]["IDSW"] == 1
    # One object of seven masks in two pieces of four and three, the others whole.
    right = (27 + (16 + 9) / 7) / 34
    assert figures["truth"]["difference"]["AssA"] == pytest.approx(right - 1)
    for line in ("      masks  only here", "difference"):
        assert line in out


def test_single_sequences_are_compared(folders, capsys):
    assert evaluate.main([str(folders / "cut/x"), "--against", str(folders / "whole/x")]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["x", "18"]
    assert evaluate.main([str(folders / "cut"), "--against", str(folders / "whole/x")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
