"""Files of corrections applied to a labelled sequence, and the sequence made from what they say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from consistency.corrections import Corrections
from consistency.track.correcting import Corrected, fingerprint_of, start
from consistency.track.linking import Linked
from consistency.track.relinking import confidence_of, evidence_of, relinked
from consistency.track.results import (
    Lineage,
    TrackedFrame,
    finish,
    left_out,
    relabelled,
    without_short,
)
from consistency.track.tracklets import Tracks

CORRECTION = "correction"  # why a mask is left out


@dataclass(frozen=True, eq=False)
class Mended:
    """A labelled sequence after its corrections.

    Attributes
    ----------
    frames : finished, without short tracks.
    lineage : of their labels.
    names : {label: name}.
    files : the corrections, each with the fingerprint of the labels that it was applied to.
    key_frames : the frames before others were filled between them; None: nothing was filled.
    """

    frames: list[TrackedFrame]
    lineage: Lineage
    names: dict[int, str] = field(default_factory=dict)
    files: tuple[Corrections, ...] = ()
    key_frames: list[TrackedFrame] | None = None

    @property
    def fingerprint(self) -> str:
        """Of the labels that corrections are about: those of masks that were not filled in."""
        state = start(self.frames if self.key_frames is None else self.key_frames)
        return fingerprint_of(state.frames, state.label, state.there)

    def filled(self, frames: list[TrackedFrame], lineage: Lineage) -> "Mended":
        """Return it with the masks and frames that were filled in."""
        return replace(self, frames=frames, lineage=lineage, key_frames=self.frames)


def mend(
    frames: Sequence[TrackedFrame],
    lineage: Lineage,
    files: Iterable[Corrections],
    min_length: int = 1,
    linked: Linked | None = None,
    compact: bool = False,
) -> Mended:
    """Apply files of corrections in order, and finish the frames.

    Parameters
    ----------
    frames : before ``finish``; masks of label 0 are left out already.
    min_length : least number of masks of a track.
    linked : what decides anew where corrections have opened tracks; None: nothing does.
    compact : number labels without holes; files are about these numbers, too.

    Raises
    ------
    ValueError
        For corrections that cannot be applied, with the file and the correction.
    """
    state, known = start(frames), list[Corrections]()
    state.there = state.label > 0
    state.dropped = ~state.there
    before = Tracks.of_labels([state.label])
    if linked is not None:
        state.evidence = evidence_of(linked)
    for file in files:
        _go_on(state, file, known, min_length, linked, compact)
        known.append(replace(file, input=fingerprint_of(frames, state.label, state.there)))
        state.apply(file)
    if known and linked is not None:
        state.label, state.names = relinked(linked, state)
    if compact:
        state.there = _shown(state.label, state.dropped, min_length)
        state.close_holes()
    elif not known:
        return Mended(without_short(finish(frames), min_length), lineage)
    confidence = _confidence(frames, state, before, linked if known else None)
    return _made(frames, lineage, state, confidence, min_length, tuple(known))


def _go_on(
    state: Corrected,
    file: Corrections,
    known: Sequence[Corrections],
    min_length: int,
    linked: Linked | None,
    compact: bool,
) -> None:
    """Choose the labels that the next file is about; ValueError if it is about others.

    After another file these are the labels with what is joined anew, or, of an experiment that was
    renumbered alone, those without.
    """
    choices = [(state.label, state.names)]
    if known and linked is not None:
        choices.insert(0, relinked(linked, state))
    for state.label, state.names in choices:
        state.there = _shown(state.label, state.dropped, min_length)
        if compact:
            state.close_holes()
        if file.input in (None, fingerprint_of(state.frames, state.label, state.there)):
            return
    raise ValueError(
        f"{file.where}: was made for other labels ({file.input}), of other masks or of a run with "
        "other parameters; make the corrections again, or leave them out"
    )


def _shown(label: np.ndarray, dropped: np.ndarray, min_length: int) -> np.ndarray:
    """Which masks an experiment shows, bool (N,)."""
    there = ~dropped
    _, number, count = np.unique(label[there], return_inverse=True, return_counts=True)
    there[there] = count[number] >= min_length
    return there


def _confidence(
    frames: Sequence[TrackedFrame], state: Corrected, before: Tracks, linked: Linked | None
) -> np.ndarray:
    """Return the confidence of each mask's link, float64 (N,), see TrackedFrame."""
    if linked is not None:
        return confidence_of(linked, state)
    result = np.concatenate([frame.confidence for frame in frames])
    now = Tracks.of_labels([state.tracked()])
    result[now.before != before.before] = np.nan
    for pair in state.together:
        if now.before[pair.later] == pair.earlier:
            result[pair.later] = 1.0
    return result


def _made(
    frames: Sequence[TrackedFrame],
    lineage: Lineage,
    state: Corrected,
    confidence: np.ndarray,
    min_length: int,
    files: tuple[Corrections, ...],
) -> Mended:
    cuts = state.first[1:-1]
    labels = [part.tolist() for part in np.split(state.tracked(), cuts)]
    new = finish(relabelled(frames, labels, np.split(confidence, cuts)))
    kept = np.split(~state.dropped, cuts)
    left = [
        frame if keep.all() else left_out(frame, keep.tolist(), CORRECTION)
        for frame, keep in zip(new, kept, strict=True)
    ]
    shown = without_short(left, min_length)
    there = {label for frame in shown for label in frame.labels}
    names = {label: name for label, name in sorted(state.names.items()) if label in there}
    return Mended(shown, lineage.relabelled(frames, labels).among(there), names, files)
