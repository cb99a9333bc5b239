"""YOLO-seg as it is written here and by Ultralytics; what may mean two things is refused."""

import json
import shutil

import cv2
import numpy as np
import pytest
import samples
import sequences
from PIL import Image

import mark_label
from consistency.formats import open_dataset, read_masks, reopen
from consistency.formats.buffer import Buffer

HEIGHT, WIDTH = sequences.HEIGHT, sequences.WIDTH
TRIANGLE = "0.1 0.1 0.5 0.1 0.5 0.625"


def write(folder, *lines: str, suffix: str = ".png", size=(WIDTH, HEIGHT)):
    """A folder of one text with its image beside it."""
    folder.mkdir(parents=True)
    Image.new("RGB", size).save(folder / f"7{suffix}")
    (folder / "7.txt").write_text("\n".join(lines) + "\n")
    return folder


def masks(folder, t=0):
    dataset = open_dataset(folder)
    packed = read_masks(dataset.layout, dataset.frames[t], Buffer())
    return [packed.unpack(i) for i in range(packed.count)]


def without_holes(pixels):
    """The mask with all background filled that a flood from outside does not reach."""
    padded = np.ascontiguousarray(np.pad(pixels, 1), np.uint8)
    cv2.floodFill(padded, None, (0, 0), 2, flags=4)
    return (padded != 2)[1:-1, 1:-1]


def test_what_is_written_comes_back_pixel_for_pixel(tmp_path):
    """Many pieces, lines and single pixels, up to the edges of the image; overlaps."""
    random = np.random.default_rng(3)
    noise = random.random((3, 2, HEIGHT, WIDTH)) > 0.6
    noise[:, :, [0, -1], ::2] = noise[:, :, ::2, [0, -1]] = True
    frames = [
        [
            {"segmentation": without_holes(pixels), "category_id": 3 + 4 * i}
            for i, pixels in enumerate(each)
        ]
        for each in noise
    ]
    data = sequences.write_native(tmp_path / "data", frames)
    flags = ["--output", "rle", "yolo"]
    experiment = sequences.mark(data, tmp_path / "out", *flags)
    (experiment / "yolo" / "images").mkdir()
    for t in range(3):
        Image.new("L", (WIDTH, HEIGHT)).save(experiment / "yolo" / "images" / f"{t:04d}.jpg")
    found = open_dataset(experiment / "yolo")
    expected = sequences.labelled(experiment)
    assert sum(map(len, expected)) == 6
    sequences.assert_same(sequences.pixels_of(found), expected)
    assert [record["category_id"] for record in found.frames[0].records] == [0, 1]
    assert sorted(found.categories) == [0, 1]


def test_six_digits_of_ultralytics_are_whole_pixels(tmp_path):
    """It writes shares with %g, of which some are a little less than the pixel they stand for."""
    random = np.random.default_rng(5)
    width, height = 1918, 1079
    corners = random.integers(0, [width, height], (40, 3, 2))
    shares = (corners / [width, height]).reshape(40, -1)
    lines = ["0 " + " ".join(f"{value:g}" for value in each) for each in shares]
    folder = write(tmp_path / "data", *lines, size=(width, height))
    for found, polygon in zip(masks(folder), corners, strict=True):
        expected = np.zeros((height, width), np.uint8)
        cv2.fillPoly(expected, [polygon.astype(np.int32)], 1)
        np.testing.assert_array_equal(found, expected.astype(bool))


def test_an_image_without_text_is_a_frame_without_masks(tmp_path):
    folder = write(tmp_path / "data", f"0 {TRIANGLE} 4", suffix=".JPG")
    Image.new("RGB", (WIDTH, HEIGHT)).save(folder / "8.jpg")
    (folder / "classes.txt").write_text("cup\n")
    frames = open_dataset(folder).frames
    assert [(frame.name, frame.identities) for frame in frames] == [
        ("7.JPG", (4,)),
        ("8.jpg", None),
    ]
    assert masks(folder, 1) == []


def test_lines_without_an_id_among_tracks_are_masks_of_their_own(tmp_path):
    lines = [f"0 {TRIANGLE} 4", f"0 {TRIANGLE}", f"0 {TRIANGLE}", f"0 {TRIANGLE} 4"]
    (frame,) = open_dataset(write(tmp_path / "data", *lines)).frames
    assert frame.identities == (4, None, None)


def test_one_line_that_ends_in_a_fraction_tells_that_others_end_in_corners(tmp_path):
    at_edge = "0 0.1 0.1 0.5 0.1 0.5 1"
    found = masks(write(tmp_path / "data", at_edge, f"0 {TRIANGLE}"))
    assert found[0][-1].any()


