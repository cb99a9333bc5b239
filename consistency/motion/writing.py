"""Regions as a native data set: a mask for each region and frame, labels that hold throughout."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from consistency.formats.source import NATIVE_JSON
from consistency.motion.fields import Fields
from consistency.plain_text import to_json


def write(folder: Path, fields: Fields, shares: np.ndarray, progress: Callable[..., Any]) -> int:
    """Write the masks at the size of the frames; returns how many.

    Parameters
    ----------
    folder : a new one.
    shares : float32 (regions, frames, h, w), at the size of ``fields.flow``.
    """
    # The largest first: region 1 is what nearly everything else lies on.
    order = np.argsort(-shares.mean(axis=(1, 2, 3)), kind="stable")
    records: dict[str, list[dict]] = {}
    folder.mkdir()
    for t, name in enumerate(progress(fields.names, "write", len(fields.names))):
        owners = _owners(shares[order, t], fields.shape)
        records[name] = []
        for k in range(len(order)):
            mask = owners == k
            if mask.any():
                records[name].append(_write_mask(folder, name, mask, k + 1))
    (folder / NATIVE_JSON).write_text(to_json(records, indent=1) + "\n")
    return sum(map(len, records.values()))


def _owners(shares: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Region of each pixel, int (h, w)."""
    import cv2

    whole = [cv2.resize(s, shape[::-1], interpolation=cv2.INTER_LINEAR) for s in shares]
    return np.argmax(whole, axis=0)


def _write_mask(folder: Path, name: str, mask: np.ndarray, label: int) -> dict:
    path = f"numpy_masks/{name}/{label}.npy"
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    np.save(folder / path, mask)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x, y = int(columns[0]), int(rows[0])
    box = [x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1]
    return {"segmentation": path, "area": int(mask.sum()), "bbox": box, "label": label}
