"""Measure ▸ track: labels of all frames, and nothing written."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

from consistency.backend import Backend
from consistency.dataset import Dataset
from consistency.journal import Journal
from consistency.measure.frame import FrameMeasurement
from consistency.measurements import Measurements
from consistency.options import IGNORE, ONLY_IDS, Options
from consistency.progress import Progress, silent
from consistency.track import given_ids
from consistency.track.association import associate
from consistency.track.mending import Mended, mend
from consistency.track.parameters import DEFAULTS, Parameters
from consistency.track.results import Lineage, TrackedFrame, collect, finish
from consistency.versions import versions
from consistency.windows import are_wanted, label_windows


@dataclass(frozen=True, eq=False)
class Labelling:
    """What labelling gives.

    Attributes
    ----------
    dataset : the input, with the records of all frames.
    mended : its frames with their labels, where labels come from, and what was corrected.
    seconds : how long it took.
    made_with : versions, of when it began: a checkout may move on while a long run goes on.
    more : what else run.json says of it: how windows or pieces were joined, the key frames, how
        much was measured.
    """

    dataset: Dataset
    mended: Mended
    seconds: dict[str, float]
    made_with: dict[str, str]
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def frames(self) -> list[TrackedFrame]:
        """The frames of the input with their labels."""
        return self.mended.frames

    @property
    def lineage(self) -> Lineage:
        """Where labels come from."""
        return self.mended.lineage


def label_and_fill(
    dataset: Dataset,
    backend: Backend,
    options: Options,
    progress: Progress = silent,
    journal: Journal | None = None,
) -> Labelling:
    """Label the key frames and fill in the masks of the others; as ``label`` without filling."""
    how = options.filling
    if how is None:
        return label(dataset, backend, options, progress, journal=journal)
    from consistency.filling.key_frames import key_frames
    from consistency.filling.stage import Filled, fill

    keys = key_frames(dataset, how, backend)
    chosen = replace(dataset, frames=tuple(dataset.frames[t] for t in keys))
    known = label(chosen, backend, options, progress, journal=journal)
    began = perf_counter()
    labelled = Filled(known.dataset, known.frames, known.lineage)
    filled = fill(dataset, keys, labelled, backend, how)
    seconds = known.seconds | {"filled": perf_counter() - began}
    names = [dataset.frames[t].name for t in keys]
    # Those whose masks were read; without an interval all were.
    more = known.more | ({"key_frames": names} if how.interval else {})
    mended = known.mended.filled(filled.frames, filled.lineage)
    return replace(known, dataset=filled.dataset, mended=mended, seconds=seconds, more=more)


def label(
    dataset: Dataset,
    backend: Backend,
    options: Options,
    progress: Progress = silent,
    parameters: Parameters = DEFAULTS,
    journal: Journal | None = None,
) -> Labelling:
    """Measure all frames and give every kept mask its label; writes nothing."""
    # First of all: the package on disk may be another one by the end.
    began, made_with = perf_counter(), versions()
    if are_wanted(len(dataset.frames), options):
        joined = label_windows(dataset, backend, options, parameters, progress, journal)
        mending = options.corrections, options.min_length, None, options.compact
        mended = mend(joined.frames, joined.lineage, *mending)
        seconds = joined.seconds | {"measuring": perf_counter() - began}
        more = {"windows": joined.report, "work": joined.work.record()}
        return Labelling(joined.dataset, mended, seconds, made_with, more)
    measurements = Measurements(dataset, backend, options, journal)
    # Lazy: frames are tracked as they come in, so that tracking takes hardly any time of its own.
    measured = progress(measurements, "measure", len(dataset.frames))
    if options.given_ids == IGNORE:
        mended = associate(measured, options, parameters)
    else:
        mended = _of_given_ids(measurements, measured, options)
    seconds = measurements.seconds(perf_counter() - began)
    more = {"work": measurements.work.record()}
    return Labelling(measurements.dataset, mended, seconds, made_with, more)


def _of_given_ids(
    measurements: Measurements, measured: Iterable[FrameMeasurement], options: Options
) -> Mended:
    """Label by the identities that the input has; ``measured`` are the measurements."""
    if not measurements.dataset.listed:
        measured = list(measured)  # identities are known when all frames have been read
    # The opened data set does not list label images; the one behind the measurements does then.
    frames = measurements.dataset.frames
    if options.given_ids == ONLY_IDS:
        return Mended(finish(collect(given_ids.take(measured, frames))), Lineage())
    # Masks without an identity are matched with the frame before, for which "track" has no rule.
    how = "optimal" if options.matching == "track" else options.matching
    kept = collect(given_ids.keep(measured, frames, how, options.min_iou))
    return mend(kept, Lineage(), options.corrections, options.min_length)
