"""``Tracker``: labels as frames come in."""

from typing import TYPE_CHECKING

import numpy as np

from consistency.api.frames import Detections, labels_of_all, with_ids
from consistency.api.options import TrackerOptions
from consistency.cli.keywords import KeywordParser
from consistency.cli.needs import ASSOCIATION_NEEDS
from consistency.cli.tracking import add_association_flags, add_mask_flags, labelling_of
from consistency.formats import in_memory
from consistency.measure.frame import FrameMeasurer
from consistency.options import MOTIONS
from consistency.track import tracker
from consistency.track.blinking import Blinking

if TYPE_CHECKING:  # what type checkers know is not installed with Python 3.10
    from typing_extensions import Unpack

ONLINE = tuple(TrackerOptions.__annotations__)


class Tracker:
    """Labels one frame after the other, as the frames come in, without knowing what comes later.

    The forward pass of ``label``: a label that has been given stays.  Memory is that of the tracks
    that may still return, whatever the number of frames.

    Parameters
    ----------
    options : ``memory``, ``long_memory``, ``motion``, ``duplicate_iou``, ``duplicate_containment``
        and ``keep``: flags of ``mark_label.py``.

    Raises
    ------
    TypeError
        For another keyword.
    ValueError
        For a value that the flag refuses.
    """

    def __init__(self, **options: "Unpack[TrackerOptions]"):
        parser = KeywordParser("Tracker", ASSOCIATION_NEEDS)
        add_association_flags(parser)
        add_mask_flags(parser)
        for name in options:
            if name not in ONLINE:
                raise TypeError(f"Tracker() has no keyword {name!r}; it has {', '.join(ONLINE)}")
        if options.get("motion") == "frames":
            raise ValueError(f"motion 'frames' needs the images; choose among {MOTIONS[:-1]}")
        chosen = labelling_of(parser.parse_keywords(options))
        self._intake = in_memory.Intake()
        self._measurer = FrameMeasurer(in_memory.layout(), chosen.measuring())
        # The command knows beforehand how often masks blink; here it is what has been seen so far.
        memory = chosen.frames_missed(), chosen.most_missed()
        self._tracker = tracker.Tracker(*memory, known=Blinking())
        self._frames = 0

    def update(self, masks: object) -> np.ndarray:
        """Return the label of each mask of the next frame, int64 (n,), as ``Labels`` has them.

        Raises ValueError for bad input; the frame then counts as not given.
        """
        frame = self._intake.frame(masks, f"{self._frames:06d}")
        now = self._measurer.measure(frame)
        labels = self._tracker.step(now)
        self._frames += 1
        return labels_of_all(now, labels)

    def update_with_detections(self, detections: Detections) -> Detections:
        """Return a copy of the next frame's detections, ``tracker_id`` set; raises as ``update``.

        The name is that of the trackers of supervision.
        """
        return with_ids(detections, self.update(detections))
