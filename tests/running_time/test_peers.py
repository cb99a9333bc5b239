"""Other trackers are asked on the same masks, where they are installed."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "running_time"))

import peers
import quality


def walk(t: int) -> np.ndarray:
    """Two boxes that walk in opposite directions, the second away in frame 3."""
    boxes = np.array([[10 + 2 * t, 10, 40 + 2 * t, 50], [200 - 2 * t, 60, 260 - 2 * t, 90]], float)
    return boxes[:1] if t == 3 else boxes


@pytest.mark.parametrize(
    "name", ["SORT", "ByteTrack", "SORT (pyxtrackers)", "OC-SORT (pyxtrackers)"]
)
def test_a_peer_labels_every_box(name):
    if name not in peers.installed():
        pytest.skip(f"{name} is not installed")
    frames = [walk(t) for t in range(8)]
    frames[5] = frames[5][:0]
    labels = peers.label(name, frames)
    assert [found.shape for found in labels] == [(len(boxes),) for boxes in frames]
    # Those of ``trackers`` leave out the frame that a track begins with.
    assert len({found[0] for found in labels[1:] if found.size}) == 1
    assert all(found[0] != found[1] for found in labels if found.size == 2)


def test_what_is_left_out_or_twice_gets_a_label_of_its_own(monkeypatch):
    answers = iter([[7, 7, peers.NO_LABEL], [peers.NO_LABEL, 7]])
    monkeypatch.setattr(peers, "_update", lambda name: lambda boxes: np.array(next(answers)))
    first, second = peers.label("any", [np.zeros((3, 4)), np.zeros((2, 4))])
    assert first.tolist() == [1, 2, 3]
    assert second.tolist() == [4, 1]


def test_box_iou_of_boxes_that_overlap_by_half():
    one = np.array([[0, 0, 2, 1], [5, 5, 6, 6]], float)
    other = np.array([[1, 0, 3, 1]], float)
    assert peers.box_iou(one, other).tolist() == [[1 / 3], [0]]


def test_missing_packages_are_named_and_left_out(monkeypatch, capsys):
    monkeypatch.setattr(peers, "PACKAGES", ("no_such_tracker",))
    assert quality.installed_peers() == {}
    assert capsys.readouterr().err == (
        "no_such_tracker: not installed, left out; see requirements-peers.txt\n"
    )
