"""A whole data set from a table: labels, results against the truth, pictures."""

import csv
import itertools
import json
import shutil

import numpy as np
import pytest
from conftest import refusal
from labelling import boxes
from PIL import Image
from sequences import labelled, write_native

import mark_label
from consistency.metrics.per_frame import averages, decay
from consistency.sequences import in_data_file

LENGTHS = {"cat": 9, "dog": 6}


@pytest.fixture
def data(tmp_path):
    """Two sequences: masks, images, and a truth with other borders; and the table of both."""
    root = tmp_path / "base"
    for name, length in LENGTHS.items():
        truth, found = [], []
        for t in range(length):
            both = boxes((10 + 2 * t, 10, 20, 20), (150, 40, 30, 30))
            truth.append([{"segmentation": m, "label": k} for k, m in enumerate(both, 4)])
            # One is found with a border that grows; the other one is missing in the middle.
            seen = boxes((10 + 2 * t, 10, 20 + t, 20), (150, 40, 30, 30))
            found.append([{"segmentation": m} for m in (seen[:1] if t in (3, 4) else seen)])
        write_native(root / "masks" / name, found)
        write_native(root / "truth" / name, truth)
        (root / "images" / name).mkdir(parents=True)
        for t in range(length):
            Image.new("RGB", (240, 120), (10 * t, 0, 200)).save(root / f"images/{name}/{t:04d}.png")
    table = tmp_path / "split.csv"
    rows = [
        f"masks/{n},images/{n},truth/{n},{s}" for n, s in {"cat": "easy", "dog": "hard"}.items()
    ]
    table.write_text("\n".join(["masks,frames,truth,kind", *rows]) + "\n")
    return tmp_path


def run(data, *flags):
    where = ["--data-file", data / "split.csv", "--base-dir", data / "base"]
    out = ["--experiments", data / "exp", "--exp-name", "set", "--output", "rle"]
    return mark_label.main([str(a) for a in [*where, *out, *flags]])


def table_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def overlap(a, b):
    union = (a | b).sum()
    return (a & b).sum() / union if union else 1.0


def scores_of(data, name):
    """Oracle: IoU of each true object with its label, from pixels: all maps are tried."""
    nothing = np.zeros((120, 240), bool)
    truth = labelled_native(data / "base/truth" / name)
    found = labelled(data / "exp/set" / name)
    objects = sorted({k for frame in truth for k in frame})
    labels = sorted({k for frame in found for k in frame})

    def scores(chosen):
        return {
            k: [
                overlap(t.get(k, nothing), f.get(v, nothing))
                for t, f in zip(truth, found, strict=True)
            ]
            for k, v in zip(objects, chosen, strict=True)
        }

    maps = itertools.permutations([*labels, *[None] * len(objects)], len(objects))
    return max(map(scores, maps), key=lambda s: sum(map(sum, s.values())))


def labelled_native(folder):
    from sequences import pixels_of

    from consistency.formats import open_dataset

    return pixels_of(open_dataset(folder))


def davis_statistics(scores):
    """Oracle: mean, recall and decay as the evaluation code of DAVIS 2017 has them."""
    values = np.array(scores)
    ids = np.round(np.linspace(1, len(values), 5) + 1e-10) - 1
    ids = ids.astype(np.uint8)
    bins = [values[ids[i] : ids[i + 1] + 1] for i in range(4)]
    return values.mean(), (values > 0.5).mean(), np.nanmean(bins[0]) - np.nanmean(bins[3])


