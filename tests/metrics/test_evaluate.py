"""python -m consistency.evaluate, on experiments whose truth is known."""

import json

import numpy as np
import pytest
from conftest import squares, write_dataset

from consistency import evaluate
from consistency.measure import frame
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
    gap = [*FRAMES[:1], FRAMES[1][:1], *FRAMES[2:]]
    _, figures, text = run(mark(write_dataset(tmp_path / "data", gap)))
    assert figures["after"]["labels"] == 2
    assert figures["after"]["gaps"] == 1
    assert figures["after"]["labels_per_mask_of_a_frame"] == pytest.approx(2 / (7 / 4))
    assert "before" in text
    assert "after" in text


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
        monkeypatch.setattr(frame, "CHUNK_FRAMES", length)
        name = f"cut{length}"
        assert (mark(data, name=name) / f"{name}.json").read_text() == whole


def test_the_boundary_measure_sees_a_hole():
    mask = np.zeros((50, 50), bool)
    mask[5:45, 5:45] = True
    hole = mask.copy()
    hole[20:30, 20:30] = False
    assert 0.5 < boundary_f(mask, hole) < 1.0
