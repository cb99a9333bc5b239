"""Pictures, video, figures and the viewer of an experiment or a data set.

A picture format is a function ``(job, path, backend, progress)`` and a line in PICTURES.
"""

import importlib
from collections.abc import Callable

# format: ending of the file's name, module and function
PICTURES = {
    "gif": (".gif", "movies", "write_gif"),
    "mp4": (".mp4", "movies", "write_mp4"),
    "png": ("", "movies", "write_png"),
    "html": (".html", "viewer.page", "write_html"),
    "timeline": ("_timeline.png", "figures", "write_timeline"),
    "contact": ("_contact.png", "figures", "write_contact"),
    "motion": ("_motion.png", "figures", "write_motion"),
}
BOTH_SIDES = ("html", "contact")  # show the input beside the result wherever it is there


def writer(name: str) -> tuple[str, Callable]:
    """Ending of the files of format ``name``, and the function that writes them."""
    ending, module, function = PICTURES[name]
    return ending, getattr(importlib.import_module(f"{__name__}.{module}"), function)
