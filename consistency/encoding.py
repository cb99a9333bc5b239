"""Values as bytes and back, without pickle: who writes such bytes runs no code in who reads them.

A value is None, a bool, int, float, str, bytes or NumPy array, a list, tuple or dict of values, or
one of the dataclasses that both sides name.  Its structure is kept as JSON and its arrays as they
lie in memory; all is compressed together.
"""

import json
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

import numpy as np

LEVEL = 1  # of compression: the next one costs twice the time for a tenth of the space
LENGTH = 8  # bytes that hold the length of the JSON
PLAIN = (type(None), bool, int, float, str)


def encode(value: Any) -> bytes:
    """Return ``value`` as bytes; TypeError for what cannot be kept."""
    blobs: list[bytes] = []
    text = json.dumps(_tree(value, blobs), separators=(",", ":")).encode()
    return zlib.compress(b"".join([len(text).to_bytes(LENGTH, "little"), text, *blobs]), LEVEL)


def decode(data: bytes, classes: Sequence[type] = ()) -> Any:
    """Return the value that ``encode`` was given.

    Parameters
    ----------
    classes : the dataclasses that may be in it; the fields of each have to be those of today.

    Raises
    ------
    ValueError
        If the bytes are damaged, or were written by another version.
    """
    try:
        plain = zlib.decompress(data)
        begin = LENGTH + int.from_bytes(plain[:LENGTH], "little")
        reader = _Reader(plain, begin, {kind.__name__: kind for kind in classes})
        value = reader.value(json.loads(plain[LENGTH:begin]))
        if reader.at != len(plain):
            raise ValueError("bytes are left")
    except (zlib.error, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise ValueError(f"damaged: {error}") from error
    return value


def classes_in(kind: Any) -> set[type]:
    """Return the dataclasses in a type and in the fields of those, from their annotations."""
    found: set[type] = set()
    if isinstance(kind, type) and is_dataclass(kind):
        found.add(kind)
        for inner in get_type_hints(kind).values():
            found |= classes_in(inner)
    for inner in get_args(kind):
        found |= classes_in(inner)
    return found


def _tree(value: Any, blobs: list[bytes]) -> Any:
    """Return what JSON keeps of a value, and append its arrays and bytes to ``blobs``."""
    if type(value) in PLAIN:
        return value
    if isinstance(value, list):
        return [_tree(inner, blobs) for inner in value]
    if isinstance(value, tuple):
        return {"tuple": [_tree(inner, blobs) for inner in value]}
    if isinstance(value, dict):
        return {"dict": [[_tree(k, blobs), _tree(v, blobs)] for k, v in value.items()]}
    if isinstance(value, bytes):
        blobs.append(value)
        return {"bytes": len(value)}
    if isinstance(value, (np.ndarray, np.generic)) and not value.dtype.hasobject:
        blobs.append(value.tobytes())
        kind = "array" if isinstance(value, np.ndarray) else "scalar"
        return {kind: [value.dtype.str, *value.shape]}
    if is_dataclass(value) and not isinstance(value, type):
        # vars() holds more than the fields where something is cached.
        content = {f.name: _tree(getattr(value, f.name), blobs) for f in fields(value)}
        return {"class": [type(value).__name__, content]}
    raise TypeError(f"{type(value).__name__} cannot be kept")


class _Reader:
    """Builds a value; its arrays and bytes follow one another from ``at`` on."""

    def __init__(self, plain: bytes, at: int, classes: Mapping[str, type]):
        self._plain, self.at, self._classes = plain, at, classes

    def value(self, tree: Any) -> Any:
        if isinstance(tree, list):
            return [self.value(inner) for inner in tree]
        if not isinstance(tree, dict):
            return tree
        ((kind, content),) = tree.items()
        builders: dict[str, Callable[[Any], Any]] = {
            "tuple": lambda values: tuple(self.value(inner) for inner in values),
            "dict": lambda pairs: {self.value(k): self.value(v) for k, v in pairs},
            "bytes": self._take,
            "array": self._array,
            "scalar": lambda kind: self._array(kind)[()],
            "class": self._object,
        }
        return builders[kind](content)

    def _take(self, size: int) -> bytes:
        if not 0 <= size <= len(self._plain) - self.at:
            raise ValueError("bytes are missing")
        self.at += size
        return self._plain[self.at - size : self.at]

    def _array(self, kind: list) -> np.ndarray:
        dtype, shape = np.dtype(kind[0]), tuple(kind[1:])
        if dtype.hasobject or any(type(side) is not int or side < 0 for side in shape):
            raise ValueError(f"array of {kind}")
        # A copy of its own: a view would keep the bytes of all others alive.
        data = self._take(math.prod(shape) * dtype.itemsize)
        return np.frombuffer(data, dtype).reshape(shape).copy()

    def _object(self, content: list) -> Any:
        name, values = content
        kind = self._classes[name]
        if [f.name for f in fields(kind)] != list(values):
            raise ValueError(f"{name} has other fields by now")
        return kind(**{key: self.value(value) for key, value in values.items()})
