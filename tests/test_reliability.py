"""What docs/reliability.md promises, tested by breaking things."""

import errno
import json
import os
import resource
import shutil
import signal
import sys
from pathlib import Path

import pytest
import samples
from conftest import squares, write_dataset
from launch import start

import mark_label
import vis
from consistency import convert, disk, experiment, publishing
from consistency.draw import replacing
from consistency.formats import open_dataset

MASKS = squares((5, 5, 10), (30, 5, 12))
KILLS_ITSELF = """
import os, pathlib, signal, sys
import mark_label
count, true = iter(range(100)), pathlib.Path.rename
def rename(self, target):
    if next(count) == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
    return true(self, target)
pathlib.Path.rename = rename
sys.exit(mark_label.main(sys.argv[2:]))
"""


@pytest.fixture
def data(tmp_path):
    return write_dataset(tmp_path / "data", [MASKS, MASKS])


@pytest.fixture
def where(tmp_path, data):
    """Flags of an experiment ``exp``."""
    folder = str(tmp_path / "experiments")
    return ["--data-path", str(data), "--experiments", folder, "--exp-name", "exp", "--quiet"]


@pytest.fixture
def draw(tmp_path):
    """Draw the experiment; returns the exit code."""

    def run(*flags):
        folders = ["--experiments", str(tmp_path / "experiments"), "--out", str(tmp_path / "out")]
        return vis.main([*folders, "--exp-name", "exp", "--quiet", *flags])

    return run


def files(folder):
    """All files under a folder, {name: bytes}."""
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()
    }


def names(folder):
    return sorted(p.name for p in Path(folder).iterdir())


def one_line(capsys):
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    return err


# Only what is the tool's own is deleted.


def test_what_stands_beside_an_experiment_is_safe(tmp_path, where, mark):
    folder = mark(tmp_path / "data")
    shutil.copytree(folder, tmp_path / "experiments" / "exp.old")
    (tmp_path / "experiments" / "exp.partial").mkdir()
    (tmp_path / "experiments" / "exp.partial" / "thesis.txt").write_text("years of work")
    backup = files(folder)
    assert mark_label.main([*where, "--overwrite", "--output", "rle"]) == 0
    assert names(tmp_path / "experiments") == ["exp", "exp.old", "exp.partial"]
    assert files(tmp_path / "experiments" / "exp.old") == backup
    assert names(tmp_path / "experiments" / "exp.partial") == ["thesis.txt"]


def test_what_stands_beside_a_picture_is_safe(tmp_path, data, mark, draw):
    mark(data)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "exp.partial.gif").write_text("mine")
    assert draw() == 0
    assert names(tmp_path / "out") == ["exp.gif", "exp.partial.gif"]


@pytest.mark.parametrize("run", ['{"name": "mine"}', "damaged", None])
def test_a_folder_without_the_tools_own_record_is_not_replaced(tmp_path, where, capsys, run):
    folder = tmp_path / "experiments" / "exp"
    folder.mkdir(parents=True)
    (folder / "exp.json").write_text("{}")
    if run is not None:
        (folder / "run.json").write_text(run)
    before = files(folder)
    assert mark_label.main([*where, "--overwrite"]) == 2
    assert "is not an experiment, so it is not overwritten" in one_line(capsys)
    assert files(folder) == before


@pytest.mark.parametrize("text", ["mine", '{"made_by": "mask-label-consistency", "old": "../x"}'])
def test_a_lock_file_of_somebody_else_is_not_believed(tmp_path, where, capsys, text):
    (tmp_path / "experiments").mkdir()
    lock = tmp_path / "experiments" / ".exp.lock"
    lock.write_text(text)
    assert mark_label.main(where) == 2
    assert "is not a lock file of this tool" in one_line(capsys)
    assert lock.read_text() == text


def test_what_appears_under_the_name_while_it_is_written_is_safe(tmp_path):
    path = tmp_path / "exp.gif"

    def draw():
        with replacing.drawing(path, overwrite=False) as partial:
            partial.write_text("of the tool")
            path.write_text("mine")

    with pytest.raises(ValueError, match="exists; add --overwrite"):
        draw()
    assert path.read_text() == "mine"
    assert names(tmp_path) == ["exp.gif"]


# One run of a name at a time.


