"""Corrections from the file to the experiment, by both commands."""

import csv
import json
import re
import shutil

import pytest
from labelling import boxes
from sequences import in_memory

from consistency import correct, mark_label

FRAMES = 8


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three boxes that stand still; the second is away in frames 3 and 4."""
    places = [(5, 5, 30, 20), (60, 5, 24, 26), (120, 5, 40, 18)]
    frames = [[p for k, p in enumerate(places) if k != 1 or t not in (3, 4)] for t in range(FRAMES)]
    folder = tmp_path_factory.mktemp("corrections") / "data"
    folder.mkdir()
    found, _ = in_memory([boxes(*each) for each in frames])
    (folder / "sk_masks.json").write_text(json.dumps({f.name: f.records for f in found}))
    return folder


@pytest.fixture(scope="module")
def experiment(data, tmp_path_factory):
    """It is not written to."""
    folder = tmp_path_factory.mktemp("experiments")
    assert run(data, folder) == 0
    return folder / "e"


@pytest.fixture
def mine(experiment, tmp_path):
    return shutil.copytree(experiment, tmp_path / "e")


def run(data, folder, *flags):
    where = [data, "--experiments", folder, "--exp-name", "e", "--quiet"]
    return mark_label.main([str(part) for part in [*where, "--output", "rle", *flags]])


def by_hand(folder, *items, name="c.json", **more):
    head = {"format": "mask label corrections", "version": 1} | more
    (folder / name).write_text(json.dumps(head | {"corrections": list(items)}))
    return folder / name


def labels(folder):
    content = json.loads((folder / f"{folder.name}.json").read_text())
    return [[record["label"] for record in records] for records in content.values()]


def fingerprint(folder):
    return json.loads((folder / "run.json").read_text())["labels"]


#   frame  0 1 2 3 4 5 6 7         labels are by area: 1 the last box, 2 the second, 3 the first
SPLIT = {"do": "split", "label": 1, "at": "4"}
NAME = {"do": "rename", "label": 3, "name": "cup"}
DROP = {"do": "drop", "label": 2, "frames": ["5", "6"]}


def test_both_commands_do_the_same_and_keep_the_file(data, mine, tmp_path, capsys):
    was = labels(mine)
    file = by_hand(tmp_path, SPLIT, NAME, DROP, input=fingerprint(mine))
    assert correct.main([str(mine), str(file), "--quiet"]) == 0
    other = tmp_path / "e-corrected"
    assert run(data, tmp_path, "--overwrite", "--corrections", str(file)) == 0
    assert labels(mine) == labels(other) != was
    assert sum(map(len, was)) - sum(map(len, labels(mine))) == 2
    assert [4 in frame for frame in labels(mine)] == [t >= 4 for t in range(FRAMES)]
    for folder in (mine, other):
        kept = json.loads((folder / "corrections.json").read_text())
        assert kept["corrections"] == [SPLIT, NAME, DROP]
        assert (folder / "classes.csv").read_text() == "label,name\n3,cup\n"
        with open(folder / "events.csv", newline="") as lines:
            dropped = [row for row in csv.DictReader(lines) if row["event"] == "dropped"]
        assert [(row["frame"], row["reason"]) for row in dropped] == [
            ("5", "correction"), ("6", "correction"),
        ]  # fmt: skip
    assert capsys.readouterr().err == ""


def test_they_are_applied_again_until_they_are_left_out(data, mine, tmp_path, capsys):
    was = labels(mine)
    file = by_hand(tmp_path, SPLIT)
    assert run(data, tmp_path, "--overwrite", "--corrections", str(file)) == 0
    mended = labels(mine)
    assert mended != was
    capsys.readouterr()
    assert run(data, tmp_path, "--overwrite") == 0
    assert "note: " in (note := capsys.readouterr().err)
    assert "its corrections are applied again; --no-corrections" in note
    assert labels(mine) == mended
    assert run(data, tmp_path, "--overwrite", "--no-corrections") == 0
    assert capsys.readouterr().err == ""
    assert labels(mine) == was
    assert not (mine / "corrections.json").exists()


def test_a_second_file_goes_on_where_the_first_ended(data, mine, tmp_path, capsys):
    first = by_hand(tmp_path, SPLIT, input=fingerprint(mine))
    assert run(data, tmp_path, "--overwrite", "--corrections", str(first)) == 0
    swap = {"do": "swap", "labels": [3, 4], "at": "6"}
    second = by_hand(tmp_path, swap, name="d.json", input=fingerprint(mine))
    vague = by_hand(tmp_path, swap, name="f.json")
    once = labels(mine)
    assert run(data, tmp_path, "--overwrite", "--corrections", str(vague)) == 2
    assert "does not say which labels it is for" in capsys.readouterr().err
    assert run(data, tmp_path, "--overwrite", "--corrections", str(second)) == 0
    turned = {3: 4, 4: 3}
    twice = [[turned.get(v, v) if t >= 6 else v for v in f] for t, f in enumerate(once)]
    assert labels(mine) == twice
    assert json.loads((mine / "corrections-2.json").read_text())["corrections"] == [swap]
    # Without solving, on what solving has made; and a run solves what was renumbered.
    third = by_hand(tmp_path, NAME, name="g.json", input=fingerprint(mine))
    assert correct.main([str(mine), str(third), "--overwrite", "--quiet"]) == 0
    assert run(data, tmp_path, "--overwrite") == 0
    assert labels(mine) == twice
    assert (mine / "corrections-3.json").exists()
    assert (mine / "classes.csv").exists()


BAD = {
    "of other labels": (lambda f: [f, {"input": "0123456789abcdef"}], "was made for other labels"),
    "a label that is not there": (lambda f: [{"do": "drop", "label": 77}], "no label 77"),
    "a contradiction": (
        lambda f: [SPLIT, {"do": "merge", "labels": [1, 4]}], "correction 2 .*contradicts .* 1 ",
    ),
    "labels that share a frame": (
        lambda f: [{"do": "merge", "labels": [1, 2]}], "1 and 2 are both in frame '0'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", BAD)
def test_what_cannot_be_done_is_one_line_and_nothing_is_lost(data, mine, tmp_path, capsys, how):
    make, problem = BAD[how]
    items = make(SPLIT)
    more = items.pop() if "input" in items[-1] else {}
    file = by_hand(tmp_path, *items, **more)
    before = {path.name: path.read_bytes() for path in mine.iterdir()}
    assert run(data, tmp_path, "--overwrite", "--corrections", str(file)) == 2
    assert correct.main([str(mine), str(file), "--overwrite"]) == 2
    for line in capsys.readouterr().err.splitlines():
        assert re.match(rf"error: {re.escape(str(file))}: .*{problem}", line), line
    assert {path.name: path.read_bytes() for path in mine.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.json", "e"]


def test_other_mistakes_are_one_line(data, mine, tmp_path, capsys):
    file = by_hand(tmp_path, SPLIT)
    missing = [str(mine), str(tmp_path / "none.json")]
    assert correct.main(missing) == 2
    assert "none.json: no such file of corrections" in capsys.readouterr().err
    for flags in (["--no-corrections"], ["--corrections", str(file), "--matching", "seed"]):
        with pytest.raises(SystemExit):
            run(data, tmp_path, *flags)
        assert "has no effect with" in (err := capsys.readouterr().err) or "without" in err
    shutil.copytree(data, tmp_path / "many" / "a")
    shutil.copytree(data, tmp_path / "many" / "b")
    assert run(tmp_path / "many", tmp_path / "out", "--corrections", str(file)) == 2
    assert "--corrections is for one sequence" in capsys.readouterr().err
    shutil.move(mine, tmp_path / "moved")
    assert correct.main([str(tmp_path / "e"), str(file)]) == 2
    assert "no such experiment" in capsys.readouterr().err


NAMED = ("coco", "ytvis", "cvat", "yolo")


def test_names_are_categories_of_outputs(data, tmp_path):
    file = by_hand(tmp_path, NAME)
    assert run(data, tmp_path, "--corrections", str(file), "--output", *NAMED) == 0
    texts = {p: p.read_text() for p in (tmp_path / "e").rglob("*") if p.suffix in
             (".json", ".xml", ".yaml")}  # fmt: skip
    for name in NAMED:
        own = "".join(text for path, text in texts.items() if path.parts[-2] == name)
        assert "cup" in own, name
    coco = json.loads((tmp_path / "e/coco/instances.json").read_text())
    of_name = {c["id"]: c["name"] for c in coco["categories"]}
    assert of_name == {1: "object", 2: "cup"}
    record = json.loads((tmp_path / "e/e.json").read_text())["0"][0]
    assert "category_id" not in record, "records keep what the input says"


@pytest.mark.parametrize("flags", [["--keep-ids"], ["--cut-size", "4"], ["--matching", "greedy"],
                                   ["--passes", "1"]], ids=" ".join)  # fmt: skip
def test_labels_of_every_kind_can_be_corrected(data, tmp_path, flags):
    source = data
    if flags == ["--keep-ids"]:
        content = json.loads((data / "sk_masks.json").read_text())
        for records in content.values():
            for k, record in enumerate(records):
                record["label"] = k + 1 if len(records) == 3 else (1, 3)[k]
        source = tmp_path / "given"
        source.mkdir()
        (source / "sk_masks.json").write_text(json.dumps(content))
    assert run(source, tmp_path, *flags) == 0
    was = labels(tmp_path / "e")
    file = by_hand(tmp_path, {"do": "split", "label": was[0][0], "at": "5"})
    assert run(source, tmp_path, *flags, "--overwrite", "--corrections", str(file)) == 0
    new = 1 + max(max(frame) for frame in was)
    expected = [[new if v == was[0][0] and t >= 5 else v for v in f] for t, f in enumerate(was)]
    assert labels(tmp_path / "e") == expected
