"""From measurements to labels, by whichever matching was asked for."""

from collections.abc import Iterable
from dataclasses import replace

from consistency.measure.camera_motion import UNKNOWN
from consistency.measure.frame import FrameMeasurement
from consistency.options import AssociationOptions
from consistency.track.blinking import Blinking
from consistency.track.divisions import divide
from consistency.track.iou_tracker import propagate_by_iou
from consistency.track.linking import link
from consistency.track.parameters import DEFAULTS, Parameters
from consistency.track.predecessor import propagate_as_predecessor
from consistency.track.record import Record
from consistency.track.results import (
    Lineage,
    TrackedFrame,
    collect,
    finish,
    relabelled,
    without_short,
)
from consistency.track.tracker import Tracker, track_frames


def associate(
    measurements: Iterable[FrameMeasurement],
    options: AssociationOptions,
    parameters: Parameters = DEFAULTS,
) -> tuple[list[TrackedFrame], Lineage]:
    """Give every kept mask its label; ``parameters`` are those of the matching "track"."""
    frames, lineage = label_frames(measurements, options, parameters)
    return without_short(finish(frames), options.min_length), lineage


def label_frames(
    measurements: Iterable[FrameMeasurement],
    options: AssociationOptions,
    parameters: Parameters = DEFAULTS,
) -> tuple[list[TrackedFrame], Lineage]:
    """Label as ``associate`` does, short tracks included, and leave ``finish`` to the caller."""
    lineage = Lineage()
    if options.matching == "track":
        frames, lineage = _track(measurements, options, parameters)
    elif options.matching == "seed":
        frames = collect(propagate_as_predecessor(measurements))
    else:
        frames = collect(propagate_by_iou(measurements, options.matching, options.min_iou))
    return frames, lineage


def _track(
    measurements: Iterable[FrameMeasurement], options: AssociationOptions, parameters: Parameters
) -> tuple[list[TrackedFrame], Lineage]:
    """Track forward, find divisions, and link tracks over gaps if that is wanted."""
    memory, longest = options.frames_missed(), options.most_missed()
    how = memory, longest, frozenset(options.without)
    record = Record(measurements)
    known = _blinking(record.beginning(), Tracker(*how, parameters=parameters))
    tracker = Tracker(*how, known, parameters)
    frames = collect(track_frames(record.whole(), tracker))
    found = divide(frames, tracker.lineage, options.on_split, parameters)
    # Where things divide and nothing blinks, what appears is new: there is nothing to join.
    if options.passes == 1 or (found.divides and not found.blinks):
        return found.frames, found.lineage
    seen = found.frames
    # Linking has to do without the camera's motion, too.
    if "motion" in options.without:
        seen = [replace(frame, motion=UNKNOWN) for frame in seen]
    absence = _longest_absence(options)
    labels, confidence = link(seen, record.thumbnails, found.daughters, absence, parameters)
    lineage = found.lineage.relabelled(found.frames, labels)
    return relabelled(found.frames, labels, confidence), lineage


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
