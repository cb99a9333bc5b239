#!/usr/bin/env python3
"""Measure reading of formats against the libraries that one would call without this tool.

Data is made up: jittered discs, as many and as large as the format usually holds.  "Ours" is from
the files to packed words, all frames, opening included; "theirs" from the files to pixels.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import tifffile  # noqa: E402
from floor import in_turn, keep, machine, timing_parser  # noqa: E402
from PIL import Image  # noqa: E402
from pycocotools import mask as coco  # noqa: E402

from backends import open_backend  # noqa: E402
from consistency.formats import open_dataset, read_masks, rle  # noqa: E402
from consistency.formats.buffer import Buffer  # noqa: E402
from consistency.options import Options, WritingOptions  # noqa: E402
from consistency.pipeline import run  # noqa: E402

WRITERS = ("labelmaps", "davis", "coco", "ytvis", "mots", "ctc", "tiff", "rle", "masks")


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes
    ----------
    name : what is read.
    path : the dataset.
    theirs : what one would write without the tool.
    called : what that calls.
    frames : number of frames.
    limit : seconds in all that ours may take; None: no promise.
    """

    name: str
    path: Path
    theirs: Callable[[], object]
    called: str
    frames: int
    limit: float | None = None


def label_image(rng: np.random.Generator, height: int, width: int, count: int, overlap: bool):
    """Discs with jittered edges: one uint16 (h, w) label image, or a list of bool masks."""
    image = np.zeros((height, width), np.uint16)
    masks = []
    radius = 0.45 * np.sqrt(height * width / count)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    for value in range(1, count + 1):
        cy, cx = rng.uniform(0, height), rng.uniform(0, width)
        size = rng.uniform(0.5, 1.5 if overlap else 1.0) * radius
        low, high = np.maximum([cy - 2 * size, cx - 2 * size], 0).astype(int), [cy, cx]
        part = np.s_[low[0] : int(high[0] + 2 * size), low[1] : int(high[1] + 2 * size)]
        dy, dx = y[part] - cy, x[part] - cx
        wave = 1 + 0.1 * np.sin(9 * np.arctan2(dy, dx) + value)
        disc = dy * dy + dx * dx < (size * wave) ** 2
        image[part][disc] = value
        if overlap:
            mask = np.zeros((height, width), bool)
            mask[part] = disc
            masks.append(mask)
    return masks if overlap else image


def text(segmentation: dict) -> dict:
    """Run lengths with text instead of bytes."""
    return {"size": list(segmentation["size"]), "counts": segmentation["counts"].decode()}


def mots(folder: Path, rng: np.random.Generator) -> Case:
    """1000 frames with 7 masks of 1242 × 375."""
    path, frames = folder / "mots.txt", 1000
    images = [label_image(rng, 375, 1242, 7, False) for _ in range(20)]
    runs = [rle.of_labels(image) for image in images]
    lines = [
        f"{t} {1000 + value} 1 375 1242 {mask['counts']}\n"
        for t in range(frames)
        for value, mask in runs[t % 20].items()
    ]
    path.write_text("".join(lines))

    def theirs() -> None:
        for line in path.read_text().splitlines():
            _, _, _, height, width, counts = line.split(" ")
            coco.decode({"size": [int(height), int(width)], "counts": counts.encode()})

    return Case("MOTS text, 1000 × 7 masks", path, theirs, "pycocotools decode", frames, 1.0)


def amg(folder: Path, rng: np.random.Generator) -> Case:
    """JSON lists of 50 overlapping masks of 1920 × 1080."""
    folder, frames = folder / "amg", 20
    folder.mkdir()
    for t in range(frames):
        masks = label_image(rng, 1080, 1920, 50, True)
        pixels = [np.asfortranarray(mask.view(np.uint8)) for mask in masks]
        records = [
            {"segmentation": text(coco.encode(mask)), "predicted_iou": 0.9, "stability_score": 0.9}
            for mask in pixels
        ]
        (folder / f"{t:04d}.json").write_text(json.dumps(records))

    def theirs() -> None:
        for path in folder.iterdir():
            found = [record["segmentation"] for record in json.loads(path.read_text())]
            coco.decode([{"size": s["size"], "counts": s["counts"].encode()} for s in found])

    name = "SAM JSON, 50 masks of 1920 × 1080"
    return Case(name, folder, theirs, "pycocotools decode", frames, 0.010 * frames)


def label_images(suffix: str) -> Callable[[Path, np.random.Generator], Case]:
    """16-bit label images of 130 cells, 1100 × 700, as PNG or TIFF."""

    def make(folder: Path, rng: np.random.Generator) -> Case:
        folder, frames = folder / f"labels_{suffix}", 40
        folder.mkdir()
        for t in range(frames):
            image = label_image(rng, 700, 1100, 130, False)
            if suffix == "png":
                Image.fromarray(image).save(folder / f"{t}.png")
            else:
                tifffile.imwrite(folder / f"{t}.tif", image, compression="zlib")
        load = tifffile.imread if suffix == "tif" else lambda path: np.asarray(Image.open(path))

        def theirs() -> None:
            for path in folder.iterdir():
                image = load(path)
                for value in np.unique(image):
                    if value:
                        image == value  # noqa: B015  the mask is what is timed

        called = f"{'Pillow' if suffix == 'png' else 'tifffile'} and np.unique loop"
        name = f"label {suffix.upper()}, 16 bits, 130 cells of 1100 × 700"
        return Case(name, folder, theirs, called, frames, 0.015 * frames)

    return make


