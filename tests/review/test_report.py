"""Reports: planted faults are named first, the pages hold what they say, and figures are right."""

import csv
import io
import json
import re
import shutil
import sys
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
from labelling import boxes, measure_all
from PIL import Image
from sequences import in_memory

from consistency import mark_label, report
from consistency.review.moments import Doubts
from consistency.track.results import collect
from consistency.track.thumbnail_store import ThumbnailStore

sys.path.append(str(Path(__file__).resolve().parents[2] / "running_time"))

import report_worth

FRAMES = 26


def objects():
    """Six boxes of different sizes that walk, {object: box} for each frame."""
    return [
        {k: (5 + (k % 3 + 2) * t, 4 + 19 * k, 14 + 2 * k, 16 - k) for k in range(6)}
        for t in range(FRAMES)
    ]


def labelled(folder, labels):
    """A data set with identities, from ``labels(t, k)``."""
    scene = objects()
    found, _ = in_memory([boxes(*frame.values()) for frame in scene])
    content = {
        f.name: [r | {"label": labels(t, k)} for k, r in zip(scene[t], f.records, strict=True)]
        for t, f in enumerate(found)
    }
    folder.mkdir()
    (folder / "sk_masks.json").write_text(json.dumps(content))
    return folder


def reported(data, folder, *flags):
    """Keep the identities of ``data``, and read the report."""
    where = [data, "--experiments", folder, "--exp-name", "e", "--quiet", "--output", "rle"]
    assert mark_label.main([str(p) for p in (*where, "--keep-ids", "--report", *flags)]) == 0
    return rows(folder / "e")


def rows(experiment):
    with open(experiment / "report.csv", newline="") as lines:
        return list(csv.DictReader(lines))


def usual(t, k):
    return k + 1


