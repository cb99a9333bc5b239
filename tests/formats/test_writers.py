"""Every output is read back by its own reader, and by another library where there is one."""

import csv
import json
import pickle
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest
import samples
import sequences
import tifffile
from PIL import Image
from pycocotools import mask as coco
from pycocotools.coco import COCO

from consistency import convert
from consistency.formats import WRITERS, open_dataset, writing
from consistency.options import WritingOptions

# pycocotools 2.0.11 with NumPy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

# What to open of each output, below the experiment's folder.
PLACES = {
    "labelmaps": "label_maps",
    "davis": "davis/exp",
    "gaussian-grouping": "gaussian-grouping/object_mask",
    "coco": "coco/instances.json",
    "ytvis": "ytvis/instances.json",
    "mots": "mots/exp.txt",
    "ctc": "ctc/01_RES",
    "tiff": "tiff",
}


def _available(name):
    try:
        writing.require_extras([name])
    except ImportError:
        return False
    return True


# All that write pixels or tables, as far as their packages are installed here.
EVERYTHING = [name for name in WRITERS if name != "none" and _available(name)]
GAPS_ARE_CUT = {"ctc"}
RENUMBERED = {"mots"}


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


def test_ctc_links_daughters_and_cuts_the_mother_that_goes_on(tmp_path):
    """Truth in, truth out: a division is read, kept and written again."""
    path = samples.ctc_truth(tmp_path / "data")
    assert convert.main([str(path), str(tmp_path / "out"), "--to", "ctc", "--quiet"]) == 0
    folder = tmp_path / "out" / "ctc" / "01_RES"
    assert_valid_ctc(folder)
    # c (3) comes from a (1), which is seen on: frames 0-1 of a are its mother, the rest is 4
    table = read_table(folder)
    assert table[3] == (2, 3, 1)
    assert table[1] == (0, 1, 0)
    assert (2, 3, 1) in [table[label] for label in table if label > 3]


def test_pycocotools_reads_the_run_lengths_of_ytvis(overlapping, tmp_path):
    experiment = sequences.mark(overlapping, tmp_path / "out", "--output", "rle", "ytvis")
    content = json.loads((experiment / "ytvis" / "instances.json").read_text())
    truth = sequences.labelled(experiment)
    assert content["videos"][0]["length"] == len(truth) == 4
    assert {a["id"] for a in content["annotations"]} == {v for f in truth for v in f}
    for annotation in content["annotations"]:
        for t, rle in enumerate(annotation["segmentations"]):
            assert (rle is None) == (annotation["id"] not in truth[t])
            assert (annotation["areas"][t] is None) == (rle is None)
            if rle is not None:
                text = {"size": rle["size"], "counts": rle["counts"].encode()}
                pixels = truth[t][annotation["id"]]
                np.testing.assert_array_equal(coco.decode(text).astype(bool), pixels)
                assert annotation["bboxes"][t] == coco.toBbox(text).tolist()
    assert not list((experiment / "ytvis").glob("*.spool"))


def test_pillow_sees_the_palette_of_davis(disjoint, tmp_path):
    experiment = sequences.mark(disjoint, tmp_path / "out", "--output", "davis")
    image = Image.open(experiment / "davis" / "exp" / "0002.png")
    assert image.mode == "P"
    # the colours that the format's own documents list first
    wanted = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128, 128, 0, 128]
    assert image.getpalette()[:18] == wanted
    assert image.getpalette()[-3:] == [224, 224, 192]


@pytest.mark.parametrize("t", [0, 3])
def test_tifffile_reads_the_layers(t, overlapping, tmp_path):
    experiment = sequences.mark(overlapping, tmp_path / "out", "--output", "rle", "tiff")
    files = sorted((experiment / "tiff").glob("*.tif"))
    assert [path.name for path in files] == ["exp_layer0.tif", "exp_layer1.tif"]
    stacks = [tifffile.imread(path) for path in files]
    assert all(stack.shape == (4, sequences.HEIGHT, sequences.WIDTH) for stack in stacks)
    for label, pixels in sequences.labelled(experiment)[t].items():
        found = [stack[t] == label for stack in stacks if (stack[t] == label).any()]
        assert len(found) == 1, "a label is in one layer"
        np.testing.assert_array_equal(found[0], pixels)


def test_tiff_layers_are_read_back(overlapping, tmp_path):
    experiment = sequences.mark(overlapping, tmp_path / "out", "--output", "rle", "tiff")
    found = sequences.pixels_of(open_dataset(experiment / "tiff"))
    sequences.assert_same(found, sequences.labelled(experiment))