def polygons(folder: Path, rng: np.random.Generator) -> Case:
    """COCO with 50 polygons an image of 1920 × 1080."""
    path, frames = folder / "polygons.json", 20
    images = [{"id": t, "file_name": f"{t}.jpg", "width": 1920, "height": 1080} for t in range(20)]
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    annotations = []
    for i in range(50 * frames):
        x, y = rng.uniform(200, 1700), rng.uniform(200, 880)
        radius = rng.uniform(40, 150) * (1 + 0.2 * np.sin(5 * angle))
        corners = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)
        shape = [corners.ravel().round(2).tolist()]
        annotations.append({"id": i + 1, "image_id": i // 50, "segmentation": shape})
    path.write_text(json.dumps({"images": images, "annotations": annotations}))

    def theirs() -> None:
        for annotation in json.loads(path.read_text())["annotations"]:
            coco.decode(coco.merge(coco.frPyObjects(annotation["segmentation"], 1080, 1920)))

    return Case("COCO, 50 polygons of 1920 × 1080", path, theirs, "pycocotools annToMask", frames)


def archive(folder: Path, rng: np.random.Generator) -> Case:
    """Compressed .npz of 4 bool masks a frame of 1920 × 1080."""
    path, frames = folder / "masks.npz", 20
    masks = [m for _ in range(frames) for m in label_image(rng, 1080, 1920, 4, True)]
    np.savez_compressed(path, masks=np.stack(masks), frame_indices=np.arange(len(masks)) // 4)

    def theirs() -> None:
        with np.load(path) as content:
            content["masks"].sum(axis=(1, 2))

    return Case("npz, 4 masks of 1920 × 1080", path, theirs, "np.load and areas", frames)


CASES = (mots, amg, label_images("png"), label_images("tif"), polygons, archive)


def read_all(path: Path) -> None:
    """Open a dataset and pack all of its frames."""
    dataset, buffer = open_dataset(path), Buffer()
    for frame in dataset.frames:
        read_masks(dataset.layout, frame, buffer)


def summary(values: list[float], frames: int) -> dict[str, float]:
    """Milliseconds a frame."""
    ms = sorted(1e3 * value / frames for value in values)
    return {"median": ms[len(ms) // 2], "min": ms[0], "max": ms[-1]}


def measure_reading(scratch: Path, repeat: int) -> Iterator[dict]:
    """Yield a row for each case."""
    rng = np.random.default_rng(0)
    for make in CASES:
        case = make(scratch, rng)

        def ours(path: Path = case.path) -> None:
            read_all(path)

        mine, theirs = in_turn(repeat, ours, case.theirs)
        yield {
            "case": case.name,
            "frames": case.frames,
            "ours": summary(mine, case.frames),
            "theirs": summary(theirs, case.frames),
            "called": case.called,
            "limit": None if case.limit is None else 1e3 * case.limit / case.frames,
        }


def measure_writing(scratch: Path, repeat: int) -> Iterator[dict]:
    """Yield a row for each output, of the SAM masks: what it takes beyond writing nothing."""
    dataset = open_dataset(scratch / "amg")
    frames = len(dataset.frames)

    def write(*outputs: str) -> Callable[[], object]:
        options = Options(output=outputs, writing=WritingOptions("small-on-top", drop="smallest"))
        with open_backend("no") as backend:
            return lambda: run(dataset, scratch / "out" / "exp", backend, options, overwrite=True)

    for name in WRITERS:
        output, nothing = in_turn(repeat, write(name), write("none"))
        beyond = [a - b for a, b in zip(output, nothing, strict=True)]
        yield {"output": name, "frames": frames, "ours": summary(beyond, frames)}


def table(reading: list[dict], writing: list[dict]) -> str:
    """Markdown tables."""
    lines = [
        "| read | ms a frame | limit | without the tool | ms a frame |",
        "|---|---|---|---|---|",
    ]
    for row in reading:
        limit = "" if row["limit"] is None else f"≤ {row['limit']:g}"
        ours, theirs = (f"{row[k]['median']:.2f}" for k in ("ours", "theirs"))
        lines.append(f"| {row['case']} | **{ours}** | {limit} | {row['called']} | {theirs} |")
    lines += ["", "| write, 50 masks of 1920 × 1080 | ms a frame |", "|---|---|"]
    for row in writing:  # run lengths of the input are passed on: nothing that could be measured
        ms = row["ours"]["median"]
        lines.append(f"| `--output {row['output']}` | {f'{ms:.1f}' if ms >= 1 else 'under 1'} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    args = timing_parser(__doc__).parse_args(argv)
    with tempfile.TemporaryDirectory(dir=args.scratch) as scratch:
        reading = list(measure_reading(Path(scratch), args.repeat))
        writing = list(measure_writing(Path(scratch), args.repeat))
    about = machine() | {"repeat": args.repeat}
    content = f"{about['cpu']}, one process, one thread\n\n{table(reading, writing)}"
    keep(args.json, {"about": about, "reading": reading, "writing": writing}, content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
