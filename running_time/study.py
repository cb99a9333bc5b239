"""What drawing and processes cost: frames a second, processor, memory, threads."""

import argparse
import itertools
import subprocess
import sys
import threading
from pathlib import Path
from time import perf_counter, sleep

import floor
import matplotlib
import psutil
from charts import load
from runs import MARK, VIS, processor_seconds

from backends.multi import usable_cpus
from consistency.formats import open_dataset

matplotlib.use("Agg")
import matplotlib.pyplot as plt

INTERVAL = 0.05  # seconds between two looks at the processes
PALETTES = {"colour": "distinct", "grey": "grey"}


class Watch(threading.Thread):
    """Looks at a process and all below it until it ends."""

    def __init__(self, root: psutil.Process):
        super().__init__()
        self.root, self.memory, self.threads = root, 0, 0

    def run(self) -> None:
        """Keep the largest memory and number of threads seen."""
        while self._goes_on():
            memory = threads = 0
            for process in self._family():
                try:
                    with process.oneshot():
                        memory += process.memory_info().rss
                        threads += process.num_threads()
                except psutil.Error:
                    continue
            self.memory, self.threads = max(self.memory, memory), max(self.threads, threads)
            sleep(INTERVAL)

    def _goes_on(self) -> bool:
        try:
            return self.root.is_running() and self.root.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:  # it has ended between the two questions
            return False

    def _family(self) -> list[psutil.Process]:
        try:
            return [self.root, *self.root.children(recursive=True)]
        except psutil.Error:
            return []


def watched(command: list[str]) -> dict[str, float]:
    """Run a command; returns seconds, processor seconds, peak memory in MB, threads."""
    before, began = processor_seconds(), perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        watch = Watch(psutil.Process(process.pid))
        watch.start()
        _, message = process.communicate()
    seconds = perf_counter() - began
    watch.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: {message.decode().strip()}")
    return {
        "seconds": seconds,
        "processor": processor_seconds() - before,
        "memory": watch.memory / 1e6,
        "threads": watch.threads,
    }


def cases() -> list[dict]:
    """All combinations of processes, drawing, scale and colour; one without drawing."""
    counts = [2**k for k in range(8) if 2**k <= 2 * usable_cpus()]
    drawn = itertools.product(("1", "0.1"), PALETTES)
    drawings = [None, *({"scale": scale, "colours": colours} for scale, colours in drawn)]
    return [{"processes": count, "drawing": drawing} for count in counts for drawing in drawings]


def measure(args: argparse.Namespace, scratch: Path) -> dict:
    """Take every case ``--repeat`` times, in rounds; returns what is stored as JSON."""
    dataset = open_dataset(args.data_path)
    rows = [case | {"runs": []} for case in cases()]
    busy = round(psutil.getloadavg()[0], 1)
    for number in range(args.warmup + args.repeat):
        for row in rows:
            taken = _once(row, args.data_path, scratch)
            if number >= args.warmup:
                row["runs"].append(taken)
    about = floor.machine() | {"name": args.machine, "cpus": usable_cpus(), "repeat": args.repeat}
    about |= {"data": args.data_path.resolve().name, "frames": len(dataset.frames), "load": busy}
    return {"about": about, "study": [_row(row, len(dataset.frames)) for row in rows]}


def _once(row: dict, data: Path, scratch: Path) -> dict[str, float]:
    count = str(row["processes"])
    target = ["--exp-name", "e", "--experiments", str(scratch), "--quiet"]
    backend = ["--multi", "multi", "--workers", count] if count != "1" else ["--multi", "no"]
    mark = [sys.executable, MARK, "--data-path", str(data), *target, *backend, "--overwrite"]
    taken = watched([*mark, "--output", "none"])
    if row["drawing"] is None:
        return taken
    look = ["--scale", row["drawing"]["scale"], "--palette", PALETTES[row["drawing"]["colours"]]]
    out = ["--out", str(scratch / "pictures"), "--overwrite", "--workers", count]
    drawn = watched([sys.executable, VIS, *target, *out, *look])
    add = {name: taken[name] + drawn[name] for name in ("seconds", "processor")}
    add["drawing"] = drawn["seconds"]
    return add | {name: max(taken[name], drawn[name]) for name in ("memory", "threads")}


def _row(row: dict, frames: int) -> dict:
    runs = row.pop("runs")
    return row | {
        "drawing, ms a frame": floor.stats([1000 * r.get("drawing", 0) / frames for r in runs]),
        "frames a second": floor.stats([frames / r["seconds"] for r in runs]),
        "processor, %": floor.stats([100 * r["processor"] / r["seconds"] for r in runs]),
        "peak memory, MB": floor.stats([r["memory"] for r in runs]),
        "threads": floor.stats([r["threads"] for r in runs]),
    }