FAULTS = {
    # Objects 1 and 4 exchange their identities.
    "exchange": (lambda t, k: {1: 5, 4: 2}.get(k, k + 1) if t >= 14 else k + 1, "14", {"2", "5"}),
    # Object 2 has another one from there on.
    "new": (lambda t, k: 9 if k == 2 and t >= 11 else k + 1, "11", {"9"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_identities_that_jump_are_named_first(tmp_path, fault):
    labels, frame, own = FAULTS[fault]
    first = reported(labelled(tmp_path / "data", labels), tmp_path)[0]
    assert (first["frame"], first["label"] in own) == (frame, True)
    assert first["kind"] == ("begins" if fault == "new" else "weak link")
    if fault == "new":
        assert (first["before_label"], first["before_frame"]) == ("3", "10")
    right = reported(labelled(tmp_path / "right", usual), tmp_path, "--overwrite")
    assert float(first["expected"]) > 5 * float(right[0]["expected"] if right else 0)


def division(life):
    """Object 0 has label 10, from frame 13 on 11; label 12 is beside it for some frames."""
    scene = [dict(frame) for frame in objects()]
    for t in range(13, 13 + life):
        x, y, *_ = scene[t][0]
        scene[t][6] = (x + 18, y, 5, 9)
    measured = measure_all([boxes(*frame.values()) for frame in scene])
    store, labelled = ThumbnailStore(), []
    for t, (now, frame) in enumerate(zip(measured, scene, strict=True)):
        store.add(now.thumbnails)
        names = {0: 10 if t < 13 else 11, 6: 12}
        keys = list(frame)
        labelled.append((now, [names.get(keys[i], 1 + keys[i]) for i in now.kept.tolist()]))
    frames = collect(labelled)
    label = np.concatenate([frame.labels for frame in frames])
    return Doubts(frames, store, label, np.full(label.size, np.nan), {11: 10, 12: 10})


def test_a_daughter_whose_sister_is_gone_at_once_is_rather_her_mother():
    found = {}
    for life in (2, 13):
        doubts = division(life)
        moments = [m for m in doubts.moments() if doubts.label[m.after] == 11]
        (moment,) = (m for m in moments if m.kind == "split")
        assert doubts.label[[moment.before, moment.rival]].tolist() == [10, 12]
        assert moment.hangs == 13, "of the mother's 13 masks and as many of hers"
        found[life] = moment.wrong
    assert 1 - found[13] > 3 * (1 - found[2])


def test_the_page_is_whole_and_its_pictures_show_what_captions_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = labelled(tmp_path / "data", FAULTS["new"][0])
    lines = reported(data, tmp_path)
    text = (tmp_path / "e" / "report.html").read_text()
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', text)
    assert len(re.findall("<li>", text)) == len(lines) <= 20
    link = f'href="../vis_consistent/e.html#frame={lines[0]["frame"]}&amp;label=9"'
    assert link in text
    found = re.findall(r'alt="([^"]+)" src="data:image/png;base64,([^"]+)"', text)
    assert [caption for caption, _ in found[:2]] == [
        "before: label 3, frame 10", "after: label 9, frame 11",
    ]  # fmt: skip
    picture = np.asarray(Image.open(io.BytesIO(b64decode(found[1][1]))).convert("RGB"))
    assert max(picture.shape) == 360
    assert (picture == 255).all(axis=2).sum() > 100, "a frame and a number are drawn in white"


def test_expected_is_probability_times_masks_and_falls(tmp_path):
    lines = reported(labelled(tmp_path / "data", FAULTS["exchange"][0]), tmp_path)
    assert [int(line["rank"]) for line in lines] == list(range(1, len(lines) + 1))
    for line in lines:
        product = float(line["probability"]) * float(line["masks"])
        assert float(line["expected"]) == pytest.approx(product, rel=0.02, abs=0.01)
    assert float(lines[0]["expected"]) == max(float(line["expected"]) for line in lines)


def test_names_of_frames_do_no_harm(tmp_path):
    data = labelled(tmp_path / "data", FAULTS["new"][0])
    content = json.loads((data / "sk_masks.json").read_text())
    evil = {f'{name}"><script>&#': records for name, records in content.items()}
    (data / "sk_masks.json").write_text(json.dumps(evil))
    reported(data, tmp_path)
    text = (tmp_path / "e" / "report.html").read_text()
    assert "<script" not in text
    assert "#frame=11%22%3E%3Cscript%3E%26%23&amp;label=9" in text


def test_a_report_is_made_later_and_not_replaced_unasked(tmp_path, capsys):
    data = labelled(tmp_path / "data", usual)
    where = [str(data), "--experiments", str(tmp_path), "--exp-name", "e", "--quiet"]
    assert mark_label.main([*where, "--output", "none"]) == 0
    experiment = str(tmp_path / "e")
    assert report.main([experiment]) == 0
    assert "report.html: " in capsys.readouterr().out
    before = (tmp_path / "e" / "report.html").read_bytes()
    assert report.main([experiment]) == 2
    assert "exists; add --overwrite" in capsys.readouterr().err
    assert report.main([experiment, "--overwrite", "--viewer", str(tmp_path / "e" / "v.html")]) == 0
    after = (tmp_path / "e" / "report.html").read_bytes()
    assert b'href="v.html#frame=' in after or b"nothing to check" in after
    assert before != after or b"nothing to check" in after
    shutil.rmtree(data)
    assert report.main([experiment, "--overwrite"]) == 2
    assert (tmp_path / "e" / "report.html").read_bytes() == after


def test_labels_that_are_twice_in_a_frame_are_refused(tmp_path, capsys):
    data = labelled(tmp_path / "data", usual)
    where = [str(data), "--experiments", str(tmp_path), "--exp-name", "e", "--quiet"]
    assert mark_label.main([*where, "--output", "rle"]) == 0
    path = tmp_path / "e" / "e.json"
    content = json.loads(path.read_text())
    for record in content["3"]:
        record["label"] = 1
    path.write_text(json.dumps(content))
    assert report.main([str(tmp_path / "e")]) == 2
    assert "frame '3' has a label twice" in capsys.readouterr().err


def test_an_experiment_without_masks_has_nothing_to_check(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sk_masks.json").write_text(json.dumps({"0": [], "1": []}))
    where = [str(tmp_path / "data"), "--experiments", str(tmp_path), "--exp-name", "e"]
    assert mark_label.main([*where, "--quiet", "--output", "none", "--report"]) == 0
    assert rows(tmp_path / "e") == []
    assert "nothing to check" in (tmp_path / "e" / "report.html").read_text()


# --- what it is worth ----------------------------------------------------------------------------


def test_wrong_masks_are_those_beyond_the_best_map():
    #       object a has labels 1 1 1 2, object b 2 2 1, and nobody knows the last mask
    label, who = np.array([1, 1, 1, 2, 2, 2, 1, 1]), np.array([7, 7, 7, 7, 8, 8, 8, -1])
    wrong = report_worth.wrong_masks(label, who)
    assert wrong.tolist() == [False] * 3 + [True] + [False] * 2 + [True, False]


def test_what_looking_is_worth_is_measured(tmp_path, capsys):
    scene = objects()
    (tmp_path / "s").mkdir()
    labelled(tmp_path / "s" / "data", usual)
    truth = {str(t): [k + 100 * (t >= 12 and k == 3) for k in f] for t, f in enumerate(scene)}
    (tmp_path / "s" / "truth.json").write_text(json.dumps(truth))
    flags = ["--cache", str(tmp_path / "cache"), f"boxes={tmp_path / 's'}"]
    assert report_worth.main(flags) == 0
    line = capsys.readouterr().out.splitlines()[-1].split(" | ")
    assert line[0] == "| boxes"
    assert line[1] == "12", "the shorter part of what is two objects in truth"
    assert float(line[5]) < float(line[6].strip(" |")) or line[2] == "0 %"
