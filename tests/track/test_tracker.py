"""Labels that follow motion and shape: small scenes with known answers, and laws."""

import numpy as np
import pytest
from conftest import labels_of, squares, write_dataset
from labelling import SHAPE, boxes, label_frames, pan

from consistency.options import CUES, AssociationOptions


def test_a_fast_object_keeps_its_label_where_no_two_masks_touch():
    """
    frame 0   #.......
    frame 1   ...#....
    frame 2   ......#.
    """
    frames = [boxes((10 + 30 * t, 40, 12, 20), (200, 90, 20, 20)) for t in range(6)]
    alone = label_frames(frames, matching="optimal")
    assert len({labels[0] for labels in alone}) == 6  # the premise: nothing overlaps
    followed = label_frames(frames)
    assert followed == [followed[0]] * 6


def test_velocity_decides_between_two_that_cross():
    """Two equal boxes pass through each other; by IoU alone they seem to bounce back."""
    frames = [boxes((20 + 16 * t, 40, 20, 20), (188 - 16 * t, 40, 20, 20)) for t in range(11)]
    bounced = label_frames(frames, matching="optimal")
    assert bounced[-1] != bounced[0]
    assert label_frames(frames)[-1] == [1, 2]


def test_an_object_behind_a_pole_comes_back_where_it_is_expected():
    other = (10, 90, 30, 20)
    frames = [boxes((20 + 12 * t, 30, 16, 24), other) for t in range(12)]
    for t in (5, 6, 7):
        frames[t] = boxes(other)
    result = label_frames(frames, passes=1)
    assert result[11] == result[0]
    forgotten = label_frames(frames, passes=1, memory=2)
    assert forgotten[11] != forgotten[0]
    assert forgotten[11][1] == forgotten[0][1]


def test_the_second_look_joins_what_the_forward_pass_could_not():
    """A box stands still, vanishes, and comes back moving fast: only its future tells whence."""
    frames = [boxes((20, 40, 20, 20), (200, 90, 30, 20)) for _ in range(4)]
    frames += [boxes((200, 90, 30, 20))] * 3
    frames += [boxes((60 + 10 * t, 40, 20, 20), (200, 90, 30, 20)) for t in range(5)]
    once = label_frames(frames, passes=1, memory=2)
    twice = label_frames(frames, passes=2, memory=4)
    assert once[-1][0] != once[0][0]
    assert twice[-1] == twice[0]


def test_nothing_speaks_for_a_mask_far_from_every_track():
    frames = [boxes((5, 5, 10, 10)), boxes((220, 100, 10, 10))]
    assert label_frames(frames) == [[1], [2]]


def test_a_part_does_not_take_the_label_of_its_whole(tmp_path, mark):
    """The bag disappears for a frame; its strap, nearly as large, stays what it is."""
    bag, strap = (40, 20, 60, 60), (42, 24, 50, 46)
    frames = [boxes(bag, strap)] * 3 + [boxes(strap)] + [boxes(bag, strap)] * 2
    result = label_frames(frames, duplicate_iou=0.9)
    assert result[3] == [result[0][1]]
    assert result[5] == result[0]
    folder = mark(write_dataset(tmp_path / "data", frames), "--duplicate-iou", "0.9")
    rows = [line.split(",") for line in (folder / "tracks.csv").read_text().splitlines()]
    column = rows[0].index("part_of")
    whole, part = result[0]
    assert {int(row[0]): row[column] for row in rows[1:]} == {whole: "", part: str(whole)}


def test_a_mask_that_is_cut_keeps_its_label_in_one_piece(tmp_path, mark):
    frames = [boxes((20, 20, 80, 30))] * 3 + [boxes((20, 20, 50, 30), (76, 20, 24, 30))] * 3
    data = write_dataset(tmp_path / "data", frames)
    folder = mark(data)
    assert list(labels_of(folder).values()) == [[1]] * 3 + [[1, 2]] * 3
    events = (folder / "events.csv").read_text().splitlines()
    assert "3.png,split,1,,,,,2" in events
    assert any(line.startswith("2,") and ",1," in line for line in tracks_of(folder))


def tracks_of(folder):
    return (folder / "tracks.csv").read_text().splitlines()[1:]


