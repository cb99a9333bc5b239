"""What the images and flow fields of a folder show between two key frames."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from consistency.dataset import Frame
from consistency.filling.window import Window
from consistency.flow.between import Footage
from consistency.flow.fields import Field, find_field, read_field
from consistency.formats.photographs import find_photograph
from consistency.limits import inside
from consistency.options import FillingOptions

# Memory for each pixel and frame of a span: the image, its grey levels, a flow to the last frame
# and one from frame to frame.
BYTES_PER_FRAME = 24
BYTES_OF_FLOW = 18  # ... where flow is given beside images
BYTES_AT_ONCE = 250  # ... and for each pixel of the frame that is being filled


def read_footage(
    frames: Sequence[Frame], window: Window, closed: bool, goes_on: bool, options: FillingOptions
) -> Footage:
    """Read what ``options`` name of all frames of a span.

    ``closed``: the last one is a key frame; ``goes_on``: it is not the last of the sequence.

    Raises FileNotFoundError or ValueError that names file and frame.
    """
    images: list[np.ndarray] = []
    forward: list[Field] = []
    if options.frames_path is not None:
        images = [_image(frame, Path(options.frames_path), window) for frame in frames]
    if options.flow_path is not None:
        begins = frames if goes_on else frames[:-1]
        forward = [_field(frame, Path(options.flow_path), window) for frame in begins]
    return Footage(len(frames), images, forward, closed, options.preset)


def read_image(frame: Frame, folder: Path, shape: tuple[int, int]) -> np.ndarray:
    """Read the image of a frame, uint8 (h, w, 3): blue, green, red.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it cannot be read, or is not of ``shape``.
    """
    import cv2

    path = find_photograph(frame, folder)
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path}: cannot be read as an image; frame {frame.name!r}")
    _check_size(path, image.shape[:2], frame, shape, "images")
    return image


def _image(frame: Frame, folder: Path, window: Window) -> np.ndarray:
    import cv2

    image = np.ascontiguousarray(read_image(frame, folder, window.shape)[window.region])
    if window.reduced:
        image = cv2.resize(image, window.size[::-1], interpolation=cv2.INTER_AREA)
    return image


def _field(frame: Frame, folder: Path, window: Window) -> Field:
    import cv2

    path = find_field(folder, frame.stem)
    with inside(folder):  # not in the folder of the masks
        field = read_field(path)
    _check_size(path, field.shape, frame, window.shape, "flow fields")
    vectors = np.ascontiguousarray(field.vectors[window.region])
    known = np.ascontiguousarray(field.known[window.region])
    if window.reduced:
        size = window.size[::-1]
        factor = [new / old for new, old in zip(size, window.whole[::-1], strict=True)]
        vectors = cv2.resize(vectors, size, interpolation=cv2.INTER_AREA)
        vectors *= np.array(factor, np.float32)
        share = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        known = share > 0.99
    return Field(vectors, known)


def _check_size(
    path: Path, found: tuple[int, ...], frame: Frame, shape: tuple[int, int], what: str
) -> None:
    if found != shape:
        raise ValueError(
            f"{path}: {found[0]} × {found[1]} pixels, but the masks around frame {frame.name!r} "
            f"have {shape[0]} × {shape[1]}; give {what} of their size"
        )
