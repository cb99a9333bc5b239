"""Interrupted runs that are continued: nothing is done twice, the bytes are those of one run."""

import errno
import json
import os
import shutil
import signal
import zlib
from pathlib import Path

import numpy as np
import pytest
import samples
from conftest import squares, write_dataset
from experiments import content
from hypothesis import given
from hypothesis import strategies as st

import mark_label
from consistency import convert, disk, encoding, journal, kept_work, publishing
from consistency.endings import Interrupted
from consistency.formats import writing
from consistency.track.parameters import DEFAULTS

STOPS = 8  # more than there are records in the journal of ``data``
FRAMES = [
    squares((3 + t, 5, 10), (30, 5 + t, 12), (30, 5 + t, 11), *[(50, 30, 6)] * (t % 2))
    for t in range(9)
]


@pytest.fixture
def data(tmp_path):
    return write_dataset(tmp_path / "data", FRAMES)


@pytest.fixture
def run(tmp_path, data):
    """Mark the data as ``e`` in a folder of that name; returns the exit code."""

    def mark(folder, *flags, path=data):
        where = ["--experiments", str(tmp_path / folder), "--exp-name", "e"]
        return mark_label.main(["--data-path", str(path), *where, "--quiet", *map(str, flags)])

    return mark


@pytest.fixture
def stop_at(monkeypatch):
    """Interrupt the next run at its n-th record, before or after that is on disk."""

    def stop(n, after=False, error=None):
        true, count = journal._append, iter(range(100))

        def append(path, record):
            last = next(count) == n
            if after or not last:
                true(path, record)
            if last:
                raise error or Interrupted(signal.SIGTERM)

        monkeypatch.setattr(journal, "_append", append)

    yield stop
    monkeypatch.undo()


@pytest.fixture
def interrupted(run, monkeypatch, stop_at):
    """Begin a run that is interrupted behind its n-th record."""

    def begin(n=1, *flags, code=143, path=None, **how):
        stop_at(n, after=True, **how)
        more = {"path": path} if path else {}
        assert run("out", *flags, **more) == code
        monkeypatch.undo()

    return begin


def whole(tmp_path, folder="out"):
    """What the experiment holds; nothing else may be there."""
    assert sorted(p.name for p in (tmp_path / folder).iterdir()) == ["e"]
    return content(tmp_path / folder)


@pytest.mark.parametrize("output", [("masks", "coco"), ("rle", "tiff", "labelmaps", "--flatten")])
def test_wherever_a_run_is_interrupted_the_bytes_are_the_same(
    tmp_path, run, output, stop_at, monkeypatch, capsys
):
    flags = ["--output", *output, *(["small-on-top"] if "--flatten" in output else [])]
    assert run("once", *flags) == 0
    expected = whole(tmp_path, "once")
    stopped = 0
    for n in range(STOPS):
        for after in (False, True):
            stop_at(n, after)
            code = run("out", *flags)
            monkeypatch.undo()
            resumable = n > 0 or after
            if code:
                stopped += 1
                error = capsys.readouterr().err
                assert ("--resume continues it" if resumable else "nothing half-written") in error
                assert run("out", *flags, "--resume") == 0
            assert whole(tmp_path) == expected
            shutil.rmtree(tmp_path / "out")
    assert stopped == 2 * 6, "the premise: 2 chunks measured, labels, 3 chunks written"


def test_nothing_is_done_twice(tmp_path, run, interrupted, monkeypatch):
    interrupted(3)  # all is measured, and 4 of 9 frames are written
    measured, written = [], []
    true_measure, true_write = kept_work.measure_chunk, writing.write_chunk
    monkeypatch.setattr(
        kept_work, "measure_chunk", lambda c, **how: (measured.append(c), true_measure(c, **how))[1]
    )
    monkeypatch.setattr(
        writing,
        "write_chunk",
        lambda c, **how: (written.extend(item.t for item in c), true_write(c, **how))[1],
    )
    assert run("out", "--resume") == 0
    assert measured == []
    assert written == [4, 5, 6, 7, 8]


def test_a_run_may_be_interrupted_again_and_again(tmp_path, run, interrupted, data):
    assert run("once") == 0
    interrupted(0)
    for _ in range(5):
        interrupted(0, "--resume")  # one more record each time
    assert run("out", "--resume") == 0
    assert whole(tmp_path) == whole(tmp_path, "once")


FLAGS = [("--motion", "none"), ("--matching", "optimal"), ("--duplicate-containment", "0.9")]