def test_a_second_run_of_one_name_is_refused_and_the_first_ends_whole(where, mark, data, capsys):
    folder = mark(data)
    with experiment.writing(folder, overwrite=True) as partial:
        assert mark_label.main([*where, "--overwrite"]) == 2
        error = one_line(capsys)
        assert f"another run is writing it (process {os.getpid()} on " in error
        shutil.copytree(folder, partial, dirs_exist_ok=True)
        (partial / "tracks.csv").write_text("of the first run")
    assert (folder / "tracks.csv").read_text() == "of the first run"
    assert names(folder.parent) == ["exp"]


def test_runs_of_other_names_do_not_wait(where, mark, data):
    with experiment.writing(mark(data), overwrite=True) as partial:
        assert mark_label.main([*where, "--exp-name", "other"]) == 0
        shutil.copytree(partial.parent / "exp", partial, dirs_exist_ok=True)


def test_a_second_drawing_of_one_picture_is_refused(tmp_path, data, mark, draw, capsys):
    mark(data)
    with replacing.drawing(tmp_path / "out" / "exp.gif", overwrite=False) as partial:
        assert draw() == 2
        assert "exp.gif: another run is writing it" in one_line(capsys)
        partial.write_text("first")
    assert (tmp_path / "out" / "exp.gif").read_text() == "first"


def test_a_file_system_without_locks_is_told(where, monkeypatch, capsys):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    assert mark_label.main(where) == 0
    assert "this file system has no locks" in capsys.readouterr().err


# Killed at any point.


def killed_at(rename, flags):
    """Run mark_label.py, which is killed when it is about to change a name."""
    done = start([sys.executable, "-c", KILLS_ITSELF, rename, *flags])
    assert done.returncode == -signal.SIGKILL


def test_killed_before_names_change_the_old_one_stays(where, mark, data, capsys):
    folder = mark(data)
    before = files(folder)
    killed_at(0, [*where, "--overwrite"])
    assert files(folder) == before
    assert len(names(folder.parent)) == 4, "the premise: a lock, an unfinished one, its journal"
    assert mark_label.main(where) == 2
    assert "an interrupted run has left it unfinished" in one_line(capsys)
    assert files(folder) == before
    assert mark_label.main([*where, "--overwrite"]) == 0
    note = capsys.readouterr().err
    assert "removed the unfinished output of a run that was killed" in note
    assert names(folder.parent) == ["exp"]


def test_killed_between_the_renames_the_next_start_finishes(where, mark, data, capsys):
    folder = mark(data)
    killed_at(1, [*where, "--overwrite", "--output", "rle"])
    assert not folder.exists(), "the premise: it was killed between"
    assert mark_label.main(where) == 2
    note, error = capsys.readouterr().err.splitlines()
    assert "replaced by the complete output of a run that was killed" in note
    assert "this experiment exists; add --overwrite" in error
    assert experiment.open_experiment(folder).run["parameters"]["output"] == ["rle"]
    assert names(folder.parent) == ["exp"]


def test_killed_between_the_renames_and_the_new_one_gone_the_old_one_comes_back(
    where, mark, data, capsys
):
    folder = mark(data)
    before = files(folder)
    killed_at(1, [*where, "--overwrite", "--output", "rle"])
    lock = json.loads(publishing.lock_of(folder).read_text())
    shutil.rmtree(folder.parent / lock["partial"])
    assert mark_label.main(where) == 2
    assert "put back; the run that was replacing it was killed" in capsys.readouterr().err
    assert files(folder) == before
    assert names(folder.parent) == ["exp"]


def test_killed_between_the_renames_and_the_name_taken_nothing_is_deleted(
    where, mark, data, capsys
):
    folder = mark(data)
    killed_at(1, [*where, "--overwrite"])
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    before = files(folder.parent)
    assert mark_label.main([*where, "--overwrite"]) == 2
    assert "keep the one you want" in one_line(capsys)
    assert files(folder.parent) == before


def test_killed_while_the_old_one_is_deleted_the_next_start_goes_on(where, mark, data, monkeypatch):
    folder = mark(data)
    monkeypatch.setattr(publishing, "_remove", lambda path: None)  # as if there were no time
    assert mark_label.main([*where, "--overwrite"]) == 0
    monkeypatch.undo()
    assert len(names(folder.parent)) == 4, "the premise: lock file, journal and the old one"
    assert mark_label.main([*where, "--overwrite"]) == 0
    assert names(folder.parent) == ["exp"]


