"""Mask label consistency: one object, one label over a sequence of segmented frames.

labels = consistency.label(frames)      # or a folder; see docs/python.md
tracker = consistency.Tracker()         # frame by frame: tracker.update(masks)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from consistency.api import Labels as Labels
    from consistency.api import Tracker as Tracker
    from consistency.api import label as label

__version__ = "0.1.0"
__all__ = ["Labels", "Tracker", "__version__", "label"]


def __getattr__(name: str) -> Any:
    # NumPy and all else are loaded when they are asked for: every command imports this package, and
    # its --help answers at once.
    if name in __all__:
        from consistency import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
