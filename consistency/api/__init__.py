"""The commands as functions: ``label`` a sequence, or one frame after the other with a ``Tracker``.

Both go through the measuring, tracking and writing of ``mark_label.py``, and take its flags as
keywords.
"""

from consistency.api.labelling import label
from consistency.api.labels import Labels
from consistency.api.online import Tracker

__all__ = ["Labels", "Tracker", "label"]
