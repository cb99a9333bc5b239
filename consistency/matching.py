"""From a table of similarities to a one-to-one assignment."""

import numpy as np

# Below this IoU two masks of consecutive frames are not taken for one object.  Low on purpose:
# one-to-one assignment already decides between rivals, and fast or small objects overlap little.
MIN_IOU = 0.05


def assign_optimal(similarity: np.ndarray, least: float) -> list[tuple[int, int]]:
    """Pairs (row, column) with the largest sum of similarities (Kuhn 1955, Munkres 1957).

    Parameters
    ----------
    similarity : float64 (n, m), 0-1.
    least : pairs below it, and pairs of similarity 0, are never made.
    """
    from scipy.optimize import linear_sum_assignment  # a third of a second to import

    allowed = _allowed(similarity, least)
    rows, columns = np.flatnonzero(allowed.any(axis=1)), np.flatnonzero(allowed.any(axis=0))
    if not rows.size:
        return []
    table = np.where(allowed, similarity, 0.0)[np.ix_(rows, columns)]
    chosen = zip(*linear_sum_assignment(table, maximize=True), strict=True)
    pairs = [(int(rows[i]), int(columns[j])) for i, j in chosen]
    return [(i, j) for i, j in pairs if allowed[i, j]]


def assign_greedy(similarity: np.ndarray, least: float) -> list[tuple[int, int]]:
    """Pairs (row, column), always the most similar of those left; equal ones by row, column."""
    allowed = _allowed(similarity, least)
    rows, columns = np.nonzero(allowed)
    taken_rows, taken_columns, pairs = set(), set(), []
    for k in np.argsort(-similarity[rows, columns], kind="stable"):
        i, j = int(rows[k]), int(columns[k])
        if i not in taken_rows and j not in taken_columns:
            taken_rows.add(i)
            taken_columns.add(j)
            pairs.append((i, j))
    return sorted(pairs)


def _allowed(similarity: np.ndarray, least: float) -> np.ndarray:
    return (similarity >= least) & (similarity > 0)


ASSIGNMENTS = {"optimal": assign_optimal, "greedy": assign_greedy}
