"""The images that were segmented are found by both commands alike."""

import numpy as np
import pytest
from conftest import squares, write_dataset
from PIL import Image

import vis


@pytest.mark.parametrize("ending", [".JPG", ".jpeg", ".PNG", ".ppm"])
def test_what_one_command_finds_the_other_finds(tmp_path, mark, ending):
    data = write_dataset(tmp_path / "data", [squares((5, 5, 10))] * 2)
    folder = tmp_path / "images"
    folder.mkdir()
    for t in range(2):
        Image.fromarray(np.full((40, 60, 3), 90, np.uint8)).save(folder / f"{t}{ending}")
    mark(data, "--motion", "frames", "--frames-path", str(folder))
    flags = ["--experiments", str(tmp_path / "experiments"), "--out", str(tmp_path / "out")]
    flags += ["--exp-name", "exp", "--format", "png", "--frames-path", str(folder), "--quiet"]
    assert vis.main(flags) == 0
