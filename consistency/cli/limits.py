"""Flags that say what an input may ask for."""

import argparse
import re

from consistency.limits import MAX_PIXELS, MOST_PIXELS, Limits

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([KMGT]?)(?:I?B)?", re.ASCII | re.IGNORECASE)
LEAST_MEMORY = 1 << 20


def add_limit_flags(parser: argparse._ActionsContainer) -> None:
    """Add --max-pixels, --max-memory, --follow-links and --read-all."""
    add = parser.add_argument
    add("--max-pixels", type=pixels, default=MAX_PIXELS, help="most pixels of one mask")
    add(
        "--max-memory",
        type=size,
        metavar="SIZE",
        help="most memory of each process, as in 800M or 4G; default: what the machine has",
    )
    add(
        "--follow-links",
        action="store_true",
        help="read what links and paths lead to outside of the data folder, too",
    )
    add(
        "--read-all",
        action="store_true",
        help="read mask files whole; default: only the rows of a record's bbox, where these hold "
        "as many pixels as its area says",
    )


def limits_of(args: argparse.Namespace) -> Limits:
    """Return what the flags say; a command without them has the limits of all."""
    if "max_pixels" not in args:
        return Limits()
    return Limits(args.max_pixels, args.max_memory, args.follow_links, read_all=args.read_all)


def pixels(text: str) -> int:
    """Argument type: a number of pixels that positions of 32 bits can hold."""
    value = int(text) if text.isdecimal() and len(text) < 16 else 0
    if not 1 <= value <= MOST_PIXELS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MOST_PIXELS}")
    return value


def size(text: str) -> int:
    """Argument type: a number of bytes, with K, M, G or T for 1024 of the unit before."""
    found = SIZE.fullmatch(text.strip())
    value = int(float(found[1]) * UNITS[found[2].upper()]) if found else 0
    if value < LEAST_MEMORY:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size from 1M, such as 800M or 4G")
    return value
