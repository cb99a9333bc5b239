"""How much speaks for each pair of a track and a mask.

The similarity of a pair is the best of

- the IoU after moving the track's mask to where it is expected,
- the IoU after aligning centroids × (1 - distance / limit) / (1 + (distance / tail)²),

of the masks that the track remembers (module ``views``), times 1 - nesting weight × how much deeper
the mask is nested than the track's last mask was: a whole does not become a part, while a part is
on its own as soon as its whole is not found.  ``distance`` is the innovation, between expected and
found centroid in object sizes, of the remembered mask that lies nearest; limit and tail follow the
innovations of the track.
"""

from dataclasses import dataclass

import numpy as np

from consistency.track.gating import Gate, comparisons, innovations, within_gate
from consistency.track.parameters import Parameters
from consistency.track.state import Detections
from consistency.track.views import Views


@dataclass(frozen=True, eq=False)
class PairSimilarity:
    """Pairs of tracks and masks that were compared, in order of rows, then of columns.

    Attributes
    ----------
    rows, columns : int64 (p,), tracks and masks.
    similarity : float64 (p,) in [0, 1].
    place : float64 (p,) in [0, 1], the IoU at the expected place alone.
    innovation : float64 (p,), distance from the expected place in object sizes, of the view that
        expected it nearest.
    """

    rows: np.ndarray
    columns: np.ndarray
    similarity: np.ndarray
    place: np.ndarray
    innovation: np.ndarray


def pairwise_similarity(
    tracks: np.ndarray,
    predicted: np.ndarray,
    detections: Detections,
    least: np.ndarray,
    memory: int,
    parameters: Parameters,
    without: frozenset[str] = frozenset(),
) -> PairSimilarity:
    """Compare all tracks with all masks of a frame.

    Parameters
    ----------
    tracks : STATE (n,), as carried into the frame.
    predicted : float64 (n, KINDS, 2), centroids expected in it, x, y in pixels.
    least : float64 (n,), similarity below which a pair is of no use to a track; it may be left out.
    memory : of tracks that were absent for longer only the IoU at the expected place is taken.
    without : some of ``options.CUES``, to be left out.
    """
    now, gap = detections.now, detections.t - tracks["frame"]
    views = Views.of(tracks, predicted, parameters, last_only="whole" in without)
    gate = Gate.of(tracks, gap, parameters, fixed="uncertainty" in without)
    near = np.zeros((tracks.size, now.areas.size), bool)
    view, mask = within_gate(views, now, gate, parameters)
    # Near for one view of a track is enough: then all its views are compared with the mask.
    near[views.track[view], mask] = True
    flat = near.ravel().nonzero()[0]
    rows, columns = np.divmod(flat, max(now.areas.size, 1))
    pairs = pair, view, mask = views.of_pairs(rows, columns)
    innovation = np.full(rows.size, np.inf)
    # Of several views the nearest counts: its place was predicted best.
    np.minimum.at(innovation, pair, innovations(views, view, now, mask, parameters))
    # After more than the memory the place alone counts: aligned, any like shape would do.
    nearness = np.where((gap <= memory + 1)[rows], gate.nearness(rows, innovation), 0.0)
    weights = nearness * ("shape" not in without), np.full(rows.size, "velocity" not in without)
    some = comparisons(views, pairs, weights, least, detections, parameters)
    values = detections.shapes.iou(some.first, some.second, some.move, now.shape, some.cut)
    similarity, place = np.zeros(rows.size), np.zeros(rows.size)
    np.maximum.at(similarity, some.pair, values * some.weight)
    np.maximum.at(place, some.pair, values * some.at_place)
    if "nesting" not in without:
        deeper = detections.masks["containment"][columns] - tracks["containment"][rows]
        similarity *= 1 - parameters.nesting_weight * np.maximum(deeper, 0.0)
    return PairSimilarity(rows, columns, similarity, place, innovation)
