"""Make a synthetic scene with masks as a segmenter gives them, and the truth beside them.

    python data/make_demo.py --out data/demo

The camera moves over toys on a table; some of them move, hide behind others, leave and come back.
OUT/sk_masks.json       {"0000.png": [{"segmentation", "area", "bbox", "predicted_iou",
                        "stability_score"}, ...]}, masks in random order
OUT/numpy_masks/0000/0.npy   bool (h, w) masks (with --masks rle they are inline COCO RLE instead)
OUT/truth.json          {"0000.png": [identity of each record, null for a mask that is no object]}
OUT/frames/0000.png     RGB pictures

An identity is 100 * object + part; part 0 is the whole object and includes its parts. It stays
when the object is hidden or out of the picture. A near-duplicate has the identity of its original.
Every random number depends on the seed, the frame and the identity only: the same arguments give
the same bytes (as long as NumPy and OpenCV are the same), and more frames or another drop-out rate
leave all other masks as they were.
"""

import argparse
import json
import math
import re
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from paint import Painter
from segmenter import SETTINGS, Found, Setting, bounding_box, segment
from world import make_world

OUTPUT_NAMES = {"sk_masks.json", "truth.json", "numpy_masks", "frames"}
PNG_COMPRESSION = 4  # zlib level; more takes longer and gains little on wood grain
SETTING_FLAGS = {  # name: (largest value, meaning)
    "camera_speed": (0.4, "mean speed of the camera, picture widths a frame"),
    "object_speed": (0.4, "largest speed of an object on the table, picture widths a frame"),
    "drop_out": (1.0, "probability that a mask is missing"),
    "duplicates": (1.0, "probability that a mask comes with a near-duplicate"),
    "spurious": (100.0, "mean number of masks a frame that are no object"),
    "jitter": (50.0, "error of the edges, pixels"),
}


@dataclass(frozen=True)
class Demo:
    """What to make; size is (height, width), in pixels as is min_area. See --help."""

    frames: int = 40
    size: tuple[int, int] = (540, 960)
    objects: int = 24
    seed: int = 0
    masks: str = "npy"
    min_area: int = 40
    setting: Setting = SETTINGS["easy"]


def run_lengths(mask: np.ndarray) -> dict:
    """Return a mask as COCO RLE: lengths of the runs down the columns, the first of background."""
    pixels = np.concatenate([[False], mask.ravel(order="F")])
    changes = np.flatnonzero(pixels[1:] != pixels[:-1])
    counts = np.diff(np.concatenate([[0], changes, [mask.size]]))
    return {"size": list(mask.shape), "counts": counts.tolist()}


def save_mask(path: Path, mask: np.ndarray) -> None:
    """Write a mask that is not empty as .npy.

    The rows above and below the object are skipped, not written: the file reads the same, but
    takes a fraction of the disk and of the time where the file system knows holes.
    """
    top, height = bounding_box(mask)[1::2]
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(mask))
        start = file.tell()
        file.seek(start + top * mask.shape[1])
        file.write(mask[top : top + height].tobytes())
        file.truncate(start + mask.size)


def write_frame(folder: Path, stem: str, picture, found: list[Found], masks: str) -> list[dict]:
    """Write the picture and the masks of a frame; return its records."""
    encoded = cv2.imencode(
        ".png", picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, PNG_COMPRESSION]
    )
    (folder / "frames" / f"{stem}.png").write_bytes(encoded[1].tobytes())
    if masks == "npy":
        (folder / "numpy_masks" / stem).mkdir(parents=True)
    records = []
    for index, item in enumerate(found):
        segmentation = f"numpy_masks/{stem}/{index}.npy"
        if masks == "npy":
            save_mask(folder / segmentation, item.mask)
        records.append(
            {
                "segmentation": segmentation if masks == "npy" else run_lengths(item.mask),
                "area": int(np.count_nonzero(item.mask)),
                "bbox": bounding_box(item.mask),
                "predicted_iou": item.predicted_iou,
                "stability_score": item.stability_score,
            }
        )
    return records


