"""Errors of workers that are elsewhere."""


def said_by(where: str, error: Exception) -> Exception:
    """Return an error like ``error`` whose message begins with ``where``.

    Its kind decides the exit code, so it stays.  It is made anew because an exception of another
    package need not survive the way to the caller.
    """
    kinds = (ValueError, OSError, ImportError, RuntimeError)
    kind = next((kind for kind in kinds if isinstance(error, kind)), None)
    if kind is None:
        return RuntimeError(f"{where}: {type(error).__name__}: {error}")
    made = kind(f"{where}: {error}")
    if isinstance(error, OSError) and isinstance(made, OSError):
        made.errno = error.errno  # tells a full disk from a missing file
    return made
