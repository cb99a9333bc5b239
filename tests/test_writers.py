"""Every output is read back by its own reader, and by another library where there is one."""

import csv
import json
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest
import sequences
import tifffile
from PIL import Image
from pycocotools import mask as coco
from pycocotools.coco import COCO

from consistency.dataset import open_dataset

# pycocotools 2.0.11 with NumPy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

# What to open of each output, below the experiment's folder.
PLACES = {
    "labelmaps": "label_maps",
    "coco": "coco/instances.json",
    "mots": "mots/exp.txt",
    "ctc": "ctc/01_RES",
}
GAPS_ARE_CUT = {"ctc"}
RENUMBERED = {"mots"}
DISJOINT_ONLY = {"mots", "ctc"}


@pytest.fixture
def disjoint(tmp_path):
    return sequences.disjoint(tmp_path / "data")


@pytest.fixture
def overlapping(tmp_path):
    return sequences.overlapping(tmp_path / "data")


@pytest.mark.parametrize("output", PLACES)
def test_what_is_written_is_read_back(output, disjoint, tmp_path):
    experiment = sequences.mark(disjoint, tmp_path / "out", "--output", "rle", output)
    expected = sequences.labelled(experiment)
    assert sum(map(len, expected)) == 9
    dataset = open_dataset(experiment / PLACES[output])
    found = sequences.pixels_of(dataset)
    if output in RENUMBERED:
        found = [{number % 1000: m for number, m in frame.items()} for frame in found]
    if output in GAPS_ARE_CUT:
        found = [
            {dataset.parents.get(number, number): m for number, m in frame.items()}
            for frame in found
        ]
    sequences.assert_same(found, expected)


@pytest.mark.parametrize("output", PLACES)
def test_all_outputs_of_one_run_are_those_of_single_runs(output, disjoint, tmp_path):
    alone = sequences.mark(disjoint, tmp_path / "one", "--output", output)
    together = sequences.mark(disjoint, tmp_path / "all", "--output", "masks", *PLACES)
    top = PLACES[output].split("/")[0]
    files = sorted(p.relative_to(alone) for p in (alone / top).rglob("*") if p.is_file())
    assert files
    for file in files:
        assert (alone / file).read_bytes() == (together / file).read_bytes()


@pytest.mark.parametrize("output", sorted(DISJOINT_ONLY))
def test_overlaps_are_refused_before_anything_is_written(output, overlapping, tmp_path, capsys):
    import mark_label

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


def test_pycocotools_loads_the_coco_file(overlapping, tmp_path):
    experiment = sequences.mark(overlapping, tmp_path / "out", "--output", "rle", "coco")
    with redirect_stdout(StringIO()):
        api = COCO(experiment / "coco" / "instances.json")
    for t, masks in enumerate(sequences.labelled(experiment)):
        annotations = api.loadAnns(api.getAnnIds(imgIds=t + 1))
        assert sorted(a["track_id"] for a in annotations) == sorted(masks)
        for annotation in annotations:
            pixels = api.annToMask(annotation).astype(bool)
            np.testing.assert_array_equal(pixels, masks[annotation["track_id"]])
            assert annotation["area"] == pixels.sum()
            assert annotation["bbox"] == coco.toBbox(annotation["segmentation"]).tolist()
            assert annotation["score"] in (0.9, 0.2, 0.5, 0.6)
    assert [api.imgs[i]["file_name"] for i in (1, 4)] == ["0000.png", "0003.png"]


def test_mots_text_and_images_tell_the_same(disjoint, tmp_path):
    flags = ["--output", "mots", "--first-frame", "1", "--class-id", "2"]
    experiment = sequences.mark(disjoint, tmp_path / "out", *flags)
    lines = (experiment / "mots" / "exp.txt").read_text().splitlines()
    assert {line.split(" ")[0] for line in lines} == {"1", "2", "3", "4"}
    for line in lines:
        t, number, class_id, height, width, counts = line.split(" ")
        assert (class_id, int(number) // 1000) == ("2", 2)
        size = [int(height), int(width)]
        pixels = coco.decode({"size": size, "counts": counts.encode()}).astype(bool)
        image = np.asarray(Image.open(experiment / "mots" / "exp" / f"{int(t):06d}.png"))
        assert image.dtype == np.uint16
        np.testing.assert_array_equal(pixels, image == int(number))


def read_table(folder):
    """Return {label: (first, last, parent)}."""
    lines = (folder / "res_track.txt").read_text().splitlines()
    return {int(line.split()[0]): tuple(map(int, line.split()[1:])) for line in lines}


def assert_valid_ctc(folder):
    """The rules of the format, as its checkers state them."""
    table = read_table(folder)
    files = sorted(folder.glob("mask*.tif"))
    images = [tifffile.imread(path) for path in files]
    assert all(image.dtype == np.uint16 for image in images)
    for label, (first, last, parent) in table.items():
        frames = [t for t, image in enumerate(images) if (image == label).any()]
        assert frames == list(range(first, last + 1))
        assert parent == 0 or table[parent][1] < first
    assert {v for image in images for v in np.unique(image).tolist()} - {0} == set(table)


def test_ctc_cuts_a_track_at_its_gap_and_links_the_parts(disjoint, tmp_path):
    experiment = sequences.mark(disjoint, tmp_path / "out", "--output", "ctc")
    folder = experiment / "ctc" / "01_RES"
    assert_valid_ctc(folder)
    # b (label 2) is away in frame 1
    assert read_table(folder) == {1: (0, 3, 0), 2: (0, 0, 0), 3: (2, 3, 0), 4: (2, 3, 2)}


def test_ctc_cuts_a_track_where_another_covers_it(tmp_path):
    small = np.zeros((20, 30), bool)
    small[5:9, 5:9] = True
    large = np.zeros((20, 30), bool)
    large[3:15, 3:20] = True
    away = np.roll(large, 9, axis=1)
    frames = [[{"segmentation": small}, {"segmentation": cover}] for cover in (away, large, away)]
    data = sequences.write_native(tmp_path / "data", frames)
    flags = ["--output", "ctc", "--flatten", "large-on-top"]
    folder = sequences.mark(data, tmp_path / "out", *flags) / "ctc" / "01_RES"
    assert_valid_ctc(folder)
    assert read_table(folder) == {1: (0, 2, 0), 2: (0, 0, 0), 3: (2, 2, 2)}
