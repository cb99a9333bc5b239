"""Pieces of one video that already have identities, joined."""

import csv
import json
import shlex
import sys

import numpy as np
import pytest
from experiments import content
from labelling import boxes
from launch import start
from places import Place, skip_if_missing
from sequences import labelled, run_lengths, write_native

import mark_label
from backends import open_backend
from consistency import join, vis
from consistency.formats import open_dataset
from consistency.joining import join as join_pieces
from consistency.options import Options
from consistency.video_pieces import of_dataset
from consistency.video_so_far import How

FRAMES = 12


def scene(absent=()):
    """Masks {object: bool (h, w)} of twelve frames: six boxes that drift, nested ones among them.

    ``absent`` are pairs of object and frame.
    """
    random = np.random.default_rng(2)
    start_at, drift = random.integers(10, 60, (4, 2)), random.integers(-2, 4, (4, 2))
    frames = []
    for t in range(FRAMES):
        corners = start_at + t * drift + [[0, 0], [60, 0], [0, 40], [60, 40]]
        drawn = boxes(*((*c, 25, 18) for c in corners), *((*(c + 4), 8, 6) for c in corners[:2]))
        frames.append({k: m for k, m in enumerate(drawn, 1) if (k, t) not in absent})
    return frames


def write_piece(folder, frames, first=0, seed=0):
    """Write frames with identities of the piece's own; returns the folder."""
    random = np.random.default_rng(seed)
    objects = sorted({k for frame in frames for k in frame})
    own = dict(zip(objects, random.permutation(50)[: len(objects)].tolist(), strict=True))
    records = [
        [{"segmentation": frame[k], "label": 1 + own[k]} for k in random.permutation([*frame])]
        for frame in frames
    ]
    names = [f"{t:04d}.png" for t in range(first, first + len(frames))]
    return write_native(folder, records, names)


def objects_of(labels, truth):
    """Names and masks that have one label: {label: {(frame, object)}}, without the labels."""
    found = {}
    for t, frame in enumerate(labels):
        for label, pixels in frame.items():
            same = [k for k, mask in truth[t].items() if (mask == pixels).all()]
            assert len(same) == 1, "every mask is one of the scene's"
            found.setdefault(label, set()).add((t, same[0]))
    return sorted(map(sorted, found.values()))


def uncut(truth):
    """Oracle: what belongs together in the video that was not cut."""
    found = {}
    for t, frame in enumerate(truth):
        for k in frame:
            found.setdefault(k, set()).add((t, k))
    return sorted(map(sorted, found.values()))


def joined(folders, **how):
    """Labels of the joined video, {label: bool (h, w)} of each frame; nothing is written."""
    pieces = [of_dataset(folder, open_dataset(folder)) for folder in folders]
    with open_backend("no") as backend:
        result = join_pieces(pieces, backend, How(**how), Options(duplicate_iou=1.0))
        frames = []
        for frame, found in zip(result.dataset.frames, result.frames, strict=True):
            masks = masks_of(result.dataset.layout, frame)
            frames.append({v: masks[k] for k, v in zip(found.kept, found.labels, strict=True)})
    return frames, result


def masks_of(layout, frame):
    from consistency.formats import read_masks
    from consistency.formats.buffer import Buffer

    packed = read_masks(layout, frame, Buffer())
    return [packed.unpack(i) for i in range(packed.count)]


# --- frames in common --------------------------------------------------------------------------


@pytest.mark.parametrize("overlap", [1, 2, 5])
def test_labels_are_those_of_the_uncut_video_at_every_cut(tmp_path, overlap):
    truth = scene()
    for cut in range(overlap, FRAMES):
        first = write_piece(tmp_path / f"a{cut}", truth[:cut], seed=cut)
        second = write_piece(tmp_path / f"b{cut}", truth[cut - overlap :], cut - overlap, cut + 50)
        labels, result = joined([first, second])
        assert objects_of(labels, truth) == uncut(truth), cut
        assert result.more["join"]["shared"][0]["frames"] == overlap
        assert result.more["join"]["shared"][0]["mean_iou"] == 1


def test_frames_of_three_pieces(tmp_path):
    truth = scene()
    parts = [(0, 7), (3, 9), (5, 12)]  # frames 5 and 6 are in all of them
    folders = [write_piece(tmp_path / f"{a}", truth[a:b], a, a) for a, b in parts]
    labels, _ = joined(folders)
    assert objects_of(labels, truth) == uncut(truth)


