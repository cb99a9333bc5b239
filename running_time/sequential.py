#!/usr/bin/env python3
"""Time of the sequential stage alone, a frame, by the number of masks.

Discs that drift, cover one another and come back on the other side, one in twenty missing a frame,
seen by a camera that stands or moves.  The frames are measured first; then only what follows is
timed: following tracks, the second look, and gathering what the outputs need.  With DATA, real
sequences too.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from time import process_time

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import cv2  # noqa: E402
import floor  # noqa: E402
import numpy as np  # noqa: E402

from backends import open_backend  # noqa: E402
from consistency.formats import open_dataset  # noqa: E402
from consistency.measurements import Measurements  # noqa: E402
from consistency.options import Options  # noqa: E402
from consistency.track.association import associate  # noqa: E402

SCENES = (  # discs, frames, and pixels a frame that the camera moves
    *((count, 60, camera) for camera in (0.0, 12.0) for count in (10, 50, 200, 500)),
    (50, 300, 0.0),  # what is done once a sequence weighs less
    (500, 300, 0.0),
)
WIDTH, HEIGHT = 1920, 1080
COVERED = 0.5  # share of the picture, were there no overlap
SPEED = 0.15  # mean of an object, its own radii a frame
MISSING = 0.05


def write_scene(folder: Path, count: int, frames: int, camera: float, seed: int = 0) -> None:
    """Write label images of ``count`` discs; they come back on the other side when they leave."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    mean = np.sqrt(COVERED * WIDTH * HEIGHT / (np.pi * count))
    radius = mean * random.uniform(0.6, 1.4, count)
    size = np.array([WIDTH, HEIGHT])
    place = random.uniform(0, 1, (count, 2)) * size
    velocity = random.normal(0, SPEED / np.sqrt(2), (count, 2)) * radius[:, None]
    for t in range(frames):
        picture = np.zeros((HEIGHT, WIDTH), np.uint16)
        for k in np.flatnonzero(random.uniform(size=count) >= MISSING).tolist():
            middle = tuple(place[k].round().astype(int).tolist())
            cv2.circle(picture, middle, round(radius[k]), k + 1, cv2.FILLED)
        cv2.imwrite(str(folder / f"{t:04d}.png"), picture)
        place = (place + velocity - [camera, 0]) % size


def time_of(data: Path, repeat: int) -> dict:
    """Milliseconds a frame of the sequential stage, and how much there was to do."""
    dataset = open_dataset(data)
    options = Options()
    with open_backend("no") as backend:
        measured = list(Measurements(dataset, backend, options))
    associate(iter(measured), options)  # what is loaded at first use
    seconds = []
    for _ in range(repeat):
        began = process_time()
        associate(iter(measured), options)
        seconds.append(process_time() - began)
    masks = sum(m.kept.size for m in measured) / len(measured)
    frames = len(measured)
    return {"frames": frames, "masks a frame": masks} | {
        "ms a frame": floor.stats([1000 * s / frames for s in seconds])
    }


def table(rows: list[dict], about: dict) -> str:
    """Markdown table."""
    lines = [f"{about['cpu']}, one process; median (min – max)", ""]
    lines += ["| data | frames | masks a frame | ms a frame |", "|---|---|---|---|"]
    for row in rows:
        ms = row["ms a frame"]
        cells = (row["data"], row["frames"], f"{row['masks a frame']:.0f}")
        figure = f"**{ms['median']:.2f}** ({ms['min']:.2f} – {ms['max']:.2f})"
        lines.append(f"| {' | '.join(map(str, cells))} | {figure} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("data", nargs="*", type=Path, help="data sets, besides the drawn ones")
    parser.add_argument("--repeat", type=int, default=5, help="times each")
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    args = parser.parse_args(argv)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for number, (count, frames, camera) in enumerate(SCENES):
            folder = Path(scratch) / str(number)
            write_scene(folder, count, frames, camera)
            name = f"{count} discs, camera {'moves' if camera else 'stands'}"
            rows.append({"data": name} | time_of(folder, args.repeat))
            print(table(rows[-1:], floor.machine()).splitlines()[-1], file=sys.stderr)
    rows += [{"data": data.name} | time_of(data, args.repeat) for data in args.data]
    about = floor.machine()
    floor.keep(args.json, {"about": about, "sequential": rows}, table(rows, about))
    return 0


if __name__ == "__main__":
    sys.exit(main())
