"""Pictures, video, figures and the viewer of an experiment or a data set.

A picture format is a function ``(job, path, backend, progress)`` and a line in PICTURES.  It writes
``path``, which does not exist yet, and need not clear up where it fails: see ``replacing``.
"""

import importlib
from collections.abc import Callable

# format: ending of the file's name, module and function
PICTURES = {
    "gif": (".gif", "movies", "write_gif"),
    "mp4": (".mp4", "movies", "write_mp4"),
    "png": ("", "movies", "write_png"),
    "blocks": ("_blocks.gif", "blocks", "write_blocks"),
    "html": (".html", "viewer.page", "write_html"),
    "timeline": ("_timeline.png", "figures", "write_timeline"),
    "contact": ("_contact.png", "figures", "write_contact"),
    "lineage": ("_lineage.png", "figures", "write_lineage"),
    "motion": ("_motion.png", "figures", "write_motion"),
}
OVER_IMAGES = ("gif", "mp4", "png", "html", "contact")  # where these are known
BOTH_SIDES = ("html", "contact")  # show the input beside the result wherever it is there


def ending(name: str) -> str:
    """Return how the names of pictures of format ``name`` end."""
    return PICTURES[name][0]


def writer(name: str) -> Callable:
    """Return the function that writes pictures of format ``name``."""
    _, module, function = PICTURES[name]
    return getattr(importlib.import_module(f"{__name__}.{module}"), function)