def test_results_of_each_frame_and_averages(data, capsys):
    assert run(data) == 0
    frames = table_of(data / "exp/set/results.csv")
    means = {row["sequence"]: row for row in table_of(data / "exp/set/averages.csv")}
    assert list(frames[0]) == [
        "sequence", "frame", "jaccard", "area", "births", "deaths", "kind"
    ]  # fmt: skip
    every = []
    for name, length in LENGTHS.items():
        rows = [row for row in frames if row["sequence"] == name]
        scores, found = scores_of(data, name), labelled(data / "exp/set" / name)
        assert [row["frame"] for row in rows] == [f"{t:04d}.png" for t in range(length)]
        for t, row in enumerate(rows):
            expected = np.mean([s[t] for s in scores.values()])
            assert float(row["jaccard"]) == pytest.approx(expected, abs=1e-4)
            assert int(row["area"]) == sum(mask.sum() for mask in found[t].values())
        assert [row["births"] for row in rows] == ["2"] + ["0"] * (length - 1)
        assert {row["kind"] for row in rows} == {{"cat": "easy", "dog": "hard"}[name]}
        every += scores.values()
        check(means[name], scores.values())
        assert means[name]["objects"] == "2"
    check(means["all"], every)
    assert means["all"]["frames"] == "15"
    out = capsys.readouterr().out
    assert f"{float(means['all']['J mean']):.4f}" in out
    assert "results.csv (each frame)" in out


def check(row, scores):
    expected = np.mean([davis_statistics(s) for s in scores], axis=0)
    found = [float(row[f"J {name}"]) for name in ("mean", "recall", "decay")]
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 7, 40, 101])
def test_decay_is_that_of_davis(length):
    scores = np.random.default_rng(length).random(length).tolist()
    assert decay(scores) == pytest.approx(davis_statistics(scores)[2])


def test_births_and_deaths(tmp_path):
    # The second object leaves behind frame 2, the third comes in frame 3.
    there = [(0, 1), (0, 1), (0, 1), (0, 2), (0, 2)]
    drawn = boxes((10, 10, 20, 20), (100, 10, 20, 20), (180, 60, 40, 12))
    frames = [[{"segmentation": drawn[k], "label": k + 1} for k in here] for here in there]
    write_native(tmp_path / "base/masks/x", frames)
    (tmp_path / "split.csv").write_text("masks,truth\nmasks/x,masks/x\n")
    assert run(tmp_path, "--matching", "optimal", "--quiet") == 0
    rows = table_of(tmp_path / "exp/set/results.csv")
    assert [row["births"] for row in rows] == ["2", "0", "0", "1", "0"]
    assert [row["deaths"] for row in rows] == ["0", "0", "0", "1", "0"]
    (one, everything) = table_of(tmp_path / "exp/set/averages.csv")
    assert [one[key] for key in ("births", "deaths")] == ["3", "1"]
    assert one | {"sequence": "all"} == everything
    assert (
        averages({"frames": 3, "mean": [], "recall": [], "decay": [], "births": 0, "deaths": 0})[
            "J mean"
        ]
        is None
    )


def test_pictures_are_drawn_over_the_images(data, monkeypatch):
    monkeypatch.chdir(data)
    assert run(data, "--save-vis", "--quiet") == 0
    for name, length in LENGTHS.items():
        with Image.open(data / f"vis_consistent/set/{name}.gif") as picture:
            assert picture.n_frames == length
            # Of blue images, where no mask is.
            assert picture.convert("RGB").getpixel((100, 60))[2] > 150
    before = (data / "vis_consistent/set/cat.gif").stat().st_mtime_ns
    assert run(data, "--save-vis", "--resume", "--quiet") == 0
    assert (data / "vis_consistent/set/cat.gif").stat().st_mtime_ns == before


def test_results_stay_unless_the_user_says_so(data, capsys):
    assert run(data, "--quiet") == 0
    first = (data / "exp/set/results.csv").read_text()
    assert run(data, "--quiet") == 2
    assert "results.csv: exists; --resume keeps" in capsys.readouterr().err
    shutil.rmtree(data / "exp/set/dog")
    assert run(data, "--quiet", "--resume") == 0
    assert (data / "exp/set/results.csv").read_text() == first
    assert run(data, "--quiet", "--overwrite") == 0
    assert (data / "exp/set/results.csv").read_text() == first