def write_scene(folder: Path, demo: Demo) -> str:
    """Write the whole scene into an empty folder; return a line that sums it up."""
    height, width = demo.size
    world = make_world(demo.seed, demo.objects, width / height, demo.setting.object_speed)
    painter = Painter(world, demo.seed, demo.size, demo.setting.camera_speed)
    (folder / "frames").mkdir()
    records, truth = {}, {}
    for frame in range(demo.frames):
        picture, owners = painter.paint(frame)
        found = segment(owners, world, (demo.seed, frame), demo.setting, demo.min_area)
        stem = f"{frame:04d}"
        records[f"{stem}.png"] = write_frame(folder, stem, picture, found, demo.masks)
        truth[f"{stem}.png"] = [item.identity for item in found]
    for name, content in (("sk_masks.json", records), ("truth.json", truth)):
        (folder / name).write_text(json.dumps(content) + "\n")
    identities = {identity for ids in truth.values() for identity in ids} - {None}
    total = sum(map(len, truth.values()))
    return f"{len(truth)} frames, {total} masks, {len(identities)} identities"


def check_out(out: Path, overwrite: bool) -> None:
    """Raise ValueError if `out` must not be replaced."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; choose another --out")
    present = {path.name for path in out.iterdir()} if out.exists() else set()
    if present and not overwrite:
        raise ValueError(f"{out} is not empty; choose another --out or add --overwrite")
    if present - OUTPUT_NAMES:
        raise ValueError(
            f"{out} holds {min(present - OUTPUT_NAMES)}, which is no part of a demo scene; "
            "--overwrite replaces nothing but demo scenes, choose another --out"
        )


def make_demo(out: Path, demo: Demo, overwrite: bool = False) -> str:
    """Make the scene beside its place and move it there when it is whole; return a summary line."""
    out = out.resolve()
    check_out(out, overwrite)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as beside:
        folder = Path(beside, "new")
        folder.mkdir()
        summary = write_scene(folder, demo)
        if out.exists():
            out.rename(Path(beside, "old"))
        folder.rename(out)
    return f"{summary} in {out}"


def picture_size(text: str) -> tuple[int, int]:
    """Return (height, width) in pixels of a text like 960x540."""
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    size = tuple(map(int, match.groups()))[::-1] if match else (0, 0)
    if not all(16 <= side <= 8192 for side in size):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no size; give WIDTHxHEIGHT in pixels, 16 to 8192 each, as in 960x540"
        )
    return size


def number(kind: type, low: float, high: float):
    """Return a function that turns a text into a number of a kind between two limits."""

    def parse(text: str):
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:  # false for NaN too
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{text!r} is not {what} from {low} to {high}")
        return value

    return parse


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str):
        """Print the message and exit with code 2."""
        self.exit(2, f"{self.prog}: error: {message} (--help shows the usage)\n")


def make_parser() -> Parser:
    """Return the parser of the command line."""
    parser = Parser(
        prog="make_demo.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )

    def add(flag: str, meaning: str, default, **options) -> None:
        parser.add_argument(
            flag, default=default, help=f"{meaning} (default: %(default)s)", **options
        )

    add("--out", "folder to make", Path("data/demo"), type=Path)
    add("--frames", "number of frames", Demo.frames, type=number(int, 1, 100_000))
    add(
        "--size",
        "size of the picture, pixels",
        "960x540",
        type=picture_size,
        metavar="WIDTHxHEIGHT",
    )
    add("--objects", "objects on the table, without parts", Demo.objects, type=number(int, 1, 1000))
    add("--seed", "another number, another scene", Demo.seed, type=number(int, 0, 2**32 - 1))
    add("--masks", "files, or RLE in the JSON", Demo.masks, choices=("npy", "rle"))
    add(
        "--min-area",
        "smaller masks are not found, pixels",
        Demo.min_area,
        type=number(int, 1, 10**6),
    )
    add("--setting", "values of the flags in X not given", "easy", choices=SETTINGS)
    parser.add_argument("--overwrite", action="store_true", help="replace the scene in OUT")
    _add_setting_flags(parser)
    return parser


def _add_setting_flags(parser: Parser) -> None:
    """Add what a setting chooses together; no default, so that one that is given is known."""
    for name, (high, meaning) in SETTING_FLAGS.items():
        values = ", ".join(f"{key} {getattr(value, name)}" for key, value in SETTINGS.items())
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=number(float, 0, high),
            metavar="X",
            help=f"{meaning} (default: {values})",
        )


def main(argv=None) -> int:
    """Make the scene that the command line asks for; return the exit code."""
    parser = make_parser()
    args = parser.parse_args(argv)
    given = {name: getattr(args, name) for name in SETTING_FLAGS}
    given = {name: value for name, value in given.items() if value is not None}
    setting = replace(SETTINGS[args.setting], **given)
    demo = Demo(args.frames, args.size, args.objects, args.seed, args.masks, args.min_area, setting)
    try:
        print(make_demo(args.out, demo, args.overwrite))
    except ValueError as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{parser.prog}: error: cannot write {args.out}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
