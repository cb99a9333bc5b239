"""The confidence of links is compared with how often they are right."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import squares, write_dataset

sys.path.append(str(Path(__file__).resolve().parents[2] / "running_time"))

import calibration
import quality
from calibration import CONFIDENCE, LINKS, RIGHT, UNKNOWN

from consistency.dataset import Dataset, Frame, Layout

NAN = float("nan")


def frame(*masks: tuple[int, int, float]) -> SimpleNamespace:
    """A labelled frame of masks given as index in the input, label, confidence."""
    kept, labels, confidence = zip(*masks, strict=True)
    return SimpleNamespace(
        kept=np.array(kept), labels=list(labels), confidence=np.array(confidence)
    )


def truth(*frames: tuple[int | None, ...]) -> Dataset:
    content = [Frame(str(t), ({},) * len(who), identities=who) for t, who in enumerate(frames)]
    return Dataset(Layout(Path(), "native"), tuple(content))


def counts(*links: tuple[float, bool]) -> np.ndarray:
    """Links given as confidence and whether they are right, each of a sequence of its own."""
    total = calibration.nothing()
    for confidence, right in links:
        frames = [frame((0, 1, NAN)), frame((0, 1, confidence))]
        total += calibration.count(frames, truth((5,), (5 if right else 6,)))
    return total


def test_a_link_is_from_the_mask_before_of_its_label():
    #   label 1 shows object 7, is away, and then shows 8; label 2 goes from no object to 8 to 8
    dataset = truth((7, None), (8,), (8, 7, 8))
    frames = [
        frame((1, 2, NAN), (0, 1, NAN)),
        frame((0, 2, 0.71)),
        frame((0, 1, 0.32), (2, 2, 0.94), (1, 3, NAN)),
    ]
    found = calibration.count(frames, dataset)
    assert found[:, LINKS].nonzero()[0].tolist() == [3, 7, 9]
    assert found[[3, 7, 9], CONFIDENCE].tolist() == [0.32, 0.71, 0.94]
    assert found[[3, 7, 9], RIGHT].tolist() == [0, 0, 1]
    assert found[[3, 7, 9], UNKNOWN].tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("confidence", "row"), [(0.0, 0), (0.049, 0), (0.051, 1), (0.849, 8), (0.851, 9), (1.0, 10)]
)
def test_links_of_nine_tenths_are_those_around_it(confidence, row):
    assert counts((confidence, True))[:, LINKS].argmax() == row


def test_the_share_of_right_links_and_how_far_off_the_confidence_is():
    found = counts(*[(0.9, True)] * 8, *[(0.9, False)] * 2, (0.3, False))
    assert calibration.share_right(found)[9] == 0.8
    assert calibration.mean_confidence(found)[9] == pytest.approx(0.9)
    assert np.isnan(calibration.share_right(found)[5])
    assert calibration.error(found) == pytest.approx((10 * 0.1 + 1 * 0.3) / 11)
    assert calibration.error(calibration.nothing()) == 0.0


def test_the_table_has_links_of_masks_without_identity_once_as_wrong():
    frames = [frame((0, 1, NAN)), frame((0, 1, 0.9)), frame((0, 1, 0.9))]
    found = calibration.count(frames, truth((5,), (5,), (None,)))
    rows = calibration.rows({"one": found, "two": counts((0.9, True))})
    assert rows[0] == ["confidence", "one", "two", "all", "all, unknown as wrong"]
    assert rows[10] == ["0.9", "100 % of 1", "100 % of 1", "100 % of 2", "67 % of 3"]
    assert rows[5] == ["0.4", "", "", "", ""]
    assert rows[-1] == ["calibration error", "0.100", "0.100", "0.100", "0.233"]


def test_a_point_of_few_links_is_not_drawn():
    found = counts(*[(0.9, True)] * calibration.FEWEST, *[(0.3, False)] * (calibration.FEWEST - 1))
    x, y = calibration.points(found)
    assert x[[3, 9]].round(6).tolist() == [0.3, 0.9]
    assert y[9] == 1
    assert np.isnan(np.delete(y, 9)).all()


def test_the_picture_is_drawn(tmp_path):
    path = tmp_path / "images" / "reliability.png"
    calibration.draw(
        {"one": counts((0.9, True), (0.3, False)), "none": calibration.nothing()}, path
    )
    assert path.read_bytes().startswith(b"\x89PNG")


def test_the_command_compares_the_confidence_of_links(tmp_path, capsys):
    folder, picture, file = (tmp_path / name for name in ("one", "picture.png", "figures.json"))
    write_dataset(folder / "data", [squares((5, 5, 10), (30, 20, 12))] * 4)
    (folder / "truth.json").write_text(json.dumps({f"{t}.png": [1, 2] for t in range(4)}))
    wanted = [f"toy={folder}", "--calibration", str(picture), "--json", str(file)]
    assert quality.main(wanted) == 0
    found = np.array(json.loads(file.read_text())["calibration"]["toy"])
    assert found[:, LINKS].sum() == found[:, RIGHT].sum() == 2 * 3
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "Share of right links by confidence:" in capsys.readouterr().out
