"""What figures of several sequences are made of: counts that add up."""

from collections.abc import Iterable
from typing import Any

# Numbers and arrays are sums; lists have a value for each identity; all names have counts, or none.
Counts = dict[str, Any]


def add(counts: Iterable[Counts]) -> Counts:
    """Return the counts of all sequences together; identities and labels of two are never the same.

    Numbers and arrays add up, lists are joined, and so are the values of dicts.
    """
    every = list(counts)
    total = dict(every[0])
    for more in every[1:]:
        for name, value in more.items():
            joined = add([total[name], value]) if isinstance(value, dict) else total[name] + value
            total[name] = joined
    return total
