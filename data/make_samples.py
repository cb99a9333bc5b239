"""Make a small sample of every format that is read, for the commands of docs/formats.md.

    python data/make_samples.py --out data

OUT/coco/coco.json, OUT/davis/..., ...    four frames of three objects, the same in all formats
OUT/transforms.json                       frames as nerfstudio lists them

They are those of the tests.  A folder that exists is left as it is.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import samples  # noqa: E402 - found in the folders above
import sequences  # noqa: E402

SAMPLES = {
    "native": sequences.disjoint,
    "amg": samples.amg_png,
    "sa1b": samples.sa1b,
    "sav": samples.sav_json,
    "coco": samples.coco_json,
    "ytvis": samples.ytvis_json,
    "mots": samples.mots_text,
    "davis": samples.davis,
    "labelmaps": samples.labels_8bit,
    "panoptic": samples.panoptic_deva,
    "ctc": samples.ctc,
    "tiff": samples.tiff_stack,
    "npz": samples.npz_masks,
    "png": samples.png_folders,
    "video": samples.video_objects,
    "labelme": samples.labelme,
    "cvat": samples.cvat_tracks,
    "yolo": samples.yolo_tracks,
    "grounded_sam": samples.grounded_sam,
}
FRAMES = 4


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--out", type=Path, default=Path("data"), help="folder (default: data)")
    out = parser.parse_args(argv).out
    out.mkdir(parents=True, exist_ok=True)
    for name, write in SAMPLES.items():
        if not (out / name).exists():
            write(out / name)
    transforms = out / "transforms.json"
    if not transforms.exists():
        frames = [{"file_path": f"images/{t:04d}.png"} for t in range(FRAMES)]
        transforms.write_text(json.dumps({"frames": frames}))
    print(f"{out}: samples of {', '.join(SAMPLES)}; their commands are in docs/formats.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
