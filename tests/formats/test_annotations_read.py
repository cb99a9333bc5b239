"""What LabelMe, CVAT and segmenters of videos may write, and is not a mask, or not safe."""

import base64
import json

import cv2
import numpy as np
import pytest
import samples
import sequences

from consistency.formats import open_dataset, read_masks
from consistency.formats.buffer import Buffer


def labelme(folder, **shape):
    path = samples.labelme(folder) / "0.json"
    content = json.loads(path.read_text())
    content["shapes"][0].update(shape)
    path.write_text(json.dumps(content))
    return folder


def picture(folder, **shape):
    """A shape that is a picture, damaged."""
    good = {"shape_type": "mask", "points": [[2, 3], [6, 5]], "mask": samples.base_64(np.eye(3, 5))}
    return labelme(folder, **good | shape)


def cvat(folder, old: str, new: str):
    path = samples.cvat_tracks(folder)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


def video(folder, mask):
    folder.mkdir()
    good = {"size": [2, 3], "counts": [0, 6]}
    (folder / "x.json").write_text(json.dumps({"0": {"1": good}, "1": {"1": mask}}))
    return folder / "x.json"


def grounded(folder, key: str, value, annotation: bool = False):
    path = samples.grounded_sam(folder) / "1.json"
    content = json.loads(path.read_text())
    (content["annotations"][0] if annotation else content)[key] = value
    path.write_text(json.dumps(content))
    return folder


BOMB = '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb">]><annotations>'
WRONG = [
    (lambda f: labelme(f, shape_type="circle"), "0.json: shape 0: shape_type 'circle'; masks are"),
    (lambda f: labelme(f, group_id="x"), "shape 0: group_id 'x' is not a whole number"),
    (lambda f: labelme(f, points=[[0, 0], [900, 0], [0, 9]]), "x from 0 to 900 outside the image"),
    (lambda f: labelme(f, points=[1, 2]), "'points' is not a list of [x, y]"),
    (lambda f: picture(f, mask=None), "shape 0: 'mask' is NoneType, not text"),
    (lambda f: picture(f, mask="@"), "shape 0: 'mask' is not a PNG in base 64; save it again"),
    (lambda f: picture(f, mask="QUJD"), "shape 0: 'mask' is not a PNG in base 64; save it again"),
    (lambda f: picture(f, mask=samples.base_64(np.zeros((3, 5, 3)))), "a picture in colours"),
    (lambda f: picture(f, points=[[2, 3], [8, 5]]), "a mask of 5 × 3 pixels in a box from 2, 3"),
    (lambda f: picture(f, points=[[50, 3], [54, 5]]), "the image has 53 × 37"),
    (lambda f: picture(f, points=[[-1, 3], [3, 5]]), "'points' of a mask are two corners [x, y]"),
    (lambda f: picture(f, points=[[2, 3]]), "'points' of a mask are two corners [x, y]"),
    (lambda f: cvat(f, "<annotations>", BOMB), "has definitions (<!DOCTYPE, <!ENTITY)"),
    (lambda f: cvat(f, "</track>", ""), "annotations.xml: invalid XML (mismatched tag"),
    (lambda f: cvat(f, "<polygon", "<box"), "annotations.xml: invalid XML"),
    (lambda f: cvat(f, 'rle="', 'rle="7, '), "pixels in a box of 30 × 25 at 20, 5"),
    (lambda f: cvat(f, 'left="20"', 'left="40"'), "at 40, 5; the image has 53 × 37"),
    (lambda f: cvat(f, 'frame="0"', 'frame="-1"'), "frame: '-1' is not a whole number"),
    (lambda f: video(f, [[0, 1], [1]]), "frame '1', object '1': rows are lists of 0 and 1"),
    (lambda f: video(f, [[0, 2], [1, 0]]), "frame '1', object '1': rows are lists of 0 and 1"),
    (lambda f: grounded(f, "box_format", "xywh"), "1.json: box_format 'xywh'; write 'xyxy'"),
    (lambda f: grounded(f, "bbox", [1, 2, 3], True), "annotation 0: 'bbox' is [1, 2, 3], not [x"),
    (lambda f: grounded(f, "segmentation", 5, True), "annotation 0: 'segmentation' is int, not"),
    (lambda f: grounded(f, "img_width", 9), "1.json: annotation 0: run lengths of [37, 53], image"),
    (lambda f: video(f, {"counts": [6]}), "frame '1': run lengths need a size"),
]


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_what_is_no_mask_is_one_line(case, tmp_path, refuse):
    make, message = WRONG[case]
    assert message in refuse(make(tmp_path / "data"))


