"""COCO run lengths <-> packed words, all masks of a frame in one go and without pixels.

The text form is defined by rleToString / rleFrString of the COCO API (Lin et al. 2014,
``common/maskApi.c``): runs in column-major order, the first counts zeros; from the fourth run on
the difference to the run two before; five bits per character, low bits first, 0x20 = more follow.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from pycocotools import mask as coco

from consistency.dataset import LARGEST_NUMBER, Frame, short
from consistency.limits import check_pixels, in_force
from consistency.masks import compiled
from consistency.masks.packed import PackedMasks
from consistency.masks.packing import BYTES_FROM_RUNS, Packer, pack_runs


def read_size(rle: dict) -> tuple[int, int]:
    """Return (height, width) of a run-length record; ValueError if there is none."""
    size: Any = rle.get("size")
    good = (
        isinstance(size, list | tuple)
        and len(size) == 2
        and all(isinstance(v, int) and not isinstance(v, bool) and v > 0 for v in size)
    )
    if not good:
        raise ValueError(f"run lengths need a size [height, width], not {short(size)}")
    check_pixels(size, "run lengths: ")
    return size[0], size[1]


def decode(rles: Sequence[dict], shape: tuple[int, int]) -> PackedMasks:
    """Pack run-length records ``{"size": [h, w], "counts": str | bytes | list}``.

    Raises
    ------
    ValueError
        "mask I: ..." if sizes differ or counts are malformed or do not add up to h · w.
    """
    for i, rle in enumerate(rles):
        if read_size(rle) != shape:
            raise ValueError(f"mask {i}: size {rle['size']} among masks of {list(shape)}")
    found = _decode_compiled([rle.get("counts") for rle in rles], shape)
    if found is not None:
        return found
    # All masks of the frame at once from here on: ``owner`` says whose run each one is.
    runs, owner = _runs([rle.get("counts") for rle in rles])
    pixels = shape[0] * shape[1]
    lengths = np.bincount(owner, minlength=len(rles))
    ends = np.cumsum(lengths)
    within_reason = np.clip(runs, -1 - pixels, 1 + pixels)  # a sum of huge runs fits no integer
    totals = np.bincount(owner, weights=within_reason, minlength=len(rles)).astype(np.int64)
    # A sum may fit although runs are negative or too long; all are damage.
    wrong = np.flatnonzero(totals != pixels)
    foreign = owner[np.flatnonzero((runs < 0) | (runs > pixels))]
    if wrong.size or foreign.size:
        # The first damaged mask, by whichever sign: a loop over masks would have met it first, too.
        i = int(min([*wrong[:1], *foreign[:1]]))
        raise ValueError(
            f"mask {i}: run lengths add up to {totals[i]} pixels, not {shape[0]} · {shape[1]} = "
            f"{pixels}; the counts are damaged or the size is wrong"
        )
    stop = np.cumsum(runs)
    # The sum runs on from mask to mask; each mask is to begin at 0.
    stop -= np.repeat(np.cumsum(totals) - totals, lengths)
    # Runs take turns, and the first of each mask is background.
    odd = (np.arange(runs.size) - np.repeat(ends - lengths, lengths)) % 2 == 1
    return pack_runs(shape, len(rles), owner[odd], stop[odd] - runs[odd], stop[odd], "F")


def _decode_compiled(counts: list, shape: tuple[int, int]) -> PackedMasks | None:
    """``decode``, compiled; None where there is anything to say about the counts."""
    if compiled.native is None or not all(isinstance(text, str | bytes) for text in counts):
        return None
    texts = [t.encode("ascii", "replace") if isinstance(t, str) else t for t in counts]
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    pixels, most = shape[0] * shape[1], in_force().memory // BYTES_FROM_RUNS
    words = compiled.native.unpack_texts(b"".join(texts), ends, pixels, most)
    if words is None:
        return None
    arrays = map(np.frombuffer, words, (np.int32, np.int32, np.uint64))
    return PackedMasks((int(shape[0]), int(shape[1])), "F", len(texts), *arrays)


def read_frame(frame: Frame) -> PackedMasks:
    """Pack a frame whose records hold run lengths; ValueError with frame and mask."""
    if not frame.records:
        return Packer((0, 0), "F").finish()
    rles = [record["segmentation"] for record in frame.records]
    try:
        return decode(rles, read_size(rles[0]))
    except ValueError as error:
        raise ValueError(f"frame {frame.name!r}: {error}") from error


def is_empty(rle: dict) -> bool:
    """Whether run lengths say at a glance that there is no foreground: one run of zeros."""
    height, width = read_size(rle)
    counts = rle.get("counts")
    if isinstance(counts, list):
        return counts == [height * width]
    text = counts if isinstance(counts, bytes) else str(counts).encode("ascii", "replace")
    return text == _empty_counts(height, width)


@lru_cache(maxsize=8)
def _empty_counts(height: int, width: int) -> bytes:
    none = {"size": [height, width], "counts": [height * width]}
    return coco.frPyObjects(none, height, width)["counts"]


def _runs(counts: Sequence) -> tuple[np.ndarray, np.ndarray]:
    """Return all run lengths, int64 (r,), and the mask that each belongs to, int64 (r,)."""
    texts, lists = {}, {}
    for i, value in enumerate(counts):
        if isinstance(value, str | bytes):
            texts[i] = value.encode("ascii", "replace") if isinstance(value, str) else value
        elif isinstance(value, list) and all(type(v) is int for v in value):
            # Before NumPy sees it: an int beyond 64 bits is an OverflowError without a place.
            largest = max(value, key=abs, default=0)
            if abs(largest) > LARGEST_NUMBER:
                raise ValueError(f"mask {i}: counts hold {short(largest)}; the counts are damaged")
            lists[i] = np.asarray(value, np.int64)
        else:
            raise ValueError(f"mask {i}: counts are {type(value).__name__}, not text or integers")
    runs, owner = _decode_texts(list(texts.values()), np.fromiter(texts, np.int64, len(texts)))
    # Both kinds in one frame are rare; only then the runs have to be put back into the masks'
    # order.
    if lists:
        runs = np.concatenate([runs, *lists.values()])
        owner = np.concatenate([owner, np.repeat(list(lists), [v.size for v in lists.values()])])
        by_mask = np.argsort(owner, kind="stable")
        runs, owner = runs[by_mask], owner[by_mask]
    return runs, owner


def _decode_texts(texts: list[bytes], names: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Decode compressed counts; returns run lengths and, from ``names``, their masks."""
    # All texts of a frame are decoded as one array: a call per mask costs more than its characters.
    code = np.frombuffer(b"".join(texts), np.uint8).astype(np.int64) - 48
    text = np.repeat(np.arange(len(texts)), [len(t) for t in texts])
    foreign = np.flatnonzero((code < 0) | (code > 63))
    if foreign.size:
        raise ValueError(f"mask {names[text[foreign[0]]]}: counts hold a foreign character")
    # 0x20 says that the number goes on, so a character without it is the last of its number.
    last = np.flatnonzero((code & 0x20) == 0)
    unfinished = np.ones(len(texts), bool)
    if code.size:
        final = np.cumsum([len(t) for t in texts]) - 1
        unfinished = (code[final] & 0x20) != 0
        # An empty text has no last character: the one that was looked at belongs to another mask.
        unfinished |= np.array([not t for t in texts])
    if unfinished.any():
        raise ValueError(f"mask {names[np.argmax(unfinished)]}: counts are cut short")
    # A number ends where no more characters follow, and the next one begins behind it.
    first = np.concatenate([[0], last[:-1] + 1]) if last.size else last
    digit = np.arange(code.size) - np.repeat(first, last - first + 1)
    if digit.size and digit.max() > 6:  # 35 bits: more than any frame has pixels
        raise ValueError(f"mask {names[text[np.argmax(digit)]]}: a run length is too long")
    # reduceat sums the digits of each number, from its first one to that of the next.
    values = np.add.reduceat((code & 0x1F) << (5 * digit), first) if first.size else last
    # The highest of the five bits of the last character is the sign (two's complement).
    negative = (code[last] & 0x10) != 0
    values = values - (negative.astype(np.int64) << (5 * (digit[last] + 1)))
    return _undo_differences(values, text[last], len(texts)), names[text[last]]


