"""Data of strangers: nothing outside of the data folder is read, and nothing in it runs."""

import csv
import json

import numpy as np
import pytest
import samples
import sequences
import tifffile
from conftest import labels_of, write_dataset

from consistency import evaluate, mark_label
from consistency.draw import history, scene
from consistency.experiment import open_experiment
from consistency.formats import open_dataset
from consistency.plain_text import plain_field, safe_field

OUTSIDE = "add --follow-links if you trust the data"


def mark(path, out, *flags: str) -> int:
    """Run the command."""
    flags = ("--exp-name", "exp", "--quiet", *flags)
    return mark_label.main(["--data-path", str(path), "--experiments", str(out), *flags])


@pytest.fixture
def refuses(tmp_path, capsys):
    """Check that data is refused in one line that names the flag, and read with the flag."""

    def check(path) -> str:
        assert mark(path, tmp_path / "refused") == 2
        message = capsys.readouterr().err
        assert message.count("\n") == 1
        assert OUTSIDE in message
        assert mark(path, tmp_path / "read", "--follow-links") == 0
        return message

    return check


@pytest.mark.parametrize("absolute", [False, True])
def test_records_that_name_files_elsewhere(absolute, tmp_path, refuses):
    mask = np.ones((4, 5), bool)
    data = write_dataset(tmp_path / "data", [[mask], [mask]])
    np.save(tmp_path / "secret.npy", mask)
    file = data / "sk_masks.json"
    name = str(tmp_path / "secret.npy") if absolute else "numpy_masks/../../secret.npy"
    file.write_text(file.read_text().replace("numpy_masks/1/0.npy", name))
    assert "frame '1.png', mask 0" in refuses(data)


def elsewhere(path, target) -> None:
    """Move a file or folder away, and leave a link in its place."""
    path.rename(target)
    path.symlink_to(target)


@pytest.mark.parametrize(
    ("sample", "linked"),
    [
        (samples.labels_8bit, "1.png"),
        (samples.labels_8bit, "0.png"),
        (samples.png_folders, "frame_1"),
        (samples.png_folders, "frame_1/0.png"),
        (samples.sav_png, "001"),
        (samples.ctc, "res_track.txt"),
        (samples.ctc_truth, "TRA"),
        (samples.amg_png, "f1/metadata.csv"),
        (samples.amg_json, "frame1.json"),
        (samples.panoptic_colours, "pred.json"),
        (samples.panoptic_colours, "Annotations"),
    ],
)
def test_links_that_lead_out_of_the_data(sample, linked, tmp_path, refuses):
    folder = sample(tmp_path / "data")
    elsewhere(folder / linked, tmp_path / "elsewhere")
    assert linked.split("/")[0] in refuses(folder)


def test_links_inside_and_of_the_data_folder_are_followed(tmp_path):
    folder = samples.labels_8bit(tmp_path / "data")
    (folder / "1.png").unlink()
    (folder / "1.png").symlink_to(folder / "0.png")
    (tmp_path / "link").symlink_to(folder)
    assert mark(tmp_path / "link", tmp_path / "out") == 0


def test_a_link_that_is_no_part_of_the_data_is_in_nobodys_way(tmp_path):
    data = sequences.disjoint(tmp_path / "data")
    samples.labels_8bit(tmp_path / "images")
    (data / "frames").symlink_to(tmp_path / "images")
    assert mark(data, tmp_path / "out") == 0


def test_sequences_that_are_links(tmp_path, refuses):
    for name in "ab":
        samples.labels_8bit(tmp_path / "many" / name)
    elsewhere(tmp_path / "many" / "b", tmp_path / "elsewhere")
    assert "many/b: leads out" in refuses(tmp_path / "many")


def test_a_tiff_file_that_names_another_is_read_alone(tmp_path):
    (tmp_path / "data").mkdir()
    image = np.full((5, 6), 7, np.uint16)
    tifffile.imwrite(tmp_path / "secret.tif", image, metadata=None)
    plane = '<TiffData IFD="0" FirstT="{}" PlaneCount="1"><UUID FileName="{}">urn:uuid:{}</UUID>'
    planes = "".join(
        plane.format(t, name, t) + "</TiffData>"
        for t, name in enumerate(["x.tif", "../secret.tif"])
    )
    text = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:0">'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="6" '
        f'SizeY="5" SizeC="1" SizeZ="1" SizeT="2">{planes}</Pixels></Image></OME>'
    )
    path = tmp_path / "data" / "x.tif"
    tifffile.imwrite(path, image // 2, description=text, metadata=None)
    with tifffile.TiffFile(path) as file:
        assert file.is_ome, "the premise"
    assert {v for frame in open_dataset(path).frames for v in frame.identities} == {3}


def test_images_that_other_programs_would_read(tmp_path, capsys):
    folder = samples.labels_8bit(tmp_path / "data")
    (folder / "1.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 53 37\nshowpage\n")
    assert mark(folder, tmp_path / "out") == 2
    assert "1.png: damaged image (cannot identify" in capsys.readouterr().err


FORMULAS = ["=1+1", "+1", "-1", "@sum", "'a", "plain", "1"]


def test_text_of_tables_is_no_formula(tmp_path):
    frames = [[{"segmentation": sequences.mask("a", t)}] for t in range(len(FORMULAS))]
    data = sequences.write_native(tmp_path / "data", frames, FORMULAS)
    order = tmp_path / "order.txt"
    order.write_text("\n".join(FORMULAS))
    experiment = sequences.mark(data, tmp_path / "out", "--sort", str(order))
    with open(experiment / "tracks.csv", newline="") as file:
        (track,) = csv.DictReader(file)
    assert track["first"] == "'=1+1"
    assert track["last"] == "1"
    for name in ("tracks.csv", "events.csv"):
        with open(experiment / name, newline="") as file:
            fields = [field for row in csv.reader(file) for field in row]
        assert not [field for field in fields if field.startswith(("=", "+", "-", "@"))]
    (birth,) = history.happenings(experiment, scene.labelled(open_experiment(experiment)).views)
    assert (birth.frame, birth.kind) == (0, "birth"), "read back as it was"


@pytest.mark.parametrize("text", [*FORMULAS, "", "''=", "\t=", "\r"])
def test_the_sign_of_text_comes_off_again(text):
    assert plain_field(safe_field(text)) == text
    assert not safe_field(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert safe_field(-1.5) == -1.5, "numbers stay numbers"


def no_constant(name: str):
    raise AssertionError(f"{name} in JSON")


def test_json_has_no_nan(tmp_path):
    strange = {
        "score": float("nan"),
        "note": [float("inf"), {"x": -float("inf")}],
        "category_id": 1,
    }
    frames = [[{"segmentation": sequences.mask("a", t)} | strange] for t in range(2)]
    data = sequences.write_native(tmp_path / "data", frames)
    assert "NaN" in (data / "sk_masks.json").read_text(), "the premise"
    experiment = sequences.mark(data, tmp_path / "out", "--output", "rle", "coco", "ytvis")
    figures = tmp_path / "figures.json"
    assert evaluate.main([str(experiment), "--json", str(figures)]) == 0
    files = [figures, *experiment.rglob("*.json")]
    assert len(files) == 5
    for file in files:
        json.loads(file.read_text(), parse_constant=no_constant)
    (record,) = json.loads((experiment / "exp.json").read_text())["0000.png"]
    assert (record["score"], record["note"]) == (None, [None, {"x": None}])
    assert labels_of(experiment) == {"0000.png": [1], "0001.png": [1]}