def test_an_object_that_is_away_in_the_shared_frames_is_found_by_motion_and_shape(tmp_path):
    truth = scene(absent={(3, 5), (3, 6)})
    folders = [write_piece(tmp_path / "a", truth[:7]), write_piece(tmp_path / "b", truth[5:], 5, 9)]
    labels, result = joined(folders)
    assert objects_of(labels, truth) == uncut(truth)
    assert result.more["join"]["linked"] == 1


def test_an_object_that_one_piece_alone_knows_keeps_its_masks(tmp_path):
    truth = scene()
    first = [{k: m for k, m in frame.items() if k != 2} for frame in truth[:8]]
    folders = [write_piece(tmp_path / "a", first), write_piece(tmp_path / "b", truth[5:], 5, 9)]
    labels, _ = joined(folders)
    # Object 2 lies beside the others in frames 5 to 7, where only the second piece has it.
    expected = [{k: m for k, m in f.items() if k != 2 or t >= 5} for t, f in enumerate(truth)]
    assert objects_of(labels, truth) == uncut(expected)


def test_pieces_whose_frames_count_from_0_are_joined_by_the_number_of_shared_frames(tmp_path):
    truth = scene()
    folders = [write_piece(tmp_path / "a", truth[:7]), write_piece(tmp_path / "b", truth[4:], 0, 9)]
    labels, result = joined(folders, overlap=3)
    assert objects_of(labels, truth) == uncut(truth)
    assert [f.name for f in result.dataset.frames] == [f"{t:06d}" for t in range(FRAMES)]
    assert result.more["join"]["renamed"]


# --- none in common ----------------------------------------------------------------------------


def test_without_shared_frames_motion_and_shape_join_at_every_cut(tmp_path):
    truth = scene()
    for cut in range(2, FRAMES - 1):
        first = write_piece(tmp_path / f"a{cut}", truth[:cut], seed=cut)
        second = write_piece(tmp_path / f"b{cut}", truth[cut:], cut, cut + 50)
        labels, result = joined([first, second])
        assert objects_of(labels, truth) == uncut(truth), cut
        sure = np.concatenate([frame.confidence for frame in result.frames])
        # As many links as objects, in the frame behind the cut, each with a probability.
        assert (~np.isnan(sure)).sum() == result.more["join"]["linked"] == len(truth[cut])
        assert (result.frames[cut].confidence > 0.5).all()


def test_pieces_may_have_tracks_with_long_absences(tmp_path):
    away = {(3, t) for t in range(1, 60)}
    frames = [{k: m for k, m in scene()[0].items() if (k, t) not in away} for t in range(62)]
    folders = [write_piece(tmp_path / "a", frames), write_piece(tmp_path / "b", frames[:3], 62, 4)]
    truth = [*frames, *frames[:3]]
    truth[-2:] = [{k: m for k, m in f.items() if k != 3} for f in truth[-2:]]
    labels, _ = joined(folders)
    assert objects_of(labels, truth) == uncut(truth)


def test_strangers_stay_strangers(tmp_path):
    left, right = boxes((5, 5, 20, 20), (200, 90, 30, 9))
    first = write_piece(tmp_path / "a", [{1: left}] * 6)
    second = write_piece(tmp_path / "b", [{1: right}] * 6, 6)
    labels, _ = joined([first, second])
    assert [sorted(frame) for frame in labels] == [[1]] * 6 + [[2]] * 6


def test_what_a_piece_calls_two_objects_is_not_joined_by_motion(tmp_path):
    # One place, two identities: the second piece, which has both, says that they are two.
    here, there = boxes((5, 5, 20, 20), (100, 5, 20, 20))
    first = write_piece(tmp_path / "a", [{1: here, 2: there}] * 5)
    second = write_piece(tmp_path / "b", [{1: here, 2: there}] * 2 + [{3: here, 2: there}] * 5, 3)
    labels, result = joined([first, second])
    assert result.more["join"]["linked"] == 0
    assert [len(frame) for frame in labels] == [2] * 10
    assert len({label for frame in labels for label in frame}) == 3


# --- pieces that contradict each other ---------------------------------------------------------