def of_splits(folder, *splits: str):
    """The layout of Ultralytics: labels/SPLIT/ and images/SPLIT/."""
    good = samples.yolo_tracks(folder.with_name("good"))
    for split in splits:
        for kind in ("labels", "images"):
            shutil.copytree(good / kind, folder / kind / split)
    (folder / "labels" / f"{splits[0]}.cache").write_bytes(b"x")
    return folder


def test_splits_of_ultralytics_are_sequences(tmp_path, refuse):
    one = of_splits(tmp_path / "one", "train")
    expected = sequences.pixels_of(open_dataset(tmp_path / "good"))
    sequences.assert_same(sequences.pixels_of(open_dataset(one)), expected)
    shutil.rmtree(tmp_path / "good")
    both = of_splits(tmp_path / "both", "train", "val")
    shutil.rmtree(both / "images" / "val")
    shutil.rmtree(both / "labels" / "val")
    write(both / "labels" / "val", f"0 {TRIANGLE} 4")
    shutil.copytree(both / "labels" / "val", both / "images" / "val")
    with pytest.raises(ValueError, match=r"2 sequences; choose one with --sequence: train, val"):
        open_dataset(both)
    sequences.assert_same(sequences.pixels_of(open_dataset(both, sequence="train")), expected)
    assert open_dataset(both, sequence="val").masks == 1
    flags = ["--experiments", str(tmp_path / "out"), "--quiet"]
    assert mark_label.main([str(both), *flags]) == 0
    for split, frames in (("train", 4), ("val", 1)):
        content = json.loads((tmp_path / "out" / "both" / split / f"{split}.json").read_text())
        assert len(content) == frames
    # vis opens the input again, as run.json has it
    run = json.loads((tmp_path / "out" / "both" / "val" / "run.json").read_text())
    assert reopen(run["input"]).masks == 1


def without_its_images(folder):
    folder = of_splits(folder, "train")
    shutil.move(folder / "images" / "train", folder / "elsewhere")
    shutil.copytree(folder / "elsewhere", folder / "images", dirs_exist_ok=True)
    return folder


def beside_splits(folder):
    (of_splits(folder, "train") / "labels" / "0.txt").write_text(f"0 {TRIANGLE}\n")
    return folder


def without_image(folder):
    (samples.yolo_tracks(folder) / "images" / "2.png").unlink()
    return folder


def twice(folder):
    folder = write(folder, f"0 {TRIANGLE}")
    Image.new("RGB", (WIDTH, HEIGHT)).save(folder / "7.jpg")
    return folder


REFUSED = [
    (without_image, "no image of frame '2', and corners are shares of its size; put the images"),
    (
        lambda f: samples.yolo_tracks(f) / "labels",
        "into images/ beside labels/ and give the folder",
    ),
    (without_its_images, "or into images/train/ beside labels/train/ and give the folder of both"),
    (beside_splits, "0.txt: lies beside the folder 'train', so that labels/ holds texts and seq"),
    (twice, "7.png are images of one frame; remove one"),
    (lambda f: write(f, "0 0.5 0.5 0.1 0.1"), "7.txt: line 1 is a box; masks are polygons"),
    (lambda f: write(f, "0 0.5 0.5 0.1 0.1 8"), "7.txt: line 1 is a box; masks are polygons"),
    (
        lambda f: write(f, f"0 {TRIANGLE} 0.87"),
        "line 1 ends in 0.87, not a track id; write it with",
    ),
    (lambda f: write(f, f"0 {TRIANGLE} 0.87 12"), "ends in a confidence and track id 12; write it"),
    (
        lambda f: write(f, f"0 {TRIANGLE} 0.87 1"),
        "in a confidence and track id 1; write ids without",
    ),
    (lambda f: write(f, f"0 {TRIANGLE} 5", f"1 {TRIANGLE} 5"), "line 2: track id 5 is of class 1"),
    (lambda f: write(f, f"0 {TRIANGLE}", "0 0.5 x"), "line 2 is not 'class x y x y ... id' in num"),
    (
        lambda f: write(f, f"0 {TRIANGLE}", "0 0.5 0.5"),
        "line 2: a polygon has three or more corners",
    ),
    (lambda f: write(f, "0 0.5 0.5 40.5 3.5 0.5 0.2"), "40.5 is not a share of width or height"),
    (lambda f: write(f, f"0 {TRIANGLE[:-5]}-0.25"), "-0.25 is not a share of width or height"),
]


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_what_is_not_clear_is_one_line(case, tmp_path, refuse):
    make, message = REFUSED[case]
    assert message in refuse(make(tmp_path / "data"))
