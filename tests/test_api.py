"""consistency.label and consistency.Tracker give what the command gives, whatever masks come as."""

import json
import subprocess
import sys
import weakref
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import labels_of, squares, write_dataset
from launch import ROOT, needs_mpi, ranks, start
from sequences import run_lengths

import consistency
from consistency.track import tracker as track

SHAPE = (40, 60)
FRAMES = 9


def scene() -> list[np.ndarray]:
    """Frames of masks, bool (n, h, w): three objects in another order each time.

    The first walks and is away in frame 4, the third comes late; the last mask is a duplicate of
    the second object but for its edge, and one mask of frame 3 is empty.
    """
    rng = np.random.default_rng(0)
    frames = []
    for t in range(FRAMES):
        masks = squares((3 + 3 * t, 4, 12), (40, 20, 14), (4 + t, 26, 9))
        chosen = [masks[1], np.pad(masks[1], 1)[2:, 1:-1] & masks[1]]
        chosen += [masks[0]] * (t != 4) + [masks[2]] * (t > 1) + [np.zeros(SHAPE, bool)] * (t == 3)
        frames.append(np.stack([chosen[i] for i in rng.permutation(len(chosen))]))
    return frames


def objects(frame: np.ndarray) -> list[int]:
    """Which object of the scene each mask shows: by its place, 0 for none."""
    row = [int(np.flatnonzero(m.any(axis=1))[0]) if m.any() else -1 for m in frame]
    return [{4: 1, 20: 2, 21: 2, 26: 3, -1: 0}[y] for y in row]


def as_records(frame: np.ndarray) -> list[dict]:
    return [{"segmentation": m, "area": int(m.sum()), "predicted_iou": 0.9} for m in frame]


@dataclass
class Boxes:
    """The interface of supervision's Detections, as far as it is used."""

    mask: np.ndarray | None
    tracker_id: np.ndarray | None = field(default=None)

    def __len__(self) -> int:
        return 0 if self.mask is None else len(self.mask)


FORMS = {
    "stacks": np.array,
    "integers": lambda frame: frame.astype(np.uint8) * 255,
    "floats": lambda frame: frame.astype(np.float32),
    "arrays": list,
    "records": as_records,
    "run lengths": lambda frame: [run_lengths(m) for m in frame],
    "bytes": lambda frame: [
        {**run_lengths(m), "counts": run_lengths(m)["counts"].encode()} for m in frame
    ],
    "records of run lengths": lambda frame: [{"segmentation": run_lengths(m)} for m in frame],
    "detections": Boxes,
}


@pytest.fixture
def folder(tmp_path):
    return write_dataset(tmp_path / "data", [list(frame) for frame in scene()])


def values(labels) -> list[list[int]]:
    assert all(each.dtype == np.int64 for each in labels)
    return [each.tolist() for each in labels]


@pytest.mark.parametrize("form", FORMS)
def test_each_mask_has_the_label_of_its_object_whatever_it_comes_as(form):
    labels = consistency.label(FORMS[form](frame) for frame in scene())
    name = {0: 0}
    for frame, found in zip(scene(), values(labels), strict=True):
        for what, label in zip(objects(frame), found, strict=True):
            assert name.setdefault(what, label) == label
    assert sorted(name.values()) == [0, 1, 2, 3]


def test_a_folder_is_labelled_and_written_as_by_the_command(folder, mark, tmp_path):
    labels = consistency.label(folder, backend="multi", workers=2, min_length=2)
    exp = mark(folder, "--min-length", "2", "--output", "masks", "coco")
    kept = [v[k].tolist() for v, k in zip(labels, labels.kept, strict=True)]
    assert kept == list(labels_of(exp).values())
    assert list(labels.names) == list(labels_of(exp))
    written = labels.write(tmp_path / "python" / "exp", ["masks", "coco"])
    assert sum(p.is_file() for p in exp.rglob("*")) > 20
    assert_same_files(written, exp)


def assert_same_files(written, exp):
    files = sorted(p.relative_to(exp) for p in exp.rglob("*") if p.is_file())
    assert sorted(p.relative_to(written) for p in written.rglob("*") if p.is_file()) == files
    for path in files:
        if path.name not in ("run.json", "report.html"):  # times; where the viewer is
            assert (written / path).read_bytes() == (exp / path).read_bytes(), path


