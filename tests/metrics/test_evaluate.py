"""python -m consistency.evaluate, on experiments whose truth is known."""

import json
import shutil

import numpy as np
import pytest
from conftest import squares, write_dataset

from consistency import convert, evaluate, mark_label
from consistency.measure import chunks
from consistency.metrics.boundary import boundary_f

FRAMES = [squares((5 + 2 * t, 5, 10), (30, 20, 12)) for t in range(4)]
TRUTH = {f"{t}.png": [7, 9] for t in range(4)}


@pytest.fixture
def run(tmp_path, capsys):
    """Evaluate; returns the figures and what was printed."""

    def call(experiment, *flags):
        file = tmp_path / "figures.json"
        code = evaluate.main([str(experiment), "--json", str(file), *map(str, flags)])
        out, err = capsys.readouterr()
        return code, json.loads(file.read_text()) if file.exists() else None, out + err

    return call


@pytest.fixture
def data(tmp_path):
    folder = write_dataset(tmp_path / "data", FRAMES)
    (folder / "truth.json").write_text(json.dumps(TRUTH))
    return folder


@pytest.mark.parametrize("output", ["masks", "rle", "none"])
def test_right_labels_score_1_whatever_was_written(data, mark, run, output):
    experiment = mark(data, "--output", output)
    code, figures, text = run(experiment, "--ground-truth", data / "truth.json", "--boundaries")
    assert code == 0
    for name in ("HOTA", "AssA", "DetA", "LocA", "IDF1", "MOTSA", "mIoU", "J", "F"):
        assert figures[name] == 1.0, name
    assert figures["IDSW"] == 0
    assert "HOTA" in text


def test_wrong_labels_are_found_wrong(data, mark, run):
    swapped = TRUTH | {"3.png": [9, 7]}
    (data / "truth.json").write_text(json.dumps(swapped))
    _, figures, _ = run(mark(data), "--ground-truth", data)
    assert figures["IDSW"] == 2
    assert figures["IDF1"] == pytest.approx(6 / 8)
    # Three of four masks agree of an identity and a label with four each; one of four.
    assert figures["AssA"] == pytest.approx((6 * 3 / 5 + 2 * 1 / 7) / 8)


def test_a_null_identity_is_a_false_mask(data, mark, run):
    (data / "truth.json").write_text(json.dumps(TRUTH | {"1.png": [7, None]}))
    _, figures, _ = run(mark(data), "--ground-truth", data)
    assert (figures["FP"], figures["FN"]) == (1, 0)


def test_another_data_set_is_truth_by_overlap(tmp_path, mark, run):
    """Label images of masks shifted by a pixel: IoU decides, not the order of masks."""
    from PIL import Image

    folder = tmp_path / "truth"
    folder.mkdir()
    for t in range(4):
        picture = np.zeros((40, 60), np.uint16)
        for value, mask in zip((3, 5), squares((6 + 2 * t, 5, 10), (31, 20, 12)), strict=True):
            picture[mask] = value
        Image.fromarray(picture).save(folder / f"{t}.png")
    _, figures, text = run(mark(write_dataset(tmp_path / "data", FRAMES)), "--ground-truth", folder)
    assert figures is not None, text
    assert figures["IDSW"] == 0
    # Both pairs count up to α = 0.80: 16 of 19 thresholds.
    assert figures["AssA"] == pytest.approx(16 / 19)
    assert figures["LocA"] < 0.95
    assert figures["mIoU"] == pytest.approx((90 / 110 + 132 / 156) / 2)


def test_a_report_needs_no_truth(tmp_path, mark, run):
    """One object walks and is away in frame 1; a mask is given twice in frame 0."""
    gap = [[*FRAMES[0], FRAMES[0][1]], FRAMES[1][1:], *FRAMES[2:]]
    _, figures, text = run(mark(write_dataset(tmp_path / "data", gap)))
    own, by_iou = figures["labels"], figures["IoU alone"]
    assert own["masks"] == by_iou["masks"] == 7, "the duplicate is in neither"
    assert own["labels"] == 2
    assert own["gaps"] == 1
    assert own["labels_per_mask_of_a_frame"] == pytest.approx(2 / (7 / 4))
    assert (by_iou["labels"], by_iou["gaps"]) == (3, 0), "a loop loses what is away for a frame"
    assert text.splitlines()[0].split() == ["IoU", "alone", "labels"]


def test_a_report_needs_no_input(data, mark, run):
    experiment = mark(data)
    shutil.rmtree(data)
    code, figures, _ = run(experiment)
    assert (code, figures["labels"]["labels"]) == (0, 2)


