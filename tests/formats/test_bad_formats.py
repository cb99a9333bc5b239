"""Bad input of every format: one line with file, frame and remedy, exit code 2, nothing written."""

import json
import struct
import zipfile
import zlib

import numpy as np
import pytest
import samples
import sequences
import tifffile
from PIL import Image

from consistency import validate


def cut(path, keep: float = 0.6) -> None:
    """Keep the first part of a file only."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])


def edit(path, change) -> None:
    """Change the content of a JSON file."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("sample", "file"),
    [
        (samples.labels_8bit, "2.png"),
        (samples.davis, "00002.png"),
        (samples.amg_png, "f2/1.png"),
        (samples.sav_png, "002/00008.png"),
        (samples.png_folders, "frame_2/1.png"),
        (samples.labels_tiff, "t2.tif"),
        (samples.ctc, "mask002.tif"),
    ],
)
def test_image_cut_short(sample, file, tmp_path, refuse):
    folder = sample(tmp_path / "data")
    cut(folder / file)
    message = refuse(folder)
    assert file in message
    assert "damaged image" in message


@pytest.mark.parametrize("sample", [samples.tiff_stack, samples.npz_masks, samples.npy_label_maps])
def test_sequence_cut_short(sample, tmp_path, refuse):
    path = sample(tmp_path / "data")
    cut(path)
    assert str(path) in refuse(path)


@pytest.mark.parametrize(
    "sample", [samples.coco_json, samples.ytvis_json, samples.sav_json, samples.native_file]
)
def test_json_cut_short(sample, tmp_path, refuse):
    path = sample(tmp_path / "data")
    cut(path)
    assert f"{path}: invalid JSON" in refuse(path)


def test_json_cut_short_in_a_folder(tmp_path, refuse):
    for sample, name in ((samples.amg_json, "frame2.json"), (samples.sa1b, "sa_2.json")):
        folder = sample(tmp_path / sample.__name__)
        cut(folder / name)
        assert f"{name}: invalid JSON" in refuse(folder)


@pytest.mark.parametrize(
    ("sample", "name"), [(samples.labels_8bit, "2.png"), (samples.davis, "00002.png")]
)
def test_sizes_that_differ_between_frames(sample, name, tmp_path, refuse):
    folder = sample(tmp_path / "data")
    samples.save(folder / name, np.ones((9, 8), np.uint8), palette=sample is samples.davis)
    message = refuse(folder)
    assert f"frame '{name}'" in message
    assert "one size" in message


def test_sizes_that_differ_in_a_frame(tmp_path, refuse):
    folder = samples.png_folders(tmp_path / "data")
    samples.save(folder / "frame_2" / "1.png", np.ones((9, 8), np.uint8))
    assert "frame 'frame_2': mask 1 (frame_2/1.png) has (9, 8) pixels" in refuse(folder)
    path = samples.coco_json(tmp_path / "coco")
    edit(path, lambda content: content["images"][1].update(height=9))
    assert "annotation 2: run lengths of [37, 53], image of [9, 53]" in refuse(path)


@pytest.mark.parametrize(
    ("sample", "file", "message"),
    [
        (samples.ctc, "res_track.txt", "no res_track.txt or man_track.txt"),
        (samples.amg_png, "f2/metadata.csv", "f2: no metadata.csv"),
        (samples.amg_png, "f2/1.png", "f2/1.png: no such image"),
        (samples.panoptic_deva, "0002.json", "0002.png: no JSON says what its ids are"),
        (samples.panoptic_deva, "0002.png", "frame '0002' without its .png"),
    ],
)
def test_missing_files_beside_the_images(sample, file, message, tmp_path, refuse):
    folder = sample(tmp_path / "data")
    (folder / file).unlink()
    assert message in refuse(folder)


@pytest.mark.parametrize(
    ("polygon", "message"),
    [
        ([5, 5, 70, 5, 5, 9], "x from 5 to 70 outside the image of 53 × 37"),
        ([5, -9, 20, 5, 5, 9], "y from -9 to 9 outside"),
        ([5, 5, 7, 7], "three or more corners"),
        ([5, 5, 7, 7, 8], "three or more corners"),
        ([5, 5, 7, 7, 8, None], "three or more corners"),
        ([5, 5, 7, 7, 8, float("nan")], "three or more corners"),
    ],
)
def test_polygons(polygon, message, tmp_path, refuse):
    path = samples.coco_json(tmp_path / "data")
    edit(path, lambda content: content["annotations"][3].update(segmentation=[polygon]))
    found = refuse(path)
    assert "annotation 3" in found
    assert message in found


def test_pickled_arrays(tmp_path, refuse):
    path = tmp_path / "x.npy"
    np.save(path, np.array([{"segmentation": 1}], dtype=object), allow_pickle=True)
    assert "Python objects" in refuse(path)
    path = tmp_path / "x.npz"
    objects = np.array([[[None]]], dtype=object)
    np.savez(path, masks=objects, frame_indices=np.zeros(1, int))
    assert "Python objects" in refuse(path)
    np.savez(path, masks=np.ones((1, 2, 2), bool), frame_indices=objects[0, 0])
    assert "Python objects" in refuse(path)


