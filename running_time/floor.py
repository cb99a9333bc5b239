#!/usr/bin/env python3
"""Measure the tool against the floor: reading all input and writing all output, in one run.

Each comparison is a ratio of two measurements taken in turn, so that a busy machine slows both.
Prints a Markdown table and keeps the figures as JSON.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, sleep

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from backends import open_backend  # noqa: E402
from consistency.dataset import Dataset  # noqa: E402
from consistency.formats import native, npy, numpy_folders, open_dataset, read_masks, rle  # noqa: E402
from consistency.formats.buffer import Buffer  # noqa: E402
from consistency.labelling import label  # noqa: E402
from consistency.measure.chunks import chunks, measure_chunk  # noqa: E402
from consistency.options import MeasureOptions, Options  # noqa: E402

# Seconds after which a virtual machine has handed freed memory back to its host.  Taking it again
# costs more than writing to it: whoever writes right behind a deletion would be spared that.
SETTLE = 6

GOALS = {
    "measuring stage / reading": 3.0,
    "measuring stage with motion and shapes / without": 1.6,
    "command, --output none / reading": 1.5,
    "command, --output none --read-all / reading": 2.5,
    "command, --output none --matching optimal / reading": 5.0,
    "command, --output masks / read and save": 0.9,
    "peak memory, MB": 300.0,
    "peak memory, ten times the frames, MB": 300.0,
    "measuring inline RLE, ms a frame": 10.0,
    "mark_label.py --help, s": 0.05,
    "smallest run, s": 0.35,
}
# Byte code is kept, as it is wherever the tool is installed and has run once.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
PLAIN = MeasureOptions()  # read, pack, duplicates, intersections


def mask_paths(dataset: Dataset) -> list[Path]:
    """All mask files of a native dataset, in order."""
    return [dataset.layout.root / r["segmentation"] for f in dataset.frames for r in f.records]


def read_all(paths: list[Path]) -> None:
    """The floor of reading: every byte of every file into one reused buffer."""
    buffer = bytearray(max(path.stat().st_size for path in paths[:1000]))
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def read_and_save(paths: list[Path], kept: list[Path], dtype: np.dtype, folder: Path) -> None:
    """The floor of the whole job: read every mask, save the kept ones with numpy.save."""
    buffer = bytearray(paths[0].stat().st_size)
    wanted = set(kept)
    for i, path in enumerate(paths):
        with open(path, "rb", buffering=0) as file:
            header = npy.read_header(file, path)
            view = memoryview(buffer)[: int(np.prod(header.shape)) * header.dtype.itemsize]
            file.readinto(view)
        if path in wanted:
            pixels = np.frombuffer(view, header.dtype).reshape(header.shape)
            np.save(folder / f"{i}.npy", pixels.astype(dtype))


def measure_all(dataset: Dataset, options: MeasureOptions = PLAIN) -> None:
    """The tool's measuring stage in this process, without start-up and labels."""
    for chunk in chunks(dataset.frames, options.lookback):
        measure_chunk(chunk, dataset.layout, options)


def command(data: Path, folder: Path, *flags: str) -> float:
    """Run mark_label.py as a user does; returns its peak memory in MB."""
    args = ["--data-path", str(data), "--exp-name", "marked", "--experiments", str(folder)]
    call = [sys.executable, str(ROOT / "mark_label.py"), *args, *flags, "--overwrite", "--quiet"]
    code = f"import resource, subprocess; subprocess.run({call!r}, check=True); print("
    code += "resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    kilobytes = int(started([sys.executable, "-c", code]))
    return kilobytes * (1 if platform.system() == "Darwin" else 1024) / 1e6


def started(call: list[str]) -> str:
    """Run a program and return what it prints."""
    options: dict = {"check": True, "capture_output": True, "text": True, "env": ENVIRONMENT}
    return subprocess.run(call, **options).stdout


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    began = perf_counter()
    work()
    return perf_counter() - began


def in_turn(
    repeat: int, *works: Callable[[], object], before: Callable[[], object] = lambda: None
) -> list[list[float]]:
    """Time several works in turn, after one round of warm-up; a list of seconds a work.

    ``before`` runs ahead of each, untimed.
    """
    times: list[list[float]] = [[] for _ in works]
    for _ in range(repeat + 1):
        for work, taken in zip(works, times, strict=True):
            before()
            taken.append(seconds(work))
    return [taken[1:] for taken in times]


