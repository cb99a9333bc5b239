"""What an input may ask for: headers that lie, sizes, memory, odd files, endless numbers."""

import gc
import io
import json
import os
import resource
import signal
import subprocess
import sys
import tracemalloc
import warnings
import weakref
import zipfile

import numpy as np
import pytest
import samples
import sequences
from conftest import labels_of, write_dataset
from launch import needs_mpi, ranks, start
from PIL import Image

from consistency import mark_label
from consistency.cli.common import run_cli
from consistency.cli.parser import Parser
from consistency.dataset import Frame, check_records
from consistency.formats.source import read_text, without_collection
from consistency.limits import Limits, within
from consistency.measure.chunks import CHUNK_FRAMES, longest_chunk
from consistency.sequences import in_table

LITTLE = 40 << 20  # bytes; what a refusal may take


@pytest.fixture
def refuse(tmp_path, capsys):
    """Return a function that runs the tool and returns its one line of error."""

    def run(path, *flags: str) -> str:
        out = tmp_path / "experiments"
        arguments = ["--data-path", str(path), "--experiments", str(out), *flags]
        tracemalloc.start()
        signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it waits for ever"))
        signal.alarm(20)
        try:
            assert mark_label.main(arguments) == 2
            assert tracemalloc.get_traced_memory()[1] < LITTLE
        finally:
            signal.alarm(0)
            tracemalloc.stop()
        message = capsys.readouterr().err
        assert message.count("\n") == 1
        assert message.startswith("error: ")
        return message

    return run


def header(shape: tuple, dtype: str = "|b1") -> bytes:
    """The header of a .npy file, and 8 bytes of its array."""
    file = io.BytesIO()
    content = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, content)
    return file.getvalue() + bytes(8)


@pytest.mark.parametrize("shape", [(10**8, 37, 53), (2**62, 2, 2), (3, 16384, 16384)])
def test_a_npy_file_shorter_than_its_header_says(shape, tmp_path, refuse):
    path = tmp_path / "x.npy"
    path.write_bytes(header(shape, "<u2"))
    assert "cut short" in refuse(path)
    folder = tmp_path / "data" / "numpy_masks"
    folder.mkdir(parents=True)
    path.rename(folder / "0.npy")
    assert "cut short" in refuse(tmp_path / "data")


@pytest.mark.parametrize("shape", [(-1, 5, 5), (2, -5, -5)])
def test_negative_dimensions(shape, tmp_path, refuse):
    path = tmp_path / "x.npy"
    path.write_bytes(header(shape).replace(b"(-1, 5", b"(-1, 5"))
    assert "broken .npy header" in refuse(path)


@pytest.mark.parametrize("name", ["masks", "frame_indices", "scores"])
@pytest.mark.parametrize("gibibytes", [8, 4096])
def test_fields_of_an_archive_larger_than_it(name, gibibytes, tmp_path, refuse):
    path = tmp_path / "x.npz"
    count = gibibytes << 27
    shape = (count, 2, 4) if name == "masks" else (count,)
    with zipfile.ZipFile(path, "w") as archive:
        for field in ("masks", "frame_indices", "scores"):
            mine = (1, 2, 4) if field == "masks" else (1,)
            kind = "|b1" if field == "masks" else "<i8"
            archive.writestr(f"{field}.npy", header(shape if field == name else mine, kind))
    assert "cut short" in refuse(path)


def test_an_archive_that_lies_about_the_length_of_its_parts(tmp_path, refuse):
    path = tmp_path / "x.npz"
    body = header((1, 16384, 16384))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("label_maps.npy", body)
    length = len(body).to_bytes(4, "little")
    content = path.read_bytes()
    assert content.count(length * 2) == 2, "packed and unpacked, in both tables"
    path.write_bytes(content.replace(length * 2, length + (1 << 31).to_bytes(4, "little")))
    assert "cut short" in refuse(path)


def test_a_part_of_an_archive_that_asks_for_gigabytes_to_be_unpacked(tmp_path, refuse):
    path, asked = tmp_path / "x.npz", 3 << 30
    content = io.BytesIO()
    np.save(content, np.ones((2, 5, 7), np.uint8))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("label_maps.npy", content.getvalue())
    usual = (8 << 20).to_bytes(4, "little")  # the dictionary of Python's LZMA
    assert path.read_bytes().count(usual) == 1
    sequences.mark(path, tmp_path / "good")
    path.write_bytes(path.read_bytes().replace(usual, asked.to_bytes(4, "little")))
    message = refuse(path, "--max-memory", "2GB")
    assert "x.npz" in message
    assert "needs about 3" in message


