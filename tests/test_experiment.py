"""An experiment's folder is written whole or not at all, and read back as it was written."""

import json

import pytest
import samples
from conftest import labels_of, squares, write_dataset

import vis
from consistency import evaluate, experiment
from consistency.formats import open_dataset


def whole(folder):
    """What is in the folders beside ``folder``, {path: text}."""
    return {p.relative_to(folder.parent): p.read_text() for p in folder.parent.rglob("*.*")}


def write(folder, text, overwrite=False):
    with experiment.writing(folder, overwrite) as partial:
        (partial / "exp.json").write_text(text)
        (partial / "run.json").write_text('{"parameters": {}, "counters": {}, "seconds": {}}')
        if text == "fail":
            raise ValueError("in the middle")


def test_a_failure_in_the_middle_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="in the middle"):
        write(tmp_path / "exp", "fail")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_in_the_middle_leaves_the_old_experiment_whole(tmp_path):
    write(tmp_path / "exp", "old")
    before = whole(tmp_path / "exp")
    with pytest.raises(ValueError, match="in the middle"):
        write(tmp_path / "exp", "fail", overwrite=True)
    assert whole(tmp_path / "exp") == before
    assert [p.name for p in tmp_path.iterdir()] == ["exp"]


def test_success_replaces_the_old_experiment(tmp_path):
    write(tmp_path / "exp", "old")
    (tmp_path / "exp" / "labels.npy").write_text("")
    write(tmp_path / "exp", "new", overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["exp"]
    assert (tmp_path / "exp" / "exp.json").read_text() == "new"
    assert not (tmp_path / "exp" / "labels.npy").exists()


# Two squares that walk to the right and come back in no other order than this.
NAMES = ["b.png", "a.png", "c.png", "d.png"]
WALK = [squares((5 + 9 * t, 5, 10), (5 + 9 * t, 25, 8)) for t in range(4)]


@pytest.fixture
def walk(tmp_path):
    """A data set whose frames are in the order of NAMES, with a list and a truth that say so."""
    folder = write_dataset(tmp_path / "data", WALK)
    content = json.loads((folder / "sk_masks.json").read_text())
    named = dict(zip(NAMES, content.values(), strict=True))
    (folder / "sk_masks.json").write_text(json.dumps(named))
    (folder / "truth.json").write_text(json.dumps({name: [7, 9] for name in sorted(NAMES)}))
    (tmp_path / "order.txt").write_text("\n".join(NAMES))
    return folder


@pytest.mark.parametrize("output", ["masks", "rle", "none"])
def test_frames_stay_in_the_order_that_a_list_gave_them(tmp_path, walk, mark, output):
    listed = tmp_path / "order.txt"
    folder = mark(walk, "--sort", str(listed), "--output", output)
    assert list(labels_of(folder)) == NAMES, "the premise: they are written so"
    listed.unlink()  # the experiment knows its order
    found = experiment.open_experiment(folder)
    for frames in (found.frames, found.dataset.frames, found.input().frames):
        assert [frame.name for frame in frames] == NAMES
    figures = tmp_path / "figures.json"
    truth = ["--ground-truth", str(walk), "--json", str(figures)]
    assert evaluate.main([str(folder), *truth]) == 0
    assert json.loads(figures.read_text())["HOTA"] == 1.0
    flags = ["--experiments", str(folder.parent), "--exp-name", "exp", "--quiet"]
    assert vis.main([*flags, "--side-by-side", "--out", str(tmp_path / "out")]) == 0


def test_an_experiment_is_a_data_set_in_its_own_order(tmp_path, walk, mark):
    folder = mark(walk, "--sort", str(tmp_path / "order.txt"))
    for path in (folder, folder / "exp.json"):
        assert [frame.name for frame in open_dataset(path).frames] == NAMES


def test_a_video_keeps_its_order_of_file_names(tmp_path, mark):
    path = samples.ytvis_json(tmp_path / "data")
    content = json.loads(path.read_text())
    content["videos"][0]["file_names"] = ["b.jpg", "a.jpg", "c.jpg", "d.jpg"]
    path.write_text(json.dumps(content))
    folder = mark(path, "--output", "rle")
    assert [f.name for f in experiment.open_experiment(folder).frames] == [
        "b.jpg", "a.jpg", "c.jpg", "d.jpg",
    ]  # fmt: skip
    figures = tmp_path / "figures.json"
    code = evaluate.main([str(folder), "--ground-truth", str(path), "--json", str(figures)])
    assert code == 0
    assert json.loads(figures.read_text())["HOTA"] == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("a.png"), "has no frame 'a.png'"),
        (lambda content: content.update({"e.png": []}), "has the new frame 'e.png'"),
    ],
)
def test_an_input_that_changed_is_not_that_of_the_experiment(walk, mark, change, message):
    found = experiment.open_experiment(mark(walk))
    content = json.loads((walk / "sk_masks.json").read_text())
    change(content)
    (walk / "sk_masks.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        found.input()
