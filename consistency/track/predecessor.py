"""The labels of the tool's predecessor, reproduced exactly, as a baseline.

Its rules are known to be wrong (see docs/design.md): a label is carried at IoU 0, and two masks
that claim one mask of the next frame multiply their labels.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from consistency.masks.intersections import iou
from consistency.measure.frame import FrameMeasurement
from consistency.track.results import Labelled

FIRST_LABEL = 2  # 1 stands for "no label yet"
AREA_LIMIT = 0.3  # on (area now / sum of the next mask's values - 1) ** 2


def propagate_as_predecessor(measurements: Iterable[FrameMeasurement]) -> Iterator[Labelled]:
    """Yield each measurement with its labels; after a frame without masks all are new.

    ``measurements`` come from ``MeasureOptions(keep="seed")``.
    """
    before: Labelled | None = None
    used: set[int] = set()
    counter = FIRST_LABEL
    for now in measurements:
        labels = _carry(*before, now) if before else [1] * now.kept.size
        used.update(labels)
        for mask, value in enumerate(labels):
            if value == 1:
                while counter in used:  # a product of labels may have come to this value before
                    counter += 1
                labels[mask] = counter
                used.add(counter)
        yield now, labels
        before = now, labels


def _carry(then: FrameMeasurement, labels: list[int], now: FrameMeasurement) -> list[int]:
    values = [1] * now.kept.size
    if not values or not labels:
        return values
    best = np.argmax(iou(now.earlier[0].dense(), then.areas, now.areas), axis=1)
    for mask, label in enumerate(labels):
        target = int(best[mask])
        ratio = then.record_areas[mask] / (int(now.areas[target]) * values[target])
        if (ratio - 1) ** 2 < AREA_LIMIT:
            values[target] *= label
    return values