def test_shares_of_the_table_have_results_of_their_own(data):
    assert run(data, "--quiet", "--shard", "1/2") == 0
    assert run(data, "--quiet", "--shard", "2/2") == 0
    for share, name in {"1-of-2": "cat", "2-of-2": "dog"}.items():
        rows = table_of(data / f"exp/set/results.{share}.csv")
        assert {row["sequence"] for row in rows} == {name}
    assert not (data / "exp/set/results.csv").exists()


def test_images_of_the_table_serve_the_motion(data):
    assert run(data, "--quiet", "--motion", "frames") == 0
    run_json = json.loads((data / "exp/set/dog/run.json").read_text())
    assert run_json["parameters"]["frames_path"] == str(data / "base/images/dog")


def test_images_and_flow_of_the_table_serve_key_frames(data):
    for name, length in LENGTHS.items():
        (data / "base/flow" / name).mkdir(parents=True)
        for t in range(length - 1):
            flow = np.zeros((120, 240, 2), np.float32)
            flow[..., 0] = 2.0
            np.save(data / f"base/flow/{name}/{t:04d}.npy", flow)
    (data / "split.csv").write_text("masks,flow,truth\nmasks/dog,flow/dog,truth/dog\n")
    assert run(data, "--quiet", "--frame-interval", "2") == 0
    run_json = json.loads((data / "exp/set/dog/run.json").read_text())
    assert run_json["parameters"]["filling"]["flow_path"] == str(data / "base/flow/dog")
    assert run_json["key_frames"] == ["0000.png", "0003.png"]
    assert len(table_of(data / "exp/set/results.csv")) == LENGTHS["dog"]


def test_without_a_truth_there_are_no_results(data):
    (data / "split.csv").write_text("name,masks\na,masks/cat\n")
    assert run(data, "--quiet") == 0
    assert sorted(p.name for p in (data / "exp/set").iterdir()) == ["a"]


def test_a_sequence_that_fails_does_not_cost_the_results_of_the_others(data, capsys):
    content = json.loads((data / "base/truth/cat/sk_masks.json").read_text())
    content.pop("0003.png")
    (data / "base/truth/cat/sk_masks.json").write_text(json.dumps(content))
    assert run(data, "--quiet") == 2
    assert "error: sequence 'cat': " in capsys.readouterr().err
    assert {row["sequence"] for row in table_of(data / "exp/set/results.csv")} == {"dog"}


BAD = [
    ("name,frames\na,images/cat\n", (), "no column 'masks'"),
    ("masks,truth\nmasks/cat,truth/bird\n", (), "line 2: truth: "),
    ("masks\nmasks/cat\nmasks/cat\n", (), "name 'cat' appears twice"),
    ("name,masks\nall,masks/cat\n", (), "name 'all' is that of all together"),
    ("masks\nmasks/cat\n", ("--split", "val"), "no column 'split'"),
    ("masks,split\nmasks/cat,train\n", ("--split", "val"), "no sequence of split 'val'"),
    ("masks\nmasks/cat\n", ("--motion", "frames"), "a column frames with their folders"),
    ("masks\nmasks/cat\n", ("--cut-size", "4", "--cut-overlap", "4"), "share 3 at most"),
    ("masks\nmasks/cat\n", ("--data-path", "x"), "--data-path has no effect with --data-file"),
    ("masks\n", (), "no sequence; add one"),
]


@pytest.mark.parametrize(("table", "flags", "message"), BAD)
def test_what_is_wrong_is_one_line_and_nothing_is_written(data, table, flags, message, capsys):
    (data / "split.csv").write_text(table)
    assert message in refusal(capsys, lambda: run(data, *flags))
    assert not (data / "exp").exists()


def test_paths_are_relative_to_the_table_without_a_base(data):
    shutil.copy(data / "split.csv", data / "base/split.csv")
    assert [s.path for s in in_data_file(data / "base/split.csv")] == [
        data / "base/masks/cat",
        data / "base/masks/dog",
    ]
