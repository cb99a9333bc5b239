"""Which frames are key frames: whose masks are read and labelled, while others are filled in."""

from consistency.backend import Backend
from consistency.dataset import Dataset
from consistency.options import FillingOptions


def key_frames(dataset: Dataset, options: FillingOptions, backend: Backend) -> list[int]:
    """Return the indices of the key frames, ascending, the first frame among them."""
    return list(range(0, len(dataset.frames), options.interval + 1))