def test_a_dropped_duplicate_is_no_miss(tmp_path, mark, run):
    frames = [[masks[0], *masks] for masks in FRAMES]
    data = write_dataset(tmp_path / "data", frames)
    (data / "truth.json").write_text(json.dumps({name: [7, 7, 9] for name in TRUTH}))
    _, figures, _ = run(mark(data), "--ground-truth", data)
    assert (figures["TP"], figures["FP"], figures["FN"]) == (8, 0, 0)
    assert figures["HOTA"] == 1.0


@pytest.fixture
def many(tmp_path, capsys):
    """Two sequences, all right and with a swap in the last of its frames, and their truth."""
    for name, last in (("a", [7, 9]), ("b", [9, 7])):
        folder = write_dataset(tmp_path / "data" / name, FRAMES)
        (folder / "truth.json").write_text(json.dumps(TRUTH | {"3.png": last}))
    flags = ["--experiments", str(tmp_path / "e"), "--quiet"]
    assert mark_label.main([str(tmp_path / "data"), *flags]) == 0
    return tmp_path / "e" / "data"


def test_many_sequences_are_scored_each_and_together(many, tmp_path, run):
    code, figures, text = run(many, "--ground-truth", tmp_path / "data")
    assert code == 0
    assert figures["sequences"]["a"]["HOTA"] == 1.0
    wrong = figures["sequences"]["b"]["AssA"]
    assert wrong == pytest.approx((6 * 3 / 5 + 2 * 1 / 7) / 8)  # as of one sequence, above
    assert figures["all"]["AssA"] == pytest.approx((1 + wrong) / 2), "as many masks in both"
    assert figures["all"]["IDSW"] == 2
    assert figures["all"]["IDF1"] == pytest.approx((8 + 6) / 16)
    assert [line.split()[0] for line in text.splitlines()] == ["HOTA", "a", "b", "all"]
    _, figures, text = run(many, "--ground-truth", tmp_path / "data", "--metric", "IDSW")
    assert figures == {"sequences": {"a": {"IDSW": 0}, "b": {"IDSW": 2}}, "all": {"IDSW": 2}}


def test_the_truth_of_many_may_be_one_data_set(many, tmp_path, run):
    """MOTS text files, found by their stems or by one --ground-truth folder of them."""
    for name in "ab":
        out = tmp_path / f"mots_{name}"
        assert convert.main([str(many / name), str(out), "--to", "mots", "--quiet"]) == 0
    truth = tmp_path / "truth"
    truth.mkdir()
    for name in "ab":
        (text,) = (tmp_path / f"mots_{name}").rglob("*.txt")
        text.rename(truth / f"{name}.txt")
    _, figures, text = run(many, "--ground-truth", truth)
    assert figures is not None, text
    assert figures["all"]["HOTA"] == 1.0


def test_many_sequences_without_their_truth(many, tmp_path, run):
    code, _, text = run(many)
    assert code == 2
    assert "data: 2 sequences; give one of them, such as" in text
    (tmp_path / "data" / "b").rename(tmp_path / "data" / "c")
    code, _, text = run(many, "--ground-truth", tmp_path / "data")
    assert code == 2
    assert text.count("\n") == 1
    assert "no ground truth for sequence 'b'; expected" in text


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--metric", "STQ"], "defined for frames without overlap"),
        (["--metric", "ACC"], "'ACC'|ACC: not among HOTA"),
        (["--metric", "F"], "--metric F compares boundaries; add --boundaries"),
        (["--metric", "HOTA", "--boundaries"], "--boundaries has no effect on --metric HOTA"),
    ],
)
def test_what_is_not_defined_is_refused(data, mark, run, flags, message):
    code, _, text = run(mark(data), "--ground-truth", data, *flags)
    assert code == 2
    assert any(part in text for part in message.split("|"))


def test_truth_of_another_input_is_refused(data, mark, run):
    experiment = mark(data)
    (data / "truth.json").write_text(json.dumps(TRUTH | {"2.png": [1]}))
    code, _, text = run(experiment, "--ground-truth", data)
    assert code == 2
    assert "frame '2.png' has 2 masks and 1 identities" in text


def test_labels_do_not_depend_on_how_the_sequence_is_cut(tmp_path, mark, monkeypatch):
    from labelling import pan

    data = write_dataset(tmp_path / "data", [pan(t) for t in range(6)])
    whole = (mark(data, name="whole") / "whole.json").read_text()
    for length in (1, 2, 4):
        monkeypatch.setattr(chunks, "CHUNK_FRAMES", length)
        name = f"cut{length}"
        assert (mark(data, name=name) / f"{name}.json").read_text() == whole


def test_the_boundary_measure_sees_a_hole():
    mask = np.zeros((50, 50), bool)
    mask[5:45, 5:45] = True
    hole = mask.copy()
    hole[20:30, 20:30] = False
    assert 0.5 < boundary_f(mask, hole) < 1.0
