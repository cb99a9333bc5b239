"""The synthetic segmenter: turns what is visible in a frame into masks with the usual faults.

Edges are inexact, masks are missing, come twice or are no object at all; the order is random.
Random numbers depend on the seed, the frame and the identity only, so that one fault more or less
leaves all other masks as they were.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from paint import noise
from world import PARTS_PER_OBJECT

JITTER_CELL = 10  # pixels over which the error of an edge stays similar
JITTER_LIMIT = 0.05  # of the square root of the area: small masks keep their shape
DUPLICATE_JITTER = 2.0  # a near-duplicate is this much less exact than its original


@dataclass(frozen=True)
class Setting:
    """How hard the scene is.

    camera_speed : mean, picture widths a frame. object_speed : largest, the same unit.
    drop_out : probability that a mask is missing.
    duplicates : probability that a mask comes with a near-duplicate.
    spurious : mean number of masks a frame that are no object.
    jitter : error of the edges, pixels.
    """

    camera_speed: float = 0.018
    object_speed: float = 0.006
    drop_out: float = 0.04
    duplicates: float = 0.08
    spurious: float = 0.3
    jitter: float = 1.2


# In association scores a duplicate that was rightly removed counts as a miss of its identity. The
# hard setting is about association and has none: 8 % of them would cap the score near 92.
SETTINGS = {
    "easy": Setting(),
    "hard": Setting(camera_speed=0.04, drop_out=0.2, duplicates=0.0),
}


@dataclass(frozen=True)
class Found:
    """A mask that the segmenter found: (h, w) bool, its identity or None, its two scores (0-1)."""

    identity: int | None
    mask: np.ndarray
    predicted_iou: float
    stability_score: float


def wobble(mask: np.ndarray, pixels: float, rng) -> np.ndarray:
    """Return the (h, w) bool mask, its edges moved by smooth random errors of about `pixels`."""
    pixels = min(pixels, JITTER_LIMIT * math.sqrt(np.count_nonzero(mask)))
    margin = math.ceil(3 * pixels) + 1
    x, y, width, height = bounding_box(mask)
    window = np.s_[
        max(y - margin, 0) : y + height + margin, max(x - margin, 0) : x + width + margin
    ]
    inside = mask[window].astype(np.float32)
    cells = tuple(side // JITTER_CELL + 2 for side in inside.shape)
    error = math.sqrt(3) * pixels  # uniform in +-1 deviates by 1 / sqrt(3)
    rows, columns = np.indices(inside.shape, dtype=np.float32)
    shift_x, shift_y = (error * noise(rng, inside.shape, cells) for _ in "xy")
    moved = cv2.remap(
        inside, columns + shift_x, rows + shift_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    result = np.zeros_like(mask)
    result[window] = moved >= 0.5
    return result


def bounding_box(mask: np.ndarray) -> list[int]:
    """Return [x, y, width, height] in pixels of a mask that is not empty."""
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    x, y = int(columns[0]), int(rows[0])
    return [x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1]


def find_object(identity, visible, key, setting, min_area) -> list[Found]:
    """Return what the segmenter makes of one visible region: nothing, a mask, or two.

    visible : (h, w) bool. key : (seed, frame). min_area : pixels.
    """
    rng = np.random.default_rng([*key, identity])
    dropped, doubled = rng.random(2) < (setting.drop_out, setting.duplicates)
    if dropped or np.count_nonzero(visible) < min_area:
        return []
    found = []
    for pixels in (setting.jitter, DUPLICATE_JITTER * setting.jitter)[: 1 + doubled]:
        mask = wobble(visible, pixels, rng)
        iou = np.count_nonzero(mask & visible) / np.count_nonzero(mask | visible)
        scores = np.clip(iou - rng.uniform(0, 0.03, 2), 0, 1).round(4)
        if np.count_nonzero(mask) >= min_area:
            found.append(Found(identity, mask, *scores.tolist()))
    return found


def invent_masks(shape, rng, setting, min_area) -> list[Found]:
    """Return masks that are no object: wobbly ellipses anywhere in the (h, w) picture."""
    height, width = shape
    found = []
    for _ in range(rng.poisson(setting.spurious)):
        mask = np.zeros(shape, np.uint8)
        centre = rng.integers((width, height)).tolist()
        axes = np.maximum(rng.uniform(0.02, 0.12, 2) * height, 1).round().astype(int).tolist()
        cv2.ellipse(mask, centre, axes, rng.uniform(0, 180), 0, 360, 1, cv2.FILLED)
        mask = wobble(mask.astype(bool), 3 * setting.jitter, rng)
        if np.count_nonzero(mask) >= min_area:
            scores = rng.uniform(0.6, 0.92, 2).round(4)
            found.append(Found(None, mask, *scores.tolist()))
    return found


def segment(owners, world, key, setting, min_area) -> list[Found]:
    """Return the masks of one frame in random order.

    owners : (h, w) int32, identity of the topmost part at each pixel, 0 = none.
    key : (seed, frame). min_area : masks of fewer pixels are not found.
    """
    rng = np.random.default_rng([*key, 1])  # identities begin at 100
    found = invent_masks(owners.shape, rng, setting, min_area)
    numbers = owners // PARTS_PER_OBJECT
    for item in world:
        own = numbers == item.number
        if not own.any():
            continue
        for part, piece in enumerate(item.parts):
            if not piece.has_mask:
                continue
            visible = own if part == 0 else np.isin(owners, item.identities_inside(part))
            identity = PARTS_PER_OBJECT * item.number + part
            found += find_object(identity, visible, key, setting, min_area)
    return [found[k] for k in rng.permutation(len(found))]
