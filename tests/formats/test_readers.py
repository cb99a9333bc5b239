"""Every format is found by content and its masks, identities and fields are read."""

import json

import numpy as np
import pytest
import samples
import sequences
from pycocotools import mask as coco
from samples import IDS, SAMPLES, present

from consistency import convert
from consistency.formats import READERS, open_dataset, read_masks
from consistency.formats.buffer import Buffer

# pycocotools 2.0.11 with NumPy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

by_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.__name__)


@by_sample
def test_masks_and_identities_are_read(sample, tmp_path):
    name, scale = SAMPLES[sample]
    dataset = open_dataset(sample(tmp_path / "data"))
    assert dataset.layout.format == name
    assert len(dataset.frames) == 4
    buffer = Buffer()
    for t, frame in enumerate(dataset.frames):
        packed = read_masks(dataset.layout, frame, buffer)
        expected = {sequences.mask(k, t).tobytes(): IDS[k] for k in present(t)}
        found = [packed.unpack(i).tobytes() for i in range(packed.count)]
        assert sorted(found) == sorted(expected)
        if scale and sample is not samples.ctc:
            assert [expected[m] * scale for m in found] == list(frame.identities)
        if not scale:
            assert frame.identities is None


@by_sample
def test_a_format_can_be_named(sample, tmp_path):
    path = sample(tmp_path / "data")
    named = open_dataset(path, SAMPLES[sample][0])
    assert named.frames == open_dataset(path).frames


def test_every_reader_has_a_sample():
    assert {name for name, _ in SAMPLES.values()} == set(READERS)


def fields(path, t=0, i=0):
    return open_dataset(path).frames[t].records[i]


def test_fields_travel_along(tmp_path):
    for sample in (samples.amg_json, samples.amg_png, samples.sa1b, samples.coco_json):
        record = fields(sample(tmp_path / sample.__name__))
        assert record["predicted_iou"] == 0.9
        assert record["stability_score"] == 0.95
        assert record["bbox"] == [1, 2, 3, 4]
        assert record["point_coords"] == [[1.5, 2.0]]
        assert record["crop_box"] == [0, 0, sequences.WIDTH, sequences.HEIGHT]
    assert fields(samples.npz_masks(tmp_path / "npz"), 0, 0)["scores"] == 0.5
    assert fields(samples.panoptic_deva(tmp_path / "p"))["category_id"] == 3
    assert fields(samples.ytvis_json(tmp_path / "y"))["category_id"] == 2
    experiment = sequences.mark(samples.amg_png(tmp_path / "again"), tmp_path / "out")
    written = json.loads((experiment / "exp.json").read_text())
    assert written["f0"][0]["stability_score"] == 0.95


def test_coco_categories_go_from_input_to_output(tmp_path):
    path = samples.coco_json(tmp_path / "data")
    assert convert.main([str(path), str(tmp_path / "out"), "--to", "coco", "--quiet"]) == 0
    content = json.loads((tmp_path / "out" / "coco" / "instances.json").read_text())
    assert content["categories"] == [{"id": 7, "name": "cup", "supercategory": ""}]
    assert {a["category_id"] for a in content["annotations"]} == {7}


def test_polygons_are_those_of_pycocotools(tmp_path):
    height, width = 40, 60
    polygons = [[5, 5, 30.5, 7, 28, 30.2, 6, 25], [35, 20, 55, 20, 55, 35]]
    annotations = [
        {"id": 1, "image_id": 1, "segmentation": polygons},
        {"id": 2, "image_id": 1, "segmentation": polygons[1:]},
        {"id": 3, "image_id": 1, "segmentation": {"size": [height, width], "counts": [0, 2400]}},
    ]
    image = {"id": 1, "file_name": "a.jpg", "height": height, "width": width}
    path = tmp_path / "coco.json"
    path.write_text(json.dumps({"images": [image], "annotations": annotations}))
    dataset = open_dataset(path)
    packed = read_masks(dataset.layout, dataset.frames[0], Buffer())
    parts = coco.frPyObjects(polygons, height, width)
    expected = [coco.decode(coco.merge(parts)), coco.decode(parts[1]), np.ones((height, width))]
    for i, pixels in enumerate(expected):
        np.testing.assert_array_equal(packed.unpack(i), pixels.astype(bool))


def test_results_of_coco_and_ytvis_are_lists(tmp_path):
    rle = sequences.run_lengths(sequences.mask("a", 0))
    path = tmp_path / "results.json"
    path.write_text(json.dumps([{"image_id": 3, "segmentation": rle, "score": 0.5}]))
    dataset = open_dataset(path)
    assert (dataset.layout.format, dataset.frames[0].name) == ("coco", "3")
    results = [{"video_id": 1, "category_id": 1, "segmentations": [rle, None], "score": 0.5}]
    path.write_text(json.dumps(results))
    dataset = open_dataset(path)
    assert dataset.layout.format == "ytvis"
    assert [len(frame.records) for frame in dataset.frames] == [1, 0]
    assert dataset.frames[0].records[0]["score"] == 0.5


def test_several_videos_need_a_choice(tmp_path):
    path = samples.ytvis_json(tmp_path / "data")
    content = json.loads(path.read_text())
    content["videos"].append({"id": 6, "file_names": ["def/0.jpg"], "width": 5, "height": 5})
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"2 sequences; choose one with --sequence: abc, def"):
        open_dataset(path)
    assert open_dataset(path, sequence="abc").masks == 9
    with pytest.raises(ValueError, match="no sequence 'ghi'"):
        open_dataset(path, sequence="ghi")


