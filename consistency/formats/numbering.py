"""Which number each label gets in an output that holds few of them."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consistency.formats.labelled import LabelledSequence
from consistency.formats.writing import Plan
from consistency.options import DROPS, SHORTEST, SMALLEST, WritingOptions
from consistency.plain_text import write_rows


@dataclass(frozen=True)
class Numbering:
    """Numbers of labels in an output.

    Attributes
    ----------
    numbers : {label: number >= 1}.
    dropped : labels left out.
    rule : why they were.
    """

    numbers: dict[int, int]
    dropped: tuple[int, ...] = ()
    rule: str | None = None

    @property
    def largest(self) -> int:
        """Largest number."""
        return max(self.numbers.values(), default=1)

    def of_frames(self, sequence: LabelledSequence) -> list[list[int]]:
        """Number of every kept mask of every frame; 0 = left out."""
        return [
            [self.numbers.get(v, 0) for v in frame.labels] for frame in sequence.labelled_frames
        ]

    def write(self, path: Path) -> None:
        """Write a line ``label,number,reason`` for each label, unless all keep their own."""
        # A file that says nothing new would only raise the question what it is for.
        if not self.dropped and all(label == n for label, n in self.numbers.items()):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w", newline="", encoding="utf-8") as file:
            write_rows(file, [("label", "number", "reason")])
            rows: list[tuple[int, int | None, str | None]]
            rows = [(label, n, None) for label, n in self.numbers.items()]
            rows += [(label, None, f"dropped: {self.rule}") for label in self.dropped]
            write_rows(file, sorted(rows))


def number_labels(
    sequence: LabelledSequence, options: WritingOptions, limit: int, output: str
) -> Numbering:
    """Give each label a number of at most ``limit``: its own, or the next from 1 if one is larger.

    Raises
    ------
    ValueError
        If there are more labels and ``options.drop`` does not say which ones go; if
        ``options.max_ids`` is more than the format holds.
    """
    if options.max_ids and options.max_ids > limit:
        raise ValueError(f"--max-ids {options.max_ids}: {output} holds at most {limit} objects")
    limit = options.max_ids or limit
    labels, dropped = keep_largest(count_labels(sequence), limit, options.drop, output)
    # Own numbers where they fit: the same number in the output and in tracks.csv.
    if max(labels, default=1) <= limit:
        return Numbering({label: label for label in labels}, dropped, options.drop)
    compact = {label: number for number, label in enumerate(labels, 1)}
    return Numbering(compact, dropped, options.drop)


def count_labels(sequence: LabelledSequence) -> dict[int, tuple[int, int]]:
    """Return {label: (pixels in all frames, masks)}, labels ascending."""
    pixels: Counter[int] = Counter()
    masks: Counter[int] = Counter()
    for frame in sequence.labelled_frames:
        for label, area in zip(frame.labels, frame.areas.tolist(), strict=True):
            pixels[label] += area
            masks[label] += 1
    return {label: (pixels[label], masks[label]) for label in sorted(pixels)}


def keep_largest(
    counts: dict[int, tuple[int, int]], limit: int, drop: str | None, output: str
) -> tuple[Sequence[int], tuple[int, ...]]:
    """Split labels into at most ``limit`` that stay and those that go, both ascending."""
    if len(counts) <= limit:
        return list(counts), ()
    if drop is None:
        raise ValueError(
            f"{len(counts)} objects, but {output} holds at most {limit}; leave some out with "
            f"--drop {{{','.join(DROPS)}}}, or use an output without the limit"
        )
    # Place in (pixels, masks) of ``count_labels``.
    by = {SMALLEST: 0, SHORTEST: 1}[drop]
    # Of equals the smaller label stays, so that the choice does not hang on the order of a dict.
    ranked = sorted(counts, key=lambda label: (-counts[label][by], label))
    return sorted(ranked[:limit]), tuple(sorted(ranked[limit:]))


@contextmanager
def gather_numbers(
    sequence: LabelledSequence, plan: Plan[Any, "Numbering"], folder: Path, file: str
) -> Iterator[Callable[[int, Any], None]]:
    """For outputs of label images: list the numbers (``plan.own``) in ``file``."""
    yield lambda t, rows: None
    plan.own.write(folder / file)
