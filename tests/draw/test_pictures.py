"""MP4, PNG, overlays, selections and figures of a small experiment, looked at pixel by pixel."""

import json
import re
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from conftest import squares, write_dataset
from PIL import Image, ImageSequence

import vis
from consistency.draw import colours, figures, gif, history, render_job, scene
from consistency.experiment import open_experiment
from consistency.formats import open_dataset
from consistency.options import SelectionOptions, StyleOptions

SHAPE = (40, 60)
# Three tracks: 1 stays and moves, 2 is missing in frames 2 and 3, 3 is seen once.
FRAMES = [
    squares((2, 2, 20), (30, 5, 12)),
    squares((31, 5, 12), (3, 2, 20), (46, 28, 9)),
    squares((4, 2, 20)),
    squares((5, 2, 20)),
    squares((6, 2, 20), (33, 5, 12)),
]
LABELS = [(1, 2), (2, 1, 3), (1,), (1,), (1, 2)]


def alone(*flags):
    """Flags with which a GIF or a video holds the pictures alone."""
    moving = "--format" not in flags or {"gif", "mp4"} & set(flags)
    return [*flags, "--no-captions"] if moving and "--legend" not in flags else flags


@pytest.fixture
def look(tmp_path, mark):
    """Mark FRAMES; returns a function that runs vis.py and gives the folder of pictures."""
    mark(write_dataset(tmp_path / "data", FRAMES), "--memory", "3", "--output", "rle")

    def run(*flags, code=0, alone=alone):
        where = ["--experiments", str(tmp_path / "experiments"), "--out", str(tmp_path / "out")]
        assert (
            vis.main([*where, "--exp-name", "exp", "--quiet", "--overwrite", *alone(*flags)])
            == code
        )
        return tmp_path / "out"

    return run


@pytest.fixture
def photographs(tmp_path):
    """One RGB image a frame, of its own colour."""
    folder = tmp_path / "rgb"
    folder.mkdir()
    for t in range(len(FRAMES)):
        Image.new("RGB", SHAPE[::-1], (200, 10 * t, 50)).save(folder / f"{t}.png")
    return folder


def painted(t, labels=None, ground=(0, 0, 0), alpha=1.0):
    """Frame ``t`` painted the slow way; masks do not overlap."""
    image = np.full((*SHAPE, 3), ground, float)
    for mask, label in zip(FRAMES[t], LABELS[t], strict=True):
        if labels is None or label in labels:
            colour = colours.colours([label])[0]
            image[mask] = (1 - alpha) * np.array(ground) + alpha * colour
    return image