def two_and_one():
    one, left, right = boxes((10, 10, 30, 20), (10, 10, 20, 20), (30, 10, 10, 20))
    return {1: left, 2: right}, {1: one}


@pytest.mark.parametrize("swapped", [False, True])
def test_two_objects_that_are_one_in_the_next_piece(tmp_path, swapped, capsys):
    two, one = two_and_one()
    sides = [one, two] if swapped else [two, one]
    folders = [
        write_piece(tmp_path / "a", [sides[0]] * 5),
        write_piece(tmp_path / "b", [sides[1]] * 5, 3, 7),
    ]
    assert run(tmp_path, *folders) == 0
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith("note: objects ")
    assert " are one in " in err
    events = read_csv(tmp_path / "exp/e/events.csv")
    kind = "split" if swapped else "merge"
    found = [row for row in events if row["event"] == kind]
    assert [row["frame"] for row in found] == ["0005.png"], "the first that one piece alone has"
    assert {found[0]["label"], found[0]["other"]} == {"1", "2"}
    labels = labelled(tmp_path / "exp/e")
    assert [len(frame) for frame in labels] == [len(sides[0])] * 5 + [len(sides[1])] * 3
    # The larger one goes on.
    whole = [frame for frame in labels if len(frame) == 1]
    pieces = [frame for frame in labels if len(frame) == 2]
    (kept,) = whole[0]
    assert pieces[0][kept].sum() == 400


def test_masks_that_fit_nowhere_are_not_one_video(tmp_path, capsys):
    left, right = boxes((5, 5, 20, 20), (100, 50, 20, 20))
    folders = [
        write_piece(tmp_path / "a", [{1: left}] * 5),
        write_piece(tmp_path / "b", [{1: right}] * 5, 3),
    ]
    assert run(tmp_path, *folders) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "of 1 objects in 2 shared frames none has fitting masks in both" in err
    assert "say with --overlap" in err
    assert not (tmp_path / "exp").exists()
    assert run(tmp_path, *folders, "--overlap", 2) == 0
    assert "only 0 have fitting masks in both" in capsys.readouterr().err


# --- the command -------------------------------------------------------------------------------


def run(tmp_path, *arguments):
    where = ["--out", "e", "--experiments", tmp_path / "exp", "--quiet", "--output", "rle"]
    return join.main([str(a) for a in [*arguments, *where]])


