"""Look through a data set before labelling: what there is, and what a run would stop at."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from consistency.dataset import Dataset, Frame, Layout
from consistency.formats import count_several, read_frame
from consistency.formats.buffer import Buffer
from consistency.masks.intersections import self_intersections
from consistency.masks.pieces import number_pieces
from consistency.measure.duplicates import find_duplicates
from consistency.options import MeasureOptions

DUPLICATE_IOU = MeasureOptions.duplicate_iou
SHOWN = 20  # problems in full; the rest are counted


@dataclass(frozen=True)
class Finding:
    """What there is in one frame.

    Attributes
    ----------
    frame : its name.
    shape : (height, width) in pixels, None without masks.
    masks, empty, duplicates : number of masks, of those without pixels, and of those that the main
        job drops as duplicates.
    overlapping : pairs of masks that share pixels.
    problem : why the frame cannot be read, or None.
    scattered : number of masks of several pieces.
    several : number of masks of several values other than 0, all of which count as the mask.
    extent : left, top, right, bottom of the box around all masks, in pixels; None without pixels.
    digest : equal where the masks are.
    seen : the frame with its records.
    """

    frame: str
    shape: tuple[int, int] | None
    masks: int
    empty: int = 0
    duplicates: int = 0
    overlapping: int = 0
    problem: str | None = None
    scattered: int = 0
    several: int = 0
    extent: tuple[int, int, int, int] | None = None
    digest: bytes = b""
    seen: Frame | None = None


def examine(frame: Frame, layout: Layout) -> Finding:
    """Read one frame; runs in a worker.  What is wrong with it is told, and never raised."""
    try:
        seen, masks = read_frame(layout, frame, Buffer())
        several = count_several(layout, seen)
    except (ValueError, OSError) as error:
        problem = " ".join(str(error).split()).removeprefix(f"frame {frame.name!r}: ")
        return Finding(frame.name, None, len(frame.records), problem=problem)
    within = self_intersections(masks)
    areas = np.diagonal(within)
    boxes, _ = masks.boxes_and_centroids()
    order = np.argsort(-areas, kind="stable")
    _, dropped = find_duplicates(within, areas, order, DUPLICATE_IOU, None)
    reasons = Counter(d.reason for d in dropped)
    return Finding(
        frame.name,
        masks.shape if masks.count else None,
        masks.count,
        # A mask without pixels is dropped as well, and is not a duplicate.
        reasons.pop("empty", 0),
        reasons.total(),
        # Each pair once; the diagonal holds areas.
        int(np.count_nonzero(np.triu(within, 1))),
        scattered=sum(
            number_pieces(masks, i, box)[1] > 1 for i, box in enumerate(boxes.tolist()) if box[2]
        ),
        several=several,
        extent=_extent(boxes),
        digest=blake2b(
            masks.position.tobytes() + masks.mask.tobytes() + masks.word.tobytes()
        ).digest(),
        seen=None if frame.listed else seen,
    )


def _extent(boxes: np.ndarray) -> tuple[int, int, int, int] | None:
    filled = boxes[boxes[:, 2] > 0]
    if not filled.size:
        return None
    left, top = filled[:, :2].min(axis=0).tolist()
    right, bottom = (filled[:, :2] + filled[:, 2:]).max(axis=0).tolist()
    return left, top, right, bottom


def problems(findings: list[Finding]) -> Iterator[str]:
    """Yield a line for each frame that the main job would stop at."""
    first = next((f for f in findings if f.shape), None)
    for f in findings:
        if f.problem:
            yield f"frame {f.frame!r}: {f.problem}"
        elif f.shape and first and first.shape and f.shape != first.shape:
            yield (
                f"frame {f.frame!r}: masks of {f.shape[0]} × {f.shape[1]} pixels, but "
                f"{first.shape[0]} × {first.shape[1]} in frame {first.frame!r}"
                + ("; height and width are swapped" if f.shape == first.shape[::-1] else "")
            )


def summary_lines(dataset: Dataset, findings: list[Finding]) -> Iterator[str]:
    """Yield the lines of the report, problems last."""
    counts = [f.masks for f in findings]
    sizes = sorted({f.shape for f in findings if f.shape})
    shown = ", ".join(f"{width} × {height}" for height, width in sizes[:5]) or "unknown"
    known = [v for frame in dataset.frames for v in frame.identities or () if v is not None]
    bare = [f.frame for f in findings if not f.masks and not f.problem]
    yield f"format: {dataset.layout.format}"
    yield f"frames: {len(findings)}, from {findings[0].frame!r} to {findings[-1].frame!r}"
    yield f"masks: {sum(counts)}, {min(counts)} to {max(counts)} per frame"
    yield f"width × height: {shown}"
    yield f"identities: {len(set(known))}, on {len(known)} masks; divisions: {len(dataset.parents)}"
    yield f"duplicates (IoU above {DUPLICATE_IOU}): {sum(f.duplicates for f in findings)}"
    yield f"overlapping pairs: {sum(f.overlapping for f in findings)}"
    yield f"masks without pixels: {sum(f.empty for f in findings)}"
    yield f"frames without masks: {len(bare)}" + (f", first {bare[0]!r}" if bare else "")
    found = list(problems(findings))
    yield f"problems: {len(found)}"
    yield from (f"  {line}" for line in found[:SHOWN])
    if len(found) > SHOWN:
        yield f"  ... and {len(found) - SHOWN} more"