@pytest.mark.parametrize("flags", FLAGS)
def test_what_is_measured_with_other_flags_comes_back_as_it_was(tmp_path, run, interrupted, flags):
    assert run("once", *flags) == 0
    interrupted(1, *flags)
    assert run("out", *flags, "--resume") == 0
    assert whole(tmp_path) == whole(tmp_path, "once")


def test_records_that_were_found_in_pixels_come_back(tmp_path, run, interrupted):
    path = samples.labels_8bit(tmp_path / "labels")
    assert run("once", path=path) == 0
    interrupted(0, path=path)
    assert run("out", "--resume", path=path) == 0
    assert whole(tmp_path) == whole(tmp_path, "once")


@pytest.mark.parametrize(("first", "then"), [("multi", "no"), ("no", "multi")])
def test_another_backend_may_continue(tmp_path, run, interrupted, first, then):
    assert run("once") == 0
    interrupted(1, "--multi", first)
    workers = ["--workers", "3"] if then == "multi" else []
    assert run("out", "--multi", then, *workers, "--resume") == 0
    assert whole(tmp_path) == whole(tmp_path, "once")


# Without --resume, and with nothing to resume.


def test_an_interrupted_run_is_not_lost_by_starting_again(tmp_path, run, interrupted, capsys):
    interrupted()
    before = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    capsys.readouterr()
    assert run("out") == 2
    error = capsys.readouterr().err
    assert "an interrupted run has left it unfinished" in error
    assert "--resume continues it, --overwrite starts anew" in error
    assert error.count("\n") == 1
    assert {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()} == before
    call = [str(tmp_path / "data"), str(tmp_path / "out" / "e"), "--to", "rle", "--quiet"]
    assert convert.main(call) == 2
    assert {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()} == before
    assert run("out", "--resume") == 0


def test_overwrite_starts_anew(tmp_path, run, interrupted):
    interrupted(1, "--output", "rle")
    assert run("out", "--overwrite") == 0
    assert run("once") == 0
    assert whole(tmp_path) == whole(tmp_path, "once")


def test_resume_starts_where_nothing_was_begun_and_leaves_what_is_whole(tmp_path, run, capsys):
    assert run("out", "--resume") == 0
    before = whole(tmp_path)
    times = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*")}
    assert run("out", "--resume") == 0
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*")} == times
    assert whole(tmp_path) == before
    assert run("out", "--resume", "--min-length", 2) == 2
    error = capsys.readouterr().err
    assert "is whole, but this has changed since: parameters.min_length was 1 and is 2" in error
    assert run("out", "--resume", "--min-length", 2, "--overwrite") == 0
    assert whole(tmp_path) != before


def test_the_old_experiment_stays_until_the_continued_one_is_whole(
    tmp_path, run, interrupted, capsys
):
    assert run("out", "--output", "rle") == 0
    old = {p.name: p.read_bytes() for p in (tmp_path / "out" / "e").iterdir()}
    interrupted(1, "--overwrite")
    assert {p.name: p.read_bytes() for p in (tmp_path / "out" / "e").iterdir()} == old
    assert run("out", "--resume") == 2
    assert "this experiment exists; add --overwrite" in capsys.readouterr().err
    assert run("out", "--resume", "--overwrite") == 0
    assert run("once") == 0
    assert whole(tmp_path) == whole(tmp_path, "once")


def test_bad_input_leaves_nothing_to_resume(tmp_path, run, data, capsys):
    (data / "numpy_masks" / "8" / "0.npy").unlink()
    assert run("out") == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()


# Something else.


def touched(data):
    path = data / "numpy_masks" / "3" / "0.npy"
    os.utime(path, ns=(1, 1))
    return f"{path} has changed"


def emptied(data):
    path = data / "numpy_masks" / "3" / "0.npy"
    times = path.stat().st_mtime_ns
    np.save(path, np.zeros((40, 60), bool))
    os.utime(path, ns=(times, times))
    return f"{path} has changed"


def removed(data):
    path = data / "numpy_masks" / "3" / "1.npy"
    path.unlink()
    return f"{path} is gone"


def added(data):
    path = data / "numpy_masks" / "3" / "more.npy"
    path.write_bytes(b"")
    return f"{path} is new"


def renamed(data):
    path = data / "numpy_masks" / "3" / "1.npy"
    path.rename(path.with_name("x.npy"))
    return f"{path} is gone, {path.with_name('x.npy')} is new"


