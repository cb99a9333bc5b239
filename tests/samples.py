"""Small hand-made data of every format that is read, all showing the objects of ``sequences``.

Each function writes into a folder and returns the path to open.  Identities are a: 1, b: 2, c: 3.
"""

import base64
import io
import json
from pathlib import Path

import numpy as np
import sequences
import tifffile
from PIL import Image
from sequences import HEIGHT, OBJECTS, WIDTH, mask, run_lengths

IDS = {"a": 1, "b": 2, "c": 3}
CELLS = 4  # frames


def present(t: int) -> list[str]:
    """Objects of frame ``t``."""
    return [k for k in OBJECTS if t in OBJECTS[k]]


def label_image(t: int, dtype=np.uint8, scale: int = 1) -> np.ndarray:
    """Label image of frame ``t`` with IDS × scale."""
    image = np.zeros((HEIGHT, WIDTH), dtype)
    for k in present(t):
        image[mask(k, t)] = IDS[k] * scale
    return image


def save(path: Path, pixels: np.ndarray, palette: bool = False) -> None:
    """Write a PNG or TIFF file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        tifffile.imwrite(path, pixels)
        return
    image = Image.fromarray(pixels)
    if palette:
        image.putpalette(bytes(range(256)) * 3)
    image.save(path)


def record(k: str, t: int) -> dict:
    """What a generator says of a mask."""
    return {
        "segmentation": run_lengths(mask(k, t)),
        "area": int(mask(k, t).sum()),
        "bbox": [1, 2, 3, 4],
        "predicted_iou": 0.9,
        "point_coords": [[1.5, 2.0]],
        "stability_score": 0.95,
        "crop_box": [0, 0, WIDTH, HEIGHT],
    }


def amg_json(folder):
    folder.mkdir()
    for t in range(CELLS):
        content = [record(k, t) for k in present(t)]
        (folder / f"frame{t}.json").write_text(json.dumps(content))
    return folder


AMG_HEADER = (
    "id,area,bbox_x0,bbox_y0,bbox_w,bbox_h,point_input_x,point_input_y,predicted_iou,"
    "stability_score,crop_box_x0,crop_box_y0,crop_box_w,crop_box_h"
)


def amg_png(folder):
    for t in range(CELLS):
        rows = [AMG_HEADER]
        for i, k in enumerate(present(t)):
            save(folder / f"f{t}" / f"{i}.png", mask(k, t).astype(np.uint8) * 255)
            rows.append(f"{i},{mask(k, t).sum()},1,2,3,4,1.5,2.0,0.9,0.95,0,0,{WIDTH},{HEIGHT}")
        (folder / f"f{t}" / "metadata.csv").write_text("\n".join(rows))
    return folder


def sa1b(folder):
    folder.mkdir()
    for t in range(CELLS):
        image = {"image_id": t, "width": WIDTH, "height": HEIGHT, "file_name": f"sa_{t}.jpg"}
        annotations = [record(k, t) | {"id": i} for i, k in enumerate(present(t))]
        content = {"image": image, "annotations": annotations}
        (folder / f"sa_{t}.json").write_text(json.dumps(content))
    return folder


def sav_json(folder):
    folder.mkdir()
    nothing = run_lengths(np.zeros((HEIGHT, WIDTH), bool))
    masklet = [
        [run_lengths(mask(k, t)) if k in present(t) else nothing for k in OBJECTS]
        for t in range(CELLS)
    ]
    content = {"video_id": "x", "masklet": masklet, "masklet_id": [1, 2, 3], "masklet_num": 3}
    (folder / "x.json").write_text(json.dumps(content))
    return folder / "x.json"


def sav_png(folder):
    for t in range(CELLS):
        for k in present(t):
            save(folder / f"{IDS[k]:03d}" / f"{4 * t:05d}.png", mask(k, t).astype(np.uint8) * 255)
    return folder


def coco_json(folder):
    images = [
        {"id": 10 + t, "file_name": f"video/{t}.jpg", "width": WIDTH, "height": HEIGHT}
        for t in range(CELLS)
    ]
    annotations = [
        record(k, t) | {"id": 1, "image_id": 10 + t, "category_id": 7, "track_id": IDS[k]}
        for t in range(CELLS)
        for k in present(t)
    ]
    categories = [{"id": 7, "name": "cup"}]
    folder.mkdir()
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "coco.json").write_text(json.dumps(content))
    return folder / "coco.json"


def ytvis_json(folder):
    names = [f"abc/{t:05d}.jpg" for t in range(CELLS)]
    videos = [
        {"id": 5, "width": WIDTH, "height": HEIGHT, "length": CELLS, "file_names": names},
    ]
    annotations = [
        {
            "id": IDS[k],
            "video_id": 5,
            "category_id": 2,
            "segmentations": [
                run_lengths(mask(k, t)) if k in present(t) else None for t in range(4)
            ],
            "areas": [int(mask(k, t).sum()) if k in present(t) else None for t in range(4)],
        }
        for k in OBJECTS
    ]
    folder.mkdir()
    content = {"videos": videos, "annotations": annotations, "categories": []}
    (folder / "yt.json").write_text(json.dumps(content))
    return folder / "yt.json"


def mots_text(folder):
    folder.mkdir()
    lines = []
    for t in range(CELLS):
        for k in present(t):
            counts = run_lengths(mask(k, t))["counts"]
            lines.append(f"{t} {IDS[k]} 2 {HEIGHT} {WIDTH} {counts}")
        lines.append(f"{t} 10000 10 {HEIGHT} {WIDTH} {run_lengths(mask('a', 0))['counts']}")
    (folder / "0001.txt").write_text("\n".join(lines) + "\n")
    return folder / "0001.txt"


def davis(folder):
    for t in range(CELLS):
        image = label_image(t)
        image[-1, :5] = 255
        image[-1, 5:9] = 254
        save(folder / f"{t:05d}.png", image, palette=True)
    return folder


def labels_8bit(folder):
    for t in range(CELLS):
        save(folder / f"{t}.png", label_image(t))
    return folder


def labels_16bit(folder):
    for t in range(CELLS):
        save(folder / f"{t}.png", label_image(t, np.uint16))
    return folder


def labels_tiff(folder):
    for t in range(CELLS):
        save(folder / f"t{t}.tif", label_image(t, np.uint32))
    return folder


def panoptic_deva(folder):
    for t in range(CELLS):
        save(folder / f"{t:04d}.png", label_image(t), palette=True)
        segments = [{"id": IDS[k], "category_id": 3, "isthing": True} for k in present(t)]
        (folder / f"{t:04d}.json").write_text(json.dumps(segments))
    return folder


def panoptic_colours(folder):
    """Ids above 255 in colours, one JSON for all, images in a folder of their own."""
    entries = []
    for t in range(CELLS):
        numbers = label_image(t, np.uint32, 70_000)
        colours = np.stack([numbers >> s & 255 for s in (0, 8, 16)], axis=-1).astype(np.uint8)
        save(folder / "Annotations" / f"{t:04d}.png", colours)
        segments = [{"id": IDS[k] * 70_000, "category_id": 1, "area": 1} for k in present(t)]
        entries.append({"file_name": f"{t:04d}.jpg", "segments_info": segments})
    (folder / "pred.json").write_text(json.dumps({"annotations": entries}))
    return folder


def ctc(folder):
    """A result; b is away in frame 1, so that its second part is label 4 here."""
    for t in range(CELLS):
        image = label_image(t, np.uint16)
        save(folder / f"mask{t:03d}.tif", np.where((image == 2) & (t > 1), 4, image))
    (folder / "res_track.txt").write_text("1 0 3 0\n2 0 0 0\n3 2 3 0\n4 2 3 2\n")
    return folder


def ctc_truth(folder):
    for t in range(CELLS):
        save(folder / "TRA" / f"man_track{t:03d}.tif", label_image(t, np.uint16))
    (folder / "TRA" / "man_track.txt").write_text("1 0 3 0\n2 0 3 0\n3 2 3 1\n")
    return folder


def tiff_stack(folder):
    folder.mkdir()
    stack = np.stack([label_image(t, np.uint16) for t in range(CELLS)])
    grey = {"photometric": "minisblack", "metadata": {"axes": "TYX"}}
    tifffile.imwrite(folder / "cells.tif", stack, compression="zlib", **grey)
    return folder / "cells.tif"


def tiff_imagej(folder):
    folder.mkdir()
    stack = np.stack([label_image(t, np.uint16) for t in range(CELLS)])
    tifffile.imwrite(folder / "cells.tif", stack, imagej=True, metadata={"axes": "TYX"})
    return folder


def tiff_layers(folder):
    folder.mkdir()
    for layer, kept in enumerate(([1, 3], [2])):
        stack = np.stack([label_image(t, np.uint16) for t in range(CELLS)])
        stack[~np.isin(stack, kept)] = 0
        # as tifffile takes four frames for four colours, unless told
        colours = {"photometric": "rgb", "planarconfig": "separate", "extrasamples": [0]}
        grey = {"photometric": "minisblack"}
        tifffile.imwrite(folder / f"x_layer{layer}.tif", stack, **(colours if layer else grey))
    return folder


def _stack() -> dict[str, np.ndarray]:
    pairs = [(t, k) for t in range(CELLS) for k in present(t)]
    return {
        "masks": np.stack([mask(k, t) for t, k in pairs]),
        "frame_indices": np.array([t for t, _ in pairs], np.int32),
        "object_ids": np.array([IDS[k] for _, k in pairs], np.int32),
        "scores": np.linspace(0.5, 0.9, len(pairs)),
    }


def npz_masks(folder):
    folder.mkdir()
    np.savez_compressed(folder / "x.npz", **_stack())
    return folder / "x.npz"


def _packed(folder, pack):
    folder.mkdir()
    arrays = _stack()
    masks = arrays.pop("masks")
    np.savez(folder / "x.npz", packbits=pack(masks), shape=np.array(masks.shape), **arrays)
    return folder


def npz_packed_rows(folder):
    return _packed(folder, lambda masks: np.packbits(masks, axis=-1))


def npz_packed_masks(folder):
    return _packed(folder, lambda masks: np.packbits(masks.reshape(len(masks), -1), axis=1))


def npz_packed_whole(folder):
    return _packed(folder, np.packbits)


def npz_label_maps(folder):
    folder.mkdir()
    np.savez_compressed(folder / "x.npz", label_maps=np.stack([label_image(t) for t in range(4)]))
    return folder / "x.npz"


def npy_label_maps(folder):
    folder.mkdir()
    np.save(folder / "x.npy", np.stack([label_image(t, np.int64) for t in range(CELLS)]))
    return folder / "x.npy"


def npz_objects(folder):
    """{frame: {object: mask}} with an array for each mask, as SAM 2 shapes it."""
    folder.mkdir()
    arrays = {f"{t}/{IDS[k]}": mask(k, t)[None] for t in range(CELLS) for k in present(t)}
    np.savez_compressed(folder / "x.npz", **arrays)
    return folder / "x.npz"


def npz_frames(folder):
    folder.mkdir()
    arrays = {f"frame_{t}": np.stack([mask(k, t) for k in present(t)]) for t in range(CELLS)}
    np.savez(folder / "x.npz", **arrays)
    return folder


def png_folders(folder):
    for t in range(CELLS):
        for i, k in enumerate(present(t)):
            save(folder / f"frame_{t}" / f"{i}.png", mask(k, t))
    return folder


def video_objects(folder):
    """Run lengths, records with them, and rows of true and false."""
    folder.mkdir()
    content = {
        f"{t}.jpg": {
            "1": run_lengths(mask("a", t)),
            **({"2": {"segmentation": run_lengths(mask("b", t))}} if "b" in present(t) else {}),
            **({"3": mask("c", t).tolist()} if "c" in present(t) else {}),
        }
        for t in range(CELLS)
    }
    (folder / "x.json").write_text(json.dumps(content))
    return folder / "x.json"


def video_lists(folder):
    folder.mkdir()
    content = [[record(k, t) for k in present(t)] for t in range(CELLS)]
    (folder / "x.json").write_text(json.dumps(content))
    return folder / "x.json"


def outline(k: str, t: int) -> list[list[int]]:
    """Corners of an object: around the box, over a bridge to the hole, around it and back."""
    y, x, height, width = sequences.CORNERS[k]
    left, top, right, bottom = x + t, y, x + t + width, y + height
    box = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]
    inner = left + 2, top + 2
    hole = [[inner[0] + dx, inner[1] + dy] for dx, dy in ((0, 0), (0, 2), (2, 2), (2, 0), (0, 0))]
    return box + hole


def labelme(folder):
    folder.mkdir()
    for t in range(CELLS):
        shapes = [
            {"label": "cup", "shape_type": "polygon", "points": outline(k, t), "group_id": IDS[k]}
            for k in present(t)
        ]
        size = {"imageHeight": HEIGHT, "imageWidth": WIDTH}
        content = {"version": "5.5.0", "imagePath": f"..\\f\\{t}.jpg", "shapes": shapes, **size}
        (folder / f"{t}.json").write_text(json.dumps(content))
    return folder


def base_64(pixels: np.ndarray) -> str:
    """A PNG as LabelMe keeps it in JSON."""
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def labelme_masks(folder):
    """Boxes that LabelMe makes: the second corner lies one pixel behind the last."""
    folder.mkdir()
    for t in range(CELLS):
        shapes = []
        for k in present(t):
            (y, x), (bottom, right) = (f(np.argwhere(mask(k, t)), 0) for f in (np.min, np.max))
            points = [[float(x), float(y)], [float(right) + 1, float(bottom) + 1]]
            picture = base_64(mask(k, t)[y : bottom + 2, x : right + 2])
            own = {"label": "cup", "shape_type": "mask", "group_id": IDS[k], "mask": picture}
            shapes.append(own | {"points": points})
        size = {"imageHeight": HEIGHT, "imageWidth": WIDTH}
        content = {"version": "5.5.0", "imagePath": f"{t}.jpg", "shapes": shapes, **size}
        (folder / f"{t}.json").write_text(json.dumps(content))
    return folder


def cvat_shape(k: str, t: int, more: str) -> str:
    """A polygon, and of c a mask in a box that is larger than it."""
    if k != "c":
        points = ";".join(f"{x}.00,{y}.00" for x, y in outline(k, t))
        return f'<polygon {more} points="{points}" occluded="0" z_order="0"></polygon>'
    box = mask(k, t)[5:30, 20:50].ravel()
    edges = np.flatnonzero(np.diff(box.astype(int), prepend=0)).tolist()
    runs = ", ".join(map(str, np.diff([0, *edges, box.size])))
    place = 'left="20" top="5" width="30" height="25"'
    return f'<mask {more} rle="{runs}" {place} occluded="0" z_order="0"></mask>'


def cvat_images(folder):
    folder.mkdir()
    images = []
    for t in range(CELLS):
        shapes = "".join(cvat_shape(k, t, 'label="cup"') for k in present(t))
        size = f'width="{WIDTH}" height="{HEIGHT}"'
        images.append(f'<image id="{t}" name="f/{t}.jpg" {size}>{shapes}</image>')
    text = f"<annotations><version>1.1</version>{''.join(images)}</annotations>"
    (folder / "annotations.xml").write_text(f'<?xml version="1.0" encoding="utf-8"?>{text}')
    return folder / "annotations.xml"


def cvat_tracks(folder):
    folder.mkdir()
    size = f"<original_size><width>{WIDTH}</width><height>{HEIGHT}</height></original_size>"
    tracks = []
    for k in OBJECTS:
        shapes = [cvat_shape(k, t, f'frame="{t}" outside="0" keyframe="1"') for t in OBJECTS[k]]
        shapes.append(cvat_shape(k, 3, 'frame="3" outside="1" keyframe="1"'))
        tracks.append(f'<track id="{IDS[k] - 1}" label="cup">{"".join(shapes)}</track>')
    meta = f"<meta><task><size>{CELLS}</size>{size}</task></meta>"
    text = f"<annotations><version>1.1</version>{meta}{''.join(tracks)}</annotations>"
    (folder / "annotations.xml").write_text(text)
    return folder / "annotations.xml"


def ring(k: str, t: int) -> list[float]:
    """Corners of an object as shares: centres of its outermost pixels and of those at its hole."""
    corners = np.array(outline(k, t))
    corners[:5] -= [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]
    corners[5:] += [[-1, -1], [-1, 0], [0, 0], [0, -1], [-1, -1]]
    return ((corners + 0.25) / (WIDTH, HEIGHT)).ravel().tolist()


def _yolo(folder, last):
    for t in range(CELLS):
        lines = [" ".join(map(str, [0, *ring(k, t), *last(k)])) + "\n" for k in present(t)]
        save(folder / "images" / f"{t}.png", np.full((HEIGHT, WIDTH, 3), 40 * t, np.uint8))
        (folder / "labels").mkdir(exist_ok=True)
        (folder / "labels" / f"{t}.txt").write_text("".join(lines))
    return folder


def yolo_tracks(folder):
    return _yolo(folder, lambda k: [IDS[k]])


def yolo_masks(folder):
    return _yolo(folder, lambda k: [])


def grounded_sam(folder):
    folder.mkdir()
    for t in range(CELLS):
        annotations = [
            {
                "class_name": "cup",
                "bbox": [1.5, 2.0, 11.5, 22.0],
                "segmentation": run_lengths(mask(k, t)),
                "score": [0.75],
            }
            for k in present(t)
        ]
        size = {"box_format": "xyxy", "img_width": WIDTH, "img_height": HEIGHT}
        content = {"image_path": f"a\\b/{t}.jpg", "annotations": annotations, **size}
        (folder / f"{t}.json").write_text(json.dumps(content))
    return folder


def native_file(folder):
    path = sequences.disjoint(folder) / "sk_masks.json"
    return path.rename(path.with_name("anything.json"))


# Format of each sample, and what its identities are multiplied by (0: it has none).
SAMPLES = {
    native_file: ("native", 0),
    amg_json: ("amg", 0),
    amg_png: ("amg", 0),
    sa1b: ("sa1b", 0),
    sav_json: ("sav", 1),
    sav_png: ("sav", 1),
    coco_json: ("coco", 1),
    ytvis_json: ("ytvis", 1),
    mots_text: ("mots", 1),
    davis: ("davis", 1),
    labels_8bit: ("labelmaps", 1),
    labels_16bit: ("labelmaps", 1),
    labels_tiff: ("labelmaps", 1),
    panoptic_deva: ("panoptic", 1),
    panoptic_colours: ("panoptic", 70_000),
    ctc: ("ctc", 1),
    ctc_truth: ("ctc", 1),
    tiff_stack: ("tiff", 1),
    tiff_imagej: ("tiff", 1),
    tiff_layers: ("tiff", 1),
    npz_masks: ("npz", 1),
    npz_packed_rows: ("npz", 1),
    npz_packed_masks: ("npz", 1),
    npz_packed_whole: ("npz", 1),
    npz_label_maps: ("npz", 1),
    npy_label_maps: ("npz", 1),
    npz_objects: ("npz", 1),
    npz_frames: ("npz", 0),
    png_folders: ("png", 0),
    video_objects: ("video", 1),
    video_lists: ("video", 0),
    labelme: ("labelme", 1),
    labelme_masks: ("labelme", 1),
    cvat_images: ("cvat", 0),
    cvat_tracks: ("cvat", 1),
    yolo_tracks: ("yolo", 1),
    yolo_masks: ("yolo", 0),
    grounded_sam: ("grounded_sam", 0),
}
