"""What a format cannot hold is refused with the flag that helps, before anything is written."""

import csv
import json

import numpy as np
import pytest
import sequences
from PIL import Image

import mark_label

FOLDERS = {
    "labelmaps": "label_maps",
    "davis": "davis/exp",
    "gaussian-grouping": "gaussian-grouping/object_mask",
}


@pytest.fixture
def many(tmp_path):
    """One frame with 300 objects of different sizes, and a second one with the last 50."""
    first, second = [], []
    for i in range(300):
        pixels = np.zeros((60, 200), bool)
        y, x = divmod(i, 50)
        pixels[y * 10 : y * 10 + 1 + i // 50, x * 4 : x * 4 + 1 + i % 3] = True
        first.append({"segmentation": pixels})
        if i >= 250:
            second.append({"segmentation": pixels})
    return sequences.write_native(tmp_path / "data", [first, second])


@pytest.mark.parametrize(
    ("output", "limit"), [("davis", 253), ("gaussian-grouping", 255), ("labelmaps", 20)]
)
def test_too_many_objects_are_refused_with_the_flag_that_helps(
    output, limit, many, tmp_path, capsys
):
    flags = ["--data-path", str(many), "--experiments", str(tmp_path / "out"), "--exp-name", "exp"]
    flags += ["--output", output] + (["--max-ids", "20"] if output == "labelmaps" else [])
    assert mark_label.main(flags) == 2
    message = capsys.readouterr().err
    assert f"300 objects, but {output} holds at most {limit}" in message
    assert "--drop {smallest,shortest}" in message
    assert not (tmp_path / "out").exists()
    assert mark_label.main([*flags, "--drop", "smallest", "--quiet"]) == 0
    folder = tmp_path / "out" / "exp" / FOLDERS[output]
    image = np.asarray(Image.open(next(folder.glob("0000.png"))))
    assert sorted(np.unique(image)) == list(range(limit + 1))
    table = folder / "numbers.csv" if output == "labelmaps" else folder.parent / "numbers.csv"
    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    dropped = [row for row in rows if not row["number"]]
    assert len(rows) == 300
    assert len(dropped) == 300 - limit
    assert {row["reason"] for row in dropped} == {"dropped: smallest"}


def test_shortest_tracks_are_dropped_first(many, tmp_path):
    flags = ["--output", "labelmaps", "rle", "--max-ids", "50", "--drop", "shortest"]
    experiment = sequences.mark(many, tmp_path / "out", *flags)
    stay = set(sequences.labelled(experiment)[1])
    with open(experiment / "label_maps" / "numbers.csv", newline="") as file:
        kept = {int(row["label"]) for row in csv.DictReader(file) if row["number"]}
    assert kept == stay
    assert len(stay) == 50


def test_a_limit_above_that_of_the_format_is_refused(disjoint, tmp_path, capsys):
    flags = ["--data-path", str(disjoint), "--experiments", str(tmp_path / "out")]
    assert mark_label.main([*flags, "--output", "davis", "--max-ids", "254"]) == 2
    assert "--max-ids 254: davis holds at most 253" in capsys.readouterr().err


def test_labels_above_255_take_16_bits(many, tmp_path):
    experiment = sequences.mark(many, tmp_path / "out", "--output", "labelmaps", "mots")
    image = np.asarray(Image.open(experiment / "label_maps" / "0000.png"))
    assert image.dtype == np.uint16
    assert image.max() == 300


def test_mots_holds_999_instances_of_a_class(tmp_path, capsys):
    pixels = np.zeros((1, 40, 50), bool)
    frame = []
    for i in range(1000):
        pixels = np.zeros((40, 50), bool)
        pixels[i // 25, 2 * (i % 25)] = True
        frame.append({"segmentation": pixels})
    data = sequences.write_native(tmp_path / "data", [frame])
    flags = ["--data-path", str(data), "--experiments", str(tmp_path / "out")]
    assert mark_label.main([*flags, "--output", "mots"]) == 2
    assert "1000 objects, but class 1 of mots holds at most 999" in capsys.readouterr().err


def test_gaussian_grouping_cuts_names_at_the_first_dot(tmp_path, capsys):
    frames = [[{"segmentation": sequences.mask("a", t)}] for t in range(2)]
    names = ["frame.0001.jpg", "image.0001.jpg"]
    data = sequences.write_native(tmp_path / "data", frames, names)
    experiment = sequences.mark(data, tmp_path / "out", "--output", "gaussian-grouping")
    folder = experiment / "gaussian-grouping" / "object_mask"
    assert sorted(p.name for p in folder.iterdir()) == ["frame.png", "image.png"]
    with Image.open(folder / "frame.png") as image:
        assert image.mode == "L"
    clash = ["frame.0001.jpg", "frame.0002.jpg"]
    data = sequences.write_native(tmp_path / "clash", frames, clash)
    flags = ["--data-path", str(data), "--experiments", str(tmp_path / "none")]
    assert mark_label.main([*flags, "--output", "gaussian-grouping"]) == 2
    assert "up to the first dot" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("output", ["mots", "ctc"])
def test_overlaps_are_refused_before_anything_is_written(output, overlapping, tmp_path, capsys):
    flags = ["--data-path", str(overlapping), "--experiments", str(tmp_path / "out")]
    assert mark_label.main([*flags, "--output", output]) == 2
    message = capsys.readouterr().err
    assert "share" in message
    assert "--flatten" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("rule", "winner"), [("small-on-top", min), ("large-on-top", max), ("score", None)]
)
def test_flatten_says_who_wins_and_counts_what_is_lost(rule, winner, overlapping, tmp_path):
    flags = ["--output", "rle", "labelmaps", "--flatten", rule]
    experiment = sequences.mark(overlapping, tmp_path / "out", *flags)
    truth = sequences.labelled(experiment)
    records = json.loads((experiment / "exp.json").read_text())
    lost = {}
    for (name, recorded), masks in zip(records.items(), truth, strict=True):
        image = np.asarray(Image.open(experiment / "label_maps" / name))
        area = {label: int(m.sum()) for label, m in masks.items()}
        score = {record["label"]: record["score"] for record in recorded}
        seen = 0
        for y, x in np.ndindex(image.shape):
            claims = [label for label, m in masks.items() if m[y, x]]
            wanted = winner(claims, key=area.get, default=0) if winner else None
            if not winner:
                wanted = max(claims, key=score.get, default=0)
            assert image[y, x] == wanted
            seen += len(claims) > 1
            for label in claims:
                if label != wanted:
                    lost[name, label] = lost.get((name, label), 0) + 1
        assert seen, "the masks overlap"
    with open(experiment / "events.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["event"] == "covered"]
    assert {(r["frame"], int(r["label"])): int(r["value"]) for r in rows} == lost
