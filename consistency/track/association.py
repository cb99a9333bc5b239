"""From measurements to labels, by whichever matching was asked for."""

from collections.abc import Iterable
from dataclasses import replace

from consistency.measure.camera_motion import UNKNOWN
from consistency.measure.frame import FrameMeasurement
from consistency.options import AssociationOptions
from consistency.track.blinking import Blinking
from consistency.track.divisions import divide
from consistency.track.iou_tracker import propagate_by_iou
from consistency.track.linking import Linked, solve
from consistency.track.mending import Mended, mend
from consistency.track.parameters import DEFAULTS, Parameters
from consistency.track.predecessor import propagate_as_predecessor
from consistency.track.record import Record
from consistency.track.results import Lineage, TrackedFrame, collect, relabelled
from consistency.track.tracker import Tracker, track_frames


def associate(
    measurements: Iterable[FrameMeasurement],
    options: AssociationOptions,
    parameters: Parameters = DEFAULTS,
) -> Mended:
    """Give every kept mask its label; ``parameters`` are those of the matching "track".

    Raises ValueError for corrections that do not apply.
    """
    frames, lineage, linked = _labelled(measurements, options, parameters)
    how = options.corrections, options.min_length, linked, options.compact
    return mend(frames, lineage, *how)


def label_frames(
    measurements: Iterable[FrameMeasurement],
    options: AssociationOptions,
    parameters: Parameters = DEFAULTS,
) -> tuple[list[TrackedFrame], Lineage]:
    """Label as ``associate`` does, short tracks included and nothing corrected, and leave
    ``finish`` to the caller.
    """
    frames, lineage, _ = _labelled(measurements, options, parameters)
    return frames, lineage


Labels = tuple[list[TrackedFrame], Lineage, Linked | None]


def _labelled(
    measurements: Iterable[FrameMeasurement], options: AssociationOptions, parameters: Parameters
) -> Labels:
    """Label all frames; also return what links them, where tracks have been linked."""
    if options.matching == "track":
        return _track(measurements, options, parameters)
    if options.matching == "seed":
        return collect(propagate_as_predecessor(measurements)), Lineage(), None
    by_iou = propagate_by_iou(measurements, options.matching, options.min_iou)
    return collect(by_iou), Lineage(), None


def _track(
    measurements: Iterable[FrameMeasurement], options: AssociationOptions, parameters: Parameters
) -> Labels:
    """Track forward, find divisions, and link tracks over gaps if that is wanted."""
    memory, longest = options.frames_missed(), options.most_missed()
    how = memory, longest, frozenset(options.without)
    record = Record(measurements)
    known = _blinking(record.beginning(), Tracker(*how, parameters=parameters))
    tracker = Tracker(*how, known, parameters)
    frames = collect(track_frames(record.whole(), tracker))
    found = divide(frames, tracker.lineage, options.on_split, parameters)
    seen = found.frames
    # Where things divide and nothing blinks, what appears is new: there is nothing to join.
    nothing_lost = found.divides and not found.blinks
    if options.passes == 1 or nothing_lost or not any(frame.labels for frame in seen):
        return found.frames, found.lineage, None
    # Linking has to do without the camera's motion, too.
    if "motion" in options.without:
        seen = [replace(frame, motion=UNKNOWN) for frame in seen]
    absence = _longest_absence(options)
    linked = solve(seen, record.thumbnails, found.daughters, absence, parameters)
    labels, confidence = linked.labels_and_confidence()
    lineage = found.lineage.relabelled(found.frames, labels)
    return relabelled(found.frames, labels, confidence), lineage, linked


def _blinking(beginning: Iterable[FrameMeasurement], tracker: Tracker) -> Blinking:
    """Track the beginning of a sequence only to learn how often masks blink.

    As leniently as can be: a strict tracker would not see that a mask was merely missing.
    """
    enough = tracker.parameters.first_links, tracker.parameters.first_frames
    for t, now in enumerate(beginning):
        tracker.step(now)
        if tracker.blinking.links >= enough[0] and t + 1 >= enough[1]:
            break
    return tracker.blinking


def _longest_absence(options: AssociationOptions) -> int:
    """Frames that a track may miss where its future is known, too.

    A memory that the user has set is a bound for this as well, unless a longer one is set.
    """
    if options.memory is not None and options.long_memory is None:
        return options.memory
    return max(options.frames_missed(), options.most_missed())
