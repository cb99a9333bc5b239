"""How well labels agree with identities.

All metrics of tracking work on a list of ``MetricFrame``.  Each has two parts: ``count_NAME``
counts one sequence, and ``NAME_of`` makes figures of the counts of one or, added up, of several
(``counts.add``).  Masks may overlap; no metric here needs a partition of the frame (STQ, VPQ and PQ
would: they are not offered).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from consistency.metrics.counts import Counts

ALPHAS = np.arange(0.05, 0.99, 0.05)  # thresholds of HOTA
CLEAR_IOU = 0.5  # threshold of CLEAR and of the identity metrics
MOSTLY_TRACKED, MOSTLY_LOST = 0.8, 0.2  # share of an identity's frames
LEAST = np.finfo(float).eps


@dataclass(frozen=True, eq=False)
class MetricFrame:
    """One frame of truth and result.

    Attributes
    ----------
    identities : int64 (n,), each once.
    labels : int64 (m,), each once.
    similarity : float64 (n, m) in [0, 1], the IoU of their masks.
    """

    identities: np.ndarray
    labels: np.ndarray
    similarity: np.ndarray


def _numbered(frames: Sequence[MetricFrame]) -> tuple[list[np.ndarray], list[np.ndarray], int, int]:
    """Identities and labels as 0, 1, 2, ... and how many there are."""
    rows = {v: k for k, v in enumerate(sorted({v for s in frames for v in s.identities.tolist()}))}
    columns = {v: k for k, v in enumerate(sorted({v for s in frames for v in s.labels.tolist()}))}
    return (
        [np.array([rows[v] for v in s.identities.tolist()], np.int64) for s in frames],
        [np.array([columns[v] for v in s.labels.tolist()], np.int64) for s in frames],
        len(rows),
        len(columns),
    )


def _best(score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(score, maximize=True)


def hota(frames: Sequence[MetricFrame]) -> dict[str, float]:
    """HOTA and its parts, means over 19 thresholds, 0-1; see ``count_hota``."""
    return hota_of(count_hota(frames))


def count_hota(frames: Sequence[MetricFrame]) -> Counts:
    """Count for HOTA, per threshold (Luiten et al., IJCV 2021).

    In every frame identities and labels are assigned once for all thresholds, with the largest sum
    of A · S, where A (identity, label) = sum of s / (n_i + n_j - sum of s) over all frames and
    s = S / (row sum + column sum - S).
    """
    rows, columns, n, m = _numbered(frames)
    row_count, column_count, together = np.zeros(n), np.zeros(m), np.zeros((n, m))
    for frame, i, j in zip(frames, rows, columns, strict=True):
        s = frame.similarity
        # An overlap counts less where either side overlaps others too.
        share = s / np.maximum(s.sum(1)[:, None] + s.sum(0)[None, :] - s, LEAST)
        together[np.ix_(i, j)] += share
        row_count[i] += 1
        column_count[j] += 1
    total = row_count[:, None] + column_count[None, :] - together
    alignment = together / np.maximum(total, LEAST)
    hits, location = np.zeros(ALPHAS.size), np.zeros(ALPHAS.size)
    pairs = np.zeros((ALPHAS.size, n, m))
    for frame, i, j in zip(frames, rows, columns, strict=True):
        a, b = _best(alignment[np.ix_(i, j)] * frame.similarity)
        value = frame.similarity[a, b]
        for k, alpha in enumerate(ALPHAS):
            # As TrackEval: an IoU of exactly the threshold is a hit in spite of rounding.
            ok = value >= alpha - LEAST
            np.add.at(pairs[k], (i[a[ok]], j[b[ok]]), 1)
            hits[k] += ok.sum()
            location[k] += value[ok].sum()
    union = row_count[None, :, None] + column_count[None, None, :] - pairs
    return {
        "hits": hits,
        "location": location,
        # Each hit counts with the IoU of its two tracks: pairs hits, times pairs / union.
        "association": (pairs * pairs / np.maximum(union, 1)).sum(axis=(1, 2)),
        "masks": row_count.sum() + column_count.sum(),
    }


def hota_of(counts: Counts) -> dict[str, float]:
    """HOTA and its parts, means over 19 thresholds, 0-1, from what ``count_hota`` returned."""
    hits = counts["hits"]
    association = counts["association"] / np.maximum(hits, 1)
    detection = hits / np.maximum(counts["masks"] - hits, 1)
    localisation = np.where(hits > 0, counts["location"] / np.maximum(hits, 1), 1.0)
    return {
        "HOTA": float(np.sqrt(association * detection).mean()),
        "DetA": float(detection.mean()),
        "AssA": float(association.mean()),
        "LocA": float(localisation.mean()),
    }


def identity(frames: Sequence[MetricFrame]) -> dict[str, float]:
    """IDF1 and its parts, 0-1; see ``count_identity``."""
    return identity_of(count_identity(frames))


def count_identity(frames: Sequence[MetricFrame]) -> Counts:
    """Count masks that are right under the best one-to-one map of labels to identities.

    Ristani et al. 2016; a mask counts for a pair of tracks at an IoU of at least 0.5.
    """
    rows, columns, n, m = _numbered(frames)
    hits = np.zeros((n, m))
    for frame, i, j in zip(frames, rows, columns, strict=True):
        hits[np.ix_(i, j)] += frame.similarity >= CLEAR_IOU
    right = float(hits[_best(hits)].sum())
    return {"right": right, "truth": sum(map(len, rows)), "found": sum(map(len, columns))}


def identity_of(counts: Counts) -> dict[str, float]:
    """IDF1 and its parts, 0-1, from what ``count_identity`` returned."""
    right, truth, found = counts["right"], counts["truth"], counts["found"]
    return {
        "IDF1": 2 * right / max(truth + found, 1),
        "IDP": right / max(found, 1),
        "IDR": right / max(truth, 1),
    }


def clear(frames: Sequence[MetricFrame]) -> dict[str, float]:
    """CLEAR MOT on masks: MOTSA, sMOTSA (Voigtlaender et al. 2019), switches, fragments, MT, ML."""
    return clear_of(count_clear(frames))


def count_clear(frames: Sequence[MetricFrame]) -> Counts:
    """Count for CLEAR MOT.

    In every frame the pairs of the frame before stay together where their IoU still is at least
    0.5; the others are assigned with the largest sum of IoU.
    """
    hits = misses = false = switches = 0
    overlap = 0.0
    last: dict[int, int] = {}  # label that an identity had when last found
    before: dict[int, int] = {}  # ... in the frame before
    found: Counter[int] = Counter()
    present: Counter[int] = Counter()
    pieces: Counter[int] = Counter()
    for frame in frames:
        identities, labels = frame.identities.tolist(), frame.labels.tolist()
        present.update(identities)
        if not frame.similarity.size:  # as TrackEval has it: such a frame ends no fragment
            misses, false = misses + len(identities), false + len(labels)
            continue
        pairs = _clear_pairs(frame, before)
        switches += sum(last.get(identities[i], labels[j]) != labels[j] for i, j in pairs)
        now = {identities[i]: labels[j] for i, j in pairs}
        pieces.update(v for v in now if v not in before)
        last |= now
        before = now
        found.update(now.keys())
        hits += len(pairs)
        misses += len(identities) - len(pairs)
        false += len(labels) - len(pairs)
        overlap += sum(frame.similarity[i, j] for i, j in pairs)
    share = [found[v] / present[v] for v in present]
    return {
        "overlap": overlap,
        "IDSW": switches,
        "Frag": sum(count - 1 for count in pieces.values()),
        "MT": sum(s > MOSTLY_TRACKED for s in share),
        "ML": sum(s < MOSTLY_LOST for s in share),
        "TP": hits,
        "FP": false,
        "FN": misses,
    }


def clear_of(counts: Counts) -> dict[str, float]:
    """CLEAR MOT from what ``count_clear`` returned."""
    truth = max(counts["TP"] + counts["FN"], 1)
    wrong = counts["FP"] + counts["IDSW"]
    return {
        "MOTSA": (counts["TP"] - wrong) / truth,
        "sMOTSA": (counts["overlap"] - wrong) / truth,
        **{name: counts[name] for name in ("IDSW", "Frag", "MT", "ML", "TP", "FP", "FN")},
    }


def _clear_pairs(frame: MetricFrame, before: dict[int, int]) -> list[tuple[int, int]]:
    score = frame.similarity.copy()
    for i, value in enumerate(frame.identities.tolist()):
        if value in before:
            # More than all IoUs of a frame can add up to, so that no assignment gives such a pair
            # up.
            score[i, frame.labels == before[value]] += 1000.0
    # After the bonus: a pair of the frame before that no longer overlaps is given up.
    score[frame.similarity < CLEAR_IOU - LEAST] = 0.0
    rows, columns = _best(score)
    ok = score[rows, columns] > 0
    return list(zip(rows[ok].tolist(), columns[ok].tolist(), strict=True))


def global_map(frames: Sequence[MetricFrame]) -> tuple[dict[int, int], dict[int, float]]:
    """Map identities to labels one-to-one so that the sum of mean IoUs is largest.

    Returns
    -------
    {identity: label} and {identity: mean IoU over the frames that it is in}, 0 for an identity
    without a label.
    """
    rows, columns, n, m = _numbered(frames)
    total, count = np.zeros((n, m)), np.zeros(n)
    for frame, i, j in zip(frames, rows, columns, strict=True):
        total[np.ix_(i, j)] += frame.similarity
        count[i] += 1
    mean = total / np.maximum(count, 1)[:, None]
    i, j = _best(mean)
    names = sorted({v for s in frames for v in s.identities.tolist()})
    labels = sorted({v for s in frames for v in s.labels.tolist()})
    # The assignment also pairs what never overlaps; such pairs are no map.
    mapped = {names[a]: labels[b] for a, b in zip(i, j, strict=True) if mean[a, b] > 0}
    value = dict.fromkeys(names, 0.0)
    value |= {names[a]: float(mean[a, b]) for a, b in zip(i, j, strict=True)}
    return mapped, value


def region(frames: Sequence[MetricFrame]) -> dict[str, float]:
    """Mean and smallest mean IoU of an identity, and J of DAVIS (Perazzi et al. 2016), 0-1."""
    return region_of(count_region(frames))


def count_region(frames: Sequence[MetricFrame]) -> Counts:
    """List the mean IoU and J of each identity.

    J is a mean over all frames of the sequence: where neither identity nor label is there it is 1.
    """
    _, value = global_map(frames)
    means = [float(np.mean(s)) for s in region_scores(frames).values()]
    return {"mean IoU": list(value.values()), "J": means}


def region_scores(frames: Sequence[MetricFrame]) -> dict[int, list[float]]:
    """IoU of each identity with its label under the best global map, {identity: one a frame}.

    Where neither is there it is 1, where one is alone 0.
    """
    mapped, value = global_map(frames)
    scores: dict[int, list[float]] = {name: [] for name in value}
    for frame in frames:
        row = {v: i for i, v in enumerate(frame.identities.tolist())}
        column = {v: j for j, v in enumerate(frame.labels.tolist())}
        for name, per_frame in scores.items():
            i, j = row.get(name), column.get(mapped.get(name))
            if i is not None and j is not None:
                per_frame.append(float(frame.similarity[i, j]))
            else:
                per_frame.append(float(i is None and j is None))
    return scores


def region_of(counts: Counts) -> dict[str, float]:
    """Figures from what ``count_region`` returned."""
    values, scores = counts["mean IoU"], counts["J"]
    if not values:
        return {"mIoU": 0.0, "min mIoU": 0.0, "J": 0.0}
    return {
        "mIoU": float(np.mean(values)),
        "min mIoU": min(values),
        "J": float(np.mean(scores)),
    }
