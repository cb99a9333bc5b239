"""--compact: the same objects with numbers that have no holes, wherever a number stands."""

import csv
import json

import numpy as np
import pytest
from sequences import OBJECTS, labelled, mark, mask, write_native

from consistency import correct

#   frame    0    1    2    3
#   d, e     *                       the largest, so that their labels come first; --min-length 2
#   a, b, c as in OBJECTS            leaves out one at least (one may be taken for what c was)
STRAY = (slice(2, 20), slice(30, 50)), (slice(29, 36), slice(2, 50))
FLAGS = ["--min-length", "2", "--output", "masks", "rle"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    frames = []
    for t in range(4):
        masks = [mask(k, t) for k in OBJECTS if t in OBJECTS[k]]
        for place in STRAY if t == 0 else ():
            masks.append(np.zeros(masks[0].shape, bool))
            masks[-1][place] = True
        frames.append([{"segmentation": m} for m in masks])
    return write_native(tmp_path_factory.mktemp("compact") / "data", frames)


def records(experiment):
    return json.loads((experiment / f"{experiment.name}.json").read_text())


def in_order(experiment):
    """Labels in the order in which they appear, those of one frame by their number."""
    found = []
    for frame in records(experiment).values():
        found += sorted({record["label"] for record in frame} - set(found))
    return found


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    "more",
    [[], ["--matching", "optimal", "--memory", "2"], ["--cut-size", "3", "--cut-overlap", "2"]],
    ids=["track", "optimal", "windows"],
)
def test_the_same_objects_have_numbers_without_holes_in_every_output(data, tmp_path, more):
    plain = mark(data, tmp_path / "plain", *FLAGS, *more)
    compact = mark(data, tmp_path / "compact", *FLAGS, *more, "--compact")
    old = in_order(plain)
    assert max(old) > len(old) == 3, "there was no hole"
    assert in_order(compact) == [1, 2, 3]
    number = {str(before): str(now) for now, before in enumerate(old, 1)} | {"": ""}
    for name, key in (("tracks.csv", "label"), ("events.csv", "label")):
        before, now = (sorted(r.items() for r in rows(e / name)) for e in (plain, compact))
        renamed = [{k: number[v] if k == key else v for k, v in items} for items in before]
        assert sorted(renamed, key=repr) == sorted(map(dict, now), key=repr)
    for name, frame in records(plain).items():
        for before, now in zip(frame, records(compact)[name], strict=True):
            assert now["label"] == int(number[str(before["label"])])
            assert now["confidence"] == before["confidence"]
            pixels = np.load(compact / now["segmentation"])
            assert set(np.unique(pixels)) == {0, now["label"]}
    assert json.loads((compact / "run.json").read_text())["parameters"]["compact"] is True
    assert "compact" not in json.loads((plain / "run.json").read_text())["parameters"]


def test_corrections_are_about_the_numbers_that_are_shown(data, tmp_path):
    flags = [*FLAGS, "--compact"]
    first = mark(data, tmp_path, *flags)
    shown = labelled(first)
    one, two = (
        next(label for label, m in shown[3].items() if (m == mask(k, 3)).all()) for k in "bc"
    )
    file = tmp_path / "c.json"
    said = [
        {"do": "rename", "label": two, "name": "hat"},
        {"do": "split", "label": one, "at": "0002.png"},
        {"do": "drop", "label": one},
    ]
    given = json.loads((first / "run.json").read_text())["labels"]
    head = {"format": "mask label corrections", "version": 1, "input": given}
    file.write_text(json.dumps(head | {"corrections": said}))
    # Renumbered alone, and solved anew: what b was at first is gone, and numbers have no hole.
    correct.main([str(first), str(file), "--out", str(tmp_path / "renumbered"), "--quiet"])
    solved = mark(data, tmp_path, *flags, "--corrections", str(file))
    for done in (tmp_path / "renumbered", solved):
        assert in_order(done) == [1, 2, 3]
        assert not any((m == mask("b", 0)).all() for m in labelled(done)[0].values())
        last = labelled(done)[3]
        names = {row["name"]: int(row["label"]) for row in rows(done / "classes.csv")}
        assert (last[names["hat"]] == mask("c", 3)).all()
    # What is kept is applied again, and gives the same.
    before = in_order(solved), labelled(solved)[3].keys()
    again = mark(data, tmp_path, *flags)
    assert (in_order(again), labelled(again)[3].keys()) == before


@pytest.mark.parametrize("other", [["--keep-ids"], ["--matching", "seed"]])
def test_numbers_that_others_have_given_are_not_changed(data, tmp_path, other, capsys):
    with pytest.raises(SystemExit) as ended:
        mark(data, tmp_path, "--compact", *other)
    assert ended.value.code == 2
    line = capsys.readouterr().err
    assert line == (
        f"error: --compact has no effect with {' '.join(other)}; leave one of them out\n"
    )
