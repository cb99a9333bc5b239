"""What no run stops at, and what will disappoint all the same: told before labelling."""

import re
from collections.abc import Iterator
from itertools import pairwise

from consistency.measure.inspection import Finding

MANY_SCATTERED = 0.1  # of the masks
CORNER = 0.25  # of the frame, each side half of it


def doubts(findings: list[Finding]) -> Iterator[str]:
    """Yield a line for each thing that is allowed, and is rarely meant."""
    masks = sum(f.masks for f in findings)
    scattered = [f for f in findings if f.scattered]
    many = sum(f.scattered for f in scattered)
    if many > MANY_SCATTERED * masks:
        yield (
            f"{many} of {masks} masks consist of several pieces, first in frame "
            f"{scattered[0].frame!r}; pieces far apart are often two objects: mark_label "
            "--split-pieces N makes masks of those above N pixels"
        )
    mixed = [f for f in findings if f.several]
    if mixed:
        yield (
            f"{sum(f.several for f in mixed)} of {masks} masks have several values beside 0, first "
            f"in frame {mixed[0].frame!r}; each counts as the mask: are they label images, or "
            "probabilities times 255?"
        )
    again = [b for a, b in pairwise(findings) if a.masks and _same(a, b)]
    if again:
        yield (
            f"{len(again)} frames have the masks of the frame before, first {again[0].frame!r}; is "
            "the video slower than its frames, or a frame saved twice?"
        )
    yield from _corner(findings)
    yield from _gaps([f.frame for f in findings])


def _corner(findings: list[Finding]) -> Iterator[str]:
    """Yield a line if all masks of the sequence lie in a quarter of the frame."""
    boxes = [f.extent for f in findings if f.extent is not None]
    shape = next((f.shape for f in findings if f.shape is not None), None)
    if not boxes or shape is None:
        return
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    left, top, right, bottom = min(lefts), min(tops), max(rights), max(bottoms)
    if (right - left) * (bottom - top) < CORNER * shape[0] * shape[1]:
        yield (
            f"all masks lie between x = {left} and {right}, y = {top} and {bottom}, less than a "
            f"quarter of {shape[1]} × {shape[0]} pixels; have masks the size of the images?"
        )


def _same(a: Finding, b: Finding) -> bool:
    return a.digest == b.digest and a.shape == b.shape


def _gaps(names: list[str]) -> Iterator[str]:
    """Yield a line if numbers are missing between frames whose numbers else follow one another."""
    digits = [re.findall(r"\d+", name) for name in names]
    if not all(digits):
        return
    numbers = [int(found[-1][-18:]) for found in digits]
    steps = [b - a for a, b in pairwise(numbers)]
    usual = min(steps, default=1)
    if usual < 1:
        return
    wide = [i for i, step in enumerate(steps) if step != usual]
    if wide:
        i = wide[0]
        yield (
            f"the numbering has {len(wide)} gaps, first between {names[i]!r} and {names[i + 1]!r}; "
            "a frame without masks has to be there as well, else objects seem to jump"
        )