def _undo_differences(values: np.ndarray, text: np.ndarray, count: int) -> np.ndarray:
    """From its fourth run on, each run is stored as the difference to the run two before."""
    lengths = np.bincount(text, minlength=count)
    index = np.arange(values.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    runs = values.copy()
    # Runs of background and of foreground are two interleaved sums.  One sum over all masks, less
    # what it was before each mask, is a loop over masks without the loop.
    for members in (np.flatnonzero(index % 2), np.flatnonzero((index % 2 == 0) & (index >= 2))):
        sums = np.cumsum(values[members])
        # Where another mask begins; no mask has the number -1, so the first one counts as new.
        heads = np.flatnonzero(np.diff(text[members], prepend=-1))
        before = sums[heads] - values[members[heads]]
        runs[members] = sums - np.repeat(before, np.diff(heads, append=members.size))
    return runs


def empty(shape: tuple[int, int]) -> dict:
    """Run lengths of a mask without pixels."""
    return {"size": list(shape), "counts": _empty_counts(*shape).decode()}


def of_labels(image: np.ndarray) -> dict[int, dict]:
    """Return {value: run lengths} of all non-zero values of a label image, integer (h, w).

    One pass over the image, whatever the number of values.
    """
    height, width = image.shape
    # Down the columns, as COCO counts; so one copy of the image is made here.
    flat = image.ravel(order="F")
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    values, stops = flat[starts], np.append(starts[1:], flat.size)
    # Stable, so that the runs of one value stay in the order of the picture.
    by_value = np.argsort(values, kind="stable")
    by_value = by_value[values[by_value] != 0]
    found, heads = np.unique(values[by_value], return_index=True)
    result: dict[int, dict] = {}
    if not found.size:
        return result
    for value, runs in zip(found.tolist(), np.split(by_value, heads[1:]), strict=True):
        edges = np.stack([starts[runs], stops[runs]], axis=1).ravel()
        # Distances between the edges are background and foreground in turn, and the background
        # before the first run is there even where it is 0.
        counts = np.diff(edges, prepend=0, append=flat.size)
        # The COCO API writes no empty run at the end.
        counts = counts if counts[-1] else counts[:-1]
        result[value] = _compress(counts, height, width)
    return result


def _compress(counts: np.ndarray, height: int, width: int) -> dict:
    plain = {"size": [height, width], "counts": counts.tolist()}
    return {
        "size": [height, width],
        "counts": coco.frPyObjects(plain, height, width)["counts"].decode(),
    }


def encode(masks: PackedMasks, index: int, box: Sequence[int] | np.ndarray) -> dict:
    """Return mask ``index`` as ``{"size": [h, w], "counts": str}``.

    ``box`` (x, y, width, height) holds the mask; only its pixels are looked at.
    """
    height, width = masks.shape
    x, y, box_width, box_height = (int(v) for v in box)
    # Column after column of the box, with a background pixel in front of each and one behind.
    padded = np.zeros((box_width, box_height + 2), np.int8)
    padded[:, 1:-1] = masks.crop(index, box).T
    # int8, so that the step from 1 to 0 is -1 and not 255; either way it is a change.
    column, row = np.nonzero(np.diff(padded, axis=1))
    # Each column has an even number of changes, thanks to the padding: a start, then a stop.
    change = (column + x) * height + row + y
    # A run that ends at the foot of a column and goes on at the head of the next is one run.
    joined = np.flatnonzero(change[1:-1:2] == change[2::2]) * 2 + 1
    change = np.delete(change, np.concatenate([joined, joined + 1]))
    counts = np.diff(change, prepend=0, append=height * width)
    if counts.size > 1 and counts[-1] == 0:
        counts = counts[:-1]
    return _compress(counts, height, width)