@pytest.mark.parametrize("name", ["../x.png", "/etc/x.png", "a/../../x.png"])
def test_paths_that_lead_outside(name, tmp_path, refuse):
    path = samples.coco_json(tmp_path / "coco")
    edit(path, lambda content: content["images"][0].update(file_name=name))
    assert "is not a plain name" in refuse(path)
    path = samples.ytvis_json(tmp_path / "ytvis")
    edit(path, lambda content: content["videos"][0]["file_names"].__setitem__(1, name))
    assert "is not a plain name" in refuse(path)


def png_of_size(width: int, height: int) -> bytes:
    """A PNG file that says it is large and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_image_bombs(tmp_path, refuse):
    (tmp_path / "png").mkdir()
    (tmp_path / "png" / "0.png").write_bytes(png_of_size(100_000, 100_000))
    assert "0.png" in refuse(tmp_path / "png")
    (tmp_path / "png" / "0.png").write_bytes(png_of_size(60_000, 2_000))
    assert "damaged image" in refuse(tmp_path / "png"), "within the limit, but not its pixels"
    (tmp_path / "tif").mkdir()
    one = np.zeros((64, 64), np.uint8)
    tifffile.imwrite(tmp_path / "tif" / "0.tif", one, compression="zlib", metadata=None)
    content = (tmp_path / "tif" / "0.tif").read_bytes()
    for tag in (256, 257, 278):  # ImageWidth, ImageLength, RowsPerStrip
        kind = 4 if struct.pack("<HH", tag, 4) in content else 3  # 32 or 16 bits
        at = content.index(struct.pack("<HH", tag, kind))
        content = content[: at + 8] + struct.pack("<I", 64_000) + content[at + 12 :]
    (tmp_path / "tif" / "0.tif").write_bytes(content)
    assert "0.tif: says it has 64000 × 64000 pixels" in refuse(tmp_path / "tif")


def test_run_length_bomb(tmp_path, refuse):
    path = tmp_path / "x.txt"
    path.write_text("0 2001 2 99999999 99999999 abc\n")
    assert "frame '000000'" in refuse(path)


def test_numbers_of_frames_that_cannot_be(tmp_path, refuse):
    path = samples.mots_text(tmp_path / "mots")
    path.write_text(path.read_text() + path.read_text().replace("0 1 2 37", "99999999999 1 2 37"))
    assert "frames 0 to 99999999999; allowed are 1000000" in refuse(path)
    path = tmp_path / "x.npz"
    np.savez(path, masks=np.ones((1, 2, 2), bool), frame_indices=np.full(1, 2**62))
    assert "allowed are 1000000" in refuse(path)


def test_archive_bomb(tmp_path, refuse):
    path = tmp_path / "x.npz"
    np.savez(path, masks=np.ones((1, 2, 2), bool), frame_indices=np.zeros(1, int))
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    header = parts["masks.npy"]
    for shape, message in ((b"(1, 90000, 90000), }", "cut short"), (b"(1, 2, (2, }", "broken")):
        start = header.index(b"(1, 2, 2), }")
        parts["masks.npy"] = header[:start] + shape + header[start + len(shape) :]
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
        assert message in refuse(path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 2001 2 37 53", "line 1 is not 'frame id class_id"),
        ("0  2001 2 37 53 abc", "line 1 is not 'frame id class_id"),
        ("0 x 2 37 53 abc", "line 1 is not 'frame id class_id"),
        ("0 2001 2 37 53 !!", "mask 0: counts hold a foreign character"),
        ("0 2001 2 37 53 5", "mask 0: run lengths add up to 5 pixels"),
        ("0 2001 2 0 53 5", "run lengths need a size"),
    ],
)
def test_mots_lines(line, message, tmp_path, refuse):
    path = tmp_path / "x.txt"
    path.write_text(line + "\n")
    assert message in refuse(path, "--input-format", "mots")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("1 0 3\n", "line 1 is not 'label first last parent'"),
        ("1 0 3 0\n1 0 3 0\n", "line 2: label 1"),
        ("1 3 0 0\n", "first frame is not after the last"),
        ("1 0 3 7\n", "comes from 7, which has no line"),
        ("1 0 3 0\n", "no line for label 2 of frame 'mask000.tif'"),
    ],
)
def test_ctc_tables(table, message, tmp_path, refuse):
    folder = samples.ctc(tmp_path / "data")
    (folder / "res_track.txt").write_text(table)
    assert message in refuse(folder)


def test_images_that_are_no_label_images(tmp_path, refuse):
    folder = tmp_path / "photos"
    samples.save(folder / "0.png", np.zeros((5, 5, 3), np.uint8))
    assert "no masks found" in refuse(folder)
    assert "integers" in refuse(folder, "--input-format", "labelmaps")
    folder = tmp_path / "floats"
    samples.save(folder / "0.tif", np.zeros((5, 5), np.float32))
    assert "integers" in refuse(folder, "--input-format", "labelmaps")
    folder = tmp_path / "signed"
    samples.save(folder / "0.tif", np.full((5, 5), -1, np.int16))
    assert "negative values" in refuse(folder)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"masks": np.ones((2, 3, 4), bool)}, "need frame_indices"),
        ({"masks": np.ones((2, 3), bool), "frame_indices": [0, 1]}, "not (n, h, w)"),
        ({"masks": np.ones((2, 3, 4), bool), "frame_indices": [0]}, "more masks than the 1"),
        ({"masks": np.ones((2, 3, 4), bool), "frame_indices": [0, 1, 1]}, "2 masks for 3"),
        ({"masks": np.ones((1, 3, 4), bool), "frame_indices": [-1]}, "not (n,) of integers"),
        ({"label_maps": np.ones((2, 3, 4))}, "float64 of shape (2, 3, 4)"),
        ({"label_maps": np.full((2, 3, 4), -1)}, "negative values"),
        ({"a": np.ones(3), "b": np.ones(3)}, "holds a, b; masks need frame_indices"),
        (
            {"packbits": np.ones((1, 5), np.uint8), "shape": [1, 3, 4], "frame_indices": [0]},
            "expected np.packbits",
        ),
    ],
)
def test_npz_of_other_shapes(arrays, message, tmp_path, refuse):
    path = tmp_path / "x.npz"
    np.savez(path, **arrays)
    assert message in refuse(path)


def test_malformed_json_of_every_format(tmp_path, refuse):
    path = samples.sav_json(tmp_path / "sav")
    edit(path, lambda content: content["masklet"][2].pop())
    assert "frame 2 has no mask for each of 3 objects" in refuse(path)
    path = samples.ytvis_json(tmp_path / "ytvis")
    edit(path, lambda content: content["annotations"][1]["segmentations"].pop())
    assert "annotation 1: 3 segmentations for 4 frames" in refuse(path)
    path = samples.coco_json(tmp_path / "coco")
    edit(path, lambda content: content["annotations"][1].update(image_id=99))
    assert "annotation 1: image 99 is not in the list" in refuse(path)
    edit(path, lambda content: content["annotations"][0].pop("image_id"))
    assert "annotation 0: no 'image_id'" in refuse(path)
    folder = samples.amg_json(tmp_path / "amg")
    (folder / "frame2.json").write_text('[{"area": 3}]')
    assert "frame2.json: mask 0: no 'segmentation'" in refuse(folder)
    folder = samples.amg_png(tmp_path / "table")
    (folder / "f2" / "metadata.csv").write_text("id,area\n0,5\n")
    assert "metadata.csv: bad or missing column" in refuse(folder)


def test_colliding_stems(tmp_path, refuse):
    folder = samples.labels_8bit(tmp_path / "data")
    with Image.open(folder / "2.png") as image:
        image.save(folder / "2.bmp")
    assert "'2.bmp' and '2.png' share the stem '2'" in refuse(folder)


def test_folder_of_folders_names_them(tmp_path, refuse):
    samples.davis(tmp_path / "data" / "480p" / "camel")
    assert f"in folders inside it: give {tmp_path / 'data' / '480p'}\n" in refuse(tmp_path / "data")


def test_validate_lists_all_problems(tmp_path, capsys):
    folder = samples.png_folders(tmp_path / "data")
    assert validate.main([str(folder)]) == 0
    text = capsys.readouterr().out
    assert "format: png\nframes: 4, from 'frame_0' to 'frame_3'\nmasks: 9, 1 to 3 per frame" in text
    assert f"width × height: {sequences.WIDTH} × {sequences.HEIGHT}" in text
    cut(folder / "frame_2" / "0.png")
    for name in ("0", "1"):
        samples.save(folder / "frame_0" / f"{name}.png", np.ones((9, 8), np.uint8))
    assert validate.main([str(folder)]) == 2
    text = capsys.readouterr().out
    assert "problems: 3\n" in text
    assert "frame 'frame_2': " in text
    assert "duplicates (IoU above 0.5): 1" in text
    assert "frame 'frame_1': masks of 37 × 53 pixels, but 9 × 8 in frame 'frame_0'" in text


def test_stack_with_lost_pages_is_not_read_in_part(tmp_path, refuse):
    path = samples.tiff_stack(tmp_path / "data")
    with tifffile.TiffFile(path) as file:
        offset = struct.pack("<I", file.pages[2].offset)
    content = path.read_bytes()
    assert content.count(offset) == 1
    path.write_bytes(content.replace(offset, struct.pack("<I", 2**31)))
    assert "damaged image" in refuse(path)