@pytest.mark.parametrize(
    ("change", "flags"),
    [(touched, []), (removed, []), (added, []), (renamed, []), (emptied, ["--hash"])],
)
def test_a_changed_input_is_refused_with_what_has_changed(
    tmp_path, run, interrupted, data, capsys, change, flags
):
    interrupted(1, *flags)
    said = change(data)
    capsys.readouterr()
    assert run("out", "--resume") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: cannot go on with the interrupted run")
    assert said in error
    assert error.count("\n") == 1
    assert run("out", "--resume") == 2, "it is still there"


def test_a_touched_input_with_the_same_bytes_is_the_same_with_hash(
    tmp_path, run, interrupted, data
):
    interrupted(1, "--hash")
    touched(data)
    assert run("out", "--resume") == 0


CHANGES = [
    (["--min-length", "2"], "parameters.min_length was 1 and is 2"),
    (["--output", "rle"], "parameters.output was ['masks'] and is ['rle']"),
    (["--sort", "lexical"], "input.sort was 'natural' and is 'lexical'"),
]


@pytest.mark.parametrize(("flags", "said"), CHANGES)
def test_changed_parameters_are_refused_with_what_has_changed(
    run, interrupted, capsys, flags, said
):
    interrupted()
    capsys.readouterr()
    assert run("out", "--resume", *flags) == 2
    assert said in capsys.readouterr().err
    assert run("out", "--resume") == 0


def test_another_version_does_not_continue(run, interrupted, capsys, monkeypatch):
    interrupted()
    with monkeypatch.context() as patch:
        patch.setattr("consistency.resuming.versions_that_decide", lambda: {"numpy": "9.9"})
        assert run("out", "--resume") == 2
    assert "and is '9.9'" in capsys.readouterr().err
    monkeypatch.setattr("consistency.versions.code", lambda root: "other")
    assert run("out", "--resume") == 2
    assert "versions.code was " in (said := capsys.readouterr().err)
    assert "and is 'other'" in said


def test_another_commit_with_the_same_code_continues(tmp_path, run, interrupted, monkeypatch):
    assert run("once") == 0
    interrupted()
    monkeypatch.setattr("consistency.versions.commit", lambda root: "0" * 40)
    assert run("out", "--resume") == 0
    assert content(tmp_path / "out")["e/run.json"]["versions"].pop("commit") == "0" * 40
    ours, theirs = content(tmp_path / "out"), content(tmp_path / "once")
    for files in (ours, theirs):
        files["e/run.json"]["versions"].pop("commit", None)
    assert ours == theirs


def test_the_output_may_lie_beside_or_inside_the_input(tmp_path, run, interrupted, data):
    where = ["--data-path", str(data), "--experiments", str(data / "results"), "--quiet"]
    assert mark_label.main([*where, "--exp-name", "other"]) == 0
    folder = data / "results"
    assert run("once") == 0
    os.symlink(folder, tmp_path / "out")
    interrupted()
    assert mark_label.main([*where, "--exp-name", "third"]) == 0
    assert run("out", "--resume") == 0
    assert (folder / "e" / "e.json").read_bytes() == (
        tmp_path / "once" / "e" / "e.json"
    ).read_bytes()


def test_an_input_that_changes_under_a_run_is_told(run, data, monkeypatch, capsys):
    true = journal._append
    monkeypatch.setattr(journal, "_append", lambda *a: (touched(data), true(*a))[1])
    assert run("out") == 0
    error = capsys.readouterr().err
    assert "note: " in error
    assert "the input has changed since the run began" in error


# What ends a run from outside.


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 2),
        (OSError(errno.EIO, "Input/output error"), 2),
        (RuntimeError("a worker process died"), 1),
    ],
)
def test_a_failing_disk_or_worker_leaves_what_was_done(
    tmp_path, run, interrupted, capsys, error, code
):
    interrupted(1, code=code, error=error)
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert f"{error}; " in message
    assert "--resume continues it" in message
    assert run("out", "--resume") == 0
    assert run("once") == 0
    assert whole(tmp_path) == whole(tmp_path, "once")