def repeated(dataset: Dataset, times: int, folder: Path) -> None:
    """Write a dataset that names the same files ``times`` times under new frame names."""
    root = dataset.layout.root.resolve()
    content = {
        f"{k:03d}_{frame.name}": [dict(record) for record in frame.records]
        for k in range(times)
        for frame in dataset.frames
    }
    folder.mkdir(parents=True)
    (folder / native.NATIVE_JSON).write_text(json.dumps(content))
    # Not a symbolic link: one that leads out of a data folder is not followed.
    shutil.copytree(root / numpy_folders.NAME, folder / numpy_folders.NAME, copy_function=linked)


def linked(source: str, target: str) -> None:
    """Give a file a second name; on another disk, copy it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def as_rle(dataset: Dataset, folder: Path) -> None:
    """Write the dataset with inline run lengths instead of mask files."""
    buffer, content = Buffer(), {}
    for frame in dataset.frames:
        masks = read_masks(dataset.layout, frame, buffer)
        boxes, _ = masks.boxes_and_centroids()
        content[frame.name] = [
            record | {"segmentation": rle.encode(masks, i, boxes[i])}
            for i, record in enumerate(frame.records)
        ]
    folder.mkdir(parents=True)
    (folder / native.NATIVE_JSON).write_text(json.dumps(content))


def measure(data: Path, scratch: Path, repeat: int) -> dict:
    """Take all measurements; returns {name: {median, min, max}}."""
    dataset = open_dataset(data)
    as_rle(dataset, scratch / "rle")
    runs = open_dataset(scratch / "rle")
    inline = in_turn(repeat, lambda: measure_all(runs))[0]
    two_frames(scratch / "small")
    helped, small = in_turn(repeat, show_help, lambda: smallest_run(scratch))
    return {
        **reading_figures(data, dataset, scratch, repeat),
        **writing_figures(data, dataset, scratch, repeat),
        **memory_figures(data, dataset, scratch),
        "measuring inline RLE, ms a frame": per_frame(inline, dataset),
        "mark_label.py --help, s": stats(helped),
        "smallest run, s": stats(small),
    }


def reading_figures(data: Path, dataset: Dataset, scratch: Path, repeat: int) -> dict:
    """What writes no masks, against reading alone."""
    paths, full = mask_paths(dataset), Options().measuring()
    read, measured, moving, none, whole, optimal = in_turn(
        repeat,
        lambda: read_all(paths),
        lambda: measure_all(dataset),
        lambda: measure_all(dataset, full),
        lambda: command(data, scratch, "--output", "none"),
        lambda: command(data, scratch, "--output", "none", "--read-all"),
        lambda: command(data, scratch, "--output", "none", "--matching", "optimal"),
    )
    return {
        "reading, ms a frame": per_frame(read, dataset),
        "measuring stage, ms a frame": per_frame(measured, dataset),
        "measuring stage / reading": stats(ratios(measured, read)),
        "measuring stage with motion and shapes, ms a frame": per_frame(moving, dataset),
        "measuring stage with motion and shapes / without": stats(ratios(moving, measured)),
        "command, --output none, ms a frame": per_frame(none, dataset),
        "command, --output none / reading": stats(ratios(none, read)),
        "command, --output none --read-all / reading": stats(ratios(whole, read)),
        "command, --output none --matching optimal / reading": stats(ratios(optimal, read)),
    }


def writing_figures(data: Path, dataset: Dataset, scratch: Path, repeat: int) -> dict:
    """The whole job against reading every mask and saving the kept ones."""
    paths, (kept, dtype) = mask_paths(dataset), kept_paths(dataset)

    def clean() -> None:
        for name in ("saved", "marked"):
            shutil.rmtree(scratch / name, ignore_errors=True)
        (scratch / "saved").mkdir()
        os.sync()  # what one leaves for the disk to write must not slow the next
        sleep(SETTLE)

    floor, masks = in_turn(
        repeat,
        lambda: read_and_save(paths, kept, dtype, scratch / "saved"),
        lambda: command(data, scratch, "--output", "masks"),
        before=clean,
    )
    clean()
    return {
        f"read and save as {dtype}, ms a frame": per_frame(floor, dataset),
        "command, --output masks, ms a frame": per_frame(masks, dataset),
        "command, --output masks / read and save": stats(ratios(masks, floor)),
    }


def memory_figures(data: Path, dataset: Dataset, scratch: Path) -> dict:
    """Peak memory of the command, and that it does not grow with the number of frames."""
    repeated(dataset, 10, scratch / "ten")
    once = [command(data, scratch, "--output", output) for output in ("none", "masks")]
    ten = command(scratch / "ten", scratch, "--output", "none")
    return {
        "peak memory, MB": stats([max(once)]),
        "peak memory, ten times the frames, MB": stats([ten]),
    }


def kept_paths(dataset: Dataset) -> tuple[list[Path], np.dtype]:
    """Files of the masks that the tool keeps, and the dtype that holds their labels."""
    with open_backend("no") as backend:
        frames = label(dataset, backend, Options()).frames
    largest = max(value for frame in frames for value in frame.labels)
    paths = [
        dataset.layout.root / frame.records[i]["segmentation"]
        for frame, labels in zip(dataset.frames, frames, strict=True)
        for i in labels.kept.tolist()
    ]
    return paths, np.min_scalar_type(largest)


def show_help() -> None:
    """Start the command line and let it print its help."""
    started([sys.executable, str(ROOT / "mark_label.py"), "--help"])


def two_frames(folder: Path) -> None:
    """Write the smallest data set that has something to label: two frames of one mask."""
    for t in range(2):
        frame = folder / f"{t}"
        frame.mkdir(parents=True)
        pixels = np.zeros((48, 64), bool)
        pixels[10 + t : 30, 10:40] = True
        np.save(frame / "0.npy", pixels)


def smallest_run(scratch: Path) -> None:
    """Label the smallest data set: start and end of a run, and next to nothing between."""
    call = [sys.executable, str(ROOT / "mark_label.py"), "--data-path", str(scratch / "small")]
    started(
        [
            *call,
            *("--experiments", str(scratch), "--exp-name", "first", "--output", "none"),
            *("--overwrite", "--quiet"),
        ]
    )


def per_frame(times: list[float], dataset: Dataset) -> dict[str, float]:
    """Statistics in milliseconds a frame."""
    return stats([1000 * s / len(dataset.frames) for s in times])


def ratios(above: list[float], below: list[float]) -> list[float]:
    """Ratio of each pair of measurements taken in one round."""
    return [a / b for a, b in zip(above, below, strict=True)]


def stats(values: list[float]) -> dict[str, float]:
    """Median and extremes."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def table(results: dict) -> str:
    """Markdown table of the results against their goals."""
    lines = ["| what | median | min – max | goal |", "|---|---|---|---|"]
    for name, value in results.items():
        goal = f"≤ {GOALS[name]:g}" if name in GOALS else ""
        spread = f"{value['min']:.2f} – {value['max']:.2f}"
        lines.append(f"| {name} | **{value['median']:.2f}** | {spread} | {goal} |")
    return "\n".join(lines)