@pytest.mark.parametrize(
    ("keywords", "flags"),
    [
        ({"frame_interval": 2, "fill_gaps": True}, "--frame-interval 2 --fill-gaps"),
        ({"frame_interval": 1, "change_driven": True}, "--frame-interval 1 --change-driven"),
        (
            {"cut_size": 5, "cut_overlap": 2, "compact": True},
            "--cut-size 5 --cut-overlap 2 --compact",
        ),
    ],
)
def test_what_fills_frames_and_cuts_sequences_is_as_in_the_command(
    folder, mark, tmp_path, keywords, flags
):
    labels = consistency.label(folder, **keywords)
    exp = mark(folder, *flags.split(), "--output", "rle")
    written = labels.write(tmp_path / "python" / "exp", ["rle"])
    assert_same_files(written, exp)
    records = json.loads((exp / "exp.json").read_text()).values()
    for found, kept, filled, frame in zip(labels, labels.kept, labels.filled, records, strict=True):
        by_index = {r["mask_index"]: (r["label"], r.get("filled", False)) for r in frame}
        assert {
            i: (int(found[i]), bool(filled[i])) for i in np.flatnonzero(kept).tolist()
        } == by_index
    count = sum(event.event == "filled" for event in labels.events)
    assert count == sum(map(np.count_nonzero, labels.filled))
    assert bool(count) == ("frame_interval" in keywords)


def test_corrections_and_the_report_are_as_in_the_command(folder, mark, tmp_path):
    file = tmp_path / "c.json"
    said = [{"do": "split", "label": 1, "at": "4.png"}, {"do": "rename", "label": 2, "name": "x"}]
    file.write_text(
        json.dumps({"format": "mask label corrections", "version": 1, "corrections": said})
    )
    exp = mark(folder, "--corrections", str(file), "--report")
    labels = consistency.label(folder, corrections=file)
    assert_same_files(labels.write(tmp_path / "python" / "exp", report=True), exp)
    assert (exp / "report.csv").read_text().count("\n") > 1
    frames = {f"{t}.png": list(frame) for t, frame in enumerate(scene())}
    in_memory = consistency.label(frames, corrections=[file])
    assert values(in_memory) == values(labels) != values(consistency.label(folder))
    assert (in_memory.write(tmp_path / "memory", report=True) / "report.html").is_file()


def test_masks_in_memory_are_labelled_and_written_as_on_disk(folder, mark, tmp_path):
    frames = {f"{t}.png": as_records(frame) for t, frame in enumerate(scene())}
    for frame in frames.values():
        for record in frame:
            del record["predicted_iou"]
    labels = consistency.label(frames)
    assert values(labels) == values(consistency.label(folder))
    exp = mark(folder)
    written = labels.write(tmp_path / "python" / "exp")
    assert json.loads((written / "exp.json").read_text()) == json.loads(
        (exp / "exp.json").read_text()
    )
    for path in ("tracks.csv", "events.csv", "numpy_masks/8/3.npy"):
        assert (written / path).read_bytes() == (exp / path).read_bytes()


def test_run_lengths_are_added_where_an_output_has_no_pixels(tmp_path):
    labels = consistency.label(scene())
    written = labels.write(tmp_path / "e", "coco")
    again = consistency.label(written, keep_ids=True)
    assert [sorted(v) for v in values(again)] == [
        sorted(v[k].tolist()) for v, k in zip(labels, labels.kept, strict=True)
    ]


def test_kept_masks_hold_their_label_alone(folder):
    labels = consistency.label(folder)
    for found, kept, sure in zip(labels, labels.kept, labels.confidence, strict=True):
        assert len(set(found[kept])) == kept.sum() == len(set(found) - {0})
        assert np.isnan(sure[~kept]).all()
    assert [track.label for track in labels.tracks] == [1, 2, 3]
    assert sum(event.event == "dropped" for event in labels.events) == FRAMES + 1
    assert repr(labels) == "<Labels of 9 frames, 34 masks, 3 objects>"


def test_short_tracks_have_no_label():
    long, short = squares((5, 5, 12), (45, 25, 9))
    frames = [[long], [short, long, short], [long]]
    assert values(consistency.label(frames)) == [[1], [2, 1, 2], [1]]
    assert values(consistency.label(frames, min_length=2)) == [[1], [0, 1, 0], [1]]