def test_nerfstudio_masks_are_black_and_white(overlapping, tmp_path):
    transforms = tmp_path / "transforms.json"
    frames = [{"file_path": f"images/{t:04d}.png", "transform_matrix": []} for t in range(4)]
    transforms.write_text(json.dumps({"camera_model": "OPENCV", "frames": frames}))
    flags = ["--output", "rle", "nerfstudio", "--ids", "1", "3", "--transforms", str(transforms)]
    experiment = sequences.mark(overlapping, tmp_path / "out", *flags)
    folder = experiment / "nerfstudio"
    content = json.loads((folder / "transforms.json").read_text())
    assert content["camera_model"] == "OPENCV"
    for t, masks in enumerate(sequences.labelled(experiment)):
        entry = content["frames"][t]
        assert entry["file_path"] == f"images/{t:04d}.png"
        image = np.asarray(Image.open(folder / entry["mask_path"]))
        chosen = [m for label, m in masks.items() if label in (1, 3)]
        np.testing.assert_array_equal(image, np.any(chosen, axis=0) * np.uint8(255))
    inverted = sequences.mark(overlapping, tmp_path / "inverse", *flags, "--invert")
    again = np.asarray(Image.open(inverted / "nerfstudio" / "masks" / "0003.png"))
    np.testing.assert_array_equal(again, 255 - image)


def test_nerfstudio_without_transforms_lists_the_paths(disjoint, tmp_path):
    experiment = sequences.mark(disjoint, tmp_path / "out", "--output", "nerfstudio")
    content = json.loads((experiment / "nerfstudio" / "mask_paths.json").read_text())
    assert content["frames"][1] == {"file_path": "0001.png", "mask_path": "masks/0001.png"}


def test_napari_gets_centres_and_divisions(tmp_path):
    path = samples.ctc_truth(tmp_path / "data")
    assert convert.main([str(path), str(tmp_path / "out"), "--to", "napari", "--quiet"]) == 0
    with open(tmp_path / "out" / "napari" / "tracks.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(int(r["ID"]), int(r["T"])) for r in rows] == sorted(
        (samples.IDS[k], t) for t in range(4) for k in samples.present(t)
    )
    for row in rows:
        k = "abc"[int(row["ID"]) - 1]
        y, x = np.nonzero(sequences.mask(k, int(row["T"])))
        assert float(row["Y"]) == pytest.approx(y.mean(), abs=1e-3)
        assert float(row["X"]) == pytest.approx(x.mean(), abs=1e-3)
    graph = json.loads((tmp_path / "out" / "napari" / "graph.json").read_text())
    assert graph == {"3": [1]}


class Pickling:
    """A backend whose workers share nothing with this process but bytes."""

    name, workers = "pickling", 1

    def __init__(self):
        from consistency.masks.intersections import intersections

        self.intersections = intersections

    def map(self, function, items):
        for item in items:
            work, given = pickle.loads(pickle.dumps((function, item)))
            result = pickle.dumps(work(given))
            assert len(result) < 20_000, "workers return no pixels"
            yield pickle.loads(result)


def test_outputs_work_in_other_processes(overlapping, tmp_path):
    from consistency.options import Options
    from consistency.pipeline import run

    everything = tuple(EVERYTHING)
    options = Options(output=everything, writing=WritingOptions(flatten="small-on-top"))
    dataset = open_dataset(overlapping)
    run(dataset, tmp_path / "far" / "exp", Pickling(), options)
    near = sequences.mark(
        overlapping, tmp_path / "near", "--output", *everything, "--flatten", "small-on-top"
    )
    files = sorted(p.relative_to(near) for p in near.rglob("*") if p.is_file())
    assert len(files) > 30
    for file in files:
        if file.name != "run.json":
            assert (near / file).read_bytes() == (tmp_path / "far" / "exp" / file).read_bytes()


def test_a_frame_is_read_once_for_all_outputs(overlapping, tmp_path, monkeypatch):
    from consistency.formats import native

    masks = sequences.mark(overlapping, tmp_path / "masks", "--output", "masks")
    real, opened = native._open_mask, []
    monkeypatch.setattr(
        native, "_open_mask", lambda *given: opened.append(given[0]) or real(*given)
    )
    flags = ["--output", "masks", "rle", "labelmaps", "coco", "tiff", "davis"]
    sequences.mark(masks, tmp_path / "out", *flags)
    files = sorted(masks.rglob("*.npy"))
    assert len(files) == 13
    assert sorted(opened) == sorted(files * 2), "once to measure, once to write"


def test_frames_without_masks_are_there_in_every_output(tmp_path):
    frames = [[], [{"segmentation": sequences.mask("a", 0)}], []]
    data = sequences.write_native(tmp_path / "data", frames)
    experiment = sequences.mark(data, tmp_path / "out", "--output", *EVERYTHING)
    for output, place in PLACES.items():
        dataset = open_dataset(experiment / place)
        # a text of masks does not know of frames before the first and behind the last
        wanted = [0, 1, 0] if not place.endswith(".txt") else [1]
        assert [len(frame.records) for frame in dataset.frames] == wanted, output
    native = open_dataset(experiment)
    assert [len(frame.records) for frame in native.frames] == [0, 1, 0]
