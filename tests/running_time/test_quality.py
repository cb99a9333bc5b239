"""The study of how well labels hold runs, and tells right from wrong."""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import squares, write_dataset

sys.path.append(str(Path(__file__).resolve().parents[2] / "running_time"))

import measured
import quality
import quality_columns
import scoring
from measured import Cache, Source
from quality_jobs import Job, work

from consistency.metrics.mot import MetricFrame, clear, hota, identity
from consistency.options import AssociationOptions, Options

FRAMES = 4


@pytest.fixture
def one(tmp_path) -> Path:
    """A large square that walks, and a small one that never touches itself."""
    folder = tmp_path / "one"
    frames = [squares((5 + 11 * t, 5, 10), (30, 24, 12)) for t in range(FRAMES)]
    write_dataset(folder / "data", frames)
    truth = {f"{t}.png": [1, 2] for t in range(FRAMES)}
    (folder / "truth.json").write_text(json.dumps(truth))
    return folder


def test_it_scores_every_matching_and_every_part(one, tmp_path, capsys):
    file = tmp_path / "figures.json"
    wanted = [f"toy={one}", "--steps", "1", "2", "--ablation", "--json", str(file), "--markdown"]
    assert quality.main(wanted) == 0
    found = json.loads(file.read_text())["scores"]
    assert set(found) == {"toy", "toy, every 2. frame"}
    assert set(found["toy"]) == {*quality.METHODS, *quality.ABLATION, "all"}
    assert found["toy"]["track"] == {"AssA": 100.0, "IDF1": 100.0, "IDSW": 0, "labels": 2}
    # The small square never touches itself: by IoU alone each of its masks is another object.
    assert found["toy"]["optimal"]["labels"] == 5
    assert found["toy"]["optimal"]["AssA"] == pytest.approx(100 * (4 + 4 / 4) / 8)
    assert "| track | 100.0 / 100.0 / 0 |" in capsys.readouterr().out


def test_columns_with_faults_are_means_over_seeds(one, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(quality, "METHODS", {"track": AssociationOptions()})
    file, cache = tmp_path / "figures.json", tmp_path / "cache"
    wanted = [f"toy={one}", "--faults", "3", "--seeds", "2", "--cache", str(cache)]
    assert quality.main([*wanted, "--json", str(file)]) == 0
    found = json.loads(file.read_text())["scores"]
    each = [
        work(Job(Source(one, 1, 3.0, seed), quality.METHODS, Cache(cache)))["track"].figures()
        for seed in (0, 1)
    ]
    assert each[0] != each[1]
    assert found["toy, faults"]["track"] == scoring.mean(each)
    assert found["toy"]["track"]["AssA"] == 100.0
    kept = {path.name.split("-")[0] for path in cache.iterdir()}
    assert kept == {"faulty", "measured"}
    assert "toy, faults\n" in capsys.readouterr().out


def test_bad_input_is_one_line(capsys):
    assert quality.main(["toy=nowhere"]) == 2
    message = "error: nowhere/truth.json: not found; the folder needs data/ and truth.json\n"
    assert capsys.readouterr().err == message


@pytest.mark.parametrize("text", ["name", "name=", "=folder", "name:old=folder"])
def test_a_group_has_a_name_and_folders(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is not NAME"):
        quality_columns.group(text)


def test_a_table_for_reading_and_one_for_a_document():
    rows = [["", "one"], ["long name", "1"]]
    assert quality.lines(rows, markdown=False) == "           one\nlong name  1"
    assert quality.lines(rows, markdown=True) == "|  | one |\n|---|---|\n| long name | 1 |"


def test_measurements_are_made_once_for_each_content_and_option(one, tmp_path, monkeypatch):
    cache, source = Cache(tmp_path / "cache"), Source(one)
    calls = []

    def measurements(dataset, backend, options):
        calls.append(options)
        return [len(dataset.frames)]

    monkeypatch.setattr(measured, "Measurements", measurements)

    def measure(of: Source, options: Options) -> list:
        return of.measure(of.open(cache), options, cache)

    assert measure(source, Options()) == measure(source, Options()) == [FRAMES]
    assert len(calls) == 1
    measure(source, Options(min_length=3))  # is about tracks, not about masks
    assert len(calls) == 1
    measure(source, Options(duplicate_iou=0.3))
    assert measure(replace(source, step=2), Options()) == [FRAMES / 2]
    assert len(calls) == 3
    masks = one / "data" / "numpy_masks" / "0" / "0.npy"
    np.save(masks, ~np.load(masks))
    measured.of_files.cache_clear()  # a run takes the files as they are when it begins
    measure(source, Options())
    assert len(calls) == 4
    monkeypatch.setattr(measured, "code", lambda *places: "changed")
    measure(source, Options())
    assert len(calls) == 5


def random_labels(seed: int) -> list[MetricFrame]:
    """Masks of which some have no identity, and some no label."""
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(12):
        who = rng.permutation(6)[: rng.integers(1, 6)]
        labels = rng.permutation(9)[: who.size]
        named, labelled = rng.random((2, who.size)) < 0.8
        same = np.eye(who.size)[named][:, labelled]
        frames.append(MetricFrame(who[named], labels[labelled], same))
    return frames


def test_counts_add_up_to_the_scores_of_all_sequences_together(monkeypatch):
    """Identities and labels of different sequences have nothing in common."""
    sequences = [random_labels(seed) for seed in range(3)]
    apart = [
        MetricFrame(f.identities + 100 * k, f.labels + 100 * k, f.similarity)
        for k, frames in enumerate(sequences)
        for f in frames
    ]
    monkeypatch.setattr(scoring, "metric_frames", lambda labels, dataset: labels)
    found = sum((scoring.count(s, None) for s in sequences), scoring.Counts()).figures()
    assert found["AssA"] == pytest.approx(100 * hota(apart)["AssA"])
    assert found["IDF1"] == pytest.approx(100 * identity(apart)["IDF1"])
    assert found["IDSW"] == clear(apart)["IDSW"]
    oracle = pytest.importorskip("trackers.eval")
    names = ("identities", "labels", "similarity")
    columns = [[getattr(frame, name) for frame in apart] for name in names]
    assert found["AssA"] == pytest.approx(100 * oracle.compute_hota_metrics(*columns)["AssA"])
    assert found["IDF1"] == pytest.approx(100 * oracle.compute_identity_metrics(*columns)["IDF1"])
    assert found["IDSW"] == oracle.compute_clear_metrics(*columns)["IDSW"]


def test_truth_and_labels_meet_at_the_mask(one):
    """A mask without identity is labelled only; one that was dropped has an identity only."""
    dataset = Source(one).open(Cache(one))
    frame = replace(dataset.frames[0], identities=(None, 5))
    dataset = replace(dataset, frames=(frame,))
    both, first = np.array([1, 0]), np.array([0])
    labels = np.array([8, 9])
    (found,) = scoring.metric_frames([(both, labels)], dataset)
    assert (found.identities.tolist(), found.labels.tolist()) == ([5], [8, 9])
    assert found.similarity.tolist() == [[1.0, 0.0]]
    counts = scoring.count([(first, labels[:1])], dataset)
    assert (counts.hits, counts.masks, counts.figures()["AssA"]) == (0, 2, 0.0)