def test_work_is_kept_where_its_name_is_taken_meanwhile(tmp_path, run, monkeypatch, capsys):
    assert run("once") == 0
    theirs, true = tmp_path / "out" / "e" / "theirs", disk.sync
    monkeypatch.setattr(disk, "sync", lambda path: (theirs.mkdir(parents=True), true(path)))
    assert run("out") == 2
    monkeypatch.undo()
    assert "exists; add --overwrite or choose another name" in (said := capsys.readouterr().err)
    assert "--resume continues it" in said
    assert run("out", "--resume") == 2, "it is still there"
    theirs.rmdir()
    theirs.parent.rmdir()
    monkeypatch.setattr(kept_work, "measure_chunk", None)  # nothing is measured again
    assert run("out", "--resume") == 0
    assert whole(tmp_path) == whole(tmp_path, "once")


def test_work_is_kept_where_its_name_cannot_be_changed(tmp_path, run, monkeypatch, capsys):
    assert run("once") == 0

    def fails(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "replace", fails)
    assert run("out") == 2
    monkeypatch.undo()
    assert "--resume continues it" in capsys.readouterr().err
    monkeypatch.setattr(kept_work, "measure_chunk", None)
    assert run("out", "--resume") == 0
    assert whole(tmp_path) == whole(tmp_path, "once")


# Damage.


def the_journal(tmp_path):
    (folder,) = (tmp_path / "out").glob(".*.journal")
    return folder


@pytest.mark.parametrize("name", ["measurements", "written"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
@pytest.mark.parametrize("damage", ["cut", "flipped", "zeros", "more"])
def test_a_damaged_journal_is_done_again_from_there(
    tmp_path, run, interrupted, name, share, damage
):
    assert run("once") == 0
    interrupted(5)
    path = the_journal(tmp_path) / name
    data = bytearray(path.read_bytes())
    at = int(share * len(data))
    if damage == "cut":
        del data[at:]
    elif damage == "flipped":
        data[at] ^= 64
    elif damage == "zeros":
        data[at:] = bytes(len(data) - at)
    else:
        data[at:at] = b"more"
    path.write_bytes(data)
    assert run("out", "--resume") == 0
    assert whole(tmp_path) == whole(tmp_path, "once")


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"about": 3, "fingerprint": {}}', "\0"])
def test_a_journal_that_cannot_be_read_is_refused_in_one_line(
    tmp_path, run, interrupted, capsys, text
):
    interrupted()
    (the_journal(tmp_path) / "about.json").write_text(text)
    capsys.readouterr()
    assert run("out", "--resume") == 2
    error = capsys.readouterr().err
    assert "the journal of the interrupted run cannot be read" in error
    assert error.count("\n") == 1
    assert run("out", "--overwrite") == 0


def shortened(path):
    path.write_bytes(path.read_bytes()[:-3])


def zeroed(path):
    times = path.stat().st_mtime_ns
    path.write_bytes(bytes(path.stat().st_size))
    os.utime(path, ns=(times, times))


@pytest.mark.parametrize(
    ("spoil", "flags"), [(Path.unlink, []), (shortened, []), (zeroed, ["--hash"])]
)
def test_written_files_that_are_not_what_they_were_are_written_again(
    tmp_path, run, interrupted, spoil, flags
):
    assert run("once", *flags) == 0
    interrupted(4, *flags)
    (partial,) = (
        p for p in (tmp_path / "out").glob(".e.*") if p.suffix not in (".lock", ".journal")
    )
    spoil(partial / "numpy_masks" / "1" / "0.npy")
    assert run("out", "--resume", *flags) == 0
    assert whole(tmp_path) == whole(tmp_path, "once")


def test_what_was_written_before_the_system_went_down_is_written_again(
    tmp_path, run, interrupted, monkeypatch
):
    interrupted(5)
    written, true = [], writing.write_chunk
    monkeypatch.setattr(journal, "system_start", lambda: b"another")
    monkeypatch.setattr(
        writing, "write_chunk", lambda c, **how: (written.append(c), true(c, **how))[1]
    )
    assert run("out", "--resume") == 0
    assert sum(map(len, written)) == len(FRAMES)


def test_the_unfinished_output_may_be_gone(tmp_path, run, interrupted):
    assert run("once") == 0
    interrupted(5)
    (partial,) = (
        p for p in (tmp_path / "out").glob(".e.*") if p.suffix not in (".lock", ".journal")
    )
    shutil.rmtree(partial)
    assert run("out", "--resume") == 0
    assert whole(tmp_path) == whole(tmp_path, "once")


@pytest.mark.parametrize("old", [False, True])
def test_killed_when_all_is_whole_the_journal_goes(tmp_path, run, monkeypatch, old):
    if old:
        assert run("out") == 0
    monkeypatch.setattr(publishing, "_remove", lambda path: None)  # as if there were no time
    assert run("out", "--overwrite") == 0
    monkeypatch.undo()
    assert list((tmp_path / "out").glob(".*.journal")), "the premise: it is there"
    before = content(tmp_path / "out")["e/e.json"]
    assert run("out", "--resume") == 0
    assert whole(tmp_path)["e/e.json"] == before


# Many sequences.


def test_of_many_sequences_those_that_are_whole_are_skipped(tmp_path, monkeypatch, capsys):
    for name in ("a", "b", "c"):
        write_dataset(tmp_path / "many" / name, FRAMES)
    where = ["--data-path", str(tmp_path / "many"), "--exp-name", "e"]
    assert mark_label.main([*where, "--experiments", str(tmp_path / "once")]) == 0
    true, count = journal._append, iter(range(100))

    def append(*record):
        true(*record)
        if next(count) == 8:  # a has six records
            raise Interrupted(signal.SIGTERM)

    monkeypatch.setattr(journal, "_append", append)
    out = [*where, "--experiments", str(tmp_path / "out")]
    assert mark_label.main(out) == 143
    monkeypatch.undo()
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "e" / "a").rglob("*")}
    capsys.readouterr()
    assert mark_label.main([*out, "--resume"]) == 0
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "e" / "a").rglob("*")} == before
    assert "a: is whole already" in capsys.readouterr().out
    for name in ("a", "b", "c"):
        one, other = (tmp_path / f / "e" / name / f"{name}.json" for f in ("once", "out"))
        assert one.read_bytes() == other.read_bytes()


