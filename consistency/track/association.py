"""From measurements to labels, by whichever matching was asked for."""

from collections.abc import Iterable, Iterator

from consistency.measure.frame import FrameMeasurement
from consistency.options import AssociationOptions
from consistency.track.endpoint_shapes import EndpointShapes
from consistency.track.iou_tracker import propagate_by_iou
from consistency.track.linking import link_tracks
from consistency.track.predecessor import propagate_as_predecessor
from consistency.track.results import (
    Labelled,
    Lineage,
    TrackedFrame,
    collect,
    finish,
    relabelled,
    without_short,
)
from consistency.track.tracker import Tracker, track_frames


def associate(
    measurements: Iterable[FrameMeasurement], options: AssociationOptions
) -> tuple[list[TrackedFrame], Lineage]:
    """Give every kept mask its label."""
    lineage = Lineage()
    if options.matching == "track":
        frames, lineage = _track(measurements, options)
    elif options.matching == "seed":
        frames = collect(propagate_as_predecessor(measurements))
    else:
        frames = collect(propagate_by_iou(measurements, options.matching, options.min_iou))
    return without_short(finish(frames), options.min_length), lineage


def _track(
    measurements: Iterable[FrameMeasurement], options: AssociationOptions
) -> tuple[list[TrackedFrame], Lineage]:
    """Track forward, and link tracks over gaps if a second pass is wanted."""
    memory, longest = options.frames_missed(), options.most_missed()
    tracker = Tracker(memory, longest, options.on_split, frozenset(options.without))
    labelled = track_frames(measurements, tracker)
    if options.passes == 1:
        return collect(labelled), tracker.lineage
    shapes = EndpointShapes(max(memory, longest))
    frames = collect(_shown(labelled, shapes))
    same = link_tracks(frames, tracker.lineage, shapes, memory, longest)
    return relabelled(frames, same), tracker.lineage.relabelled(same)


def _shown(labelled: Iterable[Labelled], shapes: EndpointShapes) -> Iterator[Labelled]:
    """Show ``shapes`` what passes by."""
    for now, labels in labelled:
        shapes.add(labels, now.areas, now.thumbnails)
        yield now, labels
