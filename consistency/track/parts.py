"""Which tracks are parts of others: a strap of its bag, a wheel of its car."""

from collections import Counter
from collections.abc import Sequence

from consistency.track.results import TrackedFrame

PART_INSIDE = 0.8  # share of a part's pixels that lie in its whole
PART_OFTEN = 0.5  # share of a part's frames in which they do


def find_parts(frames: Sequence[TrackedFrame]) -> dict[int, int]:
    """Return {label: label of the smallest whole that it is usually a part of}."""
    inside: Counter[tuple[int, int]] = Counter()
    seen: Counter[int] = Counter()
    area: Counter[int] = Counter()
    for frame in frames:
        for label, pixels in zip(frame.labels, frame.areas.tolist(), strict=True):
            seen[label] += 1
            area[label] += pixels
        for i, j, pixels in frame.overlaps.tolist():
            whole, part = (i, j) if frame.areas[i] > frame.areas[j] else (j, i)
            if pixels >= PART_INSIDE * frame.areas[part]:
                inside[frame.labels[part], frame.labels[whole]] += 1
    result: dict[int, int] = {}
    for (part, whole), count in sorted(inside.items()):
        if part == whole or count < PART_OFTEN * seen[part]:
            continue
        size = area[whole] / seen[whole]
        if part not in result or size < area[result[part]] / seen[result[part]]:
            result[part] = whole
    return result