def report(content: dict, stem: Path) -> str:
    """Write table, answers and figure beside ``stem``; returns table and answers."""
    about, rows = content["about"], content["study"]
    columns = ("frames a second", "processor, %", "peak memory, MB", "threads")
    machine = f"{about['cpu']}, {about['cpus']} CPUs; {load(about)}"
    lines = [
        f"{about['data']}: {about['frames']} frames; {machine}median of {about['repeat']} rounds "
        "(min – max of frames a second)",
        "",
        f"| processes | drawing | {' | '.join(columns)} |",
        "|---|---|" + "---|" * len(columns),
    ]
    for row in rows:
        speed = row["frames a second"]
        cells = [f"**{speed['median']:.1f}** ({speed['min']:.1f} – {speed['max']:.1f})"]
        cells += [f"{row[name]['median']:.0f}" for name in columns[1:]]
        lines.append(f"| {row['processes']} | {_look(row)} | {' | '.join(cells)} |")
    text = "\n".join([*lines, "", answers(rows, about["cpus"])])
    stem.with_name(stem.name + ".md").write_text(text + "\n")
    _figure(content, stem.with_name(stem.name + ".png"))
    return text


def _look(row: dict) -> str:
    drawing = row["drawing"]
    return f"{float(drawing['scale']):.0%}, {drawing['colours']}" if drawing else "off"


def answers(rows: list[dict], cpus: int) -> str:
    """What the figures say, in words."""
    found = {(row["processes"], _look(row)): row for row in rows}
    counts = sorted({row["processes"] for row in rows})

    def speed(count: int, look: str) -> float:
        return found[count, look]["frames a second"]["median"]

    def processor(count: int) -> float:
        return found[count, "off"]["processor, %"]["median"]

    one = 1000 / speed(1, "off")
    full, small, grey = (
        found[1, look]["drawing, ms a frame"]["median"]
        for look in ("100%, colour", "10%, colour", "100%, grey")
    )
    gains = {count: speed(count, "off") / speed(1, "off") for count in counts}
    best = max(counts, key=lambda count: gains[count])
    linear = {count: processor(count) / processor(1) / count for count in counts[1:]}
    even = [count for count in counts[1:] if linear[count] > 0.8]
    return " ".join(
        [
            f"Is drawing expensive? Drawing a frame in full size takes {full:.0f} ms, labelling it "
            f"{one:.0f} ms.",
            f"Does the scale mend it? At 10 % drawing takes {small:.0f} ms, {small / full:.0%} of "
            f"that; in grey instead of colour {grey:.0f} ms.",
            "Do processes help? Without drawing "
            + ", ".join(f"{count} give {gains[count]:.2f} ×" for count in counts[1:])
            + " the frames a second of one; with drawing "
            + ", ".join(
                f"{c} give {speed(c, '100%, colour') / speed(1, '100%, colour'):.2f} ×"
                for c in counts[1:]
            )
            + ".",
            "Does the processor's use grow linearly? It is "
            + ", ".join(f"{processor(count):.0f} % with {count}" for count in counts)
            + (f": linear up to {max(even)} processes." if even else ": less than linearly."),
            f"Where is the limit? Labelling is fastest with "
            f"{best} process{'es' if best > 1 else ''} on these {cpus} CPUs.",
        ]
    )


def _figure(content: dict, path: Path) -> None:
    rows, about = content["study"], content["about"]
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for look in dict.fromkeys(_look(row) for row in rows):
        mine = [row for row in rows if _look(row) == look]
        x = [row["processes"] for row in mine]
        for ax, name in zip(axes, ("frames a second", "processor, %"), strict=True):
            values = [row[name] for row in mine]
            middle = [v["median"] for v in values]
            low = [v["median"] - v["min"] for v in values]
            high = [v["max"] - v["median"] for v in values]
            ax.errorbar(x, middle, yerr=[low, high], marker="o", capsize=3, label=f"drawing {look}")
            ax.set(xlabel="processes", ylabel=name, xticks=x, ylim=(0, None))
            ax.spines[["top", "right"]].set_visible(False)
    axes[1].legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.suptitle(f"{about['data']}; {about['cpu']}, {about['cpus']} CPUs", fontsize=9)
    figure.savefig(path, dpi=110)
    plt.close(figure)