# A disk that fails.


def test_an_error_at_the_second_rename_puts_the_old_one_back(
    where, mark, data, capsys, monkeypatch
):
    folder = mark(data)
    before = files(folder)
    true, targets = Path.rename, []

    def rename(self, target):
        targets.append(target)
        if len(targets) == 2:
            raise OSError(errno.EIO, "Input/output error")
        return true(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    assert mark_label.main([*where, "--overwrite"]) == 2
    error = one_line(capsys)
    assert "Input/output error" in error
    assert "--resume continues it" in error
    assert files(folder) == before
    assert mark_label.main([*where, "--overwrite", "--resume"]) == 0
    assert names(folder.parent) == ["exp"]


def test_all_is_on_the_disk_before_a_name_changes(where, mark, data, monkeypatch):
    folder = mark(data)
    events, true = [], Path.rename
    synced, written = disk.sync, []
    monkeypatch.setattr(disk, "sync", lambda path: (written.extend(names(path)), synced(path)))
    monkeypatch.setattr(Path, "rename", lambda *a: (events.append(list(written)), true(*a))[1])
    assert mark_label.main([*where, "--overwrite"]) == 0
    assert events == [names(folder)] * 2


@pytest.mark.parametrize("whole_system", [True, False])
def test_a_disk_that_fails_to_sync_replaces_nothing(
    where, mark, data, capsys, monkeypatch, whole_system
):
    folder = mark(data)
    before = files(folder)

    def fails(*_):
        raise OSError(errno.EIO, "Input/output error")

    if whole_system:
        monkeypatch.setattr(disk, "_sync_file_system", fails)
    else:
        monkeypatch.setattr(disk, "_libc", lambda: object())  # a system without that call
        true = os.fsync
        kinds = (".npy",)
        monkeypatch.setattr(
            os, "fsync", lambda f: fails() if opened(f).endswith(kinds) else true(f)
        )
    assert mark_label.main([*where, "--overwrite"]) == 2
    assert "Input/output error" in one_line(capsys)
    assert files(folder) == before
    monkeypatch.undo()
    assert mark_label.main([*where, "--overwrite", "--resume"]) == 0
    assert names(folder.parent) == ["exp"]


def opened(file):
    """Path of an open file."""
    return os.readlink(f"/proc/self/fd/{file}")


@pytest.mark.parametrize("kind", ["gif", "mp4", "png", "html", "timeline"])
def test_a_full_disk_replaces_no_picture(tmp_path, data, mark, draw, kind):
    mark(data)
    assert draw("--format", kind) == 0
    before = files(tmp_path / "out")
    call = [sys.executable, "vis.py", "--experiments", str(tmp_path / "experiments")]
    call += ["--out", str(tmp_path / "out"), "--exp-name", "exp", "--overwrite"]
    call += [] if kind in ("html", "timeline") else ["--scale", "9"]

    def small_files():  # no file of this process and its children grows beyond this size
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))

    done = start([*call, "--format", kind], preexec_fn=small_files)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert files(tmp_path / "out") == before


FAKES = {
    "writes half of it": "head -c 100 > {path}; echo disk full >&2; exit 3",
    "reads nothing": "echo disk full >&2; exit 3",
    "reads nothing and says nothing": "exit 0",
}


@pytest.mark.parametrize("fake", FAKES)
def test_a_failing_ffmpeg_replaces_no_video(tmp_path, data, mark, draw, capsys, monkeypatch, fake):
    mark(data)
    (tmp_path / "out").mkdir()
    video = tmp_path / "out" / "exp.mp4"
    video.write_text("the good old one")
    program = tmp_path / "ffmpeg"
    path = '"$(eval echo \\${$#} | sed s/^file://)"'
    program.write_text("#!/bin/sh\n" + FAKES[fake].format(path=path) + "\n")
    program.chmod(0o755)
    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", lambda: str(program))
    # Frames of a megabyte: more than a pipe holds where nobody reads.
    assert draw("--format", "mp4", "--overwrite", "--scale", "12") == 2
    said = "0: no message" if "says nothing" in fake else "3: disk full"
    assert f"ffmpeg failed with exit code {said}" in one_line(capsys)
    assert video.read_text() == "the good old one"
    assert names(tmp_path / "out") == ["exp.mp4"]


