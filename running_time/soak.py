#!/usr/bin/env python3
"""A long run through each backend: memory, descriptors, processes and files, first and last.

One run is killed and continued several times on the way.  All must write the same bytes.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from subprocess import DEVNULL, PIPE, Popen
from time import perf_counter, sleep

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import floor  # noqa: E402
import numpy as np  # noqa: E402
import psutil  # noqa: E402
from dask_cluster import Running, cluster  # noqa: E402
from record_size import record_bytes  # noqa: E402
from runs import Setup  # noqa: E402

from consistency.formats import rle  # noqa: E402
from consistency.masks.packing import pack  # noqa: E402

SHAPE, SIDE = (96, 128), 9  # pixels of a frame and of the objects
CYCLE = 200  # frames after which all objects are where they were
INTERVAL = 0.2  # seconds between two looks
BACKENDS = ("no", "multi", "mpi", "dask")


def write_frames(folder: Path, frames: int, masks: int) -> None:
    """Write squares that go round, as run lengths in one JSON file."""
    order = random.Random(0)
    cycle = []
    for t in range(CYCLE):
        pictures = []
        for i in range(masks):
            picture = np.zeros(SHAPE, bool)
            angle = 2 * np.pi * (t / CYCLE + i / masks)
            radius = (12 + 26 * (i % 2), 18 + 36 * (i % 2))
            y = int(SHAPE[0] / 2 + radius[0] * np.sin(angle))
            x = int(SHAPE[1] / 2 + radius[1] * np.cos(angle))
            picture[y - SIDE // 2 : y + SIDE // 2, x - SIDE // 2 : x + SIDE // 2 + 1] = True
            pictures.append(picture)
        order.shuffle(pictures)
        packed = pack(pictures, SHAPE)
        boxes = packed.boxes_and_centroids()[0]
        encoded = [{"segmentation": rle.encode(packed, k, box)} for k, box in enumerate(boxes)]
        cycle.append(json.dumps(encoded))
    folder.mkdir()
    with open(folder / "sk_masks.json", "w") as file:
        file.write("{")
        for t in range(frames):
            file.write(f'{"," if t else ""}\n"{t:06d}.png": {cycle[t % CYCLE]}')
        file.write("}\n")


@dataclass
class Looks:
    """What was seen of a run, one entry a look: bytes of memory, descriptors, processes, stage."""

    main: list[int] = field(default_factory=list)
    workers: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    processes: list[int] = field(default_factory=list)
    writing: list[bool] = field(default_factory=list)
    journal: list[int] = field(default_factory=list)

    def tenths(self, name: str, writing: bool) -> tuple[float, float]:
        """Return the medians of the first and the last tenth of a stage.

        Measuring begins with the first record of the journal and ends with the last before writing.
        """
        values = getattr(self, name)
        begin = next((k for k, w in enumerate(self.writing) if w), len(values))
        steps = [k for k in range(1, begin) if self.journal[k] > self.journal[k - 1]]
        if writing:
            values = values[begin:] or [0]
        else:
            values = values[steps[1] : steps[-1]] if len(steps) > 2 else [0]
        tenth = max(1, len(values) // 10)
        return median(values[:tenth]), median(values[-tenth:])

    def measured_between(self) -> float:
        """Return which share of all frames is measured between the first and the last tenth.

        By the journal, as the machine is not always as fast.
        """
        first, last = self.tenths("journal", False)
        begin = next((k for k, w in enumerate(self.writing) if w), len(self.writing))
        return (last - first) / max(1, max(self.journal[:begin], default=0))


class Watch(threading.Thread):
    """Looks at a run until it ends."""

    def __init__(
        self, process: psutil.Process, main: psutil.Process, holder: psutil.Process, out: Path
    ):
        super().__init__(daemon=True)
        self.process, self.main, self.holder = process, main, holder
        self.out, self.looks = out, Looks()

    def run(self) -> None:
        """Look."""
        while self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE:
            with suppress(psutil.Error):  # one has ended between two questions
                self.look()
            sleep(INTERVAL)

    def look(self) -> None:
        """Add one look."""
        others = [p for p in self.holder.children(recursive=True) if p != self.main]
        looks = self.looks
        seen = (
            self.main.memory_info().rss,
            sum(p.memory_info().rss for p in others),
            self.main.num_fds(),
            1 + len(others),
            any(self.out.glob(".*.journal/written")),
            recorded(self.out),
        )
        for values, value in zip(vars(looks).values(), seen, strict=True):
            values.append(value)


def main_of(process: psutil.Process) -> psutil.Process:
    """Return the process that hands out the work: rank 0 where a launcher starts them."""
    for _ in range(100):
        ranks = [p for p in process.children(recursive=True) if rank_of(p) == "0"]
        if ranks:
            return ranks[0]
        sleep(0.05)
    raise RuntimeError("the launcher started no rank 0")


def rank_of(process: psutil.Process) -> str | None:
    """Return the rank of a process; None if it is none."""
    try:
        return process.environ().get("PMI_RANK") if "python" in process.name() else None
    except psutil.Error:
        return None


def started(command: list[str], out: Path, holder: psutil.Process | None) -> tuple[Popen, Watch]:
    """Start a run and a watch over it; ``holder`` has the workers below it, None: the run has."""
    process = Popen(command, cwd=ROOT, stdout=DEVNULL, stderr=PIPE, text=True)
    seen = psutil.Process(process.pid)
    main = main_of(seen) if "mpiexec" in command[0] else seen
    watch = Watch(seen, main, holder or seen, out)
    watch.start()
    return process, watch


def finished(process: Popen) -> None:
    """Wait for the end of a run; RuntimeError if it failed."""
    said = process.communicate()[1]
    if process.returncode:
        raise RuntimeError(f"exit code {process.returncode}: {said}")


def check_nothing_left(out: Path, before: set[int], shared: set[str]) -> None:
    """Fail where a run has left a process, a hidden file or shared memory."""
    children = [p for p in psutil.Process().children(recursive=True) if p.pid not in before]
    alive = psutil.wait_procs(children, timeout=10)[1]
    assert not alive, [p.cmdline() for p in alive]
    assert [p.name for p in out.iterdir()] == ["e"], list(out.iterdir())
    mine = {name for name in os.listdir("/dev/shm") if name.startswith("mpich")} - shared
    assert not mine, mine


def through(
    setup: Setup, data: Path, out: Path, held: Running | None, kills: int = 0, whole: int = 0
) -> dict:
    """Run once, killed and continued ``kills`` times; returns what was seen.

    ``whole`` is the size of a journal when all is done.
    """
    target = ["--data-path", str(data), "--exp-name", "e", "--experiments", str(out)]
    holder = held and held.process
    command = [*setup.command(held and held.address), *target, "--output", "rle", "--resume"]
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    shared, began = set(os.listdir("/dev/shm")), perf_counter()
    for kill in range(kills):
        process, watch = started(command, out, holder)
        # A little further each time: from the first chunks to the writing stage.
        while process.poll() is None and recorded(out) < whole * (kill + 1) / (kills + 1):
            sleep(0.05)
        assert process.poll() is None, process.communicate()[1]
        watch.main.kill()
        process.communicate()
        watch.join()
    process, watch = started(command, out, holder)
    finished(process)
    watch.join()
    check_nothing_left(out, before, shared)
    return {"name": setup.name, "kills": kills, "seconds": perf_counter() - began} | figures(
        watch.looks
    )


def recorded(out: Path) -> int:
    """Return the bytes in the journal of a run: they grow with what is done."""
    sizes = []
    for path in out.glob(".*.journal/*"):
        with suppress(FileNotFoundError):  # the run has just ended
            sizes.append(path.stat().st_size)
    return sum(sizes)


def figures(looks: Looks) -> dict:
    """Return first and last tenths of both stages."""
    return {
        f"{name} {'writing' if writing else 'measuring'}": looks.tenths(name, writing)
        for name in ("main", "workers", "descriptors", "processes")
        for writing in (False, True)
    } | {
        "peak": max(looks.main, default=0),
        "journal": max(looks.journal, default=0),
        "measured between": looks.measured_between(),
    }


def soak(scratch: Path, frames: int, masks: int, backends: list[str], kills: int) -> list[dict]:
    """One row per backend, and one of a run that is killed and continued."""
    data, expected = scratch / "data", None
    write_frames(data, frames, masks)
    write_frames(scratch / "cycle", CYCLE, masks)
    record = record_bytes(scratch / "cycle")
    rows: list[dict] = []
    killed = "multi" if "multi" in backends else backends[-1]
    for name, count in [*((name, 0) for name in backends), (killed, kills)]:
        out, setup = scratch / f"{name}-{count}", Setup(name, 1 if name == "no" else 2)
        with ExitStack() as stack:
            held = stack.enter_context(cluster(2)) if name == "dask" else None
            whole = rows[-1]["journal"] if rows else 0
            rows.append({"frames": frames, "masks": masks, "record": record})
            rows[-1] |= through(setup, data, out, held, count, whole)
        files = {p.name: p.read_bytes() for p in (out / "e").iterdir() if p.name != "run.json"}
        expected = expected or files
        assert files == expected, f"{name}: other bytes"
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def table(rows: list[dict], about: dict) -> str:
    """Markdown table; memory in MB of the main process and of all others, tenth by tenth."""
    head = ("backend", "killed", "seconds", "main, measuring", "records apart", "growth a frame")
    head += ("records apart", "main, writing", "main, most", "workers, measuring")
    head += ("workers, writing", "descriptors", "processes")
    first = rows[0]
    lines = [
        f"{first['frames']} frames of {first['masks']} masks; {about['cpu']}. Memory in MB, in the",
        f"first → the last tenth of a stage; a frame's record takes {first['record']:.0f} bytes.",
        "",
    ]
    lines += [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(map(str, cells_of(row)))} |" for row in rows]
    return "\n".join(lines)


def cells_of(row: dict) -> list:
    """Return what the table says of one run."""
    first, last = row["main measuring"]
    frames = max(1, row["frames"] * row["measured between"])
    growth = (last - first) / frames
    ratio = (last - frames * row["record"]) / max(1, first)
    cells = [f"`{row['name']}`", row["kills"], f"{row['seconds']:.0f}"]
    cells += [in_megabytes(row["main measuring"]), f"× {ratio:.2f}"]
    cells += [f"{growth:.0f} bytes", f"{growth - row['record']:.0f} bytes"]
    cells += [in_megabytes(row["main writing"]), f"{row['peak'] / 1e6:.0f}"]
    cells += [in_megabytes(row[f"workers {stage}"]) for stage in ("measuring", "writing")]
    return cells + [
        "{:.0f} → {:.0f}".format(*row[f"{name} measuring"]) for name in ("descriptors", "processes")
    ]


def in_megabytes(tenths: tuple[float, float]) -> str:
    """Return the first and the last tenth."""
    return " → ".join(f"{value / 1e6:.0f}" for value in tenths)


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--frames", type=int, default=50_000, help="length of the sequence")
    parser.add_argument("--masks", type=int, default=20, help="masks per frame")
    parser.add_argument("--kills", type=int, default=5, help="of the last run")
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as scratch:
        rows = soak(Path(scratch), args.frames, args.masks, args.backends, args.kills)
    about = floor.machine()
    floor.keep(args.json, {"about": about, "soak": rows}, table(rows, about))
    return 0


if __name__ == "__main__":
    sys.exit(main())
