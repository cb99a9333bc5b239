"""Identities of the input: kept when asked for, and what conversion makes of them."""

import json

import samples
import sequences

import mark_label
from consistency import convert


def test_convert_without_identities_refuses_tracks(tmp_path, capsys):
    path = samples.amg_json(tmp_path / "data")
    assert convert.main([str(path), str(tmp_path / "out"), "--to", "ctc"]) == 2
    assert "label it with mark_label.py" in capsys.readouterr().err
    assert convert.main([str(path), str(tmp_path / "out"), "--to", "coco", "--quiet"]) == 0
    content = json.loads((tmp_path / "out" / "coco" / "instances.json").read_text())
    assert len(content["annotations"]) == 9
    assert not any("track_id" in annotation for annotation in content["annotations"])


def test_identities_are_ignored_unless_asked_for(tmp_path):
    path = samples.npz_masks(tmp_path / "data")
    ignored = sequences.mark(path, tmp_path / "a", "--output", "rle", "--memory", "0")
    kept = sequences.mark(path, tmp_path / "b", "--output", "rle", "--keep-ids")
    assert sequences.labelled(ignored)[2].keys() == {1, 3, 4}, "b (2) is new after its gap"
    assert sequences.labelled(kept)[2].keys() == {1, 2, 3}


def test_kept_identities_with_too_few_masks_are_left_out(tmp_path):
    path = samples.npz_masks(tmp_path / "data")
    flags = ("--output", "rle", "--keep-ids")
    whole = sequences.mark(path, tmp_path / "a", *flags)
    assert sequences.labelled(whole)[2].keys() == {1, 2, 3}, "the premise: c (3) has two masks"
    kept = sequences.mark(path, tmp_path / "b", *flags, "--min-length", "3")
    assert [sorted(frame) for frame in sequences.labelled(kept)] == [[1, 2], [1], [1, 2], [1, 2]]
    assert (kept / "events.csv").read_text().count("short") == 2
    assert json.loads((kept / "run.json").read_text())["counters"]["short"] == 2


def test_masks_without_identity_go_on_with_what_they_match(tmp_path):
    path = samples.coco_json(tmp_path / "data")
    content = json.loads(path.read_text())
    for annotation in content["annotations"]:
        # a is 50, then unknown; c is unknown from the start
        first = annotation["image_id"] == 10
        annotation["track_id"] = {1: 50 if first else None, 2: 2, 3: None}[annotation["track_id"]]
    path.write_text(json.dumps(content))
    kept = sequences.mark(path, tmp_path / "out", "--output", "rle", "--keep-ids")
    assert [sorted(frame) for frame in sequences.labelled(kept)] == [
        [2, 50], [50], [2, 50, 51], [2, 50, 51],
    ]  # fmt: skip


def test_labels_start_at_one_where_objects_are_counted_from_zero(tmp_path):
    path = samples.sav_json(tmp_path / "data")
    content = json.loads(path.read_text())
    content["masklet_id"] = [0, 1, 2]
    path.write_text(json.dumps(content))
    kept = sequences.mark(path, tmp_path / "out", "--output", "rle", "--keep-ids")
    assert sequences.labelled(kept)[3].keys() == {1, 2, 3}


def test_keep_ids_needs_identities_once_a_frame(tmp_path, capsys):
    path = samples.amg_json(tmp_path / "data")
    flags = ["--experiments", str(tmp_path / "out"), "--keep-ids"]
    assert mark_label.main(["--data-path", str(path), *flags]) == 2
    assert "no identities to keep" in capsys.readouterr().err
    path = samples.coco_json(tmp_path / "coco")
    path.write_text(path.read_text().replace('"track_id": 2', '"track_id": 1'))
    assert mark_label.main(["--data-path", str(path), *flags]) == 2
    assert "identity 1 belongs to two masks" in capsys.readouterr().err