# The output never replaces its own input.


def test_an_experiment_does_not_replace_its_input(where, mark, data, capsys):
    folder = mark(data)
    before = files(folder)
    for path in (folder, folder / "exp.json"):
        assert mark_label.main([*where, "--data-path", str(path), "--overwrite"]) == 2
        assert "the input lies in" in one_line(capsys)
    assert files(folder) == before


@pytest.mark.parametrize("linked", [".", "numpy_masks", "numpy_masks/0", "numpy_masks/0/0.npy"])
def test_links_into_the_experiment_are_its_input(tmp_path, where, mark, data, capsys, linked):
    folder = mark(data)
    before = files(folder)
    other = tmp_path / "other"
    if linked == ".":
        other.symlink_to(folder)
    else:
        shutil.copytree(data, other)
        place = other / linked
        shutil.rmtree(place) if place.is_dir() else place.unlink()
        place.symlink_to(folder / linked)
    assert mark_label.main([*where, "--data-path", str(other), "--overwrite"]) == 2
    assert "the input lies in" in one_line(capsys)
    assert files(folder) == before


def test_masks_that_a_link_to_all_experiments_leads_to_are_its_input(where, mark, data, capsys):
    folder = mark(data)
    before = files(folder)
    (data / "link").symlink_to(folder.parent)
    content = json.loads((data / "sk_masks.json").read_text())
    content["0.png"][0]["segmentation"] = "link/exp/numpy_masks/0/0.npy"
    (data / "sk_masks.json").write_text(json.dumps(content))
    assert mark_label.main([*where, "--overwrite"]) == 2
    assert "the input lies in" in one_line(capsys)
    assert files(folder) == before


@pytest.mark.parametrize("flag", ["--sort", "--frames-path", "--transforms"])
def test_an_experiment_does_not_replace_what_is_read_beside_its_masks(
    where, mark, data, capsys, flag
):
    folder = mark(data)
    given = folder / "mine"
    if flag == "--frames-path":
        given.mkdir()
    else:
        given.write_text("0.png\n")
    before = files(folder)
    more = {"--frames-path": ["--motion", "frames"], "--transforms": ["--output", "nerfstudio"]}
    call = [*where, "--overwrite", flag, str(given), *more.get(flag, [])]
    assert mark_label.main(call) == 2
    assert "the input lies in" in one_line(capsys)
    assert files(folder) == before


def test_convert_does_not_replace_its_input(mark, data, capsys):
    folder = mark(data)
    before = files(folder)
    call = [str(folder), str(folder), "--to", "rle", "--overwrite", "--quiet"]
    assert convert.main(call) == 2
    assert "the input lies in" in one_line(capsys)
    assert files(folder) == before


def test_pictures_do_not_replace_what_they_are_drawn_from(tmp_path, data, mark, draw, capsys):
    mark(data)
    assert draw("--format", "png") == 0
    folder = tmp_path / "out" / "exp"
    before = files(folder)
    assert draw("--format", "png", "--frames-path", str(folder), "--overwrite") == 2
    assert "the input lies in" in one_line(capsys)
    assert files(folder) == before


# Names.


@pytest.mark.parametrize("name", ["run", "Run"])
def test_an_experiment_called_run_is_refused(tmp_path, where, data, capsys, name):
    with pytest.raises(SystemExit):
        mark_label.main([*where, "--exp-name", name])
    assert "is reserved" in capsys.readouterr().err
    data.rename(tmp_path / name)
    flags = ["--data-path", str(tmp_path / name), "--experiments", str(tmp_path / "experiments")]
    assert mark_label.main(flags) == 2
    assert "is reserved" in one_line(capsys)
    assert convert.main([str(tmp_path / name), str(tmp_path / "c" / "run"), "--to", "rle"]) == 2
    assert "is reserved" in one_line(capsys)
    assert not (tmp_path / "experiments").exists()


def test_a_sequence_called_run_is_refused_and_the_others_are_marked(tmp_path, data, capsys):
    many = tmp_path / "many"
    for name in ("run", "walk"):
        shutil.copytree(data, many / name)
    flags = ["--data-path", str(many), "--experiments", str(tmp_path / "e"), "--quiet"]
    assert mark_label.main(flags) == 2
    assert "sequence 'run': experiment 'run' is reserved" in one_line(capsys)
    assert names(tmp_path / "e" / "many") == ["walk"]
    (many / "list.csv").write_text("name,path\nrun,run\n")
    table = ["--sequences", str(many / "list.csv"), "--experiments", str(tmp_path / "e")]
    assert mark_label.main(table) == 2
    assert "line 2: sequence 'run' is reserved" in one_line(capsys)


