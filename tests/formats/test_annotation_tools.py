"""YOLO and CVAT: what is written is loaded by supervision, or by the format's definition."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import cv2
import numpy as np
import pytest
import sequences
from hypothesis import given
from hypothesis.extra import numpy as arrays
from PIL import Image

from consistency import convert
from consistency.formats.outlines import outline

SHAPE = (sequences.HEIGHT, sequences.WIDTH)


def filled(pixels):
    """The mask without its holes: background that a flood from outside does not reach."""
    padded = np.ascontiguousarray(np.pad(pixels, 1), np.uint8)
    cv2.floodFill(padded, None, (0, 0), 2, flags=4)
    return (padded != 2)[1:-1, 1:-1]


def largest_piece(pixels):
    """The piece of most pixels; pixels that touch at a corner are of one piece."""
    count, image = cv2.connectedComponents(pixels.astype(np.uint8), connectivity=8)
    return max((image == i for i in range(1, count)), key=np.count_nonzero)


def drawn(polygons):
    """Fill polygons as Ultralytics does, which cuts corners to whole pixels."""
    image = np.zeros(SHAPE, np.uint8)
    for polygon in polygons:
        cv2.fillPoly(image, [np.asarray(polygon, np.int32)], 1)
    return image.astype(bool)


def yolo_lines(path):
    """Return (class, [x, y, ...], id) of each line."""
    lines = [line.split() for line in path.read_text().splitlines()]
    return [(int(w[0]), [float(v) for v in w[1:-1]], int(w[-1])) for w in lines]


@given(arrays.arrays(bool, (9, 11)))
def test_outlines_filled_are_the_mask_without_holes(pixels):
    if not pixels.any():
        return
    found = outline(pixels, 7, 5)
    assert all(len(polygon) >= 3 for polygon in found.polygons)
    placed = np.zeros(SHAPE, bool)
    placed[5:14, 7:18] = pixels
    np.testing.assert_array_equal(drawn(found.polygons), filled(placed))
    assert (found.holes > 0) == (filled(pixels) != pixels).any()
    sizes = [np.count_nonzero(drawn([polygon])) for polygon in found.polygons]
    assert sizes == sorted(sizes, reverse=True)


def in_pieces(folder):
    """Two masks of which one has a hole, one two pieces, the smaller of them a single pixel."""
    two = np.zeros(SHAPE, bool)
    two[20:29, 30:41] = two[33, 50] = True
    frames = [
        [
            {"segmentation": sequences.mask("a", t), "category_id": 7},
            {"segmentation": np.roll(two, t, axis=0), "category_id": 3},
        ]
        for t in range(3)
    ]
    return sequences.write_native(folder, frames)


def test_yolo_lines_of_one_id_are_one_mask(tmp_path):
    experiment = sequences.mark(in_pieces(tmp_path), tmp_path / "out", "--output", "rle", "yolo")
    for t, masks in enumerate(sequences.labelled(experiment)):
        lines = yolo_lines(experiment / "yolo" / "labels" / f"{t:04d}.txt")
        assert len(lines) == 3
        for label, pixels in masks.items():
            mine = [(kind, values) for kind, values, number in lines if number == label]
            assert {kind for kind, _ in mine} == {1 if len(mine) == 1 else 0}
            corners = [np.reshape(v, (-1, 2)) * SHAPE[::-1] for _, v in mine]
            np.testing.assert_array_equal(drawn(corners), filled(pixels))


def test_supervision_loads_yolo(overlapping, tmp_path):
    """It rounds corners; track ids it passes over."""
    supervision = pytest.importorskip("supervision", "0.31")
    experiment = sequences.mark(overlapping, tmp_path / "out", "--output", "rle", "yolo")
    folder = experiment / "yolo"
    (folder / "images").mkdir()
    ids = {}
    for path in sorted((folder / "labels").glob("*.txt")):
        Image.new("L", SHAPE[::-1]).save(folder / "images" / f"{path.stem}.png")
        ids[path.stem] = [number for *_, number in yolo_lines(path)]
    data = supervision.DetectionDataset.from_yolo(
        str(folder / "images"), str(folder / "labels"), str(folder / "data.yaml"), force_masks=True
    )
    assert data.classes == ["object"]
    seen = 0
    truth = sequences.labelled(experiment)
    for path, _, detections in data:
        stem = Path(path).stem
        for number, mask in zip(ids[stem], detections.mask, strict=True):
            np.testing.assert_array_equal(mask, filled(truth[int(stem)][number]))
            seen += 1
    assert seen == sum(map(len, truth)) == 13


def test_masks_without_identities_have_no_id_in_yolo_and_no_tracks_in_cvat(disjoint, tmp_path):
    to = ["--to", "yolo", "cvat", "--quiet"]
    assert convert.main([str(disjoint), str(tmp_path / "out"), *to]) == 0
    line = (tmp_path / "out" / "yolo" / "labels" / "0000.txt").read_text().splitlines()[0]
    assert len(line.split()) % 2 == 1
    folder = tmp_path / "out" / "cvat"
    assert [path.name for path in folder.iterdir()] == ["masks.xml"]
    assert not ET.parse(folder / "masks.xml").findall("image/mask[@group_id]")


def test_filled_holes_are_told(disjoint, tmp_path, capsys):
    sequences.mark(disjoint, tmp_path / "out", "--output", "yolo", "cvat")
    said = capsys.readouterr().err
    assert "yolo: holes of 9 masks are filled" in said
    assert "tracks.xml shows 9 masks as the outline" in said


def read_mask(element):
    """Pixels of a CVAT mask: runs of its box, row after row, background first."""
    box = [int(element.get(key)) for key in ("left", "top", "width", "height")]
    runs = [int(run) for run in element.get("rle").split(", ")]
    assert sum(runs) == box[2] * box[3]
    flat = [i % 2 for i, run in enumerate(runs) for _ in range(run)]
    pixels = np.zeros(SHAPE, bool)
    pixels[box[1] : box[1] + box[3], box[0] : box[0] + box[2]] = np.reshape(flat, box[:1:-1])
    return pixels


def test_cvat_masks_are_exact(overlapping, tmp_path):
    experiment = sequences.mark(overlapping, tmp_path / "out", "--output", "rle", "cvat")
    root = ET.parse(experiment / "cvat" / "masks.xml").getroot()
    assert root.findtext("version") == "1.1"
    assert root.findtext("meta/task/labels/label/name") == "object"
    truth = sequences.labelled(experiment)
    for t, image in enumerate(root.findall("image")):
        named = {key: image.get(key) for key in ("id", "name", "width", "height")}
        wanted = {"id": str(t), "name": f"{t:04d}.png", "width": "53", "height": "37"}
        assert named == wanted
        found = {int(mask.get("group_id")): read_mask(mask) for mask in image}
        own = [int(mask.findtext("attribute[@name='track_id']")) for mask in image]
        assert own == list(found)
        sequences.assert_same([found], [truth[t]])


def test_cvat_tracks_show_the_largest_piece_and_go_outside(tmp_path):
    frames = [[], [], [], []]
    for t in (0, 2):
        two = np.zeros(SHAPE, bool)
        two[20:29, 30:41] = two[33:35, 50] = True
        frames[t] = [{"segmentation": two, "category_id": 5}]
        frames[t].append({"segmentation": sequences.mask("a", t)})
    data = sequences.write_native(tmp_path / "data", frames)
    experiment = sequences.mark(data, tmp_path / "out", "--output", "rle", "cvat")
    tracks = ET.parse(experiment / "cvat" / "tracks.xml").getroot().findall("track")
    assert sorted(track.get("label") for track in tracks) == ["5", "object"]
    for track in tracks:
        shapes = [(int(p.get("frame")), p.get("outside")) for p in track]
        assert shapes == [(0, "0"), (1, "1"), (2, "0"), (3, "1")]
    truth = sequences.labelled(experiment)
    for track in tracks:
        for polygon in track.findall("polygon[@outside='0']"):
            pairs = [pair.split(",") for pair in polygon.get("points").split(";")]
            corners = np.array(pairs, float)
            pixels = truth[int(polygon.get("frame"))][int(track.get("id"))]
            np.testing.assert_array_equal(drawn([corners]), filled(largest_piece(pixels)))


def one_mask(folder, category):
    """A COCO file of one mask, whose category has that name."""
    content = {
        "images": [{"id": 1, "file_name": "a & b.png", "height": 20, "width": 30}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 2, "segmentation": [[2, 2, 9, 2, 9, 9, 2, 9]]}
        ],
        "categories": [{"id": 2, "name": category}],
    }
    (folder / "x.json").write_text(json.dumps(content))
    return str(folder / "x.json")


@pytest.mark.parametrize("name", ["bell\x07", "half \ud800"])
def test_a_category_that_xml_cannot_hold_is_refused(name, tmp_path, capsys):
    flags = [one_mask(tmp_path, name), str(tmp_path / "out"), "--to", "cvat"]
    assert convert.main(flags) == 2
    wanted = f"error: category {name!r}: has a character that XML cannot hold; rename it\n"
    assert capsys.readouterr().err == wanted


def test_names_are_quoted(tmp_path):
    data = one_mask(tmp_path, '<"no: yes">')
    assert convert.main([data, str(tmp_path / "out"), "--to", "cvat", "yolo", "--quiet"]) == 0
    image = ET.parse(tmp_path / "out" / "cvat" / "masks.xml").find("image")
    assert (image.get("name"), image[0].get("label")) == ("a & b.png", '<"no: yes">')
    names = (tmp_path / "out" / "yolo" / "data.yaml").read_text().split("names: ")[1]
    assert json.loads(names) == {"0": '<"no: yes">'}
