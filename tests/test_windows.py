"""Long sequences in windows that are labelled independently and joined."""

import itertools
import json
import shutil
import signal

import numpy as np
import pytest
from conftest import refusal
from experiments import content, mark
from labelling import boxes
from places import Place, skip_if_missing
from sequences import write_native

import mark_label
from backends import open_backend
from consistency import journal, windows
from consistency.dataset import Frame
from consistency.endings import Interrupted
from consistency.formats import open_dataset
from consistency.labelling import label
from consistency.options import Options

CUT = ("--cut-size", "5", "--cut-overlap", "2", "--output", "masks", "rle")


@pytest.fixture(scope="module")
def in_windows(data, tmp_path_factory):
    """The experiment in windows as one process writes it."""
    folder = tmp_path_factory.mktemp("windows")
    assert run(data, folder, *CUT) == 0
    files = files_of(folder)
    assert files["e/run.json"]["windows"]["count"] == 3
    assert files["e/run.json"]["windows"]["joined"] > 5
    return files


def files_of(folder):
    """Return all files of an experiment, without the work that was done: shared frames are measured
    once or twice, as windows are dealt out.
    """
    files = content(folder)
    assert files["e/run.json"].pop("work")["words"] > 0
    return files


def run(data, folder, *flags):
    where = ["--data-path", data, "--experiments", folder, "--exp-name", "e", "--quiet"]
    return mark_label.main([str(a) for a in [*where, *flags]])


def without_mode(files):
    """Forget which of both ways was chosen: it is a parameter of its own."""
    files["e/run.json"]["parameters"].pop("low_memory")
    return files


# --- where one window begins -------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 3, 7, 40])
@pytest.mark.parametrize("frames", [1, 2, 8, 41, 100])
def test_windows_hold_all_frames_and_share_as_many_as_asked(frames, size):
    for overlap in range(1, size):
        spans = windows.cut(frames, size, overlap)
        assert spans[0].start == 0
        assert spans[-1].stop == frames
        assert all(len(span) == size for span in spans[:-1])
        assert all(a.stop - b.start == overlap for a, b in itertools.pairwise(spans))
        assert all(len(span) > overlap for span in spans[1:])  # none adds nothing


@pytest.mark.parametrize("workers", [1, 2, 3, 500])
@pytest.mark.parametrize("count", [1, 9, 60])
def test_tasks_hold_every_window_once_with_all_its_frames(count, workers):
    frames = [Frame(str(t), ()) for t in range(7 * count)]
    spans = windows.cut(len(frames), 9, 2)
    dealt = list(windows.tasks(frames, spans, workers))
    assert [span for task in dealt for span in task.spans] == spans
    for task in dealt:
        assert [f.name for f in task.frames] == [
            str(t) for t in range(task.spans[0].start, task.spans[-1].stop)
        ]


# --- the same labels, wherever they are made ---------------------------------------------------


@pytest.mark.parametrize(
    "place", [Place("multi", 2), Place("mpi", 2), Place("dask", 2), Place("cupy")], ids=str
)
def test_backends_write_the_same_bytes(data, in_windows, tmp_path, place):
    skip_if_missing(place)
    done = mark(data, tmp_path, *CUT, *place.options(), launch=place.launcher())
    assert done.returncode == 0, done.stderr
    assert files_of(tmp_path) == in_windows


@pytest.mark.parametrize("matching", ["track", "optimal"])
def test_labels_do_not_depend_on_how_windows_are_dealt_out(data, tmp_path, matching, monkeypatch):
    # "optimal" compares with so many frames before: none of them may be of another window.
    found = []
    for most in (1, 8):
        monkeypatch.setattr(windows, "MOST_WINDOWS", most)
        flags = [*CUT, "--memory", "2", "--matching", matching]
        assert run(data, tmp_path / str(most), *flags) == 0
        found.append(files_of(tmp_path / str(most)))
    assert found[0] == found[1]


def test_one_window_at_a_time_gives_the_same_bytes(data, in_windows, tmp_path):
    assert run(data, tmp_path, *CUT, "--low-memory") == 0
    assert without_mode(files_of(tmp_path)) == without_mode(json_copy(in_windows))


def json_copy(files):
    return files | {"e/run.json": json.loads(json.dumps(files["e/run.json"]))}