def read_csv(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_experiments_are_pieces_and_keep_their_confidence(tmp_path):
    truth = scene()
    for name, (a, b) in {"first": (0, 7), "second": (5, 12)}.items():
        records = [[{"segmentation": m} for m in frame.values()] for frame in truth[a:b]]
        data = write_native(tmp_path / "data" / name, records, [f"{t:04d}" for t in range(a, b)])
        where = ["--experiments", tmp_path / "exp", "--exp-name", name, "--quiet", "--output"]
        output = "none" if name == "first" else "masks"
        assert mark_label.main([str(w) for w in ["--data-path", data, *where, output]]) == 0
    folders = [tmp_path / "exp" / name for name in ("first", "second")]
    assert run(tmp_path, *folders) == 0
    assert objects_of(labelled(tmp_path / "exp/e"), truth) == uncut(truth)
    given = json.loads((folders[1] / "second.json").read_text())
    found = json.loads((tmp_path / "exp/e/e.json").read_text())
    for name in list(found)[7:]:  # of the second piece alone
        assert [r["confidence"] for r in found[name]] == [r["confidence"] for r in given[name]]
        assert all(r["confidence"] for r in found[name])


def test_the_next_step_that_is_named_works(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    truth = scene()
    folders = [write_piece(tmp_path / "a", truth[:7]), write_piece(tmp_path / "b", truth[5:], 5, 9)]
    assert join.main([*map(str, folders), "--out", "e", "--output", "rle"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("next: ")]
    arguments = shlex.split(line.split("vis", 1)[1].removeprefix(".py"))
    assert vis.main(arguments) == 0
    assert vis.main([*arguments, "--side-by-side", "--overwrite"]) == 2
    assert "e: was joined from pieces and has no input of its own" in capsys.readouterr().err


def test_formats_may_differ(tmp_path):
    truth = scene()
    first = write_piece(tmp_path / "a", truth[:7])
    folder = tmp_path / "b"
    for t in range(5, FRAMES):
        (folder / "numpy_masks" / f"{t:04d}").mkdir(parents=True)
    content = {}
    for t in range(5, FRAMES):
        for k, mask in truth[t].items():
            np.save(folder / f"numpy_masks/{t:04d}/{k}.npy", mask)
        content[f"{t:04d}.png"] = [
            {"segmentation": f"numpy_masks/{t:04d}/{k}.npy", "label": 9 - k} for k in truth[t]
        ]
    (folder / "sk_masks.json").write_text(json.dumps(content))
    labels, _ = joined([first, folder])
    assert objects_of(labels, truth) == uncut(truth)


@pytest.mark.parametrize("place", [Place("multi", 2), Place("mpi", 2)], ids=str)
def test_backends_write_the_same_bytes(tmp_path, place):
    skip_if_missing(place)
    truth = scene()
    folders = [write_piece(tmp_path / "a", truth[:7]), write_piece(tmp_path / "b", truth[5:], 5, 3)]
    assert run(tmp_path, *folders) == 0
    command = [*place.launcher(), sys.executable, "-m", "consistency.join", *folders, "--out", "e"]
    there = ["--experiments", tmp_path / "other", "--quiet", "--output", "rle"]
    done = start([str(c) for c in [*command, *there, *place.options()]])
    assert done.returncode == 0, done.stderr
    assert content(tmp_path / "other") == content(tmp_path / "exp")


BAD = [
    ([(0, 5, 0)], (), "one piece is nothing to join"),
    ([(0, 5, 0), (5, 9, 0)], (), "so it adds none; if they begin anew in each piece, say with"),
    ([(0, 5, 5), (5, 9, 0)], (), "frame '0000.png' comes before '0009.png' of"),
    ([(0, 5, 0), (2, 9, 1)], ("--overlap", "7"), "--overlap 7: "),
    ([(0, 5, 0), (5, 9, 5)], ("--output", "coco"), "--output coco: pieces have no folder"),
]


@pytest.mark.parametrize(("parts", "flags", "message"), BAD)
def test_what_does_not_fit_is_one_line(tmp_path, parts, flags, message, capsys):
    truth = scene()
    folders = [
        write_piece(tmp_path / f"{n}", truth[a:b], name, n) for n, (a, b, name) in enumerate(parts)
    ]
    assert run(tmp_path, *folders, *flags) == 2 if not flags else True
    if flags:
        where = ["--out", "e", "--experiments", tmp_path / "exp"]
        assert join.main([str(a) for a in [*folders, *where, *flags]]) == 2
    err = capsys.readouterr().err
    assert message in err.splitlines()[-1]
    assert err.startswith("error: ")
    assert not (tmp_path / "exp" / "e").exists()


def test_names_in_the_middle_are_not_a_common_end(tmp_path, capsys):
    truth = scene()
    first = write_piece(tmp_path / "a", truth[:8])
    second = write_piece(tmp_path / "b", [truth[3], truth[9], truth[4], truth[10]], 3)
    assert run(tmp_path, first, second) == 2
    assert "adds none" in capsys.readouterr().err
    names = ["0003.png", "0009.png", "0010.png"]
    records = [[{"segmentation": m, "label": k} for k, m in truth[t].items()] for t in (3, 9, 10)]
    second = write_native(tmp_path / "c", records, names)
    assert run(tmp_path, first, second) == 2
    assert "which are not the end of one and the beginning of the other" in capsys.readouterr().err


def test_masks_without_identities_and_identities_twice_are_refused(tmp_path, capsys):
    truth = scene()
    first = write_piece(tmp_path / "a", truth[:5])
    records = [[{"segmentation": m} for m in frame.values()] for frame in truth[5:]]
    without = write_native(tmp_path / "b", records, [f"{t:04d}" for t in range(5, FRAMES)])
    assert run(tmp_path, first, without) == 2
    assert "its masks have no identities to join" in capsys.readouterr().err
    twice = [[r | {"label": 4} for r in frame] for frame in records]
    again = write_native(tmp_path / "c", twice, [f"{t:04d}" for t in range(5, FRAMES)])
    assert run(tmp_path, first, again) == 2
    assert "identity 4 belongs to two masks" in capsys.readouterr().err
    assert run_lengths(truth[0][1])["size"] == [120, 240]
