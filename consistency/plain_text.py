"""JSON and CSV that any program reads, and that mean no more than they say.

JSON knows no NaN and no infinity: they become null.  A spreadsheet takes text that begins with
``=``, ``+``, ``-`` or ``@`` for a formula, whoever wrote it: such text gets a ``'`` in front, which
they take for "text", and so does text that begins with ``'`` itself.  Numbers stay as they are.
``plain_field`` takes the sign off again.
"""

import csv
import json
import math
from collections.abc import Iterable
from typing import Any, TextIO

TEXT_SIGN = "'"
FORMULAS = ("=", "+", "-", "@", "\t", "\r", TEXT_SIGN)


def to_json(value: Any, **how: Any) -> str:
    """Return ``value`` as JSON; ``how`` goes to ``json.dumps``."""
    try:
        return json.dumps(value, allow_nan=False, **how)
    except ValueError:  # there is one somewhere, which is rare
        return json.dumps(_finite(value), allow_nan=False, **how)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list | tuple) else value


def write_rows(file: TextIO, rows: Iterable[Iterable[Any]]) -> None:
    """Write lines of CSV; None becomes an empty field."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows([safe_field(value) for value in row] for row in rows)


def safe_field(value: Any) -> Any:
    """Return text that might be a formula with the sign of text in front, all else as it is."""
    formula = isinstance(value, str) and value.startswith(FORMULAS)
    return TEXT_SIGN + value if formula else value


def plain_field(value: str) -> str:
    """Return the text of a field as it was before ``safe_field``."""
    return value[1:] if value.startswith(TEXT_SIGN) and value[1:].startswith(FORMULAS) else value
