"""NumPy archives with an array for each mask or each frame, as their names tell.

FRAME/OBJECT, FRAME_OBJECT      (h, w), or (1, h, w) as SAM 2 has it: a mask
FRAME                           (n, h, w), or (n, 1, h, w): the masks of a frame

Of FRAME_OBJECT each is a number, with a word such as "frame" or "obj" before it, or without.  An
OBJECT that ends in a number is an identity.  An empty array is no mask.
"""

import logging
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from consistency.dataset import Frame
from consistency.formats import npy, rle
from consistency.formats.npz_arrays import images
from consistency.formats.source import is_number
from consistency.formats.values import has_several_values

FRAME_WORDS = "frame|image|img|f|t"
OBJECT_WORDS = "object_id|obj_id|object|obj|mask|instance|id"
NESTED = re.compile(r"([^/]*\d[^/]*)/([^/]+)")
PAIR = re.compile(rf"((?:{FRAME_WORDS})?_?\d+)_((?:{OBJECT_WORDS})?_?\d+)", re.IGNORECASE)
SINGLE = re.compile(r"(\D*)\d+")
# {object: {frame: mask}}, or a word that stands for either.
TURNED = re.compile(rf"(?:{OBJECT_WORDS})_?\d+/|.*/(?:{FRAME_WORDS})_?\d+", re.IGNORECASE)
BARE = re.compile(r"(\d+)[/_](\d+)")
LAST_NUMBER = re.compile(r"\d*$")

log = logging.getLogger("consistency")


class Named(NamedTuple):
    """An array: its name, the frame that this tells, and the object, or None for all of a frame."""

    name: str
    frame: str
    object: str | None


def parse(names: list[str]) -> list[Named]:
    """Return what the names of arrays tell; nothing unless all are of one kind."""
    for kind in (NESTED, PAIR):
        pairs = [kind.fullmatch(name) for name in names]
        if pairs and all(pairs) and not any(map(TURNED.match, names)):
            return [Named(p[0], p[1], p[2]) for p in pairs if p]
    singles = [SINGLE.fullmatch(name) for name in names]
    # With several words the arrays are rather of several kinds than of several frames.
    if len(names) > 1 and all(singles) and len({s[1] for s in singles if s}) == 1:
        return [Named(name, name, None) for name in names]
    return []


def frames(path: Path, arrays: list[Named]) -> Iterator[Frame]:
    """Yield the frames of an archive; ValueError with the array that is no mask.

    Masks that are read are kept as run lengths, one frame's pixels at a time.
    """
    found: dict[str, list[tuple[dict, int | None]]] = {}
    with npy.unpacking(path), zipfile.ZipFile(path) as archive:
        for array in arrays:
            mine = found.setdefault(array.frame, [])
            identity = _identity(array.object)
            masks = _masks(archive, path, array)
            mine += [({"segmentation": rle_of(pixels)}, identity) for pixels in masks]
    for name, pairs in found.items():
        identities = tuple(identity for _, identity in pairs)
        known = any(identity is not None for identity in identities)
        records = tuple(record for record, _ in pairs)
        yield Frame(name, records, None, identities if known else None)
    # Behind the last frame: a file that is refused has one line, and that is the error.
    bare = BARE.fullmatch(arrays[0].name)
    if bare:
        log.warning(
            "%s: array %r is taken for object %s of frame %s", path, bare[0], bare[2], bare[1]
        )


def rle_of(pixels: np.ndarray) -> dict:
    """Run lengths of one mask, bool (h, w)."""
    return rle.of_labels(pixels.view(np.uint8)).get(1) or rle.empty(pixels.shape)


def _identity(name: str | None) -> int | None:
    digits = LAST_NUMBER.search(name or "")
    return int(digits[0]) if digits and is_number(digits[0]) else None


def _masks(archive: zipfile.ZipFile, path: Path, array: Named) -> Iterator[np.ndarray]:
    """Yield the masks of one array, each bool (h, w)."""
    where = f"{path}: array {array.name!r}"
    with npy.open_member(archive, path, f"{array.name}.npy") as (file, header):
        if 0 in header.shape:
            return
        shape = _as_stack(header.shape, array.object is not None, where)
        turned = header.fortran and shape[0] == 1
        if turned:  # as pycocotools decodes run lengths; of one image the whole is read anyway
            shape = 1, shape[2], shape[1]
        plain = replace(header, shape=shape, fortran=header.fortran and not turned)
        for image in images(file, path, plain):
            if has_several_values(image):
                raise ValueError(
                    f"{where} holds several numbers; save masks > 0, or label images as one array "
                    "(t, h, w) alone"
                )
            yield npy.foreground(image.T if turned else image, where) != 0


def _as_stack(shape: tuple[int, ...], one: bool, where: str) -> tuple[int, int, int]:
    """Return (masks, height, width) of an array, which is to be one mask if ``one``."""
    if one and len(shape) >= 2 and set(shape[:-2]) <= {1}:
        return 1, shape[-2], shape[-1]
    if not one and len(shape) in (3, 4) and shape[1:-2] in ((), (1,)):
        stack = shape[0], shape[-2], shape[-1]
        if not npy.looks_transposed(stack):
            return stack
    wanted = "a mask is (height, width)" if one else "the masks of a frame are (n, height, width)"
    raise ValueError(f"{where} has shape {shape}; {wanted}")