def test_an_image_too_short_for_its_size(tmp_path, refuse):
    from test_bad_formats import png_of_size

    (tmp_path / "0.png").write_bytes(png_of_size(16_000, 16_000))
    assert "too short for its size" in refuse(tmp_path)


def test_identities_take_no_memory(tmp_path):
    ids = [3, 2**32 - 1]
    for t in range(2):
        image = np.zeros((20, 30), np.uint32)
        image[2:9, 2 + t : 12 + t], image[12:18, 15:25] = ids
        samples.save(tmp_path / "data" / f"{t}.tif", image)
    tracemalloc.start()
    folder = sequences.mark(tmp_path / "data", tmp_path / "out", "--keep-ids", "--output", "tiff")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < LITTLE
    assert labels_of(folder) == {f"{t}.tif": ids for t in range(2)}


@pytest.mark.parametrize("size", [(10**8, 1), (1, 10**8)])
def test_polygons_with_endless_outlines(size, tmp_path, refuse):
    far = [0, 0, size[1], size[0], 0.5, 0.5]
    images = [{"id": 1, "file_name": "a.png", "height": size[0], "width": size[1]}]
    content = {"images": images, "annotations": [{"image_id": 1, "segmentation": [far]}]}
    path = tmp_path / "x.json"
    path.write_text(json.dumps(content))
    assert "polygon with an outline of" in refuse(path)


def native(folder, counts, size=(4, 5), name="0.png", **more):
    """Write one frame with one mask of run lengths."""
    folder.mkdir(exist_ok=True)
    record = {"segmentation": {"size": list(size), "counts": counts}} | more
    (folder / "sk_masks.json").write_text(json.dumps({name: [record]}))
    return folder


def test_masks_have_a_limit_of_pixels(tmp_path, refuse):
    data = native(tmp_path / "data", [0, 2**30], (2**15, 2**15))
    assert "32768 × 32768 pixels; allowed: 1 to 268435456, see --max-pixels" in refuse(data)
    flags = ["--max-pixels", str(2**30), "--max-memory", "200M"]
    message = refuse(data, *flags)
    assert "frame '0.png'" in message
    assert "needs about 1.1 GB of memory, and --max-memory allows 200.0 MB" in message
    assert "1 to 19" in refuse(native(tmp_path / "data", [20]), "--max-pixels", "19")


@pytest.mark.parametrize("text", ["0", "-5", "1e9", "9" * 5000, "²"])
def test_limits_that_cannot_be(text, capsys):
    with pytest.raises(SystemExit):
        mark_label.main(["--max-pixels", text])
    with pytest.raises(SystemExit):
        mark_label.main(["--max-memory", text])
    assert "is not a size from 1M" in capsys.readouterr().err


def test_pairs_of_masks_have_a_limit_of_memory(tmp_path, refuse):
    masks = np.eye(400, dtype=bool).reshape(400, 20, 20)
    path = tmp_path / "x.npz"
    np.savez(path, masks=masks, frame_indices=np.zeros(400, int))
    message = refuse(path, "--max-memory", "2M")
    assert "frame '000000': 400 masks: needs about 3." in message
    assert (
        mark_label.main(
            ["--data-path", str(path), "--experiments", str(tmp_path / "out"), "--max-memory", "8M"]
        )
        == 0
    )


def test_chunks_shrink_to_the_memory(tmp_path):
    frames = [Frame(str(t), ({},) * 100) for t in range(200)]
    lengths = []
    for megabytes in (1000, 40, 16, 1):
        with within(Limits(max_memory=megabytes << 20)):
            lengths.append(longest_chunk(frames, 2))
    assert lengths[0] == CHUNK_FRAMES
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[1] > lengths[2] > lengths[3] == 1
    data = sequences.overlapping(tmp_path / "data")
    plenty = sequences.mark(data, tmp_path / "a")
    little = sequences.mark(data, tmp_path / "b", "--max-memory", "1M")
    for name in ("exp.json", "tracks.csv", "events.csv"):
        assert (plenty / name).read_bytes() == (little / name).read_bytes()