# The bytes of a value.


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_a_value_comes_back_as_it_was(value):
    assert repr(encoding.decode(encoding.encode(value))) == repr(value)


@pytest.mark.parametrize("kind", ["<f8", "<u8", "<i4", "|b1", ">i2", "<f4"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0), (2, 3, 1)])
def test_an_array_comes_back_as_it_was(kind, shape):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(kind)
    back = encoding.decode(encoding.encode({"a": (array, array)}))["a"][1]
    assert (back.dtype, back.shape, back.tolist()) == (array.dtype, array.shape, array.tolist())
    back[...] = 1  # is its own


def test_what_cannot_be_kept_is_refused():
    for value in (object(), {1, 2}, np.array([object()]), DEFAULTS):
        with pytest.raises((TypeError, ValueError)):
            encoding.decode(encoding.encode(value))


@given(st.data())
def test_damaged_bytes_are_a_value_or_an_error(drawn):
    good = bytearray(encoding.encode([1, (2.5, "x"), {"k": b"yes"}, np.arange(5)]))
    plain = bytearray(zlib.decompress(bytes(good)))
    for _ in range(drawn.draw(st.integers(1, 4))):
        plain[drawn.draw(st.integers(0, len(plain) - 1))] = drawn.draw(st.integers(0, 255))
    try:
        encoding.decode(zlib.compress(bytes(plain)))
    except ValueError:
        return


def test_a_class_with_another_field_is_refused():
    written = kept_work.Written([], [])
    text = zlib.decompress(encoding.encode(written)).replace(b'"files"', b'"fileS"')
    with pytest.raises(ValueError, match="has other fields"):
        encoding.decode(zlib.compress(text), (kept_work.Written,))
    assert json.loads(json.dumps({"made_by": publishing.MADE_BY}))


def without_its_value(content):
    del content["fingerprint"]["value"]
    return "the journal of the interrupted run cannot be read ('value'); start anew with --over"


def with_a_long_value(content):
    content["about"]["parameters"]["min_iou"] = "x" * 5000
    return "parameters.min_iou was 'xxxxxxx"


def with_many_changes(content):
    content["about"]["parameters"] = dict.fromkeys(content["about"]["parameters"], 7)
    return " more; change it back, or start anew with --overwrite"


def with_another_kind(content):
    content["about"] = 7
    return "as this has changed since: all was 7 and is {'input'"


@pytest.mark.parametrize(
    "change", [without_its_value, with_a_long_value, with_many_changes, with_another_kind]
)
def test_a_journal_whose_beginning_is_damaged_is_one_short_line(
    tmp_path, run, interrupted, capsys, change
):
    """What the fuzzer found."""
    interrupted()
    file = the_journal(tmp_path) / "about.json"
    content = json.loads(file.read_text())
    said = change(content)
    file.write_text(json.dumps(content))
    capsys.readouterr()
    assert run("out", "--resume") == 2
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1
    assert len(message) < 700
