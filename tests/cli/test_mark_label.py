"""mark_label.py as a user meets it."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import labels_of, squares, write_dataset
from pycocotools import mask as coco

from consistency import (
    convert,
    correct,
    evaluate,
    join,
    mark_label,
    motion_masks,
    report,
    validate,
    vis,
)
from consistency.options import LONG_MEMORY, MEMORY, MEMORY_OF_IOU
from consistency.track.parameters import Parameters
from consistency.versions import commit

ROOT = Path(__file__).resolve().parents[2]
MASKS = squares((5, 5, 10), (30, 5, 12))


def test_masks_are_written_times_their_label_and_records_keep_their_keys(tmp_path, mark):
    extra = {"predicted_iou": [[0.5, 0.25]] * 2, "note": [["a", "b"]] * 2}
    data = write_dataset(tmp_path / "data", [MASKS, MASKS], **extra)
    folder = mark(data)
    content = json.loads((folder / "exp.json").read_text())
    assert list(content) == ["0.png", "1.png"]
    for t, frame in enumerate(content):
        for i, record in enumerate(content[frame]):
            assert (record.pop("confidence") is None) == (t == 0), "of a link to the mask before"
            assert record == {
                "segmentation": f"numpy_masks/{t}/{i}.npy",
                "area": int(MASKS[i].sum()),
                "predicted_iou": [0.5, 0.25][i],
                "note": "ab"[i],
                "label": 2 - i,
                "mask_index": i,
            }
            written = np.load(folder / record["segmentation"])
            np.testing.assert_array_equal(written, MASKS[i] * record["label"])


@pytest.mark.parametrize("flags", [["--matching", "seed"], ["--passes", "1"]])
def test_what_a_run_does_not_know_is_null_and_not_what_an_earlier_run_said(tmp_path, mark, flags):
    data = write_dataset(tmp_path / "data", [MASKS, MASKS], confidence=[[0.5, 0.25]] * 2)
    folder = mark(data, *flags)
    text = (folder / "exp.json").read_text()
    records = [record for frame in json.loads(text).values() for record in frame]
    assert [record["confidence"] for record in records] == [None] * 4
    assert "NaN" not in text
    tracks = (folder / "tracks.csv").read_text().splitlines()
    assert [line.rsplit(",", 2)[1:] for line in tracks[1:]] == [["", ""]] * 2


def test_every_file_of_the_experiment_is_there(tmp_path, mark):
    folder = mark(write_dataset(tmp_path / "data", [MASKS]))
    assert {p.name for p in folder.iterdir()} == {
        "exp.json", "events.csv", "numpy_masks", "run.json", "tracks.csv",
    }  # fmt: skip
    run = json.loads((folder / "run.json").read_text())
    assert run["parameters"]["matching"] == "track"
    assert run["parameters"]["tracker"]["velocity_gain"] == Parameters().velocity_gain
    assert run["input"]["path"] == str(tmp_path / "data")
    assert run["counters"]["masks"] == 2
    assert run["versions"]["numpy"] == np.__version__


@pytest.mark.parametrize(
    ("flags", "memory", "long_memory"),
    [
        ([], MEMORY, LONG_MEMORY),
        (["--memory", "3", "--motion", "none"], 3, None),
        (["--matching", "optimal"], MEMORY_OF_IOU, None),
        (["--matching", "seed"], None, None),
    ],
)
def test_the_run_record_holds_the_values_in_effect(tmp_path, mark, flags, memory, long_memory):
    folder = mark(write_dataset(tmp_path / "data", [MASKS]), *flags)
    run = json.loads((folder / "run.json").read_text())
    assert run["parameters"]["memory"] == memory
    assert run["parameters"]["long_memory"] == long_memory
    assert run["versions"].get("commit") == commit(ROOT)


def test_rle_output_holds_the_masks_and_no_pixel_files(tmp_path, mark):
    folder = mark(write_dataset(tmp_path / "data", [MASKS, []]), "--output", "rle")
    assert not (folder / "numpy_masks").exists()
    content = json.loads((folder / "exp.json").read_text())
    for mask, record in zip(MASKS, content["0.png"], strict=True):
        decoded = coco.decode(record["segmentation"])
        np.testing.assert_array_equal(decoded, mask)


def test_several_outputs_at_once(tmp_path, mark):
    folder = mark(write_dataset(tmp_path / "data", [MASKS]), "--output", "rle", "masks")
    record = json.loads((folder / "exp.json").read_text())["0.png"][0]
    assert record["segmentation"] == "numpy_masks/0/0.npy"
    np.testing.assert_array_equal(coco.decode(record["rle"]), MASKS[0])


def test_output_none_leaves_records_pointing_at_the_input(tmp_path, mark):
    data = write_dataset(tmp_path / "data", [MASKS])
    folder = mark(data, "--output", "none")
    record = json.loads((folder / "exp.json").read_text())["0.png"][1]
    assert record["segmentation"] == "numpy_masks/0/1.npy"
    assert record["label"] == 1
    assert not (folder / "numpy_masks").exists()


def test_the_same_input_gives_the_same_bytes(tmp_path, mark):
    rng = np.random.default_rng(1)
    frames = [squares(*rng.integers(2, 30, (6, 3))) for _ in range(5)]
    data = write_dataset(tmp_path / "data", frames)
    contents = []
    for _ in range(2):
        folder = mark(data, "--output", "masks", "rle")
        files = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "run.json"]
        contents.append({p.relative_to(folder): p.read_bytes() for p in files})
    assert len(contents[0]) > 10
    assert contents[0] == contents[1]


def test_the_summary_says_what_was_done_and_what_to_do_next_and_quiet_is_quiet(tmp_path, capsys):
    data = write_dataset(tmp_path / "data", [[*MASKS, MASKS[0]], MASKS])
    flags = ["--data-path", str(data), "--experiments", str(tmp_path / "my e")]
    assert mark_label.main(flags) == 0
    out, err = capsys.readouterr()
    assert err == ""
    done, left_out, following = out.splitlines()
    assert done.startswith(f"{tmp_path / 'my e' / 'data'}: 2 frames, 5 masks, 2 objects, ")
    assert done.endswith(" seconds")
    assert left_out == "left out: 1 duplicate of other masks; events.csv lists them"
    where = f"--exp-name data --experiments '{tmp_path / 'my e'}' --side-by-side"
    assert following == f"next: python vis.py {where}"
    assert vis.parser().parse_args(shlex.split(where)).experiments == tmp_path / "my e"
    assert (tmp_path / "my e" / "data" / "data.json").is_file()  # named after the data folder
    assert mark_label.main([*flags, "--overwrite", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_an_existing_experiment_needs_overwrite(tmp_path, capsys):
    data = write_dataset(tmp_path / "data", [MASKS])
    flags = ["--data-path", str(data), "--experiments", str(tmp_path / "e"), "--quiet"]
    assert mark_label.main(flags) == 0
    assert mark_label.main([*flags, "--output", "rle"]) == 2
    assert "this experiment exists; add --overwrite" in capsys.readouterr().err
    assert (tmp_path / "e" / "data" / "numpy_masks").exists()
    assert mark_label.main([*flags, "--output", "rle", "--overwrite"]) == 0
    assert not (tmp_path / "e" / "data" / "numpy_masks").exists()


def test_overwrite_does_not_touch_a_folder_that_is_no_experiment(tmp_path, capsys):
    data = write_dataset(tmp_path / "data", [MASKS])
    (tmp_path / "e" / "data").mkdir(parents=True)
    (tmp_path / "e" / "data" / "thesis.txt").write_text("years of work")
    flags = ["--data-path", str(data), "--experiments", str(tmp_path / "e"), "--overwrite"]
    assert mark_label.main(flags) == 2
    assert "is not an experiment, so it is not overwritten" in capsys.readouterr().err
    assert (tmp_path / "e" / "data" / "thesis.txt").read_text() == "years of work"


def test_an_unwritable_output_is_one_clear_line(tmp_path, capsys):
    data = write_dataset(tmp_path / "data", [MASKS])
    (tmp_path / "file").write_text("")
    flags = ["--data-path", str(data), "--experiments", str(tmp_path / "file"), "--exp-name", "x"]
    assert mark_label.main(flags) == 2
    err = capsys.readouterr().err
    assert "file" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--multi", "gpu"], "invalid choice: 'gpu'"),
        (["--matching", "best"], "invalid choice: 'best'"),
        (["--over"], "unrecognized arguments: --over"),
        (["--memory", "-1"], "'-1' is not a whole number from 0"),
        (["--memory", "x"], "'x' is not a number"),
        (["--exp-name", "a/b"], "'a/b' is not a plain name"),
        (["--exp-name", ".."], "'..' is not a plain name"),
        (["--workers", "0"], "'0' is not a whole number from 1"),
    ],
)
def test_bad_flags_are_refused(flags, message, capsys):
    with pytest.raises(SystemExit) as exit_:
        mark_label.main(flags)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


def test_none_goes_with_no_other_output(tmp_path, fails):
    data = write_dataset(tmp_path / "data", [MASKS])
    assert "--output none writes nothing" in fails(data, "--output", "none", "masks")


def test_debug_shows_the_traceback(tmp_path):
    with pytest.raises(FileNotFoundError):
        mark_label.main(["--data-path", str(tmp_path / "gone"), "--debug"])


def test_the_command_runs_from_anywhere_and_its_help_shows_defaults(tmp_path):
    call = [sys.executable, str(ROOT / "mark_label.py"), "--help-all"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "(default: 0.5)" in done.stdout
    assert "(default: masks)" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("command", [mark_label, vis])
def test_help_shows_what_matters_most_and_help_all_every_flag_once(command, capsys):
    texts = []
    for flag in ("--help", "--help-all"):
        with pytest.raises(SystemExit) as ended:
            command.main([flag])
        assert ended.value.code == 0
        texts.append(capsys.readouterr().out)
    short, everything = (re.findall(r"^  (?:-h, )?(--[a-z-]+)", t, re.M) for t in texts)
    assert len(short) + ("  DATA " in texts[0]) == 11, "ten, and --help-all"
    assert everything[: len(short)] == short
    flags = {name for a in command.parser()._actions for name in a.option_strings} - {"-h"}
    assert sorted(everything) == sorted(flags)


def test_the_data_is_given_once(tmp_path, monkeypatch, capsys):
    data = write_dataset(tmp_path / "masks", [MASKS])
    monkeypatch.chdir(tmp_path)
    assert mark_label.main(["masks", "--quiet"]) == 0
    assert labels_of(tmp_path / "experiments" / "masks") == {"0.png": [2, 1]}
    for flag in ("--data-path", "--sequences"):
        with pytest.raises(SystemExit):
            mark_label.main(["masks", flag, str(data)])
        assert f"DATA and {flag} both say where" in capsys.readouterr().err


def test_without_data_help_is_five_lines_and_masks_in_data_are_taken(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert mark_label.main([]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 5
        assert err.startswith(
            "error: no DATA, and no masks in ./data\n  python mark_label.py DATA  "
        )
        (tmp_path / "data").mkdir(exist_ok=True)
    write_dataset(tmp_path / "data", [MASKS])
    assert mark_label.main(["--quiet"]) == 0
    assert (tmp_path / "experiments" / "data" / "data.json").is_file()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--over", "did you mean --overwrite?"),
        ("--outpt", "did you mean --output?"),
        ("--min_length=3", "did you mean --min-length?"),
        ("--xyzzy", "see "),
        ("more", "a value goes behind its flag"),
    ],
)
def test_a_typo_is_one_line_with_the_nearest_flag(typed, meant, capsys):
    with pytest.raises(SystemExit):
        mark_label.main(["masks", typed])
    err = capsys.readouterr().err
    assert err.startswith(f"error: unrecognized arguments: {typed}; {meant}")
    assert err.count("\n") == 1


def scattered(frames: int, length: int) -> list[list[np.ndarray]]:
    """Frames of one mask that is elsewhere after every ``length`` frames."""
    places = [(3 + 15 * (t // length % 4), 2 + 12 * (t // length // 4 % 3)) for t in range(frames)]
    return [squares((*place, 5 + t // length % 3)) for t, place in enumerate(places)]


@pytest.mark.parametrize(
    ("frames", "flags", "warnings"),
    [
        ([squares((5 + t, 5, 10)) for t in range(12)], ["--motion", "none"], []),
        ([squares((5 + t, 5, 10)) for t in range(12)], [], ["the motion of the camera is unknown"]),
        (scattered(12, 1), ["--matching", "greedy"], ["12 of 12 masks are alone"]),
        (scattered(12, 2), ["--matching", "greedy"], ["half of the tracks have 2 "]),
        (scattered(9, 1), ["--matching", "greedy"], []),
    ],
)
def test_a_poor_result_is_warned_of(tmp_path, capsys, frames, flags, warnings):
    data = write_dataset(tmp_path / "data", frames)
    assert mark_label.main([str(data), "--experiments", str(tmp_path / "e"), *flags]) == 0
    found = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: ")]
    assert len(found) == len(warnings)
    for line, warning in zip(found, warnings, strict=True):
        assert line.startswith(f"warning: {warning}")


def test_messages_name_flags_that_there_are():
    """Every --flag in the text of the code is a flag of some command."""
    known = {"--convert-to-rle", "--mpi"}  # of Segment Anything and of srun
    commands = mark_label, vis, convert, correct, evaluate, join, motion_masks, report, validate
    for module in commands:
        known |= {name for a in module.parser()._actions for name in a.option_strings}
    files = [p for folder in ("consistency", "backends") for p in (ROOT / folder).rglob("*.py")]
    named = {
        (path.name, flag)
        for path in files
        for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 50
    assert not {(name, flag) for name, flag in named if flag not in known}