def test_small_and_large(tmp_path):
    """1 × 1 and 16384 × 16384 pixels, and more masks and labels than 16 bits number."""
    one = sequences.mark(write_dataset(tmp_path / "1", [[np.ones((1, 1))]] * 2), tmp_path / "a")
    assert labels_of(one) == {"0.png": [1], "1.png": [1]}
    corner = native(tmp_path / "2", [2**28 - 3, 3], (2**14, 2**14))
    large = sequences.mark(corner, tmp_path / "b", "--output", "rle")
    assert json.loads((large / "exp.json").read_text())["0.png"][0]["segmentation"]["size"] == [
        2**14, 2**14
    ]  # fmt: skip
    image = np.zeros((2, 300, 600), np.uint32)
    image[:, ::2, ::2] = np.arange(65_500, 65_500 + 45_000).reshape(150, 300)
    image = image[:, :4, :400]
    np.save(tmp_path / "x.npy", image)
    many = sequences.mark(tmp_path / "x.npy", tmp_path / "c", "--keep-ids", "--output", "masks")
    labels = labels_of(many)["000000"]
    assert max(labels) == image.max() > 65_535
    k = labels.index(max(labels))
    written = np.load(many / f"numpy_masks/000000/{k}.npy")
    assert written.max() == image.max()


