"""What is written around pictures, and figures of families and of the camera."""

import csv
import json
import re

import numpy as np
import pytest
from conftest import squares, write_dataset
from PIL import Image
from test_pictures import look, read_gif, read_mp4, read_png

import vis
from consistency.draw import colours, figures, history, render_job

__all__ = ["look"]  # a fixture


WIDE = [squares((10 + t, 10, 60), (90, 20, 30), shape=(120, 400)) for t in range(3)]


@pytest.fixture
def wide(tmp_path, mark):
    """Draw WIDE; returns the folder of pictures."""
    data = write_dataset(tmp_path / "wide", WIDE, class_name=[["cup", "lid"]] * 3)
    mark(data, "--output", "none", name="wide")

    def run(*flags):
        where = ["--experiments", str(tmp_path / "experiments"), "--out", str(tmp_path / "out")]
        assert vis.main([*where, "--exp-name", "wide", "--quiet", "--overwrite", *flags]) == 0
        return tmp_path / "out"

    return run


def test_captions_stand_above_and_change_nothing_below(wide):
    plain = read_gif(wide("--side-by-side", "--no-captions") / "wide.gif")
    written = read_gif(wide("--side-by-side") / "wide.gif")
    high = written[0].shape[0] - plain[0].shape[0]
    assert 12 <= high <= 30
    strips = [frame[:high] for frame in written]
    for below, frame in zip(plain, written, strict=True):
        np.testing.assert_array_equal(frame[high:], below)
    assert {tuple(c) for strip in strips for c in strip.reshape(-1, 3).tolist()} == {
        (0, 0, 0),
        (255, 255, 255),
    }
    text = [strip.any(axis=(0, 2)) for strip in strips]
    middle = 400 + render_job.GAP
    assert text[0][:60].any()
    assert text[0][middle : middle + 60].any(), "before, and after"
    np.testing.assert_array_equal(strips[0][:, :middle], strips[1][:, :middle])
    assert (strips[0] != strips[1]).any(), "the frame's number"


def test_captions_of_a_video_and_of_images(wide, tmp_path):
    _, size, frames = read_mp4(wide("--format", "mp4") / "wide.mp4")
    high = size[0] - 120
    assert 12 <= high <= 30
    assert frames[0][:high].max() > 200
    (tmp_path / "wide" / "frames").mkdir()
    for t in range(3):
        Image.new("RGB", (400, 120), (40, 90, 160)).save(tmp_path / f"wide/frames/{t}.png")
    shown = read_gif(wide("--format", "gif") / "wide.gif")[0]
    assert shown[:high].max() > 200
    assert np.abs(shown[high + 2, 2].astype(int) - [40, 90, 160]).max() < 12


def test_a_legend_names_labels_in_their_colours(wide):
    frame = read_gif(wide("--legend", "--no-captions") / "wide.gif")[0]
    assert frame.shape[1] > 400 + 50
    legend = frame[:, 400:]
    found = {tuple(c) for c in legend.reshape(-1, 3).tolist()}
    assert found == {tuple(c) for c in colours.colours([0, 1, 2]).tolist()} | {(255, 255, 255)}
    np.testing.assert_array_equal(frame[:, :400], read_gif(wide("--no-captions") / "wide.gif")[0])


def test_a_large_gif_says_how_it_gets_small(tmp_path, mark, capsys):
    data = write_dataset(tmp_path / "data", [squares((5, 5, 200), shape=(600, 800))] * 2)
    (data / "frames").mkdir()
    noise = np.random.default_rng(1)
    for t in range(2):
        pixels = noise.integers(0, 256, (600, 800, 3), np.uint8)
        Image.fromarray(pixels).save(data / "frames" / f"{t}.png")
    mark(data)
    where = ["--experiments", str(tmp_path / "experiments"), "--out", str(tmp_path / "out")]
    flags = [*where, "--exp-name", "exp", "--overwrite", "--format", "gif"]
    assert vis.main(flags) == 0
    said = capsys.readouterr().out
    scale = re.search(r"MB, less with --scale ([0-9.]+), --plain or --format mp4", said)[1]
    assert vis.main([*flags, "--scale", scale]) == 0
    assert "less with" not in capsys.readouterr().out
    assert (tmp_path / "out" / "exp.gif").stat().st_size <= 2 * 100_000


def test_families_are_drawn_where_there_are_any(look, tmp_path, capsys):
    assert look("--format", "lineage", code=2)
    assert "no label has a parent" in capsys.readouterr().err
    path = tmp_path / "experiments" / "exp" / "tracks.csv"
    rows = history.read_table(path)
    for row in rows[1:]:
        row["parent"] = "1"
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    picture = read_png(look("--format", "lineage") / "exp_lineage.png")
    for label in (1, 2, 3):
        assert (picture == colours.colours([label])[0]).all(axis=2).sum() > 50


def test_daughters_lie_on_both_sides_of_their_mother():
    rows = figures.family_rows({5: [6, 9], 6: [7, 8], 20: [21]})
    assert rows == {7: 0, 8: 1, 6: 0.5, 9: 2, 5: 1.25, 21: 3, 20: 3}
    rows = figures.family_rows({5: [6, 9], 6: [7, 8]}, going_on={6})
    assert rows == {6: 0, 7: 1, 8: 2, 9: 3, 5: 1.5}


def test_a_camera_that_is_not_known_is_explained(look, tmp_path):
    path = tmp_path / "experiments" / "exp" / "run.json"
    run = json.loads(path.read_text())
    known = [[1, 0, -10], [0, 1, 4]]
    pictures = []
    for motion in ([None] * 5, [None, known, known, known, known]):
        path.write_text(json.dumps(run | {"motion": motion}))
        pictures.append(read_png(look("--format", "motion") / "exp_motion.png"))
    dark = [(picture.max(axis=2) < 80)[250:450, 300:700].sum() for picture in pictures]
    assert dark[0] > dark[1] + 500, "words in the middle"
