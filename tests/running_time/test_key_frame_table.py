"""The table of key frames: its scores against sums by hand, on a small sequence as DAVIS has it."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from moving_scene import Scene, steady

sys.path.append(str(Path(__file__).resolve().parents[2] / "running_time"))
sys.path.append(str(Path(__file__).resolve().parents[2] / "data"))

import key_frame_methods as methods
import key_frame_scenes as scenes
import key_frames


@pytest.fixture(scope="module")
def davis(tmp_path_factory):
    """Ten frames of one thing."""
    folder = tmp_path_factory.mktemp("davis")
    scene = Scene([(10, 20, 30, 24, steady(4, 1))], 10, (64, 128))
    for name in ("JPEGImages", "Annotations"):
        (folder / "thing" / name).mkdir(parents=True)
    for t in range(10):
        cv2.imwrite(str(folder / f"thing/JPEGImages/{t:05d}.jpg"), scene.image(t))
        truth = (scene.owners(t) * 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"thing/Annotations/{t:05d}.png"), truth)
    return folder


def test_a_copy_scores_what_two_rectangles_share(davis):
    (found,) = scenes.find([davis])
    score = methods.score(found.until(7), [0, 3, 6], methods.copied)

    def j(steps):
        shared = (30 - 4 * steps) * (24 - steps)
        return shared / (2 * 30 * 24 - shared)

    assert score.avg == pytest.approx(100 * (3 + 2 * (j(1) + j(2))) / 7)
    assert score.least == pytest.approx(100 * j(2))
    assert score.lowest == pytest.approx(100 * j(2))
    assert score.filled == 4
    assert score.avg < score.avg_inside < 100


def test_the_table_has_every_way_and_interval(davis, tmp_path, capsys):
    flags = ["--intervals", "0", "2", "--scales", "1", "--out", str(tmp_path / "out")]
    assert key_frames.main([str(davis), *flags]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    titles = {*key_frames.ways([1.0]), key_frames.DRIVEN}
    assert {line.split(" | ")[1] for line in lines[1:]} == titles
    assert len(lines) == 1 + 2 * len(titles) - 1  # without an interval nothing is driven
    rows = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert all(row["avg"] == 100 for row in rows if row["interval"] == 0)
    mine = {row["way"]: row["least"] for row in rows if row["interval"] == 2}
    assert mine["this tool, --scale 1"] > mine[key_frames.COPY]
    assert (tmp_path / "out.png").stat().st_size > 1000


def test_folders_without_sequences_are_one_line(tmp_path, capsys):
    assert key_frames.main([str(tmp_path)]) == 2
    assert "no sequence; give folders with JPEGImages/ and Annotations/" in capsys.readouterr().err
