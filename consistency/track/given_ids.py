"""Labels from the identities that the input has, instead of (or before) the association."""

from collections.abc import Iterable, Iterator, Sequence

from consistency.dataset import Frame
from consistency.masks.intersections import iou
from consistency.measure.frame import FrameMeasurement
from consistency.options import AssociationOptions
from consistency.track.assignment import ASSIGNMENTS
from consistency.track.results import Labelled


def first_label(frames: Iterable[Frame]) -> int:
    """What to add to identities so that labels begin at 1: some formats count objects from 0."""
    known = [v for frame in frames for v in frame.identities or () if v is not None]
    return max(0, 1 - min(known)) if known else 0


def has_identities(frames: Iterable[Frame]) -> bool:
    """Whether any mask has one."""
    return any(v is not None for frame in frames for v in frame.identities or ())


def keep(
    measurements: Iterable[FrameMeasurement],
    frames: Sequence[Frame],
    matching: str = "optimal",
    min_iou: float = AssociationOptions.min_iou,
) -> Iterator[Labelled]:
    """Yield each measurement with the identities of its masks as labels.

    A mask without identity takes the label of the mask that it is assigned to in the frame before,
    unless the frame has that label already, or else a label that no identity has.

    Raises
    ------
    ValueError
        If the input has no identities, or one of them twice in a frame.
    """
    if not has_identities(frames):
        raise ValueError("the input has no identities to keep; leave out --keep-ids")
    offset = first_label(frames)
    known = [v for frame in frames for v in frame.identities or () if v is not None]
    # Beyond all identities: a label made up here must not meet one of a later frame.
    free = max(known) + offset + 1
    before: Labelled | None = None
    for frame, now in zip(frames, measurements, strict=True):
        labels = _own_labels(frame, now, offset)
        found = _matched(now, before, labels, matching, min_iou)
        for k, label in enumerate(labels):
            if label is None and k not in found:
                found[k] = free
                free += 1
        before = now, [found[k] if label is None else label for k, label in enumerate(labels)]
        yield before


def _own_labels(frame: Frame, now: FrameMeasurement, offset: int) -> list[int | None]:
    """Label of each kept mask from its identity; None where it has none."""
    identities = frame.identities or (None,) * len(frame.records)
    labels = [identities[index] for index in now.kept.tolist()]
    labels = [None if v is None else v + offset for v in labels]
    known = [label for label in labels if label is not None]
    twice = next((label for label in known if known.count(label) > 1), None)
    if twice is not None:
        raise ValueError(
            f"frame {frame.name!r}: identity {twice - offset} belongs to two masks; an object has "
            "one mask a frame"
        )
    return labels


def _matched(
    now: FrameMeasurement,
    before: Labelled | None,
    labels: list[int | None],
    matching: str,
    min_iou: float,
) -> dict[int, int]:
    """Labels of masks without identity that match one of the frame before."""
    if before is None or None not in labels:
        return {}
    then, old = before
    # Whose label is in this frame already has its mask.
    rows = [i for i, label in enumerate(old) if label not in labels]
    columns = [j for j, label in enumerate(labels) if label is None]
    similarity = iou(now.earlier[0].dense(), then.areas, now.areas)
    pairs = ASSIGNMENTS[matching](similarity[rows][:, columns], min_iou)
    return {columns[j]: old[rows[i]] for i, j in pairs}


def take(measurements: Iterable[FrameMeasurement], frames: Sequence[Frame]) -> Iterator[Labelled]:
    """Yield each measurement with identities as labels; nothing is compared with anything.

    Where the input has no identities at all, a label is the mask's place in its frame, from 1, and
    means nothing over time; a mask without one among others takes a label of its own.
    """
    tracked = has_identities(frames)
    offset = first_label(frames)
    known = [v for frame in frames for v in frame.identities or () if v is not None]
    free = max(known, default=0) + offset + 1
    for frame, now in zip(frames, measurements, strict=True):
        if not tracked:
            yield now, [index + 1 for index in now.kept.tolist()]
            continue
        labels = []
        for label in _own_labels(frame, now, offset):
            labels.append(free if label is None else label)
            free += label is None
        yield now, labels