BAD_NAMES = {
    "a\nb": "cannot be printed",
    "a\x1b[2Jb": "cannot be printed",
    "-x": "begins with '-'",
    "é" * 101: "has 202 bytes, more than 200",
    "\udcff": "is not UTF-8",
}


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_make_trouble_are_refused_before_the_work(
    tmp_path, where, data, capsys, monkeypatch, name
):
    monkeypatch.setattr("consistency.pipeline.label_and_fill", None)  # no work is done
    with pytest.raises(SystemExit):
        mark_label.main([*where[:-3], f"--exp-name={name}"])
    assert BAD_NAMES[name] in capsys.readouterr().err
    many = tmp_path / "many"
    data.rename(tmp_path / name)  # the default name is that of the data
    folder = ["--experiments", str(tmp_path / "experiments")]
    assert mark_label.main(["--data-path", str(tmp_path / name), *folder]) == 2
    assert BAD_NAMES[name] in one_line(capsys)
    assert convert.main([str(tmp_path / name), str(many / name), "--to", "rle"]) == 2
    assert BAD_NAMES[name] in one_line(capsys)
    assert not (tmp_path / "experiments").exists()
    assert not many.exists()


def test_the_longest_name_works(tmp_path, data, mark):
    name = "n" * 200
    folder = mark(data, name=name)
    assert (mark(data, name=name) / f"{name}.json").is_file()
    where = ["--experiments", str(folder.parent), "--out", str(tmp_path / "out"), "--quiet"]
    assert vis.main([*where, "--exp-name", name, "--format", "gif", "timeline", "png"]) == 0


@pytest.mark.parametrize("target", ["there", "dangling"])
def test_an_experiment_that_is_a_link_is_refused(tmp_path, where, mark, data, capsys, target):
    folder = mark(data, name="there")
    before = files(folder)
    (folder.parent / "exp").symlink_to(folder.parent / target)
    for flags in ([], ["--overwrite"]):
        assert mark_label.main([*where, *flags]) == 2
        assert "exp: is a symbolic link" in one_line(capsys)
    assert (folder.parent / "exp").is_symlink()
    assert files(folder) == before
    assert names(folder.parent) == ["exp", "there"]


# Pictures: the same rule.


@pytest.mark.parametrize("kind", ["gif", "png", "html", "timeline", "contact"])
def test_pictures_that_exist_need_overwrite(tmp_path, data, mark, draw, capsys, kind):
    mark(data)
    assert draw("--format", kind) == 0
    before = files(tmp_path / "out")
    assert draw("--format", kind, "--palette", "davis") == 2
    assert "add --overwrite or choose another --out" in one_line(capsys)
    assert files(tmp_path / "out") == before
    assert draw("--format", kind, "--palette", "davis", "--overwrite") == 0
    assert files(tmp_path / "out") != before
    assert draw("--format", kind, "--palette", "distinct", "--overwrite") == 0


def test_nothing_is_drawn_where_one_of_several_pictures_exists(tmp_path, data, mark, draw, capsys):
    mark(data)
    assert draw("--format", "html") == 0
    assert draw("--format", "gif", "html") == 2
    assert "exp.html: exists" in one_line(capsys)
    assert names(tmp_path / "out") == ["exp.html"]


@pytest.mark.parametrize("extra", ["mine.png", "sub/mine.png"])
def test_a_users_folder_of_pictures_is_safe(tmp_path, data, mark, draw, capsys, extra):
    mark(data)
    folder = tmp_path / "out" / "exp"
    for first in (True, False):
        if not first:
            shutil.rmtree(folder)
            assert draw("--format", "png") == 0
        (folder / extra).parent.mkdir(parents=True, exist_ok=True)
        (folder / extra).write_bytes(b"a picture of mine")
        before = files(folder)
        assert draw("--format", "png", "--overwrite") == 2
        assert f"holds {extra}, which vis.py did not write" in one_line(capsys)
        assert files(folder) == before