@pytest.mark.parametrize("size", [-1, 11])
def test_a_window_that_holds_all_frames_is_the_whole_sequence(data, expected, tmp_path, size):
    assert run(data, tmp_path, "--cut-size", size, "--memory", 2, "--output", "masks", "rle") == 0
    files = content(tmp_path)
    for key in ("cut_size", "cut_overlap", "low_memory"):
        assert (key in files["e/run.json"]["parameters"]) == (size > 0)
        files["e/run.json"]["parameters"].pop(key, None)
    assert files == expected


# --- an oracle of its own ----------------------------------------------------------------------


def best_pairs(earlier, later):
    """Oracle: of all one-to-one maps the one with the most masks that have both labels."""
    ours = sorted({v for frame in earlier for v in frame.values()})
    theirs = sorted({v for frame in later for v in frame.values()})
    count = {
        (a, b): sum(
            f.get(m) == a and g.get(m) == b for f, g in zip(earlier, later, strict=True) for m in f
        )
        for a in ours
        for b in theirs
    }

    def best(left, free):
        """The largest sum for what is left of theirs, and who gets whom."""
        if not left:
            return 0, {}
        found = [best(left[1:], free)]
        for a in free:
            if count[a, left[0]]:
                total, pairs = best(left[1:], free - {a})
                found.append((total + count[a, left[0]], pairs | {left[0]: a}))
        return max(found, key=lambda each: each[0])

    return best(theirs, frozenset(ours))[1]


def joined_by_hand(spans, labelled, late=False):
    """Oracle: labels {mask: name} of each frame, from those of each window by itself.

    They change over in the middle of the shared frames, or ``late``, behind them.
    """
    result, before, fresh = {}, {}, itertools.count()
    for span, frames in zip(spans, labelled, strict=True):
        here = dict(zip(span, frames, strict=True))
        shared = [t for t in span if t in before]
        names = best_pairs([before[t] for t in shared], [here[t] for t in shared])
        for v in {v for frame in frames for v in frame.values()} - names.keys():
            names[v] = f"new {next(fresh)}"
        before = {t: {m: names[v] for m, v in frame.items()} for t, frame in here.items()}
        half = len(shared) if late else (len(shared) + 1) // 2
        later_half = shared[half:] + [t for t in span if t not in shared]
        result |= {t: before[t] for t in later_half}
        if not shared:
            result |= before
    return [result[t] for t in sorted(result)]


def objects_of(frames):
    """Which masks are together, whatever their label is called."""
    found = {}
    for t, frame in enumerate(frames):
        for mask, value in frame.items():
            found.setdefault(value, set()).add((t, mask))
    return sorted(map(sorted, found.values()))


@pytest.mark.parametrize("matching", ["track", "optimal"])
@pytest.mark.parametrize(("size", "overlap"), [(6, 4), (7, 1), (7, 4)])
def test_windows_are_labelled_alone_and_joined_one_to_one(tmp_path, matching, size, overlap):
    path = write_native(tmp_path / "data", drifting())
    options = Options(matching=matching, cut_size=size, cut_overlap=overlap)
    dataset = open_dataset(path)
    with open_backend("no") as backend:
        found = label(dataset, backend, options).frames
        spans = windows.cut(len(dataset.frames), size, overlap)
        alone = []
        for k, span in enumerate(spans):
            names = tmp_path / f"{k}.txt"
            names.write_text("\n".join(dataset.frames[t].name for t in span))
            part = open_dataset(path, sort=str(names))
            alone.append(label(part, backend, Options(matching=matching)).frames)
    by_hand = joined_by_hand(spans, [[labels_of(f) for f in frames] for frames in alone])
    ours = [labels_of(frame) for frame in found]
    assert objects_of(ours) == objects_of(by_hand)
    if (matching, overlap) == ("track", 4):
        labels = [[labels_of(f) for f in frames] for frames in alone]
        behind = objects_of(joined_by_hand(spans, labels, late=True))
        assert behind != objects_of(ours), "the premise: windows disagree"
    assert list(dict.fromkeys(v for f in found for v in f.labels)) == list(
        range(1, 1 + len(objects_of(ours)))
    )


def labels_of(frame):
    return dict(zip(frame.kept.tolist(), frame.labels, strict=True))


def drifting():
    """Fourteen frames of six boxes that drift through one another, a quarter of them missing."""
    random = np.random.default_rng(6)
    start, drift = random.integers(0, 50, (6, 2)), random.integers(-7, 8, (6, 2))
    frames = []
    for t in range(14):
        masks = boxes(*((*(start[i] + t * drift[i] + 40), 22, 18) for i in range(6)))
        there = [i for i in range(6) if random.random() < 0.75 and masks[i].any()]
        frames.append([{"segmentation": masks[i]} for i in random.permutation(there)])
    return frames


