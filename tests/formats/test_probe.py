"""What lies at a path is looked at once, whichever formats ask."""

import json
from collections import Counter

import numpy as np
import pytest
import samples
import sequences
from PIL import Image

from consistency import validate
from consistency.formats import images, list_masks, open_source, source


@pytest.fixture
def parsed(monkeypatch):
    """Count how often each JSON file of the input is parsed."""
    counts = Counter()
    load = source.load_json

    def counted(path):
        counts[path.name] += 1
        return load(path)

    monkeypatch.setattr(source, "load_json", counted)
    return counts


def test_a_json_is_parsed_once(tmp_path, parsed):
    sequences.mark(sequences.disjoint(tmp_path / "data"), tmp_path / "out")
    assert parsed == {"sk_masks.json": 1}


def test_a_json_beside_images_is_parsed_once(tmp_path, parsed):
    folder = sequences.disjoint(tmp_path / "data")
    (folder / "frames").mkdir()
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(folder / "frames" / "0.png")
    sequences.mark(folder, tmp_path / "out")
    assert parsed == {"sk_masks.json": 1}


@pytest.mark.parametrize("sample", [samples.amg_json, samples.sa1b, samples.panoptic_deva])
def test_a_json_a_frame_is_parsed_once(tmp_path, parsed, sample):
    sequences.mark(sample(tmp_path / "data"), tmp_path / "out")
    assert set(parsed.values()) == {1}
    assert len(parsed) == 4


def test_a_json_of_a_whole_sequence_is_parsed_once(tmp_path, parsed):
    for sample in (samples.coco_json, samples.ytvis_json, samples.sav_json, samples.native_file):
        parsed.clear()
        sequences.mark(sample(tmp_path / sample.__name__), tmp_path / "out")
        assert list(parsed.values()) == [1]


def test_the_first_of_many_sequences_is_parsed_once(tmp_path, parsed):
    import mark_label

    for name in ("a", "b"):
        sequences.disjoint(tmp_path / "data" / name)
    flags = ["--data-path", str(tmp_path / "data"), "--experiments", str(tmp_path / "out")]
    assert mark_label.main([*flags, "--quiet"]) == 0
    assert parsed == {"sk_masks.json": 2}


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ('{"a": NaN}', "nan"),
        ('{"a": 123456789012345678901234567890}', "123456789012345678901234567890"),
        ('{"a": "\\ud800"}', "'\\ud800'"),
    ],
)
def test_numbers_and_text_are_read_as_python_writes_them(tmp_path, text, content):
    path = tmp_path / "x.json"
    path.write_text(text)
    assert repr(source.load_json(path)["a"]) == content


def test_a_key_that_appears_twice_is_refused(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"a": ":x"})[:-1] + ', "a": 1}')
    with pytest.raises(ValueError, match="key 'a' appears twice in one object"):
        source.load_json(path)


@pytest.fixture
def decoded(monkeypatch):
    """Count how often each label image is decoded."""
    counts = Counter()
    numbers = images.numbers

    def counted(path, pixels):
        counts[path.name] += 1
        return numbers(path, pixels)

    monkeypatch.setattr(images, "numbers", counted)
    return counts


# Where a file holds all frames it is decoded once for each of them.
LABEL_IMAGES = [
    (samples.labels_8bit, [1] * 4),
    (samples.labels_tiff, [1] * 4),
    (samples.davis, [1] * 4),
    (samples.panoptic_deva, [1] * 4),
    (samples.ctc, [1] * 4),
    (samples.tiff_stack, [4]),
    (samples.tiff_layers, [4, 4]),
]


@pytest.mark.parametrize(("sample", "times"), LABEL_IMAGES)
@pytest.mark.parametrize("flags", [(), ("--keep-ids",)])
def test_label_images_are_decoded_once(tmp_path, decoded, sample, times, flags):
    """By whoever measures them; what is written here needs no pixels."""
    experiment = sequences.mark(
        sample(tmp_path / "data"), tmp_path / "out", "--output", "none", *flags
    )
    assert list(decoded.values()) == times
    assert json.loads((experiment / "run.json").read_text())["counters"]["masks"] == 9


@pytest.mark.parametrize("sample", [sample for sample, _ in LABEL_IMAGES])
def test_opening_label_images_reads_no_pixels(tmp_path, decoded, sample):
    dataset = open_source(source.Source(sample(tmp_path / "data")))
    assert not decoded
    assert not dataset.listed
    listed = list_masks(dataset)
    assert listed.listed
    assert listed.masks == 9


def test_what_workers_find_in_label_images_is_what_one_process_finds(tmp_path):
    folder = samples.labels_8bit(tmp_path / "data")
    for flags in ((), ("--keep-ids",)):
        one = sequences.mark(folder, tmp_path / "a", "--output", "rle", *flags)
        workers = ("--multi", "multi", "--workers", "2")
        several = sequences.mark(folder, tmp_path / "b", "--output", "rle", *flags, *workers)
        for name in ("exp.json", "tracks.csv", "events.csv"):
            assert (one / name).read_bytes() == (several / name).read_bytes()


def test_validate_goes_on_behind_a_damaged_label_image(tmp_path, capsys):
    folder = samples.labels_8bit(tmp_path / "data")
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:60])
    assert validate.main([str(folder)]) == 2
    out = capsys.readouterr().out
    assert "identities: 3, on 6 masks" in out
    assert "problems: 1\n  frame '2.png': " in out
    assert "frames without masks: 0\n" in out
