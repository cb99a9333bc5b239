"""The compiled inner loops of this package, where they were built (``setup.py``); else None.

Whoever calls them has the same in NumPy beside, to the bit.  MASK_LABEL_COMPILED=0 in the
environment leaves them out.
"""

import os
from types import ModuleType

INTERFACE = 3  # that of _compiled.c

native: ModuleType | None = None
if os.environ.get("MASK_LABEL_COMPILED") != "0":
    try:
        from consistency.masks import _compiled as native
    except ImportError:  # there was no compiler
        native = None
if getattr(native, "INTERFACE", None) != INTERFACE:  # built of an older source, and not again since
    native = None
