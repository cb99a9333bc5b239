"""The benchmarks run and say what they measured; no time is asserted."""

import json
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from labelling import boxes
from sequences import write_native

sys.path.insert(0, str(Path(__file__).parents[2] / "running_time"))

import charts
import get_results
import gpu
import opening
import pieces
import rivals
import runs
import study
import windows

import vis
from backends import open_backend
from backends.kernel import Kernel
from consistency.formats import images, open_dataset


@pytest.fixture
def data(tmp_path) -> Path:
    """Three frames of two squares."""
    root = tmp_path / "squares"
    content = {}
    for t in range(3):
        (root / "numpy_masks" / str(t)).mkdir(parents=True)
        for i in range(2):
            mask = np.zeros((20, 30), bool)
            mask[t : t + 8, 12 * i : 12 * i + 10] = True
            path = f"numpy_masks/{t}/{i}.npy"
            np.save(root / path, mask)
            content.setdefault(f"{t}.png", []).append({"segmentation": path})
    (root / "sk_masks.json").write_text(json.dumps(content))
    return root


ONCE = ["--repeat", "1", "--warmup", "0", "--machine", "here"]


def test_backends_are_measured_and_drawn(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(rivals, "SAMPLED_PAIRS", 2)
    which = ["--backends", "no,multi,cupy", "--workers", "2", "--times", "4", "--draw"]
    arguments = ["--data-path", str(data), "--results", str(tmp_path / "results"), *ONCE, *which]
    monkeypatch.setattr(get_results, "why_not", lambda name: "no GPU" if name == "cupy" else "")
    assert get_results.main(arguments) == 0
    out, err = capsys.readouterr()
    assert "cupy: not measured, no GPU" in err
    assert "squares: 12 frames, 24 masks" in out
    assert {"no", "multi 2"} <= {line.split("`")[1] for line in out.splitlines() if "`" in line}
    assert "predecessor, serial: extrapolated from 2 of 4 pairs" in out
    stem = "here-squaresx4-none"
    found = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert found == [f"{stem}{end}" for end in ("-speed-up.png", "-stages.png", ".json", ".md")]
    (tmp_path / "results" / f"{stem}.md").unlink()
    assert get_results.main(["--compare", "--results", str(tmp_path / "results")]) == 0
    assert (tmp_path / "results" / f"{stem}.md").read_text() == capsys.readouterr().out


def test_results_are_shown_where_the_page_marks_their_place(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- begin a -->\nold\n<!-- end a -->\nafter\n")
    charts.renew(page, "a", "new", [tmp_path / "results" / "a.png"])
    charts.renew(page, "b", "of another machine", [])
    shown = "new\n\n![a](results/a.png)"
    assert page.read_text() == f"before\n<!-- begin a -->\n{shown}\n<!-- end a -->\nafter\n"


def test_backends_that_label_differently_stop_the_benchmark(data, tmp_path, monkeypatch):
    def mark(setup, data, folder, output, draw):
        (folder / "e").mkdir(exist_ok=True)
        (folder / "e" / "e.json").write_text(setup.name)
        return runs.Run(1.0)

    monkeypatch.setattr(get_results, "mark", mark)
    arguments = ["--data-path", str(data), "--results", str(tmp_path), *ONCE]
    with pytest.raises(RuntimeError, match="multi 1 gives other labels than no"):
        get_results.main([*arguments, "--backends", "no,multi", "--workers", "1"])


def quickly(watched):
    """``study.watched`` that starts each program once for a number of workers.

    The same command is not run again, and pictures of another look are drawn in this process.
    """
    seen = {}

    def watched_once(command):
        program = Path(command[1]).name
        workers = command[command.index("--workers") + 1] if "--workers" in command else "1"
        if (program, workers) not in seen:
            seen[program, workers] = command, watched(command)
        first, figures = seen[program, workers]
        if command != first:
            assert program == "vis.py"
            assert vis.main([*command[2:], "--workers", "1"]) == 0
        return figures

    return watched_once


def test_study_answers_from_its_figures(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(study, "usable_cpus", lambda: 1)
    monkeypatch.setattr(study, "watched", quickly(study.watched))
    arguments = ["--data-path", str(data), "--results", str(tmp_path / "results"), *ONCE, "--study"]
    assert get_results.main(arguments) == 0
    out = capsys.readouterr().out
    assert out.count("\n| 2 | ") == 5  # drawing off, and scale × colours
    for question in ("Is drawing expensive?", "Do processes help?", "Where is the limit?"):
        assert question in out


def test_rivals_agree_on_the_masks(data, monkeypatch):
    monkeypatch.setattr(rivals, "SAMPLED_PAIRS", 2)
    assert len(rivals.compare(open_dataset(data), 1)) == 4


def test_the_gpu_benchmark_checks_its_methods_against_one_another(monkeypatch):
    monkeypatch.setattr(gpu, "SIZES", ((40, 60),))
    monkeypatch.setattr(gpu, "COUNTS", (1, 10, 60))
    rows = gpu.measure(np, Kernel(np, lambda: 1 << 30), 1)
    text = gpu.table(rows, {"device": "NumPy in its place", "cpu": "this CPU"})
    assert text.count("60 × 40") == 3
    assert ["predecessor" in row for row in rows] == [True, True, False]


def test_watching_survives_the_end_of_what_it_watches(monkeypatch):
    class Gone:
        def is_running(self):
            return True

        def status(self):
            raise psutil.NoSuchProcess(1)

    study.Watch(Gone()).run()


def test_opening_reads_the_first_image_alone_and_its_figures_are_kept(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(opening, "FRAMES", 2)

    read = images.read_pixels

    def first_alone(path):
        assert path.name == "00000.png"
        return read(path)

    monkeypatch.setattr(images, "read_pixels", first_alone)
    assert opening.main(["--repeat", "1", "--json", str(tmp_path / "opening.json")]) == 0
    assert (tmp_path / "opening.md").read_text() == capsys.readouterr().out
    rows = json.loads((tmp_path / "opening.json").read_text())["rows"]
    assert [len(row["opening"]) for row in rows] == [3, 3, 3, 3]
    assert [row["data"].partition(",")[2] for row in rows] == [
        " 0 MB, 2 frames of 200 masks",
        " 0 MB, 20 frames of 20 masks",
        " 0 MB, 20 frames of 20 masks",
        " 16-bit PNG, 1920 × 1080",
    ]


def test_windows_are_measured(data, tmp_path, capsys, monkeypatch):
    commands = []

    def watched(command):
        commands.append(command[command.index("none") + 1 :])
        return {"processor": 1.0, "memory": 2.0}

    monkeypatch.setattr(study, "watched", watched)
    arguments = ["--times", "4", "--size", "6", "--overlap", "2", "--long", "100", "--repeat", "1"]
    kept = tmp_path / "figures.json"
    assert windows.main(["--data-path", str(data), "--json", str(kept), *arguments]) == 0
    out = capsys.readouterr().out
    assert "squares: 12 frames, windows of 6 frames that share 2" in out
    assert len([line for line in out.splitlines() if line.startswith("| 1024 |")]) == 1
    cut = ["--cut-size", "6", "--cut-overlap", "2"]
    assert commands == [[], cut, [*cut, "--low-memory"]]
    assert [row["way"] for row in json.loads(kept.read_text())["memory"]] == [
        "whole", "windows", "windows, --low-memory"
    ]  # fmt: skip


def test_windows_lift_the_bound_of_the_sequential_stage():
    def stages(measuring, labels, alone):
        values = {"read and measure": measuring, "labels": labels, "this process": alone}
        return {name: {"median": value} for name, value in values.items()}

    results = {"about": {"size": 100, "overlap": 50}}
    results |= {"whole": stages(16.0, 4.0, 4.0), "windows": stages(16.0, 8.0, 0.01)}
    one, some, many = (windows.predicted(results, ranks) for ranks in (1, 8, 1024))
    # 10 000 frames are 199 windows; a frame in two windows is read and labelled twice.
    assert one["whole"] == (pytest.approx(1000 / (16 * (1 + 1 / 64))), "ranks")
    assert one["windows"] == (pytest.approx(1000 / 40), "ranks")
    assert some["whole"] == (pytest.approx(250), "sequential")
    assert some["windows"] == (pytest.approx(200), "ranks")
    assert many["whole"] == (pytest.approx(250), "sequential")
    assert many["windows"] == (pytest.approx(199 * 1000 / 40), "number of windows")


def test_pieces_are_cut_and_joined(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(pieces, "open_backend", lambda *_: open_backend("no"))  # starts at once
    for name in ("x", "y"):
        frames = [boxes((10 + 3 * t, 10, 20, 20), (100, 50, 20, 20)) for t in range(9)]
        records = [[{"segmentation": m} for m in frame] for frame in frames]
        write_native(tmp_path / name / "data", records)
        truth = {f"{t:04d}.png": [5, 6] for t in range(9)}
        (tmp_path / name / "truth.json").write_text(json.dumps(truth))
    group = f"g={tmp_path / 'x'},{tmp_path / 'y'}"
    assert pieces.main([group, "--cuts", "2", "--overlap", "0", "3"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert lines == [["g", "0", "8", "8", "0"], ["g", "3", "8", "8", "0"]]