def keep(path: Path | None, content: dict, text: str) -> None:
    """Print a table; keep the figures and, beside them, the table, if there is a path."""
    print(text)
    if path:
        path.write_text(json.dumps(content, indent=1) + "\n")
        path.with_suffix(".md").write_text(text + "\n")


def machine() -> dict:
    """What the figures depend on."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].split(":", 1)[1].strip() if names else cpu
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    return {"cpu": cpu, "system": platform.platform(terse=True), **versions}


def timing_parser(doc: str) -> argparse.ArgumentParser:
    """Return the parser of a benchmark with this docstring."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--repeat", type=int, default=5, help="rounds after one warm-up")
    parser.add_argument("--json", type=Path, help="keep the figures in this file, and a table")
    parser.add_argument("--scratch", type=Path, help="folder for data; default: a temporary one")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = timing_parser(__doc__)
    parser.add_argument("--data-path", type=Path, required=True, help="a native data set")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(dir=args.scratch) as scratch:
        results = measure(args.data_path, Path(scratch), args.repeat)
    dataset = open_dataset(args.data_path)
    heading = f"{args.data_path.name}: {len(dataset.frames)} frames, {dataset.masks} masks"
    about = machine() | {"data": heading, "repeat": args.repeat}
    text = f"{heading}; {about['cpu']}, one process\n\n{table(results)}"
    keep(args.json, {"about": about, "results": results}, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
