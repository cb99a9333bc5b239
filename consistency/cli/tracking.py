"""Flags of the command line that say how labels are carried."""

import argparse
from pathlib import Path
from typing import Any

from consistency.cli.common import fraction, natural, positive

MATCHINGS = ("track", "optimal", "greedy", "seed")
MOTIONS = ("none", "translation", "affine", "frames")


def add_association_flags(parser: argparse.ArgumentParser) -> None:
    """Add --matching and what goes with it."""
    add = parser.add_argument_group("labels").add_argument
    add(
        "--matching",
        choices=MATCHINGS,
        default="track",
        help="follow motion and shape; IoU alone, one-to-one with the largest sum or always the "
        "best pair left; or the labels of the predecessor, errors included",
    )
    add("--min-iou", type=fraction, default=0.05, help="optimal, greedy: least IoU of one label")
    add(
        "--memory",
        type=natural,
        help="frames a track may miss and still return; default: 10, with --on-split new 0, with "
        "--matching optimal or greedy 1",
    )
    add("--min-length", type=positive, default=1, help="leave out tracks with fewer masks")
    _add_track_flags(parser)


def _add_track_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("labels by --matching track").add_argument
    add(
        "--long-memory",
        type=natural,
        help="frames a track may miss where the camera's motion is known, and place and shape fit; "
        "default: 40, with --on-split new 0",
    )
    add(
        "--motion",
        choices=MOTIONS,
        default="affine",
        help="motion of the camera, from the edges of the masks; frames: of each mask, from images",
    )
    add("--frames-path", type=Path, help="folder with the images, for --motion frames")
    add(
        "--on-split",
        choices=("keep", "new"),
        default="keep",
        help="of a mask that becomes two, one piece keeps the label or both get new ones (cells)",
    )
    add("--passes", type=int, choices=(1, 2), default=2, help="2: join tracks afterwards")


def association(args: argparse.Namespace) -> dict[str, Any]:
    """Fields of ``consistency.track.association.Association`` from the flags."""
    if args.motion == "frames" and args.frames_path is None:
        raise ValueError("--motion frames needs the images; give their folder with --frames-path")
    return {
        "matching": args.matching,
        "min_iou": args.min_iou,
        "memory": args.memory,
        "long_memory": args.long_memory,
        "motion": args.motion,
        "frames_path": args.frames_path and str(args.frames_path.resolve()),
        "on_split": args.on_split,
        "passes": args.passes,
        "min_length": args.min_length,
    }