def test_void_pixels_of_davis_are_no_objects(tmp_path):
    from PIL import Image

    folder = samples.davis(tmp_path / "data")
    assert {254, 255} <= set(np.unique(np.asarray(Image.open(folder / "00000.png"))))
    dataset = open_dataset(folder)
    assert {v for frame in dataset.frames for v in frame.identities} == {1, 2, 3}


def test_mots_frames_keep_their_numbers_and_gaps(tmp_path):
    counts = sequences.run_lengths(sequences.mask("a", 0))["counts"]
    size = f"{sequences.HEIGHT} {sequences.WIDTH}"
    path = tmp_path / "x.txt"
    path.write_text(f"1 2001 2 {size} {counts}\n3 2001 2 {size} {counts}\n")
    frames = open_dataset(path).frames
    assert [frame.name for frame in frames] == ["000001", "000002", "000003"]
    assert [len(frame.records) for frame in frames] == [1, 0, 1]


def test_regions_to_ignore_are_no_masks(tmp_path):
    frames = open_dataset(samples.mots_text(tmp_path / "data")).frames
    assert all("class_id" in r and r["class_id"] != 10 for f in frames for r in f.records)
    assert all(len(frame.source) == 1 for frame in frames)


def test_counts_may_be_text_bytes_or_a_list():
    from consistency.formats import rle

    pixels = sequences.mask("a", 0)
    text = sequences.run_lengths(pixels)
    size = text["size"]
    flat = pixels.ravel(order="F").astype(int)
    edges = np.flatnonzero(np.diff(flat, prepend=0, append=0))
    plain = np.diff(edges, prepend=0, append=flat.size)
    forms = [text["counts"], text["counts"].encode(), plain.tolist()]
    packed = rle.decode([{"size": size, "counts": c} for c in forms], tuple(size))
    for i in range(3):
        np.testing.assert_array_equal(packed.unpack(i), pixels)


def test_images_without_masks_have_a_header_only(tmp_path):
    folder = samples.amg_png(tmp_path / "data")
    (folder / "f9").mkdir()
    (folder / "f9" / "metadata.csv").write_text(samples.AMG_HEADER)
    frames = open_dataset(folder).frames
    assert (frames[-1].name, frames[-1].records) == ("f9", ())
    folder = samples.amg_json(tmp_path / "json")
    (folder / "frame9.json").write_text("[]")
    assert open_dataset(folder).frames[-1].records == ()


def test_divisions_are_read(tmp_path):
    assert open_dataset(samples.ctc_truth(tmp_path / "data")).parents == {3: 1}


def test_two_formats_that_fit_are_an_error_that_names_both(tmp_path):
    folder = samples.labels_8bit(tmp_path / "data")
    sequences.disjoint(folder)
    with pytest.raises(ValueError, match=r"native and like labelmaps; choose one with --input-f"):
        open_dataset(folder)
    assert open_dataset(folder, "labelmaps").layout.format == "labelmaps"
    assert open_dataset(folder, "native").layout.format == "native"


def test_folders_of_masks_with_other_names_are_read_when_named(tmp_path):
    for folder in ("000", "001"):
        samples.save(tmp_path / folder / "00000.png", sequences.mask("a", 0))
    assert open_dataset(tmp_path).layout.format == "sav"
    named = open_dataset(tmp_path, "png")
    assert [frame.name for frame in named.frames] == ["000", "001"]


def test_mots_images_and_label_images_may_look_alike(tmp_path):
    samples.save(tmp_path / "0.png", samples.label_image(2, np.uint16, 1000))
    with pytest.raises(ValueError, match="mots and like labelmaps"):
        open_dataset(tmp_path)
    assert open_dataset(tmp_path, "mots").frames[0].identities == (1000, 2000, 3000)


def test_order_of_frames(tmp_path):
    for name in ("10", "9", "1"):
        samples.save(tmp_path / "data" / f"{name}.png", samples.label_image(0))
    names = [frame.stem for frame in open_dataset(tmp_path / "data").frames]
    assert names == ["1", "9", "10"]
    names = [frame.stem for frame in open_dataset(tmp_path / "data", sort="lexical").frames]
    assert names == ["1", "10", "9"]
    listed = tmp_path / "list.txt"
    listed.write_text("10\n1.png\n")
    found = open_dataset(tmp_path / "data", sort=str(listed)).frames
    assert [frame.stem for frame in found] == ["10", "1"]
    listed.write_text("10\n11\n")
    with pytest.raises(ValueError, match="frame '11' is not in the data"):
        open_dataset(tmp_path / "data", sort=str(listed))
    with pytest.raises(FileNotFoundError, match="natural, lexical or a file"):
        open_dataset(tmp_path / "data", sort="random")


def test_tiff_with_lzw_compression(tmp_path):
    """The challenge's own images are often so; tifffile leaves it to a package of its own."""
    from PIL import Image

    folder = samples.ctc(tmp_path / "data")
    expected = sequences.pixels_of(open_dataset(folder))
    for path in folder.glob("*.tif"):
        with Image.open(path) as image:
            image.load()
            image.save(path, compression="tiff_lzw")
    with Image.open(path) as image:
        assert image.info["compression"] == "tiff_lzw"
    sequences.assert_same(sequences.pixels_of(open_dataset(folder)), expected)