def test_frames_of_an_iterator_are_let_go():
    given, alive = [], []

    def frames():
        for frame in scene() * 4:
            stack = frame.copy()
            given.append(weakref.ref(stack))
            yield stack
            del stack
            alive.append(sum(reference() is not None for reference in given))

    labels = consistency.label(frames())
    assert len(labels) == len(given) == 4 * FRAMES
    assert max(alive) <= 1
    with pytest.raises(ValueError, match="came from an iterator and are gone"):
        labels.write("nowhere")


def test_the_tracker_knows_the_objects_again():
    tracker = consistency.Tracker()
    name = {0: 0}
    for frame in scene():
        for what, label in zip(objects(frame), tracker.update(frame).tolist(), strict=True):
            assert name.setdefault(what, label) == label
    assert sorted(name.values()) == [0, 1, 2, 3]


def test_the_tracker_is_the_forward_pass_of_the_command():
    tracker = consistency.Tracker()
    forward = consistency.label(scene(), passes=1, on_split="keep")
    assert values(forward) == [tracker.update(frame).tolist() for frame in scene()]


def test_the_tracker_learns_from_the_frames_so_far_how_often_masks_are_missing(monkeypatch):
    strictness, step = [], track.Tracker.step

    def noted(self, now):
        strictness.append(self.strictness)
        return step(self, now)

    monkeypatch.setattr(track.Tracker, "step", noted)
    places = [(x, y, 9) for x in (3, 18, 33, 48) for y in (3, 16, 29)]
    ends = {}
    for missing in (0, 1):
        tracker = consistency.Tracker()
        for t in range(60):
            tracker.update(squares(*places[missing * (t % 5 == 4) :]))
        ends[missing] = strictness[-60], strictness[-1]
    assert ends[0][1] < ends[0][0] == ends[1][0]
    assert ends[1][1] > 2 * ends[0][1]


def test_the_tracker_waits_as_long_as_its_memory():
    here, away = np.stack(squares((5, 5, 12))), np.zeros((0, *SHAPE), bool)
    for memory, labels in ((1, [1, 1, 2]), (2, [1, 1, 1])):
        tracker = consistency.Tracker(memory=memory, motion="none")
        found = [tracker.update(masks) for masks in (here, here, away, away, here)]
        assert np.concatenate(found).tolist() == labels


def test_a_frame_that_was_refused_does_not_count():
    frames, trackers = scene(), (consistency.Tracker(), consistency.Tracker())
    for t, frame in enumerate(frames):
        with pytest.raises(ValueError, match=f"frame '{t:06d}'.*probabilities"):
            trackers[1].update(frame * 0.4)
        assert trackers[0].update(frame).tolist() == trackers[1].update(frame).tolist()


def test_detections_are_copied_with_their_ids():
    detections = [Boxes(frame) for frame in scene()]
    labels = consistency.label(detections)
    tracker = consistency.Tracker()
    for given, found, offline in zip(detections, labels, labels.with_ids(detections), strict=True):
        online = tracker.update_with_detections(given)
        assert offline.tracker_id.tolist() == found.tolist()
        assert len(online.tracker_id) == len(given)
        assert given.tracker_id is None
        assert offline.mask is given.mask
    with pytest.raises(ValueError, match="frame '000003': 5 masks were labelled"):
        list(labels.with_ids([*detections[:3], *detections[:6]]))


def test_detections_of_supervision():
    sv = pytest.importorskip("supervision", reason="pip install supervision")
    tracker = consistency.Tracker()
    for frame in scene()[4:]:
        some = frame[[m.any() for m in frame]]
        found = tracker.update_with_detections(
            sv.Detections(xyxy=sv.mask_to_xyxy(some), mask=some, class_id=np.arange(len(some)))
        )
        assert found[found.tracker_id == 1].mask.any()
        assert (found.class_id == np.arange(len(some))).all()
    assert tracker.update_with_detections(sv.Detections.empty()).tracker_id.size == 0
    with pytest.raises(ValueError, match="detections without masks"):
        tracker.update(sv.Detections(xyxy=np.ones((1, 4))))