def test_both_pieces_get_new_labels_where_that_is_asked_for(tmp_path, mark):
    frames = [boxes((20, 20, 80, 30))] * 3 + [boxes((20, 20, 50, 30), (76, 20, 24, 30))] * 3
    folder = mark(write_dataset(tmp_path / "data", frames), "--on-split", "new")
    assert [set(labels) for labels in labels_of(folder).values()] == [{1}] * 3 + [{2, 3}] * 3
    parents = [line.split(",")[7] for line in tracks_of(folder)]
    assert parents == ["", "1", "1"]


def test_a_cell_divides_without_its_daughters_lying_inside_it():
    """
    .....####.....        ..##......##..
    .....####.....   ->   ..##......##..
    """
    mother, daughters = (100, 40, 24, 24), ((80, 42, 18, 18), (128, 42, 18, 18))
    frames = [boxes(mother)] * 3 + [boxes(*daughters)] * 3
    divided = label_frames(frames, on_split="new")
    assert [set(labels) for labels in divided] == [{1}] * 3 + [{2, 3}] * 3
    kept = label_frames(frames, on_split="keep")
    assert 1 in kept[3]


def test_two_that_become_one_are_a_merge(tmp_path, mark):
    frames = [boxes((20, 20, 40, 30), (62, 20, 30, 30))] * 3 + [boxes((20, 20, 72, 30))] * 3
    folder = mark(write_dataset(tmp_path / "data", frames))
    assert list(labels_of(folder).values()) == [[1, 2]] * 3 + [[1]] * 3
    assert "3.png,merge,2,,,,,1" in (folder / "events.csv").read_text().splitlines()


def test_short_tracks_are_left_out_with_the_reason(tmp_path, mark):
    lasting, brief = (20, 20, 30, 30), (150, 60, 20, 20)
    frames = [boxes(lasting), boxes(lasting, brief), boxes(lasting)]
    folder = mark(write_dataset(tmp_path / "data", frames), "--min-length", "2")
    assert list(labels_of(folder).values()) == [[1], [1], [1]]
    assert "1.png,dropped,,1,short,,," in (folder / "events.csv").read_text().splitlines()


def test_labels_survive_a_camera_that_moves_further_than_the_objects_are_large():
    frames = [pan(t) for t in range(6)]
    still = label_frames(frames, duplicate_iou=1.0, passes=1, without=("motion",))
    moved = label_frames(frames, duplicate_iou=1.0, passes=1)

    def kept(result):
        before, after = result[1], result[5]
        there = [(a, b) for a, b in zip(before, after, strict=True) if None not in (a, b)]
        return sum(a == b for a, b in there) / len(there)

    assert kept(moved) > 0.9
    assert kept(still) < 0.6  # the premise: without the camera's motion labels are lost


@pytest.mark.parametrize("cue", CUES)
def test_every_part_of_the_evidence_can_be_left_out(cue):
    frames = [squares((5 + 4 * t, 5, 10), (30, 20, 12)) for t in range(4)]
    result = label_frames(frames, without=(cue,))
    assert len(result) == 4
    assert all(len(set(labels)) == 2 for labels in result)


def test_the_default_memory_is_that_of_the_matching():
    assert AssociationOptions().frames_missed() == 10
    assert AssociationOptions(matching="optimal").frames_missed() == 1
    assert AssociationOptions(memory=4).frames_missed() == 4


def test_images_tell_the_motion_of_each_mask(tmp_path, mark):
    from PIL import Image

    rng = np.random.default_rng(0)
    texture = rng.integers(0, 255, (40, 40), np.uint8)
    folder = tmp_path / "images"
    folder.mkdir()
    frames = []
    for t in range(4):
        picture = np.zeros(SHAPE, np.uint8)
        x = 20 + 6 * t
        picture[30:70, x : x + 40] = texture
        Image.fromarray(picture).save(folder / f"{t}.png")
        frames.append(boxes((x, 30, 40, 40), (200, 90, 20, 20)))
    data = write_dataset(tmp_path / "data", frames)
    experiment = mark(data, "--motion", "frames", "--frames-path", str(folder))
    assert list(labels_of(experiment).values()) == [[1, 2]] * 4


def test_the_motion_of_images_needs_images(tmp_path, fails):
    data = write_dataset(tmp_path / "data", [boxes((20, 30, 40, 40))] * 2)
    assert "with --frames-path" in fails(data, "--motion", "frames")
    flags = "--motion", "frames", "--frames-path", str(tmp_path)
    assert "no image for frame '0.png'" in fails(data, *flags)
