"""Which frame of the ground truth shows which frame of an experiment."""

import logging
import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path

from consistency.dataset import Frame

log = logging.getLogger("consistency")


def pair_frames(truth: Sequence[Frame], names: Sequence[str], where: Path) -> tuple[Frame, ...]:
    """Return the frames of ``truth`` that belong to ``names``, one each and in their order.

    Stems decide ("7.png" is "7"), or else the numbers in them ("mask007.tif" is
    "man_track007.tif"): both sides must have the same ones.  Where the sides have not even one in
    common, no name speaks against the order of time; then there must be as many frames.

    Raises
    ------
    ValueError
        With the first name that has no partner, if the frames cannot be told apart for certain.
    """
    ours = [Frame(name, ()).stem for name in names]
    theirs = [frame.stem for frame in truth]
    # Numbers are asked only where not a single stem is on both sides: where some are, a frame is
    # missing, and its number may be that of another.
    for key_of in (str, _number):
        mine, other = _keys(ours, key_of), _keys(theirs, key_of)
        if set(mine) == set(other) and None not in mine:
            by_key = dict(zip(other, truth, strict=True))
            return tuple(by_key[key] for key in mine)
        if set(mine) & set(other) - {None}:
            problem = _difference(ours, mine, theirs, other)
            raise ValueError(f"{where}: {problem}; both must be of one sequence")
    if len(ours) != len(theirs):
        raise ValueError(
            f"{where}: {len(theirs)} frames of ground truth for {len(ours)} of the experiment; "
            "both must be of one sequence"
        )
    log.warning(
        "%s: no frame of the ground truth has a name or number of the experiment's; paired by "
        "position: %r with %r, ...",
        where,
        truth[0].name,
        names[0],
    )
    return tuple(truth)


def _keys(stems: Iterable[str], key_of: Callable[[str], Hashable]) -> list[Hashable]:
    """Key of each stem; None where it has none, and all None where two share one."""
    keys = [key_of(stem) for stem in stems]
    return keys if len(set(keys)) == len(keys) else [None] * len(keys)


def _number(stem: str) -> int | None:
    """The last number in a name."""
    found = re.findall(r"\d+", stem)
    return int(found[-1]) if found else None


def _difference(ours: list[str], mine: list, theirs: list[str], other: list) -> str:
    """Name the first frame whose key the other side lacks."""
    lacking = [stem for stem, key in zip(ours, mine, strict=True) if key not in set(other)]
    if lacking:
        return f"no ground truth for frame {lacking[0]!r} of the experiment"
    surplus = [stem for stem, key in zip(theirs, other, strict=True) if key not in set(mine)]
    return f"the experiment has no frame {surplus[0]!r}"
