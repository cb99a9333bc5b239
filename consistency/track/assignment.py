"""From a table of similarities to a one-to-one assignment."""

import numpy as np


def assign_optimal(similarity: np.ndarray, least: float) -> list[tuple[int, int]]:
    """Pairs (row, column) with the largest sum of similarities (Kuhn 1955, Munkres 1957).

    Parameters
    ----------
    similarity : float64 (n, m), 0-1.
    least : pairs below it, and pairs of similarity 0, are never made.
    """
    rows, columns = np.nonzero(_allowed(similarity, least))
    chosen = assign_pairs(rows, columns, similarity[rows, columns])
    return list(zip(rows[chosen].tolist(), columns[chosen].tolist(), strict=True))


def assign_pairs(rows: np.ndarray, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Choose pairs, no row and no column twice, with the largest sum of values (Kuhn 1955).

    Parameters
    ----------
    rows, columns : int64 (p,), no pair twice; values : float64 (p,), pairs of 0 are never chosen.

    Returns
    -------
    int64 (k,), numbers of the chosen pairs, sorted.
    """
    some = (values > 0).nonzero()[0]
    if not some.size:
        return some
    settled, some = settle(rows, columns, values, some)
    if not some.size:
        return settled
    from scipy.optimize import linear_sum_assignment  # a third of a second to import

    used_rows, row = np.unique(rows[some], return_inverse=True)
    used_columns, column = np.unique(columns[some], return_inverse=True)
    number = np.full((used_rows.size, used_columns.size), -1)
    number[row, column] = some
    table = np.zeros(number.shape)
    table[row, column] = values[some]
    chosen = number[linear_sum_assignment(table, maximize=True)]
    return np.sort(np.concatenate([settled, chosen[chosen >= 0]]))


def settle(
    rows: np.ndarray, columns: np.ndarray, values: np.ndarray, some: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs that are chosen for sure, and those that an assignment has to decide on.

    Parameters
    ----------
    some : int64 (k,), not empty, numbers of the pairs to look at; their values are above 0.
    """
    row, column, value = rows[some], columns[some], values[some]
    # A pair worth more than the best other one of its row and the best other one of its column
    # together is chosen: it could take the place of both.  Most pairs are settled like this.
    sure = value > _second(row, value) + _second(column, value)
    return some[sure], some[~(_taken(row, sure) | _taken(column, sure))]


def _taken(line: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """Whether anything ``sure`` is on the same line, bool (p,)."""
    taken = np.zeros(line.max() + 1, bool)
    taken[line[sure]] = True
    return taken[line]


def _second(line: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Largest of the other values on the same line, 0 where there is none, float64 (p,).

    Of a value that is not the largest of its line: the largest.
    """
    best, second = np.zeros((2, line.max() + 1))
    np.maximum.at(best, line, value)
    largest = value == best[line]
    np.maximum.at(second, line, np.where(largest, 0.0, value))
    several = np.bincount(line, largest) > 1
    second[several] = best[several]
    return np.where(largest, second[line], best[line])


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
