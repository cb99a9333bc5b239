#!/usr/bin/env python3
"""From how many masks of which size a GPU counts faster than one CPU core, and than before.

Writes results/<machine>-gpu.json and a Markdown table.  The predecessor's method on the same GPU:
int32 masks, AND and OR of eight rows of pairs at a time.  Times are of one pair of frames that
are packed already; the later one is uploaded, the earlier one is there from the comparison before.
"""

import argparse
import statistics
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import floor  # noqa: E402
import numpy as np  # noqa: E402

from backends.cupy import bind  # noqa: E402
from backends.kernel import Kernel  # noqa: E402
from consistency.masks.intersections import intersections, iou  # noqa: E402
from consistency.masks.packed import PackedMasks  # noqa: E402
from consistency.masks.packing import pack  # noqa: E402

COUNTS = (1, 10, 50, 200, 1000)
SIZES = ((270, 480), (540, 960), (1080, 1920), (2160, 3840))
ROWS_AT_ONCE = 8
LARGEST_PREDECESSOR = 50  # masks; beyond it runs for minutes


def discs(count: int, shape: tuple[int, int], seed: int) -> np.ndarray:
    """Discs that cover a tenth to a third of the height, bool (count, h, w)."""
    random = np.random.default_rng(seed)
    y, x = np.ogrid[: shape[0], : shape[1]]
    masks = np.zeros((count, *shape), bool)
    for mask in masks:
        cy, cx = random.uniform(0, shape[0]), random.uniform(0, shape[1])
        mask[:] = (y - cy) ** 2 + (x - cx) ** 2 < (shape[0] * random.uniform(0.05, 0.16)) ** 2
    return masks


def predecessor(xp: ModuleType, earlier: np.ndarray, later: np.ndarray) -> np.ndarray:
    """IoU of all pairs from int32 pixels on the device, float64 (n, m)."""
    a, b = (xp.asarray(masks, dtype=np.int32) for masks in (earlier, later))
    parts = []
    for start in range(0, len(a), ROWS_AT_ONCE):
        rows = a[start : start + ROWS_AT_ONCE, None]
        shared = xp.sum(rows & b[None], axis=(2, 3))
        parts.append(shared / xp.sum(rows | b[None], axis=(2, 3)))
    values = xp.concatenate(parts)
    return values.get() if hasattr(values, "get") else values


def milliseconds(work: Callable[[], object], repeat: int) -> dict[str, float]:
    """Median and extremes after two warm-up calls; each call fetches, so the device is done."""
    taken = []
    for _ in range(repeat + 2):
        began = perf_counter()
        work()
        taken.append(1000 * (perf_counter() - began))
    taken = taken[2:]
    return {"median": statistics.median(taken), "min": min(taken), "max": max(taken)}


def afresh(masks: PackedMasks) -> PackedMasks:
    """Return the same frame as a new object, which the kernel has not uploaded."""
    return replace(masks)  # and none of what the frame keeps of itself


def measure(xp: ModuleType, kernel: Kernel, repeat: int) -> list[dict]:
    """One row a number of masks and size."""
    rows = []
    for shape in SIZES:
        for count in COUNTS:
            if count * shape[0] * shape[1] > 3e9:
                continue
            pixels = [discs(count, shape, seed) for seed in (0, 1)]
            a, b = (pack(masks, shape) for masks in pixels)
            np.testing.assert_array_equal(kernel(a, b), intersections(a, b))
            row = {"masks": count, "size": f"{shape[1]} × {shape[0]}"}
            row["one core"] = milliseconds(lambda a=a, b=b: intersections(a, b), repeat)
            row["device"] = milliseconds(lambda a=a, b=b: kernel(a, afresh(b)), repeat)
            if count <= LARGEST_PREDECESSOR:
                expected = iou(intersections(a, b), a.areas(), b.areas())
                np.testing.assert_allclose(predecessor(xp, *pixels), expected)
                row["predecessor"] = milliseconds(lambda p=pixels: predecessor(xp, *p), repeat)
            rows.append(row)
            print(row, file=sys.stderr)
    return rows


def table(rows: list[dict], about: dict) -> str:
    """Markdown: milliseconds a frame pair, and ratios."""
    lines = [f"{about['device']} against one core of {about['cpu']}; ms a pair of frames", ""]
    lines += [
        "| masks | size | one core | device | core / device | predecessor / device |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        core, device = row["one core"]["median"], row["device"]["median"]
        before = f"{row['predecessor']['median'] / device:.0f}" if "predecessor" in row else ""
        cells = (row["masks"], row["size"], f"{core:.2f}", f"{device:.2f}", f"{core / device:.2f}")
        lines.append(f"| {' | '.join(map(str, cells))} | {before} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--repeat", type=int, default=5, help="calls that count")
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    args = parser.parse_args(argv)
    try:
        bind(0)
    except (ImportError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    import cupy

    runtime = cupy.cuda.runtime
    kernel = Kernel(cupy, lambda: runtime.memGetInfo()[0], cupy.cuda.memory.OutOfMemoryError)
    device = runtime.getDeviceProperties(0)["name"].decode()
    about = floor.machine() | {"device": device, "cupy": cupy.__version__}
    rows = measure(cupy, kernel, args.repeat)
    floor.keep(args.json, {"about": about, "gpu": rows}, table(rows, about))
    return 0


if __name__ == "__main__":
    sys.exit(main())
