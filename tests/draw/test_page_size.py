"""Pages of the viewer stay small enough to open, whatever images are under the masks."""

import json
import re

import numpy as np
import pytest
from conftest import squares, write_dataset
from PIL import Image

import vis
from consistency.draw.viewer import page

FRAMES = 24


@pytest.fixture
def drawn(tmp_path, mark, capsys, monkeypatch):
    """Draw a page that may have so many bytes; returns its text and what was said."""
    data = write_dataset(tmp_path / "data", [squares((5, 5 + t, 20)) for t in range(FRAMES)])
    rng = np.random.default_rng(0)
    for t in range(FRAMES):
        noise = rng.integers(0, 256, (40, 60, 3), np.uint8)
        (tmp_path / "data" / "frames").mkdir(exist_ok=True)
        Image.fromarray(noise).save(tmp_path / "data" / "frames" / f"{t}.png")
    exp = mark(data)

    def run(most):
        monkeypatch.setattr(page, "LARGEST_PAGE", most)
        where = ["--experiments", str(exp.parent), "--exp-name", exp.name, "--overwrite"]
        out = ["--out", str(tmp_path / "out"), "--format", "html", "--quiet"]
        capsys.readouterr()
        assert vis.main([*where, *out]) == 0
        return (tmp_path / "out" / f"{exp.name}.html").read_text(), capsys.readouterr().err

    return run


def images(text):
    return re.findall(r'<script type="text/plain" id="image(\d+)">', text)


def test_images_are_as_large_as_fit_and_a_line_says_how_large(drawn):
    whole, said = drawn(40e6)
    assert (len(images(whole)), said) == (FRAMES, "")
    most = 0.9 * len(whole)
    smaller, said = drawn(most)
    assert len(smaller) <= most
    assert len(images(smaller)) == FRAMES
    assert re.fullmatch(r"note: images of \d+ pixels at most keep the page below [\d.]+ MB\n", said)


def test_where_no_images_fit_they_are_left_out(drawn):
    text, said = drawn(1000)
    assert images(text) == []
    assert said.startswith("note: images are left out: masks and the least of images of 24 frames")
    about = re.search(r'id="about">(.*?)</script>', text)[1]
    assert json.loads(about)["photographs"] is False