def test_pipes_and_devices_are_not_waited_for(tmp_path, refuse):
    def replace(path):
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        return path

    data = write_dataset(tmp_path / "npy", [[np.ones((3, 4))]])
    replace(data / "numpy_masks/0/0.npy")
    assert "is a device or a pipe" in refuse(data)
    data = samples.sav_png(tmp_path / "sav")
    replace(data / "001" / "00004.png")
    assert "is a device or a pipe" in refuse(data)
    data = samples.ctc(tmp_path / "ctc")
    replace(data / "res_track.txt")
    assert "no res_track.txt" in refuse(data)
    data = sequences.disjoint(tmp_path / "list")
    refuse(data, "--sort", str(replace(tmp_path / "pipe")))
    refuse(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("counts", "more", "message"),
    [
        ([20, 10**20], {}, "counts hold a number of 67 bits"),
        ([20, 2**62, 2**62, 2**62, 2**62], {}, "run lengths add up to"),
        ([20], {"area": 10**400}, "frame '0.png', mask 0: 'area' is a number of 1329 bits"),
        ([20], {"note": [[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]}, "nested more than"),
    ],
)
def test_numbers_and_records_that_nobody_can_use(counts, more, message, tmp_path, refuse):
    assert message in refuse(native(tmp_path / "data", counts, **more))


@pytest.mark.parametrize("innermost", [[], {}, [1, "a"], {"a": None}])
def test_records_may_be_nested_twenty_deep(innermost):
    def frame(depth):
        value = innermost
        for i in range(1, depth):
            value = [1, value] if i % 2 else {"a": 1, "b": value}
        return Frame("0.png", ({"segmentation": lists, "note": value},))

    lists = json.loads("[" * 50 + "]" * 50)  # segmentations have limits of their own
    check_records(frame(20), "data")
    with pytest.raises(ValueError, match="'note' is nested more than 20 deep"):
        check_records(frame(21), "data")


def test_numbers_too_long_to_be_read(tmp_path, refuse):
    data = native(tmp_path / "data", [20])
    file = data / "sk_masks.json"
    file.write_text(file.read_text().replace("20", "2" * 5000))
    assert "sk_masks.json: invalid JSON" in refuse(data)
    assert len(refuse(native(tmp_path / "data", [20], name="1" * 300))) < 400
    sequence = samples.mots_text(tmp_path / "mots")
    sequence.write_text("9" * 5000 + sequence.read_text()[1:])
    assert "line 1 is not" in refuse(sequence, "--input-format", "mots")


@pytest.mark.parametrize(
    "name", ["a\nb", "\ud800", "x\x7f", "", "a/../b", "n" * 251, "..png", "a/..png", "a/...png"]
)
def test_frame_names_that_name_no_file(name, tmp_path, refuse):
    assert "rename it" in refuse(native(tmp_path / "data", [20], name=name))


def test_text_that_is_not_utf_8(tmp_path, refuse):
    data = native(tmp_path / "data", [20])
    (data / "sk_masks.json").write_bytes(b'{"\xe9": []}')
    assert "sk_masks.json: byte 3 is not UTF-8 text; save the file as UTF-8" in refuse(data)
    folder = samples.ctc(tmp_path / "ctc")
    (folder / "res_track.txt").write_bytes(b"1 0 3 \xff\n")
    assert "res_track.txt: byte 7 is not UTF-8" in refuse(folder)
    (tmp_path / "names.csv").write_bytes("name,path\né,data\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"names.csv: byte 11 is not UTF-8"):
        in_table(tmp_path / "names.csv")


def test_ends_of_lines_are_those_of_python(tmp_path):
    file = tmp_path / "text.csv"
    for content in ("a\r\nb\rc\n\r\r\n", "\ufeffa\rb", "\ufeff", "", "é\n\n"):
        file.write_bytes(content.encode())
        with open(file, encoding="utf-8-sig") as lines:
            assert read_text(file) == lines.read()


class Link:
    """What may be part of a cycle."""


def test_putting_off_the_search_for_cycles_leaves_no_trace():
    def cycle():
        one = Link()
        one.own = one
        return weakref.ref(one)

    before, frozen = cycle(), gc.get_freeze_count()
    with without_collection():
        assert not gc.isenabled()
        inside = cycle()
    assert gc.isenabled()
    assert gc.get_freeze_count() == frozen
    assert inside() is not None  # nothing has looked for it yet
    gc.collect()
    assert before() is None
    assert inside() is None
    gc.freeze()  # as a program may do that uses the package
    try:
        frozen = gc.get_freeze_count()
        with without_collection():
            pass
        assert gc.get_freeze_count() >= frozen - 1000 > 0
    finally:
        gc.unfreeze()
    gc.disable()
    try:
        with without_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_warnings_of_libraries_are_one_line(capsys):
    def work(args):
        warnings.simplefilter("always")
        warnings.warn("divide\nby zero", RuntimeWarning, stacklevel=1)
        return 0

    assert run_cli(work, Parser("").parse_args([])) == 0
    assert capsys.readouterr().err == "note: divide by zero\n"


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A frame whose masks take a gigabyte while they are packed."""
    folder = tmp_path_factory.mktemp("large")
    record = {"segmentation": {"size": [4000, 4096], "counts": [0, 4000 * 4096]}}
    (folder / "sk_masks.json").write_text(json.dumps({"0.png": [record] * 60}))
    return folder


@pytest.mark.parametrize("backend", ["no", "multi", pytest.param("mpi", marks=needs_mpi)])
def test_no_memory_is_one_line(backend, large, tmp_path):
    def little_memory():
        resource.setrlimit(resource.RLIMIT_DATA, (400 << 20,) * 2)

    launch = ranks(2) if backend == "mpi" else []
    call = [*launch, sys.executable, "mark_label.py", "--data-path", large, "--multi", backend]
    call += ["--experiments", tmp_path] + (["--workers", "2"] if backend == "multi" else [])
    done = start(call, preexec_fn=little_memory)
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert "error: " in done.stderr
    assert "frame '0.png': " in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("case", ["full", "closed", "gone", "ascii"])
def test_success_is_success(case, tmp_path):
    data = sequences.disjoint(tmp_path / "data")
    call = [sys.executable, "mark_label.py", "--data-path", data, "--exp-name", "é"]
    call = [str(part) for part in [*call, "--experiments", tmp_path]]
    redirected = {"full": ">/dev/full", "closed": ">&-", "gone": "| true", "ascii": ""}[case]
    line = f'"$@" {redirected}; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(
        ["bash", "-c", line, "bash", *call],
        capture_output=True,
        text=True,
        env=os.environ | ({"PYTHONIOENCODING": "ascii"} if case == "ascii" else {}),
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert ("\\xe9: 4 frames" in done.stdout) == (case == "ascii")
    assert (tmp_path / "é" / "é.json").is_file()


def test_names_that_a_terminal_does_not_have_are_told_all_the_same(tmp_path):
    data = sequences.write_native(tmp_path, [[{"segmentation": sequences.mask("a", 0)}]], ["é.png"])
    call = ["env", "PYTHONIOENCODING=ascii", sys.executable, "-m", "consistency.validate", data]
    done = start(call)
    assert (done.returncode, done.stderr) == (0, "")
    assert "from '\\xe9.png'" in done.stdout


def test_a_full_disk_is_told_with_frame_and_remedy(tmp_path, capsys, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", str(tmp_path / "0.png"))

    monkeypatch.setattr(Image.Image, "save", full)
    data = sequences.disjoint(tmp_path / "data")
    flags = ["--data-path", str(data), "--experiments", str(tmp_path / "out")]
    assert mark_label.main([*flags, "--output", "labelmaps"]) == 2
    message = capsys.readouterr().err
    assert "frame '0000.png': No space left on device: " in message
    assert "0.png'; free some room, or write to another disk" in message
    assert message.count("\n") == 1