STACK = scene()[0]
BAD_FRAMES = [
    (STACK * 0.9, "float64 values between 0 and 0.9; are they probabilities"),
    (STACK[0], r"array of shape \(40, 60\); a frame is \(n, h, w\)"),
    (np.moveaxis(STACK, 0, -1), r"looks like \(h, w, n\)"),
    (STACK[:, None], r"give masks\[:, 0\]"),
    (-STACK.astype(int), "holds negative values"),
    (STACK.astype(str), "array of <U5; masks are bool or integer"),
    ([STACK], r"mask 0: array of shape \(3, 40, 60\); a mask is \(h, w\)"),
    ([STACK[0], STACK[0, 1:]], r"mask 1 has \(39, 60\) pixels, mask 0 has \(40, 60\)"),
    ({7: STACK[0]}, "a frame is a list of masks: give"),
    ([{"bbox": [0, 0, 1, 1]}], "mask 0: no 'segmentation' and no 'counts'"),
    ([{"size": [40, 60], "counts": [5, 5]}], "mask 0: run lengths add up to 10 pixels"),
    ([STACK[0], {"size": [40, 60], "counts": [5, 5]}], "mask 1: run lengths add up to 10 pixels"),
    ("frame.png", "is str; a frame is"),
    (SimpleNamespace(mask=STACK[0]), r"array of shape \(40, 60\)"),
    (STACK[:, 1:], r"masks of 39 × 60 pixels, but 40 × 60 in frame '000000'"),
]


@pytest.mark.parametrize(("bad", "message"), BAD_FRAMES)
def test_what_is_no_frame_is_refused_with_its_name(bad, message):
    with pytest.raises(ValueError, match=f"^frame '000001': .*{message}"):
        consistency.label([scene()[0], bad])


BAD_OPTIONS = [
    ({"min_iou": 0.2}, ValueError, "^min_iou has no effect without matching"),
    ({"memory": -1}, ValueError, "memory: '-1' is not a whole number from 0"),
    ({"matching": "best"}, ValueError, "matching: invalid choice: 'best'"),
    ({"matching": "seed"}, ValueError, "matching 'seed' is a baseline"),
    ({"keep_ids": 3}, ValueError, "keep_ids is True or False, not 3"),
    ({"memory": [3]}, ValueError, r"memory is a text, a number or a path, not \[3\]"),
    ({"memry": 3}, TypeError, r"label\(\) has no keyword 'memry'; did you mean memory\?"),
    ({"backend": "gpu"}, ValueError, "backend: invalid choice: 'gpu'"),
    ({"max_pixels": 2399}, ValueError, "40 × 60 pixels; allowed: 1 to 2399, see max_pixels"),
    ({"workers": 2}, ValueError, "^workers has no effect without backend {multi,mpi,dask}"),
    ({"flow_preset": "fast"}, ValueError, "^flow_preset has no effect without frames_path"),
    ({"frame_interval": 99}, ValueError, "^frame_interval 99: of 9 frames the first alone"),
    ({"cut_overlap": 9, "cut_size": 4}, ValueError, "^cut_overlap 9: windows of cut_size 4 frames"),
    ({"corrections": "missing.json"}, FileNotFoundError, "missing.json: no such file of correct"),
    ({"keep": "score"}, ValueError, "keep score needs the numbers 'predicted_iou'"),
]


@pytest.mark.parametrize(("options", "kind", "message"), BAD_OPTIONS)
def test_keywords_are_checked_as_flags_are(folder, options, kind, message):
    with pytest.raises(kind, match=message):
        consistency.label(folder, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "multi"}, "backend has no effect on masks in memory"),
        ({"sort": "lexical"}, "sort has no effect on masks in memory"),
        ({"keep_ids": True}, "keep_ids has no effect on masks in memory"),
        ({"fill_gaps": True}, "fill_gaps has no effect on masks in memory"),
        ({"cut_size": 4}, "cut_size has no effect on masks in memory"),
    ],
)
def test_what_is_for_folders_is_refused_in_memory(options, message):
    with pytest.raises(ValueError, match=message):
        consistency.label(scene(), **options)


