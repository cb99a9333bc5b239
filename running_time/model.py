"""Predict the measuring stage on 1 to 1024 ranks from what one process takes.

A frame costs the time of the slowest of three that work at once:

    ranks       (read + measure) · (1 + halo / chunk) / N
    storage     bytes a frame / bandwidth
    sequential  labels, on rank 0, and receiving what the labels are made of

and the command as a whole its start and the writing of tables besides.
"""

from consistency.measure.chunks import CHUNK_FRAMES
from consistency.options import Options

RANKS = tuple(2**k for k in range(11))
# Bytes a second: page cache of one machine, a solid-state disk, parallel file systems.
STORAGE = {"page cache": None, "0.5 GB/s": 0.5e9, "5 GB/s": 5e9, "50 GB/s": 50e9}
SEQUENCE = 10_000  # frames; with fewer, chunks and so ranks run out earlier


def parts(results: dict, ranks: int, bandwidth: float | None) -> dict[str, float]:
    """Milliseconds a frame that each part needs by itself."""
    one = {
        stage: value["median"] for stage, value in results["backends"]["no"]["ms a frame"].items()
    }
    lookback = Options().measuring().lookback
    share = -(-SEQUENCE // ranks)
    chunk = min(share, CHUNK_FRAMES)
    needed = {
        "ranks": (one["read"] + one["measure"]) * (1 + lookback / chunk) / ranks,
        "sequential": one["propagate"],
    }
    if bandwidth:
        needed["storage"] = 1000 * results["about"]["bytes a frame"] / bandwidth
    return needed


def table(results: dict) -> str:
    """Markdown: frames a second of the measuring stage, and what holds it back."""
    lines = [
        f"Predicted frames a second of the measuring stage, {SEQUENCE} frames like these, "
        f"{results['about']['bytes a frame'] / 1e6:.1f} MB each (what holds it back):",
        "",
        f"| ranks | {' | '.join(f'masks at {name}' for name in STORAGE)} |",
        "|---|" + "---|" * len(STORAGE),
    ]
    for ranks in RANKS:
        cells = []
        for bandwidth in STORAGE.values():
            needed = parts(results, ranks, bandwidth)
            slowest = max(needed, key=lambda part: needed[part])
            cells.append(f"{1000 / needed[slowest]:.0f} ({slowest})")
        lines.append(f"| {ranks} | {' | '.join(cells)} |")
    return "\n".join(lines)
