"""Masks of several pieces, cut up: every piece is a mask of the input, for all that reads it."""

import json
from contextlib import contextmanager

import numpy as np
import pytest
from experiments import content
from hypothesis import given
from hypothesis import strategies as st
from sequences import write_native
from strategies import frames, orders

import consistency
import mark_label
from consistency import journal
from consistency.draw import scene
from consistency.endings import Interrupted
from consistency.experiment import open_experiment
from consistency.formats.buffer import Buffer
from consistency.masks.packing import pack
from consistency.masks.pieces import split

ABOVE = 4
#  mask 0: two squares far apart, one of them moves, and a speck; 1: two squares that touch at a
#  corner; 2: nothing but specks; 3: nothing; 4: one speck
SQUARES = (
    ((3, 3, 5), (3, 30, 6), (30, 3, 2)),
    ((20, 10, 4), (24, 14, 4)),
    ((30, 20, 1), (30, 40, 2)),
    (),
    ((10, 40, 2),),
)
OWNERS = [0, 0, 1, 3, 4]


def drawn(squares, t=0):
    pixels = np.zeros((37, 53), bool)
    for y, x, side in squares:
        pixels[y + t : y + t + side, x : x + side] = True
    return pixels


def reached(mask):
    """Pieces by walking from pixel to pixel, the slow obvious way."""
    left, found = set(zip(*np.nonzero(mask), strict=True)), []
    while left:
        piece, todo = set(), [min(left)]
        while todo:
            y, x = todo.pop()
            if (y, x) in left:
                left.remove((y, x))
                piece.add((y, x))
                todo += [(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        found.append(frozenset(piece))
    return found


@given(frames, orders, st.integers(0, 6))
def test_pieces_are_those_that_a_walk_finds(masks, order, above):
    found = split(pack(masks, masks.shape[1:], order), above)
    pieces, owner, cut = found.masks, found.owner, found.cut
    gone = []
    for i, mask in enumerate(masks):
        walked = reached(mask)
        large = (
            [p for p in walked if len(p) > above] if len(walked) > 1 else walked or [frozenset()]
        )
        mine = np.flatnonzero(owner == i)
        pixels = [frozenset(zip(*np.nonzero(pieces.unpack(k)), strict=True)) for k in mine]
        assert len(pixels) == len(large)
        assert set(pixels) == set(large)
        assert set(cut[mine]) <= {len(walked) > 1}
        small = [p for p in walked if len(p) <= above] if len(walked) > 1 else []
        gone += [[i, len(small), sum(map(len, small))]] if small else []
    assert owner.tolist() == sorted(owner)
    assert found.left_out.tolist() == gone


@pytest.fixture
def data(tmp_path):
    """Nine frames in which all squares walk down."""
    one = [{"area": 7, "bbox": [0, 0, 1, 1], "score": k / 10} for k in range(len(SQUARES))]
    given = [
        [r | {"segmentation": drawn(s, t // 3)} for r, s in zip(one, SQUARES, strict=True)]
        for t in range(9)
    ]
    return write_native(tmp_path / "data", given)


@pytest.fixture
def run(tmp_path, data):
    def mark(folder, *flags, path=data):
        where = [str(path), "--experiments", str(tmp_path / folder), "--exp-name", "e", "--quiet"]
        return mark_label.main([*where, "--split-pieces", str(ABOVE), *flags])

    return mark


@pytest.fixture
def interrupt(monkeypatch):
    """A context in which runs end when the first frames have been measured."""
    true = journal._append

    def append(path, record):
        true(path, record)
        raise Interrupted(15)

    @contextmanager
    def context():
        with monkeypatch.context() as patch:
            patch.setattr(journal, "_append", append)
            yield

    return context


def test_the_command_labels_pieces(tmp_path, run):
    assert run("out", "--output", "rle", "masks") == 0
    files = content(tmp_path / "out")
    counters = files["e/run.json"]["counters"]
    assert (counters["masks"], counters["empty"], counters["labels"]) == (9 * 5, 9, 4)
    # The speck of mask 0, and both of mask 2, in each frame.
    assert counters["small_pieces"] == 9 * 3
    events = [line.split(",") for line in files["e/events.csv"].decode().splitlines()]
    gone = [e for e in events if e[1] == "left out"]
    name = "0003.png"
    assert [e for e in gone if e[0] == name] == [
        [name, "left out", "", "0", "pieces", "", "4", ""],
        [name, "left out", "", "2", "pieces", "", "5", ""],
    ]
    assert len(gone) == 9 * 2
    for t, records in enumerate(json.loads(files["e/e.json"]).values()):
        assert [r["piece_of"] for r in records] == [0, 0, 1, 4]
        assert [r["mask_index"] for r in records] == [0, 1, 2, 4]
        assert [r["area"] for r in records] == [25, 36, 7, 7], "a mask that is whole stays as it is"
        assert [r["bbox"][2:] for r in records] == [[5, 5], [6, 6], [1, 1], [1, 1]]
        pixels = np.load(tmp_path / "out" / "e" / records[1]["segmentation"])
        np.testing.assert_array_equal(pixels > 0, drawn(SQUARES[0][1:2], t // 3))


def test_pieces_that_are_left_out_are_told(tmp_path, data, capsys):
    where = [str(data), "--experiments", str(tmp_path / "out"), "--split-pieces"]
    assert mark_label.main([*where, str(ABOVE), "--exp-name", "some"]) == 0
    assert "27 small pieces of masks; events.csv lists them" in capsys.readouterr().out
    assert mark_label.main([*where, "0", "--exp-name", "none"]) == 0
    assert "small pieces" not in capsys.readouterr().out


def test_python_cuts_the_masks_of_folders(tmp_path, data, run):
    assert run("out", "--output", "rle") == 0
    labels = consistency.label(data, split_pieces=ABOVE)
    labels.write(tmp_path / "api" / "e", ["rle"])
    ours, theirs = content(tmp_path / "api"), content(tmp_path / "out")
    assert theirs["e/run.json"].pop("fingerprint"), "of a journal, which only the command keeps"
    assert ours == theirs
    assert sum(event.event == "left out" for event in labels.events) == 9 * 2
    with pytest.raises(ValueError, match="split_pieces has no effect on masks in memory"):
        consistency.label([[drawn(SQUARES[0])]], split_pieces=0)
    with pytest.raises(ValueError, match="split_pieces makes several masks of one identity"):
        consistency.label(data, split_pieces=ABOVE, keep_ids=True)


def test_what_is_labelled_is_drawn_from_the_pieces_of_the_input(tmp_path, run):
    assert run("out", "--output", "none") == 0
    experiment = open_experiment(tmp_path / "out" / "e")
    masks = experiment.read(3, Buffer())
    np.testing.assert_array_equal(masks.unpack(0), drawn(SQUARES[0][:1], 1))
    np.testing.assert_array_equal(masks.unpack(1), drawn(SQUARES[0][1:2], 1))
    assert {len(view.indices) for view in scene.before(experiment).views} == {len(OWNERS)}


def test_a_continued_run_gives_the_same_bytes(tmp_path, run, interrupt):
    flags = ["--output", "masks", "coco"]
    assert run("once", *flags) == 0
    expected = content(tmp_path / "once")
    with interrupt():
        assert run("out", *flags) == 143
    assert run("out", *flags, "--resume") == 0
    assert content(tmp_path / "out") == expected


def test_masks_in_the_old_experiment_are_not_overwritten(tmp_path, data, run, capsys):
    assert run("data", "--output", "masks") == 0
    content = (data / "e" / "e.json").read_text().replace("numpy_masks", "e/numpy_masks")
    (data / "sk_masks.json").write_text(content)
    assert run("data", "--overwrite") == 2
    assert "which the output would replace" in capsys.readouterr().err
    assert (data / "e" / "e.json").exists()


def test_label_images_are_cut_too_and_records_come_back(tmp_path, data, run, interrupt):
    whole = [str(data), "--experiments", str(tmp_path / "labels"), "--exp-name", "e", "--quiet"]
    assert mark_label.main([*whole, "--output", "labelmaps", "--flatten", "small-on-top"]) == 0
    images = tmp_path / "labels" / "e" / "label_maps"
    (images / "numbers.csv").unlink(missing_ok=True)
    assert run("once", path=images) == 0
    with interrupt():
        assert run("out", path=images) == 143
    assert run("out", "--resume", path=images) == 0
    expected = content(tmp_path / "once")
    assert expected["e/run.json"]["counters"]["masks"] == 9 * 4, "two of mask 0, and masks 1 and 4"
    assert content(tmp_path / "out") == expected


def test_another_size_of_pieces_is_another_run(run, capsys):
    assert run("out") == 0
    assert run("out", "--resume", "--split-pieces", "3") == 2
    assert "has changed since" in capsys.readouterr().err


def test_identities_cannot_be_kept(run, capsys):
    with pytest.raises(SystemExit) as ended:
        run("out", "--keep-ids")
    assert ended.value.code == 2
    assert "several masks of one identity" in capsys.readouterr().err
