"""Which labels are filled in between which frames."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from consistency.formats.labelled import LabelledFrame


@dataclass(frozen=True)
class Wanted:
    """One label that is filled in.

    Attributes
    ----------
    label : the label.
    before, after : index of its mask in the input at the first and the last frame of the span;
        None where it has none.
    """

    label: int
    before: int | None
    after: int | None


@dataclass(frozen=True)
class Span:
    """Frames that some labels are filled in at, and the key frames around them.

    Attributes
    ----------
    first : index of the key frame before.
    last : index of the key frame after, or of the last frame of the sequence.
    closed : whether ``last`` is a key frame.
    labels : what is filled in.
    """

    first: int
    last: int
    closed: bool
    labels: tuple[Wanted, ...]

    @property
    def between(self) -> range:
        """The frames that are filled."""
        return range(self.first + 1, self.last + (not self.closed))


def find_spans(
    frames: Sequence[LabelledFrame], keys: Sequence[int], count: int, gaps: bool
) -> list[Span]:
    """Return the spans of a sequence, in order.

    A label is filled in between two key frames if at least one of them has it.  With ``gaps`` it is
    filled in wherever it is missing between two of its masks, at key frames, too.

    Parameters
    ----------
    frames : the key frames with their labels.
    keys : their indices in the sequence, ascending.
    count : number of frames of the sequence.
    """
    found: dict[tuple[int, int, bool], list[Wanted]] = defaultdict(list)
    place = {t: k for k, t in enumerate(keys)}

    def want(first: int, last: int, wanted: Wanted, closed: bool = True) -> None:
        if Span(first, last, closed, ()).between:
            found[first, last, closed].append(wanted)

    for label, seen in _presences(frames, keys).items():
        for (first, mask), (last, other) in pairwise(seen):
            if gaps or place[last] == place[first] + 1:
                want(first, last, Wanted(label, mask, other))
                continue
            want(first, keys[place[first] + 1], Wanted(label, mask, None))
            want(keys[place[last] - 1], last, Wanted(label, None, other))
        (first, mask), (last, other) = seen[0], seen[-1]
        if first != keys[0]:
            want(keys[place[first] - 1], first, Wanted(label, None, mask))
        if last != keys[-1]:
            want(last, keys[place[last] + 1], Wanted(label, other, None))
        else:
            want(last, count - 1, Wanted(label, other, None), closed=False)
    return [Span(*where, tuple(labels)) for where, labels in sorted(found.items())]


def _presences(
    frames: Sequence[LabelledFrame], keys: Sequence[int]
) -> dict[int, list[tuple[int, int]]]:
    """Return {label: [(frame, index of its mask in the input), ...]}, in order."""
    seen: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for t, frame in zip(keys, frames, strict=True):
        for index, label in zip(frame.kept.tolist(), frame.labels, strict=True):
            if not (seen[label] and seen[label][-1][0] == t):  # "seed" repeats labels
                seen[label].append((t, index))
    return dict(sorted(seen.items()))
