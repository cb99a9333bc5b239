#!/usr/bin/env python3
"""Measure vis.py: frames a second, memory and size of its files; and the viewer in Chromium.

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
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parents[1]
FORMATS = ("gif", "mp4", "png", "html")
STEPS = 300
# Steps as many frames as the browser draws, one each time it asks for the next.
STEP = """steps => new Promise(done => {
  const last = Number(document.getElementById("scrub").max);
  const times = [performance.now()];
  const press = key => window.dispatchEvent(new KeyboardEvent("keydown", { key }));
  const step = () => {
    press(Number(document.body.dataset.frame) === last ? "Home" : "ArrowRight");
    times.push(performance.now());
    if (times.length > steps) done(times.slice(1).map((t, i) => t - times[i]));
    else requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})"""


def draw(experiment: Path, folder: Path, *flags: str) -> tuple[float, float, float]:
    """Run vis.py as a user does; returns wall seconds, processor seconds and peak memory in MB."""
    where = ["--experiments", str(experiment.parent), "--exp-name", experiment.name]
    call = [sys.executable, str(ROOT / "vis.py"), *where, "--out", str(folder)]
    call += ["--overwrite", "--quiet", *flags]
    code = f"import resource as r, subprocess; subprocess.run({call!r}, check=True); "
    code += "u = r.getrusage(r.RUSAGE_CHILDREN); print(u.ru_utime + u.ru_stime, u.ru_maxrss)"
    began = perf_counter()
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    taken = perf_counter() - began
    unit = 1 if platform.system() == "Darwin" else 1024
    busy, memory = done.stdout.split()
    return taken, float(busy), int(memory) * unit / 1e6


def measure_format(name: str, experiment: Path, frames: int, folder: Path, repeat: int) -> dict:
    """Frames a second of the whole command, and of what each further frame takes."""
    draw(experiment, folder, "--format", name)  # warm-up: files come from memory from here on
    whole, further, processor, memory = [], [], [], []
    for _ in range(repeat):
        first, first_busy, _ = draw(experiment, folder, "--format", name, "--stop", "1")
        taken, busy, used = draw(experiment, folder, "--format", name)
        whole.append(frames / taken)
        further.append((frames - 1) / max(taken - first, 1e-9))
        processor.append(1000 * (busy - first_busy) / (frames - 1))
        memory.append(used)
    files = [path for path in folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    return {
        f"{name}, frames/s with start-up": stats(whole),
        f"{name}, frames/s of further frames": stats(further),
        f"{name}, processor ms of a further frame": stats(processor),
        f"{name}, peak memory, MB": stats(memory),
        f"{name}, MB on disk": stats([size]),
    }


def measure_viewer(page_file: Path, repeat: int) -> dict:
    """Seconds to open the viewer and milliseconds a step, in headless Chromium."""
    from playwright.sync_api import sync_playwright

    opened, steps = [], []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for _ in range(repeat):
            page = chromium.new_page(viewport={"width": 1600, "height": 1000})
            began = perf_counter()
            page.goto(page_file.as_uri())
            page.wait_for_selector("body[data-ready=yes]")
            opened.append(perf_counter() - began)
            steps.append(statistics.median(page.evaluate(STEP, STEPS)))
            page.close()
        chromium.close()
    return {"viewer, s to open": stats(opened), "viewer, ms a step": stats(steps)}


def stats(values: list[float]) -> dict[str, float]:
    """Median, smallest and largest."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def table(results: dict) -> str:
    """The results as a Markdown table."""
    lines = ["| what | median | min – max |", "|---|---|---|"]
    for name, value in results.items():
        spread = f"{value['min']:.3g} – {value['max']:.3g}"
        lines.append(f"| {name} | {value['median']:.3g} | {spread} |")
    return "\n".join(lines)


def main() -> None:
    """Measure an experiment, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("experiment", type=Path, help="folder of the experiment")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--out", type=Path, default=ROOT / "running_time/results/viewing.json")
    args = parser.parse_args()
    name = args.experiment.name
    frames = len(json.loads((args.experiment / f"{name}.json").read_text()))
    results = {}
    with tempfile.TemporaryDirectory() as scratch:
        for kind in FORMATS:
            folder = Path(scratch) / kind
            results |= measure_format(kind, args.experiment, frames, folder, args.repeat)
        results |= measure_viewer(Path(scratch) / "html" / f"{name}.html", args.repeat)
    print(table(results))
    machine = {
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": sys.version.split()[0],
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    content = {"experiment": name, "frames": frames, "machine": machine, "results": results}
    args.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
