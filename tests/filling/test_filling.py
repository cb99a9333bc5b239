"""Frames without masks are filled: against scenes whose every pixel and motion is known."""

import csv
import json
import re
import shutil
from contextlib import suppress

import cv2
import numpy as np
import pytest
from experiments import content, mark
from moving_scene import Scene, steady
from places import Place, skip_if_missing
from pycocotools import mask as coco
from sequences import write_native

import mark_label
from consistency.experiment import open_experiment
from consistency.formats.buffer import Buffer
from consistency.vis import main as draw

BOX = (10, 10, 20, 15)
SCENES = {  # of 12 frames: with each of the intervals the last key frame is 10
    "one thing": Scene([(*BOX, steady(3, 1))], 12),
    "fast": Scene([(5, 10, 30, 15, steady(5))], 12),
    "three things": Scene(
        [(*BOX, steady(3, 1)), (60, 5, 12, 12, steady(-1, 2)), (20, 45, 30, 10, steady(2))], 12
    ),
    "hides another": Scene([(40, 20, 20, 20, steady(0)), (0, 15, 8, 25, steady(6))], 12),
    "both move": Scene([(60, 20, 20, 20, steady(-2, 1)), (0, 15, 8, 30, steady(6))], 12),
    "speeds up": Scene([(*BOX, lambda t: (t * t // 2, t))], 12),
}
LAST_KEY = 10


def write_masks(folder, scene, missing=()):
    """Native data: what is seen of each thing; ``missing`` has pairs of a frame and a thing."""
    frames = [
        [
            {"segmentation": mask, "thing": n}
            for n, mask in zip(scene.labels(t), scene.masks(t), strict=True)
            if (t, n) not in missing
        ]
        for t in range(scene.frames)
    ]
    return write_native(folder, frames, [f"{t}.png" for t in range(scene.frames)])


def write_images(folder, scene):
    folder.mkdir()
    for t in range(scene.frames):
        cv2.imwrite(str(folder / f"{t}.png"), scene.image(t))
    return folder


def run(data, folder, *flags, output=("rle",)):
    where = ["--data-path", data, "--experiments", folder, "--exp-name", "e", "--quiet"]
    return mark_label.main([str(a) for a in [*where, "--output", *output, *flags]])


def labelled(folder):
    """{frame: {label: (bool (h, w), whether it is filled)}} of an experiment."""
    records = json.loads((folder / "e" / "e.json").read_text())
    return {
        int(name.removesuffix(".png")): {
            r["label"]: (coco.decode(r["segmentation"]).astype(bool), r.get("filled", False))
            for r in some
        }
        for name, some in records.items()
    }


def events(folder, kind):
    with open(folder / "e" / "events.csv", newline="") as file:
        return [row for row in csv.DictReader(file) if row["event"] == kind]


def things(scene, found):
    """{label: number of the thing}, by the key frames."""
    result = {}
    for t, masks in found.items():
        image = scene.owners(t)
        for label, (mask, filled) in masks.items():
            if not filled:
                (result[label],) = {result.get(label)} - {None} or set(image[mask].tolist())
    return result


def iou(one, other):
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


@pytest.mark.parametrize("interval", [1, 4])
@pytest.mark.parametrize("name", SCENES)
def test_masks_follow_a_known_flow_to_the_pixel(tmp_path, name, interval):
    scene = SCENES[name]
    data, flow = write_masks(tmp_path / "d", scene), scene.write_flow(tmp_path / "f")
    assert run(data, tmp_path, "--frame-interval", interval, "--flow-path", flow) == 0
    found = labelled(tmp_path)
    thing = things(scene, found)
    assert len(thing) == len(scene.things)
    filled = 0
    for t in range(scene.frames):
        truth = dict(zip(scene.labels(t), scene.masks(t), strict=True))
        assert {thing[label] for label in found[t]} == truth.keys()
        for label, (mask, is_filled) in found[t].items():
            if t <= LAST_KEY:
                np.testing.assert_array_equal(mask, truth[thing[label]], err_msg=f"{t} {label}")
            else:  # known from one side, and nothing tells what will be in front
                assert iou(mask, truth[thing[label]]) > 0.6
            assert is_filled == (t % (interval + 1) > 0)
            filled += is_filled
    rows = events(tmp_path, "filled")
    assert len(rows) == filled > 0
    assert all(int(row["frame"][:-4]) % (interval + 1) for row in rows)


def test_what_comes_into_view_behind_the_last_key_frame_is_not_invented(tmp_path):
    def leaving(t):  # when the last key frame is over
        return -3 * max(t - 7, 0), 0

    scene = Scene([(40, 20, 20, 20, steady(0)), (35, 15, 15, 30, leaving)], 14)
    data, flow = write_masks(tmp_path / "d", scene), scene.write_flow(tmp_path / "f")
    assert run(data, tmp_path, "--frame-interval", 6, "--flow-path", flow) == 0
    found = labelled(tmp_path)
    thing = things(scene, found)
    covered = scene.owners(0) == 2
    hidden = 0
    for t in range(8, 14):
        for label, (mask, filled) in found[t].items():
            truth = scene.owners(t) == thing[label]
            assert filled
            if thing[label] == 2:
                np.testing.assert_array_equal(mask, truth)
            else:  # it does not move: what was covered in key frames is known in no frame
                np.testing.assert_array_equal(mask, truth & ~covered)
                hidden += np.count_nonzero(truth & covered)
    assert hidden


@pytest.mark.parametrize(("preset", "scale"), [("medium", 1), ("fast", 1), ("medium", 0.5)])
def test_masks_follow_the_images(tmp_path, preset, scale):
    things_of = [(20, 20, 120, 100, steady(8, 4)), (300, 80, 100, 120, steady(-6))]
    scene = Scene(things_of, 9, shape=(280, 480))
    data, images = write_masks(tmp_path / "d", scene), write_images(tmp_path / "i", scene)
    flags = ["--frames-path", images, "--flow-preset", preset, "--scale", scale]
    assert run(data, tmp_path, "--frame-interval", 3, *flags) == 0
    found = labelled(tmp_path)
    thing = things(scene, found)
    worst = min(
        iou(mask, scene.owners(t) == thing[label])
        for t, masks in found.items()
        for label, (mask, _) in masks.items()
    )
    # A copy of the key frame before has 0.64 in the frame before the next one.
    assert iou(scene.owners(0) == 1, scene.owners(3) == 1) < 0.65
    assert worst > (0.9 if scale == 1 else 0.8)
    counts = [len(masks) for masks in found.values()]
    assert counts == [2] * 9


def test_beside_images_a_flow_that_is_wrong_does_little_harm(tmp_path):
    things_of = [(20, 20, 120, 100, steady(8, 4)), (300, 80, 100, 120, steady(-6))]
    scene = Scene(things_of, 5, shape=(280, 480))
    data, images = write_masks(tmp_path / "d", scene), write_images(tmp_path / "i", scene)
    flow = scene.write_flow(tmp_path / "f")
    for t in range(4):
        np.save(flow / f"{t}.npy", np.full((280, 480, 2), (5, -9), np.float32))
    flags = ["--frames-path", images, "--flow-path", flow, "--flow-preset", "medium"]
    assert run(data, tmp_path, "--frame-interval", 3, *flags) == 0
    found = labelled(tmp_path)
    thing = things(scene, found)
    assert [len(masks) for masks in found.values()] == [2] * 5
    for t, masks in found.items():
        for label, (mask, _) in masks.items():
            # Followed alone beside the direct flow of the images it gave 0.69.
            assert iou(mask, scene.owners(t) == thing[label]) > 0.87, (t, thing[label])


def test_without_images_and_flow_masks_move_on_straight_lines(tmp_path):
    scene = SCENES["three things"]
    # Apart, so that nothing hides anything.
    scene = Scene([scene.things[0], (60, 30, 12, 12, steady(1, -2)), scene.things[2]], 11)
    data = write_masks(tmp_path / "d", scene)
    assert run(data, tmp_path, "--frame-interval", 4) == 0
    found = labelled(tmp_path)
    thing = things(scene, found)
    for t, masks in found.items():
        assert len(masks) == 3
        for label, (mask, _) in masks.items():
            np.testing.assert_array_equal(mask, scene.owners(t) == thing[label])


def test_a_shape_that_changes_is_in_between(tmp_path):
    """A square grows by two pixels a frame on each side."""
    frames = []
    for t in range(5):
        mask = np.zeros((60, 100), bool)
        mask[20 - 2 * t : 30 + 2 * t, 40 - 2 * t : 60 + 2 * t] = True
        frames.append([{"segmentation": mask}])
    data = write_native(tmp_path / "d", frames)
    assert run(data, tmp_path, "--frame-interval", 3) == 0
    folder = json.loads((tmp_path / "e" / "e.json").read_text())
    masks = [coco.decode(records[0]["segmentation"]).astype(bool) for records in folder.values()]
    assert [int(m.sum()) for m in (masks[0], masks[4])] == [200, 26 * 36]
    for t in (1, 2, 3):
        # Corners of what lies between two rectangles are rounded.
        assert iou(masks[t], frames[t][0]["segmentation"]) > 0.95
    assert not (masks[1] & ~masks[2]).any()


# --- what begins, ends and is missing ------------------------------------------------------------


def test_an_object_ends_where_the_flow_covers_it(tmp_path):
    """Thing 1 is hidden from frame 5 on; the key frames are 0, 4 and 8."""
    scene = Scene([(40, 20, 15, 10, steady(0)), (0, 15, 30, 20, steady(5))], 9)
    assert [t for t in range(9) if 1 in scene.labels(t)] == [0, 1, 2, 3, 4]
    data, flow = write_masks(tmp_path / "d", scene), scene.write_flow(tmp_path / "f")
    assert run(data, tmp_path, "--frame-interval", 3, "--flow-path", flow) == 0
    found = labelled(tmp_path)
    thing = things(scene, found)
    for t, masks in found.items():
        truth = dict(zip(scene.labels(t), scene.masks(t), strict=True))
        assert {thing[label] for label in masks} <= truth.keys()
    assert [len(found[t]) for t in range(9)] == [2] * 5 + [1] * 4


def test_without_evidence_an_object_ends_and_begins_half_way(tmp_path):
    boxes = ((10, 10, 20, 15), (80, 5, 9, 40), (40, 50, 10, 5))
    still = Scene([(*box, steady(0)) for box in boxes], 11)
    missing = [(0, 2), (10, 2)]
    data = write_masks(tmp_path / "d", still, missing)
    assert run(data, tmp_path, "--frame-interval", 4, "--memory", 0) == 0
    found = labelled(tmp_path)
    thing = things(still, found)
    seen = {n: [t for t in found if n in {thing[label] for label in found[t]}] for n in (1, 2, 3)}
    assert seen == {1: list(range(11)), 2: [3, 4, 5, 6, 7], 3: list(range(11))}


@pytest.mark.parametrize("how", ["own motion", "flow", "images"])
def test_gaps_of_tracks_are_filled(tmp_path, how):
    scene = Scene([(20, 20, 60, 50, steady(4, 2)), (150, 40, 50, 60, steady(-3))], 9, (140, 240))
    missing = [(3, 1), (4, 1), (6, 2), (8, 2)]  # the last one is no gap, but an end
    data = write_masks(tmp_path / "d", scene, missing)
    flags = {
        "own motion": list,
        "flow": lambda: ["--flow-path", scene.write_flow(tmp_path / "f")],
        "images": lambda: ["--frames-path", write_images(tmp_path / "i", scene)],
    }[how]()
    assert run(data, tmp_path, "--fill-gaps", *flags) == 0
    found = labelled(tmp_path)
    thing = things(scene, found)
    filled = {
        (t, thing[label]): mask
        for t, masks in found.items()
        for label, (mask, is_filled) in masks.items()
        if is_filled
    }
    assert set(filled) == {(3, 1), (4, 1), (6, 2)}
    for (t, number), mask in filled.items():
        truth = scene.owners(t) == number
        assert iou(mask, truth) > 0.95 if how == "images" else (mask == truth).all()
    assert [row["frame"] for row in events(tmp_path, "filled")] == ["3.png", "4.png", "6.png"]
    assert not events(tmp_path, "gap")
    run_json = json.loads((tmp_path / "e" / "run.json").read_text())
    assert run_json["counters"]["filled"] == 3
    assert run_json["counters"]["masks"] == 14
    assert "key_frames" not in run_json


def test_gaps_at_key_frames_are_filled_too(tmp_path):
    scene = Scene([(10, 10, 20, 15, steady(1)), (60, 30, 20, 15, steady(0))], 9)
    data = write_masks(tmp_path / "d", scene, [(4, 1)])
    assert run(data, tmp_path, "--frame-interval", 1, "--fill-gaps") == 0
    found = labelled(tmp_path)
    thing = things(scene, found)
    for t, masks in found.items():
        assert {thing[label]: (mask == (scene.owners(t) == thing[label])).all() for label, (
            mask, _) in masks.items()} == {1: True, 2: True}  # fmt: skip
    assert [filled for _, filled in found[4].values()].count(True) == 1


def test_masks_that_share_no_pixel_share_none_between(tmp_path):
    """Two things side by side that come closer; label images can hold them."""
    scene = Scene([(20, 20, 50, 60, steady(2, 1)), (70, 15, 60, 70, steady(-1))], 9, (110, 180))
    data, images = write_masks(tmp_path / "d", scene), write_images(tmp_path / "i", scene)
    flags = ["--frame-interval", 3, "--frames-path", images]
    assert run(data, tmp_path, *flags, output=("rle", "davis")) == 0
    for masks in labelled(tmp_path).values():
        one, other = (mask for mask, _ in masks.values())
        assert not (one & other).any()


def test_parts_stay_in_their_wholes(tmp_path):
    scene = Scene([(20, 20, 60, 50, steady(3, 1)), (35, 30, 20, 20, steady(3, 1))], 9, (110, 180))
    frames = [
        [{"segmentation": scene.owners(t) > 0}, {"segmentation": scene.owners(t) == 2}]
        for t in range(9)
    ]
    data = write_native(tmp_path / "d", frames, [f"{t}.png" for t in range(9)])
    flow = scene.write_flow(tmp_path / "f")
    assert run(data, tmp_path, "--frame-interval", 3, "--flow-path", flow) == 0
    for t, masks in labelled(tmp_path).items():
        whole, part = sorted((mask for mask, _ in masks.values()), key=np.sum, reverse=True)
        np.testing.assert_array_equal(whole, scene.owners(t) > 0)
        np.testing.assert_array_equal(part, scene.owners(t) == 2)


# --- what is written, and where ------------------------------------------------------------------


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A folder with masks ``d``, one of which is missing, images ``i`` and flow ``f``."""
    folder = tmp_path_factory.mktemp("clip")
    scene = Scene([(20, 20, 40, 30, steady(3, 1)), (90, 20, 30, 40, steady(-2))], 11, (90, 150))
    write_masks(folder / "d", scene, [(4, 1)])
    write_images(folder / "i", scene)
    scene.write_flow(folder / "f")
    return folder


EVERY_WAY = {
    "key frames, images": ("--frame-interval", "2", "--frames-path", "i"),
    "key frames, flow": ("--frame-interval", "3", "--flow-path", "f"),
    "key frames and gaps": ("--frame-interval", "1", "--fill-gaps"),
    "gaps, both": ("--fill-gaps", "--flow-path", "f", "--frames-path", "i", "--scale", "0.5"),
}


def flags_of(clip, how):
    return [str(clip / flag) if flag in ("i", "f") else flag for flag in EVERY_WAY[how]]


@pytest.mark.parametrize(
    ("how", "place"),
    [
        ("key frames, images", Place("multi", 2)),
        ("key frames, images", Place("mpi", 2)),
        ("key frames and gaps", Place("mpi", 3)),
        ("gaps, both", Place("multi", 3)),
    ],
    ids=str,
)
def test_backends_write_the_same_bytes(clip, tmp_path, how, place):
    skip_if_missing(place)
    flags = flags_of(clip, how)
    assert run(clip / "d", tmp_path / "alone", *flags) == 0
    expected = content(tmp_path / "alone")
    assert b'"filled": true' in expected["e/e.json"]
    where, flags = tmp_path / "workers", ["--output", "rle", *flags, *place.options()]
    done = mark(clip / "d", where, *flags, launch=place.launcher())
    assert done.returncode == 0, done.stderr
    assert content(where) == expected


@pytest.mark.parametrize(
    ("how", "output"), [*((how, "coco") for how in EVERY_WAY), ("key frames and gaps", "masks")]
)
def test_an_experiment_has_the_filled_masks_whatever_was_written(clip, tmp_path, how, output):
    """Those of "coco" are read from the input, which knows nothing of filled masks."""
    assert run(clip / "d", tmp_path / "all", *flags_of(clip, how)) == 0
    truth = labelled(tmp_path / "all")
    assert run(clip / "d", tmp_path, *flags_of(clip, how), output=(output,)) == 0
    opened = open_experiment(tmp_path / "e")
    filled = 0
    for t, frame in enumerate(opened.frames):
        masks = opened.read(t, Buffer())
        assert set(frame.labels) == truth[t].keys()
        for k, label in enumerate(frame.labels):
            np.testing.assert_array_equal(masks.unpack(k), truth[t][label][0])
            filled += truth[t][label][1]
    assert filled


def test_filled_masks_are_drawn(clip, tmp_path):
    flags = flags_of(clip, "key frames, flow")
    assert run(clip / "d", tmp_path, *flags, output=("none",)) == 0
    vis = ["--exp-name", "e", "--experiments", tmp_path, "--quiet", "--format", "png"]
    assert draw([str(a) for a in [*vis, "--side-by-side", "--out", tmp_path / "png"]]) == 0
    pictures = sorted((tmp_path / "png").rglob("*.png"))
    assert len(pictures) == 11
    # Frame 1 is filled, and drawn to the right.
    assert np.hsplit(cv2.imread(str(pictures[1])), 2)[1].any()


def test_an_interrupted_run_goes_on(clip, tmp_path, monkeypatch):
    flags = flags_of(clip, "key frames, images")
    assert run(clip / "d", tmp_path / "whole", *flags) == 0

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("consistency.filling.stage.fill", killed)
        assert run(clip / "d", tmp_path / "again", *flags) != 0
    assert run(clip / "d", tmp_path / "again", *flags, "--resume") == 0
    assert content(tmp_path / "again") == content(tmp_path / "whole")


def test_what_masks_are_keeps_with_them(tmp_path):
    frames = [
        [{"segmentation": mask, "category_id": 3, "area": 1, "predicted_iou": 0.5}]
        for mask in (SCENES["one thing"].masks(t)[0] for t in range(3))
    ]
    assert run(write_native(tmp_path / "d", frames), tmp_path, "--frame-interval", 1) == 0
    records = json.loads((tmp_path / "e" / "e.json").read_text())["0001.png"]
    assert records[0].keys() == {
        "category_id", "segmentation", "filled", "label", "mask_index", "confidence"
    }  # fmt: skip
    assert records[0]["category_id"] == 3
    assert records[0]["confidence"] is None


def test_masks_of_frames_between_key_frames_are_not_read(tmp_path):
    scene = SCENES["one thing"]
    data = write_masks(tmp_path / "d", scene)
    text = (data / "sk_masks.json").read_text()
    records = json.loads(text)
    for t in range(scene.frames):
        if t % 3:
            records[f"{t}.png"] = [{"segmentation": "missing.npy"}]
    (data / "sk_masks.json").write_text(json.dumps(records))
    assert run(data, tmp_path / "lazy", "--frame-interval", 2) == 0
    (data / "sk_masks.json").write_text(text)
    assert run(data, tmp_path / "whole", "--frame-interval", 2) == 0
    assert labelled(tmp_path / "lazy").keys() == labelled(tmp_path / "whole").keys()
    assert run(data, tmp_path / "empty", "--frame-interval", 2) == 0
    files = [(tmp_path / name / "e" / "e.json").read_bytes() for name in ("lazy", "whole")]
    assert files[0] == files[1]


# --- bad input -----------------------------------------------------------------------------------


def without(folder, name):
    (folder / name).unlink()


def resized_image(folder):
    cv2.imwrite(str(folder / "i" / "4.png"), np.zeros((90, 151, 3), np.uint8))


def resized_flow(folder):
    np.save(folder / "f" / "4.npy", np.zeros((91, 150, 2), np.float32))


def flow_of_nan(folder):
    np.save(folder / "f" / "4.npy", np.full((90, 150, 2), np.nan, np.float32))


BAD = {
    "image missing": (lambda c: without(c, "i/4.png"), "--frames-path i", "no image for frame '4."),
    "image damaged": (
        lambda c: (c / "i/4.png").write_bytes(b"?"),
        "--frames-path i",
        "4.png: can",
    ),
    "image too large": (resized_image, "--frames-path i", "90 × 151 pixels, .* 90 × 150"),
    "flow missing": (lambda c: without(c, "f/4.npy"), "--flow-path f", "no flow from frame '4'"),
    "flow too large": (resized_flow, "--flow-path f", "91 × 150 pixels, .* give flow fields of th"),
    "flow is nan": (flow_of_nan, "--flow-path f", "4.npy: 13500 of 13500 vectors are not finite"),
    "no folder": (lambda c: None, "--flow-path x", "x: no such folder; give the flow"),
    "no images": (lambda c: None, "--frames-path x", "x: no such folder; give the images"),
    "scale": (lambda c: None, "--frames-path i --scale 0", "'0' is not above 0"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(clip, tmp_path, capsys, name):
    damage, flags, message = BAD[name]
    copy = tmp_path / "clip"
    shutil.copytree(clip, copy)
    damage(copy)
    names = {part: str(copy / part) for part in ("i", "f", "x")}
    flags = [names.get(part, part) for part in flags.split()]
    with suppress(SystemExit):
        assert run(copy / "d", tmp_path, "--frame-interval", 4, *flags) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert re.search(message, err)
    assert not (tmp_path / "e").exists()


def test_an_interval_that_leaves_no_second_key_frame_is_refused(clip, tmp_path, capsys):
    for interval in (99, 10):  # of 11 frames
        assert run(clip / "d", tmp_path, "--frame-interval", interval, "--frames-path", "i") == 2
        assert capsys.readouterr().err == (
            f"error: --frame-interval {interval}: of 11 frames the first alone would be read, and "
            "nothing between two; give 9 at most\n"
        )
    assert run(clip / "d", tmp_path, "--frame-interval", 9, "--flow-path", clip / "f") == 0
    record = json.loads((tmp_path / "e" / "run.json").read_text())
    assert record["key_frames"] == ["0.png", "10.png"]


@pytest.mark.parametrize(("frames", "code"), [(1, 0), (2, 2), (3, 0)])
def test_the_shortest_sequences(tmp_path, capsys, frames, code):
    scene = Scene([(10, 10, 20, 15, steady(1))], frames)
    data = write_masks(tmp_path / "d", scene)
    assert run(data, tmp_path, "--frame-interval", 1, "--fill-gaps") == code
    if code:
        assert capsys.readouterr().err.endswith("between two; leave it out\n")
    else:
        assert [len(masks) for masks in labelled(tmp_path).values()] == [1] * frames


def test_frames_without_masks_stay_empty(tmp_path):
    data = write_native(tmp_path / "d", [[], [], []])
    assert run(data, tmp_path, "--frame-interval", 1, output=("none",)) == 0
    assert json.loads((tmp_path / "e" / "e.json").read_text()) == {
        f"{t:04d}.png": [] for t in range(3)
    }