@pytest.mark.parametrize("kind", ["gif", "png"])
def test_a_picture_that_is_a_link_is_refused(tmp_path, data, mark, draw, capsys, kind):
    mark(data)
    target = tmp_path / "elsewhere"
    target.mkdir()
    (tmp_path / "out").mkdir()
    link = tmp_path / "out" / ("exp.gif" if kind == "gif" else "exp")
    link.symlink_to(target)
    assert draw("--format", kind, "--overwrite") == 2
    assert "is a symbolic link" in one_line(capsys)
    assert link.is_symlink()


# Files that do not belong to the data.


def native(folder):
    """The native layout without its JSON."""
    write_dataset(folder, [MASKS, MASKS])
    (folder / "sk_masks.json").unlink()
    return folder


LAYOUTS = {
    "native": native,
    "sav": samples.sav_png,
    "png": samples.png_folders,
    "davis": samples.davis,
    "labelmaps": samples.labels_8bit,
    "ctc": samples.ctc,
}


@pytest.mark.parametrize("kind", LAYOUTS)
def test_hidden_and_foreign_files_are_ignored_and_counted(tmp_path, where, mark, capsys, kind):
    data = LAYOUTS[kind](tmp_path / "other")
    clean = files(mark(data, "--output", "rle"))
    assert capsys.readouterr().err == ""
    folders = [data, *(path for path in data.rglob("*") if path.is_dir())]
    for folder in folders:
        image = next((path for path in folder.iterdir() if path.is_file()), folder / "x.png")
        for name in (".DS_Store", "Thumbs.db", f"._{image.name}"):
            (folder / name).write_bytes(b"not for you")
    assert (
        mark_label.main([*where, "--data-path", str(data), "--output", "rle", "--overwrite"]) == 0
    )
    out, err = capsys.readouterr()
    assert out == ""
    assert f"ignored {3 * len(folders)} hidden or foreign: ." in err
    assert err.count("\n") == 1
    marked = files(tmp_path / "experiments" / "exp")
    for name in ("exp.json", "tracks.csv", "events.csv"):
        assert marked[name] == clean[name]


def misnamed_frame(folder):
    path = next(path for path in sorted(folder.rglob("*.*")) if path.suffix in (".png", ".tif"))
    return path.rename(path.with_name(f"copy of {path.name}"))


def foreign_folder(folder):
    (folder / "notes").mkdir()
    (folder / "notes" / "a.txt").write_text("mine")
    return folder / "notes"


def empty_folder(folder):
    (folder / "999").mkdir()
    return folder / "999"


def other_file(folder):
    path = next(path for path in sorted(folder.iterdir()) if path.is_dir()) / "notes.txt"
    path.write_text("mine")
    return path


ALMOST = [
    ("sav", misnamed_frame),
    ("sav", foreign_folder),
    ("sav", empty_folder),
    ("sav", other_file),
    ("png", misnamed_frame),
    ("png", other_file),
    ("ctc", misnamed_frame),
]


@pytest.mark.parametrize(("kind", "spoil"), ALMOST)
def test_a_layout_that_almost_fits_says_what_does_not(tmp_path, where, capsys, kind, spoil):
    data = LAYOUTS[kind](tmp_path / "other")
    wrong = spoil(data)
    assert mark_label.main([*where, "--data-path", str(data)]) == 2
    error = one_line(capsys)
    assert str(wrong) in error
    assert "move it away" in error
    assert not (tmp_path / "experiments").exists()
    if kind != "ctc":
        with pytest.raises(ValueError, match="move it away"):
            open_dataset(data)


def test_the_format_of_sequences_may_be_named_where_their_folder_looks_like_another(
    tmp_path, capsys
):
    for name in ("000", "001", "last"):
        samples.labels_8bit(tmp_path / "many" / name)
        for t, path in enumerate(sorted((tmp_path / "many" / name).iterdir())):
            path.rename(path.with_name(f"{t:05d}.png"))
    flags = ["--data-path", str(tmp_path / "many"), "--experiments", str(tmp_path / "e")]
    assert mark_label.main([*flags, "--quiet"]) == 2
    assert "say with --input-format what many holds" in one_line(capsys)
    assert mark_label.main([*flags, "--quiet", "--input-format", "labelmaps"]) == 0
    assert names(tmp_path / "e" / "many") == ["000", "001", "last"]
