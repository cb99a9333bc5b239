"""What to give instead of a path that no format fits: masks are often near."""

from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

from consistency.formats.source import NATIVE_JSON, Source

# Enough for DAVIS (Annotations/480p/<sequence>), and small enough for a home folder: the search
# serves one line of an error.
DEEPEST, MOST_LOOKED_AT = 3, 20  # levels of folders, and entries of one, in search of masks
MOST_BYTES = 1 << 28  # of files that are looked at
FILES_SHOWN = 3
Fits = Callable[[Source], bool]


def hint(source: Source, fits: Fits) -> str:
    """What to do about a path that no format fits; ``fits`` tells whether one fits another."""
    if source.path.is_file():
        return "the file is in none of the formats of docs/formats.md"
    files = _readable(source, fits)
    if files:
        # The first one with its folder, ready to be copied.
        shown = ", ".join([str(source.path / files[0]), *files[1:FILES_SHOWN]])
        more = ", ..." if len(files) > FILES_SHOWN else ""
        what = "one of its files" if len(files) > 1 else "the file itself"
        return f"give {what}: {shown}{more}"
    deeper = _deeper(source, fits)
    if deeper is not None:
        return f"they are in folders inside it: give {deeper}"
    inside = [p.name for p in source.folders[:3]]
    other = f", or a folder inside it ({', '.join(inside)})" if inside else ""
    name = source.path.name
    return (
        f"expected {name}/{NATIVE_JSON}, {name}/numpy_masks/ or another format of "
        f"docs/formats.md{other}"
    )


def _readable(source: Source, fits: Fits) -> list[str]:
    """Return the names of the files in a folder that a format reads, one by one."""
    files = [path for path in source.entries if path.is_file()][:MOST_LOOKED_AT]
    # JSON is parsed whole to tell what it is.
    sizes = accumulate(path.stat().st_size for path in files)
    small = [path for path, size in zip(files, sizes, strict=True) if size <= MOST_BYTES]
    return [path.name for path in small if fits(Source(path, root=source.root))]


def _deeper(source: Source, fits: Fits) -> Path | None:
    """Return the nearest folder with masks or sequences below ``source``, as DAVIS has them."""
    level = [source]
    for _ in range(DEEPEST):
        level = [s.inside(f) for s in level for f in s.folders[:MOST_LOOKED_AT]][:MOST_LOOKED_AT]
        for folder in level:
            # One level more: where sequences lie side by side, the user wants the folder of all.
            inner = [folder, *map(folder.inside, folder.folders[:1])]
            if any(fits(each) for each in inner):
                return folder.path
    return None
