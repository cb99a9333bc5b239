"""The labels of a sequence, and what can be done with them."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np

from consistency.api.frames import Detections, labels_of_all, spread, with_ids
from consistency.api.options import WriteOptions
from consistency.api.sources import Source
from consistency.cli.keywords import KeywordParser, as_keywords
from consistency.cli.needs import output_needs
from consistency.cli.output import add_output_choice, add_output_flags
from consistency.cli.tracking import with_outputs
from consistency.formats.filled import count_filled
from consistency.formats.labelled import Track
from consistency.labelling import Labelling
from consistency.options import Options
from consistency.outputs import filled_events
from consistency.track import tables
from consistency.track.parts import find_parts

if TYPE_CHECKING:  # what type checkers know is not installed with Python 3.10
    from typing_extensions import Unpack


class Labels(Sequence[np.ndarray]):
    """The labels of a sequence: ``labels[t][i]`` is that of mask ``i`` of frame ``t``.

    Each is int64 (n,), one for each mask that was given, in that order: a number from 1 for an
    object, the same in all frames.  A duplicate has the label of the mask that it is a duplicate
    of; a mask without pixels, or of a track shorter than ``min_length``, has 0.

    Attributes
    ----------
    names : of the frames.
    filled : bool (n,) for each frame, which masks were made of those of other frames; they follow
        those that were read.
    kept : bool (n,) for each frame, which masks hold their label themselves: no two of one frame
        have the same one.
    confidence : float64 (n,) for each frame, probability that a mask shows the same object as the
        mask before it of its label; NaN where there is none.
    tracks, events : lines of tracks.csv and events.csv, see ``consistency.track.tables``.
    labelling, options : what the pipeline made, and how.
    """

    def __init__(self, labelling: Labelling, options: Options, source: Source):
        self.labelling, self.options = labelling, options
        self._source = source
        frames = labelling.frames
        self._labels = tuple(labels_of_all(f, f.labels) for f in frames)
        self.names = tuple(frame.name for frame in frames)
        made = [count_filled(frame) for frame in labelling.dataset.frames] or [0] * len(frames)
        self.filled = tuple(
            np.arange(f.count) >= f.count - n for f, n in zip(frames, made, strict=True)
        )
        self.kept = tuple(spread(f, np.ones(f.kept.size, bool), False) for f in frames)
        self.confidence = tuple(spread(f, f.confidence, np.nan) for f in frames)

    def __len__(self) -> int:
        return len(self._labels)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[np.ndarray]: ...

    def __getitem__(self, index: int | slice) -> np.ndarray | Sequence[np.ndarray]:
        return self._labels[index]

    def __repr__(self) -> str:
        masks, objects = sum(map(len, self._labels)), len(self.tracks)
        return f"<Labels of {len(self)} frames, {masks} masks, {objects} objects>"

    @cached_property
    def tracks(self) -> list[Track]:
        """One line for each label, in order of labels."""
        frames = self.labelling.frames
        return tables.tracks(frames, self.labelling.lineage, find_parts(frames))

    @cached_property
    def events(self) -> list[tables.Event]:
        """Births, gaps, returns, splits, merges, ends, and masks that were left out."""
        frames = self.labelling.frames
        dataset, lineage = self.labelling.dataset, self.labelling.lineage
        more = [*tables.changes(frames, lineage), *tables.left_out(dataset.frames)]
        if dataset.frames:  # not in memory
            more += filled_events(dataset, frames)
        return tables.events(frames, more)

    def with_ids(self, frames: Iterable[Detections]) -> Iterator[Detections]:
        """Yield a copy of each frame's detections, ``tracker_id`` set to its labels.

        Raises ValueError if these are not the frames that were labelled.
        """
        for t, (detections, labels) in enumerate(zip(frames, self._labels, strict=True)):
            if len(detections) != len(labels):  # type: ignore[arg-type]  # duck-typed
                raise ValueError(f"frame {self.names[t]!r}: {len(labels)} masks were labelled")
            yield with_ids(detections, labels)

    def write(
        self,
        folder: str | Path,
        output: Sequence[str] = Options.output,
        overwrite: bool = False,
        report: bool = False,
        **options: "Unpack[WriteOptions]",
    ) -> Path:
        """Write the experiment ``folder``, as ``mark_label.py --output`` does.

        With ``report`` it has report.html, too, which labels are most worth checking.

        Masks in memory are packed once more; where ``output`` has no pixels of its own, "rle" is
        written beside it, so that the experiment can be drawn.

        Raises
        ------
        ValueError, OSError
            If the folder exists and ``overwrite`` is not set, for an output that cannot hold the
            labels, or if the masks came from an iterator; nothing half-written is left.
        """
        parser = KeywordParser("write", output_needs("--output"))
        add_output_choice(parser)
        add_output_flags(parser)
        try:
            args = parser.parse_keywords({"output": output, **options})
            chosen = with_outputs(self.options, args)
            self._source.write(self.labelling, Path(folder), chosen, overwrite, report)
        except ValueError as error:
            raise ValueError(as_keywords(str(error))) from error
        return Path(folder)
