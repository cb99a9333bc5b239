"""Table and figure of key_frames.py."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HEAD = (
    "interval", "", "avg", "min", "lowest", "avg, inside", "min, inside", "frames a second"
)  # fmt: skip
FIGURES = ("avg", "least", "lowest", "avg_inside", "least_inside")
# Okabe and Ito (2008): apart for every kind of colour vision.
COLOURS = ("#999999", "#D55E00", "#56B4E9", "#0072B2", "#000000", "#E69F00", "#009E73")


def summed(rows: Sequence[dict]) -> list[dict]:
    """Return one row for each interval and way: means over sequences, and frames a second."""
    groups: dict[tuple[int, str], list[dict]] = {}
    for row in rows:
        groups.setdefault((row["interval"], row["way"]), []).append(row)
    result = []
    for (interval, way), some in groups.items():
        seconds = sum(row["seconds"] for row in some)
        filled = sum(row["filled"] for row in some)
        means = {name: float(np.mean([row[name] for row in some])) for name in FIGURES}
        speed = filled / seconds if seconds and filled else None
        result.append({"interval": interval, "way": way, "speed": speed} | means)
    return result


def table(rows: Sequence[dict], about: dict) -> str:
    """Markdown."""
    lines = [
        f"{', '.join(about['sequences'])}: {about['frames']} frames; processor time of one thread, "
        f"{about['processor']}, OpenCV {about['opencv']}; load before {about['load']}",
        "",
        f"| {' | '.join(HEAD)} |",
        f"|{'---|' * len(HEAD)}",
    ]
    for row in summed(rows):
        figures = [f"{row[name]:.1f}" for name in FIGURES]
        speed = "" if row["speed"] is None else f"{row['speed']:.1f}"
        lines.append(f"| {row['interval']} | {row['way']} | {' | '.join(figures)} | {speed} |")
    return "\n".join(lines)


def figure(rows: Sequence[dict], path: Path) -> None:
    """Draw avg and min over the interval, and min over speed."""
    found = summed(rows)
    names = list(dict.fromkeys(row["way"] for row in found))
    drawing, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    for name, colour in zip(names, COLOURS * 2, strict=False):
        mine = [row for row in found if row["way"] == name]
        for axis, key in zip(axes, ("avg", "least"), strict=False):
            axis.plot([r["interval"] for r in mine], [r[key] for r in mine], "o-", color=colour)
        timed = [row for row in mine if row["speed"]]
        axes[2].plot(
            [r["speed"] for r in timed], [r["least"] for r in timed], "o", color=colour, label=name
        )
    for axis, what in zip(axes, ("avg", "min", "min"), strict=True):
        axis.set_ylabel(f"J, {what}, %")
        axis.grid(alpha=0.3)
    for axis in axes[:2]:
        axis.set_xlabel("frames between key frames")
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[2].set_xlabel("filled frames a second")
    axes[2].legend(fontsize="small")
    drawing.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(drawing)