def test_each_rank_of_a_program_labels_what_it_likes(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("PMI_RANK", "1")
    monkeypatch.setenv("PMI_SIZE", "2")
    labels = consistency.label(folder)
    assert (labels.write(tmp_path / "e") / "e.json").is_file()
    with pytest.raises(ValueError, match="'multi' under a launcher of 2 ranks; use backend 'mpi'"):
        consistency.label(folder, backend="multi")


def test_limits_hold_for_masks_in_memory_too(tmp_path):
    with pytest.raises(ValueError, match=r"^frame '000000': .*allowed: 1 to 2399, see max_pixels"):
        consistency.label(scene(), max_pixels=2399)
    labels = consistency.label(scene(), max_pixels=2400, max_memory="1G")
    assert (labels.write(tmp_path / "e") / "e.json").is_file()
    with pytest.raises(ValueError, match="follow_links has no effect on masks in memory"):
        consistency.label(scene(), follow_links=True)


def test_bad_sources():
    with pytest.raises(ValueError, match=r"^no frames; give at least one"):
        consistency.label([])
    with pytest.raises(ValueError, match="int is not a path and not an iterable of frames"):
        consistency.label(3)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        consistency.label("nowhere")
    with pytest.raises(TypeError, match=r"Tracker\(\) has no keyword 'passes'"):
        consistency.Tracker(passes=2)
    with pytest.raises(ValueError, match="motion 'frames' needs the images"):
        consistency.Tracker(motion="frames")


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    frames = scene()
    labels = consistency.label(frames)
    with pytest.raises(ValueError, match="output none needs masks on disk"):
        labels.write(tmp_path / "e", ["none"])
    with pytest.raises(ValueError, match=r"3 objects.*; leave some out with drop {"):
        labels.write(tmp_path / "e", ["davis"], max_ids=2)
    with pytest.raises(ValueError, match=r"^max_ids has no effect without output {labelmaps,davis"):
        labels.write(tmp_path / "e", ["coco"], max_ids=2)
    frames.pop()
    with pytest.raises(ValueError, match="not those that were labelled"):
        labels.write(tmp_path / "e")
    records = [[record | {"picture": object()} for record in as_records(f)] for f in scene()]
    with pytest.raises(ValueError, match="holds object, which JSON cannot"):
        consistency.label(records).write(tmp_path / "e")
    assert not list(tmp_path.iterdir())


def test_the_input_of_an_experiment_from_memory_is_gone(tmp_path):
    from consistency.experiment import open_experiment

    written = consistency.label(scene()).write(tmp_path / "e")
    with pytest.raises(ValueError, match="its input was in memory and is gone"):
        open_experiment(written).input()


def test_importing_the_package_loads_nothing_heavy():
    program = "import sys, consistency; dir(consistency); print('numpy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


ON_RANKS = """
import json, sys
from pathlib import Path

import consistency
from backends.launcher import placement

data, out = map(Path, sys.argv[1:])
labels = consistency.label(data, backend="mpi")
labels.write(out / "e", ["rle"])
said = []
for wrong in ("e", "bad"):
    try:
        labels.write(out / "e") if wrong == "e" else consistency.label(out / "bad", backend="mpi")
    except ValueError as error:
        said.append(str(error))
found = {"labels": [each.tolist() for each in labels], "said": said}
(out / f"{placement()[0]}.json").write_text(json.dumps(found))
"""


@needs_mpi
def test_all_ranks_have_what_the_first_one_finds(folder, tmp_path):
    """Labels, and errors: of what one rank alone does, and of what a worker does."""
    bad = write_dataset(tmp_path / "bad", [list(frame) for frame in scene()])
    (bad / "numpy_masks" / "1" / "1.npy").write_bytes(b"x")
    (tmp_path / "program.py").write_text(ON_RANKS)
    command = [*ranks(3), sys.executable, tmp_path / "program.py", folder, tmp_path]
    done = start(command)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    alone = consistency.label(folder)
    alone.write(tmp_path / "alone" / "e", ["rle"])
    found = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(3)]
    assert found[0] == found[1] == found[2]
    assert found[0]["labels"] == values(alone)
    exists, damaged = found[0]["said"]
    assert "this experiment exists; add overwrite or choose another name" in exists
    assert "1.npy: not a .npy file" in damaged
    for name in ("e.json", "tracks.csv", "events.csv"):
        ours, theirs = tmp_path / "e" / name, tmp_path / "alone" / "e" / name
        assert ours.read_bytes() == theirs.read_bytes()