def test_splits_are_noted_once(tmp_path):
    """Boxes are cut in frames 5 and 7, which two windows have, on either side of their seam."""
    frames = []
    for t in range(14):
        first = [(10, 10, 40, 20)] if t < 5 else [(10, 10, 20, 20), (30, 10, 20, 20)]
        second = [(100, 60, 40, 20)] if t < 7 else [(100, 60, 20, 20), (120, 60, 20, 20)]
        frames.append([{"segmentation": m} for m in boxes(*first, *second)])
    path = write_native(tmp_path / "data", frames)
    flags = ["--output", "none", "--on-split", "keep"]
    assert run(path, tmp_path / "whole", *flags) == 0
    assert run(path, tmp_path / "cut", *flags, "--cut-size", 10, "--cut-overlap", 7) == 0
    events = [(tmp_path / name / "e/events.csv").read_text() for name in ("whole", "cut")]
    assert events[0].count(",split,") == 2
    assert events[0] == events[1]


# --- beside other flags ------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [(), ("--hash",), ("--low-memory",)])
def test_an_interrupted_run_goes_on(data, in_windows, tmp_path, monkeypatch, flags, capsys):
    true, count = journal._append, iter(range(100))

    def stop(path, record):
        true(path, record)
        if next(count) == 1:
            raise Interrupted(signal.SIGTERM)

    monkeypatch.setattr(journal, "_append", stop)
    assert run(data, tmp_path, *CUT, *flags) == 143
    assert "--resume continues it" in capsys.readouterr().err
    monkeypatch.undo()
    changed = run(data, tmp_path, *CUT, *flags, "--cut-overlap", 3, "--resume")
    assert changed == 2
    assert "cut_overlap was 2 and is 3" in capsys.readouterr().err
    assert run(data, tmp_path, *CUT, *flags, "--resume") == 0
    assert "continued: " in capsys.readouterr().err
    files, once = without_mode(files_of(tmp_path)), without_mode(json_copy(in_windows))
    for each in (files, once):
        each["e/run.json"].pop("fingerprint")
    assert files == once


def test_short_tracks_are_those_of_the_whole_sequence(tmp_path):
    # An object that is in each of four windows for three frames at most, and one that is short.
    both = (10, 10, 20, 20), (150, 60, 30, 30)
    frames = [[{"segmentation": m} for m in boxes(*both[: 1 + (t < 4)])] for t in range(9)]
    path = write_native(tmp_path / "data", frames)
    flags = ["--cut-size", 3, "--cut-overlap", 1, "--min-length", 9, "--output", "none"]
    assert run(path, tmp_path / "out", *flags) == 0
    assert json.loads((tmp_path / "out/e/run.json").read_text())["counters"]["short"] == 4


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--cut-size 1", "argument --cut-size: '1' is not a window: -1 for the whole sequence"),
        ("--cut-size 0", "'0' is not a window"),
        ("--cut-size 5 --cut-overlap 5", "--cut-overlap 5: windows of --cut-size 5 frames share 4"),
        ("--cut-size 5 --cut-overlap 0", "'0' is not a whole number from 1"),
        ("--cut-overlap 3", "--cut-overlap has no effect without --cut-size"),
        ("--low-memory", "--low-memory has no effect without --cut-size"),
        ("--cut-size -1 --low-memory", "--low-memory has no effect with --cut-size -1"),
        ("--cut-size 5 --keep-ids", "--cut-size has no effect with --keep-ids"),
        ("--cut-size 5 --matching seed", "--cut-size has no effect with --matching seed"),
    ],
)
def test_flags_that_do_not_fit_are_one_line(data, tmp_path, flags, message, capsys):
    assert message in refusal(capsys, lambda: run(data, tmp_path, *flags.split()))
    assert not list(tmp_path.iterdir())


def test_masks_of_another_size_are_named_across_windows(tmp_path, capsys):
    frames = [[{"segmentation": m} for m in boxes((5, 5, 9, 9))] for _ in range(8)]
    for t in (4, 5, 6):  # between the frames that windows share there is none with masks
        frames[t] = []
    frames[7] = [{"segmentation": np.ones((20, 30), bool)}]
    path = write_native(tmp_path / "data", frames)
    assert run(path, tmp_path / "out", "--cut-size", 4, "--cut-overlap", 1) == 2
    assert "frame '0007.png': masks of 20 × 30 pixels, but 120 × 240 in frame '0000.png'" in (
        capsys.readouterr().err
    )
    shutil.rmtree(tmp_path / "data")
