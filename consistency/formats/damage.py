"""Damaged files: whatever a library raises for one becomes one line that names it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consistency.dataset import Frame

LONGEST_REASON = 160  # characters of what a library says


@contextmanager
def naming_file(path: Path) -> Iterator[None]:
    """Raise errors as ValueError, OSError or MemoryError that names ``path``."""
    with _naming(str(path), f"{path}: "):
        yield


@contextmanager
def naming_frame(frame: Frame) -> Iterator[None]:
    """Raise errors as ValueError, OSError or MemoryError that names ``frame``."""
    with _naming(repr(frame.name), f"frame {frame.name!r}: "):
        yield


@contextmanager
def _naming(name: str, lead: str) -> Iterator[None]:
    try:
        yield
    except ImportError:
        raise
    except MemoryError as error:
        raise MemoryError(f"{lead}not enough memory to read it") from error
    except (FileNotFoundError, OSError, ValueError) as error:
        # Named by who has raised it: twice would be noise.
        if name in str(error):
            raise
        # The plain kinds take one text; subclasses as UnicodeDecodeError want five arguments.
        # FileNotFoundError stands first, as it is an OSError, too.
        kinds = (FileNotFoundError, OSError, ValueError)
        raise next(k for k in kinds if isinstance(error, k))(f"{lead}{error}") from error
    except Exception as error:  # of a damaged file anything may come
        reason = f"damaged, or not of this format ({type(error).__name__}: {short_reason(error)})"
        raise ValueError(f"{lead}{reason}; write it again") from error


def short_reason(error: Exception) -> str:
    """Return what a library says of a damaged file, on one line and not for ever."""
    text = " ".join(str(error).split())
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}..."