def test_shapes_of_one_group_are_one_mask(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    boxes = [([[1, 1], [4, 3]], 7), ([[10, 5], [12, 9]], 7), ([[6, 6], [8, 8]], None)]
    shapes = [
        {"label": "a", "shape_type": "rectangle", "points": points, "group_id": group}
        for points, group in boxes
    ]
    content = {"imagePath": "0.jpg", "imageHeight": 10, "imageWidth": 14, "shapes": shapes}
    (folder / "0.json").write_text(json.dumps(content))
    dataset = open_dataset(folder)
    packed = read_masks(dataset.layout, dataset.frames[0], Buffer())
    both, third = np.zeros((2, 10, 14), bool)
    both[1:3, 1:4] = both[5:9, 10:12] = third[6:8, 6:8] = True
    np.testing.assert_array_equal(packed.unpack(0), both)
    np.testing.assert_array_equal(packed.unpack(1), third)
    assert dataset.frames[0].identities == (7, None)
    assert [record["class_name"] for record in dataset.frames[0].records] == ["a", "a"]


@pytest.mark.parametrize(
    ("left", "top", "right", "bottom"), [(2, 3, 6, 5), (2, 3, 7, 6), (9, 7, 14, 10)]
)
def test_pictures_of_labelme_are_where_their_first_point_is(tmp_path, left, top, right, bottom):
    """Corners are the last pixel, or what is behind it: the image's edge, or in any case.

    The picture is read again with OpenCV, which the reader does not use for it.
    """
    pixels = np.array([[1, 0, 0, 0, 1], [0, 1, 0, 1, 0], [0, 0, 1, 0, 0]], bool)
    text = samples.base_64(pixels)
    polygon = {"label": "a", "points": [[0, 0], [2, 0], [2, 2], [0, 2]], "group_id": 4}
    shape = {"label": "a", "shape_type": "mask", "points": [[left, top], [right, bottom]]}
    shapes = [shape | {"mask": text, "group_id": group} for group in (None, 4)] + [polygon]
    content = {"imagePath": "0.jpg", "imageHeight": 10, "imageWidth": 14, "shapes": shapes}
    (tmp_path / "0.json").write_text(json.dumps(content))
    dataset = open_dataset(tmp_path)
    alone, both = np.zeros((2, 10, 14), bool)
    decoded = cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_GRAYSCALE)
    alone[top : top + 3, left : left + 5] = decoded
    both[:] = alone
    both[:2, :2] = True
    packed = read_masks(dataset.layout, dataset.frames[0], Buffer())
    np.testing.assert_array_equal(packed.unpack(0), alone)
    np.testing.assert_array_equal(packed.unpack(1), both)
    assert dataset.frames[0].identities == (None, 4)


def test_what_is_written_for_cvat_is_read_back(tmp_path):
    data = sequences.overlapping(tmp_path / "data")
    experiment = sequences.mark(data, tmp_path / "out", "--output", "rle", "cvat")
    expected = sequences.labelled(experiment)
    masks = open_dataset(experiment / "cvat" / "masks.xml")
    sequences.assert_same(sequences.pixels_of(masks), expected)
    tracks = open_dataset(experiment / "cvat" / "tracks.xml")
    found = sequences.pixels_of(tracks)
    assert [sorted(frame) for frame in found] == [sorted(frame) for frame in expected]


def test_boxes_and_scores_of_grounded_sam_are_those_of_coco(tmp_path):
    frame = open_dataset(samples.grounded_sam(tmp_path / "data")).frames[0]
    record = frame.records[0]
    assert (frame.name, record["class_name"]) == ("0.jpg", "cup")
    assert (record["bbox"], record["score"]) == ([1.5, 2.0, 10.0, 20.0], 0.75)
