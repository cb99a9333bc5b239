"""Flags that say which masks are filled in, and from what."""

import argparse
from pathlib import Path

from consistency.cli.common import natural, share
from consistency.options import FLOW_PRESETS, FillingOptions


def add_filling_flags(parser: argparse._ActionsContainer) -> None:
    """Add --frame-interval and what goes with it; --frames-path is there already."""
    add = parser.add_argument
    add(
        "--frame-interval",
        type=natural,
        default=FillingOptions.interval,
        metavar="I",
        help="read the masks of every (I + 1)-th frame alone and fill the frames between, from "
        "both sides",
    )
    add(
        "--change-driven",
        action="store_true",
        help="choose as many key frames by how much changes, in the images or the masks",
    )
    add(
        "--fill-gaps",
        action="store_true",
        help="fill frames in which the mask of a track is missing",
    )
    add(
        "--flow-path",
        type=Path,
        help="folder with the optical flow from each frame to the next, named like the frame: "
        "Middlebury .flo, .npy (h, w, 2) or KITTI .png; flow is also computed from the images of "
        "--frames-path, and without both masks move on straight lines",
    )
    add(
        "--flow-preset",
        choices=FLOW_PRESETS,
        default=FillingOptions.preset,
        help="how flow is computed from images",
    )
    add(
        "--scale",
        type=share,
        default=FillingOptions.scale,
        help="size at which images and flow are looked at, over their own; key frames are read, "
        "and their masks compared, at full size",
    )


def filling_of(args: argparse.Namespace) -> FillingOptions | None:
    """Return what the flags say; None where nothing is to be filled."""
    options = FillingOptions(
        interval=args.frame_interval,
        change_driven=args.change_driven,
        gaps=args.fill_gaps,
        # Absolute: workers on other machines start in other folders.
        frames_path=args.frames_path and str(args.frames_path.resolve()),
        flow_path=args.flow_path and str(args.flow_path.resolve()),
        preset=args.flow_preset,
        scale=args.scale,
    )
    return options if options.wanted else None
