"""Images that are found without being named."""

import json

import numpy as np
import pytest
from conftest import squares, write_dataset
from PIL import Image

import vis

FRAMES = [squares((5, 5, 20)), squares((6, 5, 20))]
SHAPE = (40, 60)


def images(folder, shape=SHAPE, frames=2):
    folder.mkdir(parents=True)
    for t in range(frames):
        Image.new("RGB", shape[::-1], (10, 200, 90)).save(folder / f"{t}.png")
    return folder


@pytest.fixture
def look(tmp_path, capsys):
    """Draw PNGs of the experiment; returns the background's colour and what was said."""

    def run(*flags, source=("--exp-name", "exp"), name="exp"):
        where = ["--out", str(tmp_path / "out"), "--overwrite", "--format", "png"]
        if source[0] == "--exp-name":
            where += ["--experiments", str(tmp_path / "experiments")]
        assert vis.main([*source, *where, *flags]) == 0
        with Image.open(tmp_path / "out" / name / "0.png") as picture:
            return picture.convert("RGB").getpixel((0, 0)), capsys.readouterr().out

    return run


def test_frames_in_the_data_are_drawn_on_and_said(tmp_path, mark, look):
    data = write_dataset(tmp_path / "data", FRAMES)
    mark(data)
    assert look()[0] == (0, 0, 0)
    folder = images(data / "frames")
    colour, said = look()
    assert colour == (10, 200, 90)
    assert said.strip().endswith(f"exp: 2 frames over {folder}")
    assert look("--plain")[0] == (0, 0, 0)
    assert look(source=("--data-path", str(data)), name="data")[0] == (10, 200, 90)


def test_frames_beside_the_data_are_found(tmp_path, mark, look):
    mark(write_dataset(tmp_path / "data", FRAMES))
    images(tmp_path / "frames")
    assert look()[0] == (10, 200, 90)


@pytest.mark.parametrize("how", [{"shape": (20, 30)}, {"frames": 1}])
def test_images_that_do_not_fit_are_left(tmp_path, mark, look, how):
    data = write_dataset(tmp_path / "data", FRAMES)
    mark(data)
    images(data / "frames", **how)
    assert look()[0] == (0, 0, 0)


def test_images_of_the_run_are_remembered(tmp_path, mark, look):
    folder = images(tmp_path / "elsewhere")
    experiment = mark(write_dataset(tmp_path / "data", FRAMES))
    run = json.loads((experiment / "run.json").read_text())
    run["parameters"]["frames_path"] = str(folder)
    (experiment / "run.json").write_text(json.dumps(run))
    assert look()[0] == (10, 200, 90)


def test_opacity_over_nothing_is_refused(tmp_path, mark, capsys):
    mark(write_dataset(tmp_path / "data", FRAMES))
    where = ["--experiments", str(tmp_path / "experiments"), "--out", str(tmp_path / "out")]
    assert vis.main([*where, "--exp-name", "exp", "--alpha", "0.2"]) == 2
    assert "--alpha has no effect without images" in capsys.readouterr().err
    assert np.sum([path.is_file() for path in (tmp_path / "out").glob("*")]) == 0
