"""Key frames by how much changes, against all other choices that there are."""

import itertools
import json

import cv2
import numpy as np
import pytest
from moving_scene import Scene, steady
from sequences import write_native

import mark_label
from consistency.filling.key_frames import STILL, by_changes, by_masks


def hardest(changes, keys):
    """Oracle: the largest cost of a span, with its own sums."""
    more = [c + STILL * np.mean(changes) for c in changes]
    costs = []
    for start, stop in itertools.pairwise(keys):
        ways = [min(sum(more[start:t]), sum(more[t:stop])) for t in range(start + 1, stop)]
        costs.append(sum(way**2 for way in ways))
    return max(costs)


@pytest.mark.parametrize("seed", range(8))
def test_the_hardest_span_is_as_easy_as_can_be(seed):
    random = np.random.default_rng(seed)
    changes = (random.random(10) * (random.random(10) > 0.3) * 9).tolist()
    for most in (2, 3, 5):
        keys = by_changes(changes, most)
        every = [(0, *some, 10) for some in itertools.combinations(range(1, 10), most - 2)]
        assert tuple(keys) in every
        best = min(hardest(changes, keys) for keys in every)
        assert hardest(changes, keys) == pytest.approx(best)
        even = np.linspace(0, 10, most).astype(int).tolist()
        assert hardest(changes, keys) <= hardest(changes, even) + 1e-9


def test_where_all_is_alike_distances_are_even():
    assert by_changes([3.0] * 12, 5) == [0, 3, 6, 9, 12]
    assert by_changes([0.0] * 12, 4) == [0, 4, 8, 12]
    assert by_masks(lambda a, b: 0.5, 9, 5) == [0, 2, 4, 6, 8]


def test_by_masks_only_key_frames_are_looked_at():
    seen = set()

    def change(one, other):
        seen.update((one, other))
        return float(one < 10 <= other)  # something happens at frame 10

    keys = by_masks(change, 65, 8)
    assert seen == set(keys)
    assert len(keys) == 8
    assert {8, 9, 10} & set(keys)
    gaps = [(b - a, a) for a, b in itertools.pairwise(keys)]
    assert min(gaps)[1] in (8, 9, 10)


@pytest.mark.parametrize("images", [True, False])
def test_key_frames_are_dense_where_things_move(tmp_path, images):
    """A thing stands still, runs, and stands still; as many key frames as without the flag."""
    scene = Scene([(5, 20, 20, 20, lambda t: (6 * min(max(t - 16, 0), 8), 0))], 41)
    frames = [[{"segmentation": mask} for mask in scene.masks(t)] for t in range(scene.frames)]
    data = write_native(tmp_path / "d", frames, [f"{t}.png" for t in range(41)])
    flags = ["--frame-interval", "4"]
    if images:
        (tmp_path / "i").mkdir()
        for t in range(scene.frames):
            cv2.imwrite(str(tmp_path / "i" / f"{t}.png"), scene.image(t))
        flags += ["--frames-path", str(tmp_path / "i")]
    where = ["--data-path", str(data), "--experiments", str(tmp_path), "--quiet"]
    keys = {}
    for name, more in (("even", []), ("driven", ["--change-driven"])):
        assert mark_label.main([*where, "--exp-name", name, *flags, *more]) == 0
        run = json.loads((tmp_path / name / "run.json").read_text())
        keys[name] = [int(frame[:-4]) for frame in run["key_frames"]]
    assert keys["even"] == list(range(0, 41, 5))
    assert len(keys["driven"]) == len(keys["even"])
    assert keys["driven"][0] == 0
    assert keys["driven"][-1] == 40
    there = [sum(16 <= t <= 24 for t in keys[name]) for name in ("even", "driven")]
    assert there[0] == 1
    # Masks of key frames alone tell of what happens between them only by halves.
    assert there[1] >= (5 if images else 3)


def test_a_damaged_image_is_one_line(tmp_path, capsys):
    scene = Scene([(5, 20, 20, 20, steady(1))], 4)
    frames = [[{"segmentation": mask} for mask in scene.masks(t)] for t in range(4)]
    data = write_native(tmp_path / "d", frames, [f"{t}.png" for t in range(4)])
    (tmp_path / "i").mkdir()
    for t in range(4):
        cv2.imwrite(str(tmp_path / "i" / f"{t}.png"), scene.image(t))
    (tmp_path / "i" / "2.png").write_bytes(b"nothing")
    where = ["--data-path", str(data), "--experiments", str(tmp_path), "--exp-name", "e"]
    flags = ["--frame-interval", "1", "--change-driven", "--frames-path", str(tmp_path / "i")]
    assert mark_label.main([*where, *flags]) == 2
    assert "2.png: cannot be read as an image; frame '2.png'" in capsys.readouterr().err