def read_png(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def read_gif(path):
    with Image.open(path) as image:
        return [np.asarray(f.convert("RGB")) for f in ImageSequence.Iterator(image)]


def read_mp4(path):
    """What ffmpeg says of the video, its (height, width), and all frames."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24"]
    done = subprocess.run([*command, "-"], capture_output=True, check=True)
    about = re.search(r"Stream .*Video: .*", done.stderr.decode())[0]
    width, height = (int(n) for n in re.search(r", (\d\d+)x(\d\d+)", about).groups())
    frames = np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3)
    return about, (height, width), frames


def one_line(capsys):
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return error


def test_png_shows_labels_exactly_under_the_names_of_the_frames(look):
    folder = look("--format", "png") / "exp"
    assert sorted(p.name for p in folder.glob("[!.]*")) == [f"{t}.png" for t in range(5)]
    for t in range(5):
        np.testing.assert_array_equal(read_png(folder / f"{t}.png"), painted(t))


def test_pngs_of_an_earlier_run_go_and_other_files_are_safe(look, capsys):
    folder = look("--format", "png") / "exp"
    look("--format", "png", "--stop", "2")
    assert len(list(folder.glob("*.png"))) == 2
    (folder / "notes.txt").write_text("mine")
    look("--format", "png", code=2)
    assert "holds notes.txt, which vis.py did not write" in one_line(capsys)
    assert (folder / "notes.txt").read_text() == "mine"


def test_gif_keeps_the_numbers_of_colours_that_skip_some(tmp_path):
    table = np.arange(768, dtype=np.uint8).reshape(256, 3)
    image = np.zeros((20, 30), np.uint8)
    image[3:9, 4:20], image[12:, 7:] = 200, 7
    content = gif.header(image.shape, table, 10) + gif.frame(image, 0, 10) + gif.TRAILER
    (tmp_path / "one.gif").write_bytes(content)
    np.testing.assert_array_equal(read_gif(tmp_path / "one.gif")[0], table[image])


def test_mp4_shows_labels_and_keeps_count_size_and_pace(look):
    path = look("--format", "mp4", "--fps", "5", "--scale", "2") / "exp.mp4"
    about, size, frames = read_mp4(path)
    assert size == (80, 120)
    assert "h264" in about
    assert "yuv420p" in about
    assert " 5 fps" in about
    assert len(frames) == 5
    for t, frame in enumerate(frames):
        small = frame[1::2, 1::2].astype(int)
        off = np.abs(small - painted(t)).max(axis=2)
        assert np.median(off) <= 4
        for mask, label in zip(FRAMES[t], LABELS[t], strict=True):
            middle = np.argwhere(mask).mean(axis=0).astype(int)
            assert np.abs(small[tuple(middle)] - colours.colours([label])[0]).max() <= 12


def test_mp4_of_odd_size_is_padded_to_even(look):
    _, size, _ = read_mp4(look("--format", "mp4", "--scale", "0.75") / "exp.mp4")
    assert size == (30, 46)


@pytest.mark.parametrize("alpha", [0.25, 0.5, 1.0])
def test_overlay_mixes_masks_and_image(look, photographs, alpha):
    flags = "--frames-path", str(photographs), "--alpha", str(alpha)
    folder = look("--format", "png", *flags) / "exp"
    for t in range(5):
        expected = painted(t, ground=(200, 10 * t, 50), alpha=alpha)
        assert np.abs(read_png(folder / f"{t}.png") - expected).max() <= 1


def test_gif_of_overlays_has_one_palette_and_every_frame(look, photographs):
    path = look("--frames-path", str(photographs)) / "exp.gif"
    frames = read_gif(path)
    assert len(frames) == 5
    assert path.read_bytes().count(b"\x21\xf9\x04") == 5
    for t, frame in enumerate(frames):
        expected = painted(t, ground=(200, 10 * t, 50), alpha=0.5)
        assert np.abs(frame - expected).max() <= 12


def test_frames_with_more_masks_than_a_palette_holds_keep_their_colours(tmp_path, mark):
    masks = [np.zeros((24, 48), bool) for _ in range(288)]
    for i, mask in enumerate(masks):
        mask[2 * (i // 24) : 2 * (i // 24) + 2, 2 * (i % 24) : 2 * (i % 24) + 2] = True
    mark(write_dataset(tmp_path / "data", [masks]), "--output", "none")
    where = ["--experiments", str(tmp_path / "experiments"), "--out", str(tmp_path / "out")]
    assert vis.main([*where, "--exp-name", "exp", "--quiet", *alone("--format", "png", "mp4")]) == 0
    image = read_png(tmp_path / "out" / "exp" / "0.png")
    assert {tuple(c) for c in image.reshape(-1, 3).tolist()} == {
        tuple(c) for c in colours.colours(range(1, 289)).tolist()
    }
    _, _, (frame,) = read_mp4(tmp_path / "out" / "exp.mp4")
    luma = [0.299, 0.587, 0.114]
    assert np.abs(frame @ luma - image @ luma).mean() < 12


def test_frames_without_masks_are_black_in_every_format(tmp_path, mark):
    mark(write_dataset(tmp_path / "data", [[], FRAMES[0], [], FRAMES[0]]), "--output", "masks")
    where = ["--experiments", str(tmp_path / "experiments"), "--out", str(tmp_path / "out")]
    formats = ["gif", "mp4", "png", "html", "timeline", "contact"]
    flags = ["--exp-name", "exp", "--quiet", "--numbers", "--outline"]
    flags += ["--no-captions", "--format", *formats]
    assert vis.main([*where, *flags]) == 0
    for t in (0, 2):
        assert not read_gif(tmp_path / "out" / "exp.gif")[t].any()
        assert not read_png(tmp_path / "out" / "exp" / f"{t}.png").any()
        assert read_mp4(tmp_path / "out" / "exp.mp4")[2][t].max() <= 8


@pytest.mark.parametrize("flags", [["--outline"], ["--numbers", "--side-by-side"], ["--before"]])
def test_workers_write_the_same_bytes(look, flags):
    formats = ["--format", "gif", "mp4", "html"]
    files = [f"exp.{name}" for name in formats[1:]]
    folder = look(*formats, *flags)
    alone = [(folder / name).read_bytes() for name in files]
    look(*formats, *flags, "--workers", "2")
    assert [(folder / name).read_bytes() for name in files] == alone


def test_overlay_of_another_size_is_an_error(look, photographs, capsys):
    Image.new("RGB", (30, 20)).save(photographs / "3.png")
    out = look("--frames-path", str(photographs), "--format", "mp4", code=2)
    error = one_line(capsys)
    assert "3.png: image of 30 × 20 pixels under masks of 60 × 40 in frame '3.png'" in error
    assert not out.exists()


@pytest.mark.parametrize("overlay", [False, True])
def test_no_ffmpeg_is_one_line(look, photographs, capsys, monkeypatch, overlay):
    def missing():
        raise RuntimeError("No ffmpeg exe could be found.")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", missing)
    flags = ["--frames-path", str(photographs)] if overlay else []
    out = look("--format", "mp4", *flags, code=2)
    assert "pip install imageio-ffmpeg" in one_line(capsys)
    assert not out.exists()


def test_overlay_turned_by_the_camera_is_turned_back(look, photographs):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored a quarter turn away
    upright = Image.new("RGB", SHAPE[::-1], (9, 9, 9))
    upright.rotate(90, expand=True).save(photographs / "0.png", exif=exif)
    folder = look("--frames-path", str(photographs), "--format", "png", "--stop", "1") / "exp"
    assert read_png(folder / "0.png")[39, 0].tolist() == [9, 9, 9]


def test_missing_and_broken_images_are_named(look, photographs, capsys):
    (photographs / "2.png").write_bytes(b"no image")
    look("--frames-path", str(photographs), "--format", "png", code=2)
    assert "2.png: no readable image for frame '2.png'" in one_line(capsys)
    (photographs / "2.png").unlink()
    look("--frames-path", str(photographs), code=2)
    assert "no image for frame '2.png'" in one_line(capsys)
    look("--frames-path", str(photographs / "none"), code=2)
    assert "no such folder" in one_line(capsys)


def test_only_and_hide_shorter_leave_masks_out(look):
    folder = look("--format", "png", "--only", "3,2") / "exp"
    for t in range(5):
        np.testing.assert_array_equal(read_png(folder / f"{t}.png"), painted(t, {2, 3}))
    look("--format", "png", "--hide-shorter", "2")
    np.testing.assert_array_equal(read_png(folder / "1.png"), painted(1, {1, 2}))


def test_only_leaves_out_the_same_masks_of_the_input(look):
    folder = look("--format", "png", "--only", "3", "--before") / "exp"
    image = read_png(folder / "1.png")
    third = colours.colours([3])[0]  # the third mask of the input has label 3
    np.testing.assert_array_equal(image, FRAMES[1][2][..., None] * third)


def test_start_stop_and_step_choose_frames(look):
    folder = look("--format", "png", "--start", "1", "--step", "2") / "exp"
    assert sorted(p.name for p in folder.glob("[!.]*")) == ["1.png", "3.png"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--only", "9"], "--only 9: no mask has this label"),
        (["--start", "7"], "leave none of 5 frames"),
        (["--format", "motion"], "holds no camera motion"),
        (["--fps", "0.001"], "at least 0.0015 frames per second"),
    ],
)
def test_selections_that_leave_nothing_are_errors(look, capsys, flags, message):
    look(*flags, code=2)
    assert message in one_line(capsys)


def test_outline_separates_masks_and_hides_nothing_else(look):
    plain = look("--format", "png") / "exp"
    before = read_png(plain / "0.png")
    look("--format", "png", "--outline")
    after = read_png(plain / "0.png")
    changed = (before != after).any(axis=2)
    inner = np.zeros(SHAPE, bool)
    inner[3:21, 3:21] = True
    assert not changed[inner].any()
    assert changed[2, 2:22].all()
    assert (after[changed] == 0).all()


def test_numbers_are_written_inside_their_masks(look):
    for output, flags in (("exp", []), ("exp", ["--palette", "davis"])):
        plain = read_png(look("--format", "png", *flags) / output / "0.png")
        folder = look("--format", "png", "--numbers", *flags)
        changed = (plain != read_png(folder / output / "0.png")).any(axis=2)
        for mask in FRAMES[0]:
            assert (changed & mask).sum() > 20
        assert not (changed & ~np.logical_or.reduce(FRAMES[0])).any()


def test_numbers_in_a_gif_are_black_and_white_only(tmp_path, mark):
    rows = squares(*((x, y, 24) for y in (2, 32, 62) for x in (2, 32, 62)), shape=(90, 90))
    mark(write_dataset(tmp_path / "data", [rows]), "--output", "none")
    where = ["--experiments", str(tmp_path / "experiments"), "--out", str(tmp_path / "out")]
    pictures = []
    for flags in (alone(), alone("--numbers")):
        assert vis.main([*where, "--exp-name", "exp", "--quiet", "--overwrite", *flags]) == 0
        pictures.append(read_gif(tmp_path / "out" / "exp.gif")[0])
    changed = (pictures[0] != pictures[1]).any(axis=2)
    assert all(changed[mask].sum() > 20 for mask in rows)
    inks = {tuple(c) for c in pictures[1][changed].tolist()}
    assert inks == {(0, 0, 0), (255, 255, 255)}


def test_davis_palette_is_used(look):
    frame = read_gif(look("--palette", "davis") / "exp.gif")[0]
    assert frame[10, 10].tolist() == [128, 0, 0]


def test_raw_data_is_drawn_as_it_is(tmp_path, look):
    flags = ["--data-path", str(tmp_path / "data"), "--out", str(tmp_path / "raw"), "--quiet"]
    assert vis.main([*flags, "--format", "png", "gif"]) == 0
    image = read_png(tmp_path / "raw" / "data" / "1.png")
    for i, mask in enumerate(FRAMES[1]):
        assert (image[mask] == colours.colours([i + 1])[0]).all()


def test_raw_data_has_no_labels_to_choose_or_plot(tmp_path, look, capsys):
    flags = ["--data-path", str(tmp_path / "data"), "--quiet"]
    with pytest.raises(SystemExit):
        vis.main([*flags, "--only", "1"])
    assert "--only has no effect without --exp-name" in one_line(capsys)
    with pytest.raises(ValueError, match="need labels; mark the data first"):
        render_job.of_dataset(
            "data", open_dataset(tmp_path / "data"), SelectionOptions(only=(1,)), StyleOptions(), 10
        )
    assert vis.main([*flags, "--format", "timeline"]) == 2
    assert "--format timeline needs labels" in one_line(capsys)


def test_timeline_shows_labels_and_gaps(look, tmp_path):
    picture = read_png(look("--format", "timeline") / "exp_timeline.png")
    assert picture.shape[0] > 100
    views = scene.labelled(open_experiment(tmp_path / "experiments" / "exp")).views
    stretches = history.spans(views)
    assert stretches == {1: [(0, 4)], 2: [(0, 1), (4, 4)], 3: [(1, 1)]}
    image = figures.timeline_image(stretches, 5, colours.colours(stretches))
    ink, paper, absent = colours.colours([2])[0].tolist(), [255] * 3, [222] * 3
    assert image[1].tolist() == [ink, ink, absent, absent, ink]
    assert image[2, 0].tolist() == paper


def test_happenings_are_those_of_the_frames_and_labels_looked_at(look, tmp_path):
    experiment = open_experiment(tmp_path / "experiments" / "exp")
    whole = scene.labelled(experiment)
    found = history.happenings(experiment.folder, whole.views)
    kinds = [(h.frame, h.kind, h.label) for h in found if h.kind in ("gap", "return", "end")]
    assert kinds == [(2, "gap", 2), (2, "end", 3), (4, "return", 2)]
    part = scene.only_labels(whole.part(slice(1, 3)), [2])
    found = history.happenings(experiment.folder, part.views)
    assert [(h.frame, h.kind, h.label) for h in found] == [(1, "gap", 2)]
    (tmp_path / "experiments" / "exp" / "events.csv").unlink()
    assert history.happenings(experiment.folder, whole.views) == []


def test_contact_sheet_shows_input_above_result(look):
    sheet = read_png(look("--format", "contact") / "exp_contact.png")
    margin, (height, width) = figures.MARGIN, SHAPE
    assert sheet.shape == (2 * (height + margin) + margin, 5 * (width + margin) + margin, 3)
    left = margin + width + margin
    for top, labels in ((margin, (1, 2, 3)), (2 * margin + height, LABELS[1])):
        panel = sheet[top : top + height, left : left + width]
        for mask, label in zip(FRAMES[1], labels, strict=True):
            assert (panel[mask] == colours.colours([label])[0]).all()


def test_contact_sheet_without_input_shows_the_result(look, tmp_path):
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    sheet = read_png(look("--format", "contact") / "exp_contact.png")
    assert sheet.shape[0] == SHAPE[0] + 2 * figures.MARGIN


def test_camera_path_is_chained_from_the_motions(look, tmp_path):
    path = tmp_path / "experiments" / "exp" / "run.json"
    run = json.loads(path.read_text())
    step = [[1, 0, -10], [0, 1, 4]]  # what is seen moves left and down: the camera right and up
    run["motion"] = [None, step, None, step, step]
    path.write_text(json.dumps(run))
    assert Path(look("--format", "motion") / "exp_motion.png").stat().st_size > 1000
    views, known = figures.camera_views(run["motion"], SHAPE)
    assert known.tolist() == [True, True, False, True, True]
    np.testing.assert_allclose(views[0], [[0, 0], [60, 0], [60, 40], [0, 40]])
    np.testing.assert_allclose(views[:, 0], [[0, 0], [10, -4], [10, -4], [20, -8], [30, -12]])


def test_motion_of_the_camera_is_kept_with_the_run(tmp_path, mark):
    corners = [(x, y, 8 + (x + y) % 5) for x in (10, 45, 80, 110) for y in (8, 40, 70)]
    frames = [
        squares(*((x + 3 * t, y + t, side) for x, y, side in corners), shape=(100, 140))
        for t in range(3)
    ]
    data = write_dataset(tmp_path / "data", frames)
    run = json.loads((mark(data, "--output", "none") / "run.json").read_text())
    assert run["motion"][0] is None
    for step in run["motion"][1:]:
        np.testing.assert_allclose(step, [[1, 0, 3], [0, 1, 1]], atol=0.3)
    still = mark(data, "--output", "none", "--motion", "none")
    assert "motion" not in json.loads((still / "run.json").read_text())
