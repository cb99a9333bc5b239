"""The examples of docs/python.md and README run, with stand-ins for what has to be downloaded."""

import re
import sys
from types import ModuleType

import numpy as np
import pytest
from conftest import squares, write_dataset
from launch import ROOT
from PIL import Image
from pycocotools import mask as coco

import vis

COLOURS = ((255, 0, 0), (0, 200, 0), (60, 60, 255))
FRAMES = 4


class SamAutomaticMaskGenerator:
    """A stand-in with the interface and the records of Segment Anything: a mask for each colour.

    Kirillov et al. 2023, segment_anything/automatic_mask_generator.py.
    """

    def __init__(self, model, output_mode="binary_mask"):
        assert model == "vit_b from sam_vit_b_01ec64.pth"
        assert output_mode in ("binary_mask", "coco_rle")
        self.output_mode = output_mode
        self._random = np.random.default_rng(0)

    def generate(self, image: np.ndarray) -> list[dict]:
        assert image.dtype == np.uint8
        assert image.shape[2] == 3
        found = []
        for colour in self._random.permutation(COLOURS):  # in no order, as the real one
            mask = (image == colour).all(axis=2)
            y, x = np.nonzero(mask)
            box = [float(v) for v in (x.min(), y.min(), np.ptp(x), np.ptp(y))]
            found.append(
                {
                    "segmentation": self._as_asked(mask),
                    "area": int(mask.sum()),
                    "bbox": box,
                    "predicted_iou": 0.98,
                    "point_coords": [[box[0], box[1]]],
                    "stability_score": 0.97,
                    "crop_box": [0, 0, image.shape[1], image.shape[0]],
                }
            )
        return found

    def _as_asked(self, mask: np.ndarray):
        if self.output_mode == "binary_mask":
            return mask
        rle = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
        return {"size": list(mask.shape), "counts": rle["counts"].decode()}


def scene() -> list[np.ndarray]:
    """Pictures of squares, uint8 (h, w, 3), each in its colour and on its way."""
    pictures = []
    for t in range(FRAMES):
        boxes = ((5 + 2 * t, 5, 10), (30, 24 - t, 12), (44 - t, 4, 8))
        picture = np.zeros((40, 60, 3), np.uint8)
        for colour, mask in zip(COLOURS, squares(*boxes), strict=True):
            picture[mask] = colour
        pictures.append(picture)
    return pictures


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with what the examples look for."""
    monkeypatch.chdir(tmp_path)
    sam = ModuleType("segment_anything")
    sam.SamAutomaticMaskGenerator = SamAutomaticMaskGenerator
    sam.sam_model_registry = {"vit_b": lambda checkpoint: f"vit_b from {checkpoint}"}
    monkeypatch.setitem(sys.modules, "segment_anything", sam)
    write_dataset(tmp_path / "data" / "demo", [squares((5, 5, 10)), squares((6, 5, 10))])
    (tmp_path / "frames").mkdir()
    for t, picture in enumerate(scene()):
        Image.fromarray(picture).save(tmp_path / "frames" / f"{t:04d}.png")
    return tmp_path


def run(page: str) -> dict:
    """Run the Python of a page from top to bottom; returns its names."""
    text = (ROOT / page).read_text(encoding="utf-8")
    names: dict = {}
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, page, "exec"), names)
    return names


def colours_of(names: dict) -> list[set]:
    """Colours of the masks of each label."""
    found: dict[int, set] = {}
    frames = names["frames"].values()
    for values, records, picture in zip(names["labels"], frames, scene(), strict=True):
        for value, record in zip(values.tolist(), records, strict=True):
            pixels = picture[coco.decode(record["segmentation"]).astype(bool)]
            found.setdefault(value, set()).update(map(tuple, pixels.tolist()))
    return sorted(found.values(), key=sorted)


EACH_ITS_OWN = [{colour} for colour in sorted(COLOURS)]


def test_the_page_runs_and_says_what_comes_out(here, capsys):
    pytest.importorskip("supervision", reason="pip install supervision")
    names = run("docs/python.md")
    assert capsys.readouterr().out.startswith("[[2, 1], [2, 1], [1, 2]]\n"), "as the page says"
    assert colours_of(names) == EACH_ITS_OWN
    assert (here / "experiments" / "demo" / "coco").is_dir()
    assert (here / "experiments" / "sam" / "sam.json").is_file()
    drawn: dict = {colour: set() for colour in COLOURS}
    for before, after in zip(scene(), names["pictures"], strict=True):
        for colour in COLOURS:
            drawn[colour] |= set(map(tuple, after[(before == colour).all(axis=2)].tolist()))
    assert all(len(some) == 1 for some in drawn.values()), "an object has one colour in all frames"
    assert len(set.union(*drawn.values())) == len(COLOURS)


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_the_viewer_shows_what_was_written(here, page):
    pytest.importorskip("supervision", reason="pip install supervision")
    assert colours_of(run(page)) == EACH_ITS_OWN
    (flags,) = re.findall(r"# python vis.py (--exp-name sam .*)", (ROOT / page).read_text())
    assert vis.main([*flags.split(), "--quiet"]) == 0
    assert (here / "vis_consistent" / "sam.html").stat().st_size > 1000
