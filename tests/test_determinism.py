"""The same input gives the same bytes, whatever the machine that it is on is like.

Backends, numbers of workers and lengths of chunks: tests/backends/test_backends.py.
"""

import json
import os
import random
import shutil

import numpy as np
import pytest
import samples
from experiments import OPTIONS, content, mark

import mark_label

SURROUNDINGS = {
    "hash seed 1": {"PYTHONHASHSEED": "1"},
    "hash seed 2": {"PYTHONHASHSEED": "2"},
    "another locale": {"LC_ALL": "de_DE.UTF-8", "LANG": "tr_TR.UTF-8", "TZ": "Asia/Kathmandu"},
    "no locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "threads": {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"},
}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_surroundings(data, expected, tmp_path, monkeypatch, name):
    for variable, value in SURROUNDINGS[name].items():
        monkeypatch.setenv(variable, value)
    done = mark(data, tmp_path, *OPTIONS, "--multi", "multi", "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert content(tmp_path) == expected


@pytest.mark.parametrize("layout", [samples.png_folders, samples.labels_8bit, samples.sav_png])
def test_order_of_files_on_disk(tmp_path, monkeypatch, layout):
    path = layout(tmp_path / "data")
    whole = run(path, tmp_path / "once")
    for name in ("listdir", "scandir"):
        monkeypatch.setattr(os, name, in_reverse(getattr(os, name)))
    assert run(path, tmp_path / "again") == whole


def in_reverse(listed):
    """The same entries in another order, as another file system has them."""

    class Reversed(list):
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        close = __exit__

        def __next__(self):
            if not self:
                raise StopIteration
            return self.pop(0)

        def __iter__(self):
            return self

    def call(*args):
        return Reversed(sorted(listed(*args), key=lambda e: getattr(e, "name", e), reverse=True))

    return call


def run(path, out):
    """Mark in this process; returns all files."""
    where = ["--data-path", str(path), "--experiments", str(out), "--exp-name", "e", "--quiet"]
    assert mark_label.main([*where, "--output", "masks", "rle"]) == 0
    return content(out)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_order_of_masks(data, expected, tmp_path, seed):
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    given = json.loads((data / "sk_masks.json").read_text())
    order = random.Random(seed)
    shuffled = {name: order.sample(records, len(records)) for name, records in given.items()}
    assert shuffled != given
    (copy / "sk_masks.json").write_text(json.dumps(shuffled))
    done = mark(copy, tmp_path, *OPTIONS)
    assert done.returncode == 0, done.stderr
    found = content(tmp_path)
    assert by_mask(found, shuffled, data) == by_mask(expected, given, data)
    assert found["e/tracks.csv"] == expected["e/tracks.csv"]


def by_mask(files, given, data):
    """Label and confidence of each mask, {(frame, pixels): ...}; identical masks are one."""
    return {
        (name, np.load(data / given[name][record["mask_index"]]["segmentation"]).tobytes()): (
            record["label"],
            record["confidence"],
        )
        for name, records in json.loads(files["e/e.json"]).items()
        for record in records
    }
