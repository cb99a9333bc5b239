"""Whole runs over masks that stay as they are: the same files, linked where that is wanted."""

import errno
import json
import os

import numpy as np
import pytest
from conftest import squares, write_dataset
from experiments import content
from PIL import Image, ImageSequence

import mark_label
import vis
from consistency import journal
from consistency.draw.blocks import executed
from consistency.draw.scene import unlabelled
from consistency.endings import Interrupted
from consistency.formats import mask_files, open_dataset

SHAPE = (160, 200)
# One stays, one walks, one is seen in every other frame; orders change.
FRAMES = [
    squares(
        *[(10, 10, 30), (20 + 7 * t, 80, 40)][:: 1 if t % 2 else -1],
        *[(150, 100, 20)] * (t % 2),
        shape=SHAPE,
    )
    for t in range(9)
]


@pytest.fixture
def data(tmp_path):
    return write_dataset(tmp_path / "data", FRAMES)


def inodes(folder):
    return [path.stat().st_ino for path in sorted(folder.rglob("*.npy"))]


def test_the_record_of_a_run_counts_what_was_spared(mark, data):
    work = json.loads((mark(data) / "run.json").read_text())["work"]
    assert work["masks_unchanged"] == 8
    assert work["blocks"] == 9 * 3 * 4
    assert 0 < work["words"] < work["words_dense"]
    for flags in (["--multi", "multi", "--workers", "2"], ["--matching", "optimal"]):
        again = json.loads((mark(data, *flags) / "run.json").read_text())["work"]
        assert (again["masks_unchanged"], again["blocks"]) == (8, work["blocks"])


def test_linked_files_hold_the_bytes_of_files_that_are_not(mark, data, tmp_path):
    mark(data, name="e")
    plain = content(tmp_path / "experiments")
    assert len(set(inodes(tmp_path / "experiments"))) == sum(map(len, FRAMES)), "the premise"
    for flags in ([], ["--multi", "multi", "--workers", "2"]):
        linked = content(mark(data, "--link-unchanged", *flags, name="e").parent)
        for files in (plain, linked):
            files.pop("e/run.json", None)
        assert linked == plain
        assert len(set(inodes(tmp_path / "experiments"))) == sum(map(len, FRAMES)) - 8


def test_a_mask_with_another_label_is_not_linked(mark, data, tmp_path):
    # Nothing is carried over: each frame's masks have labels of their own.
    mark(data, "--link-unchanged", "--matching", "greedy", "--min-iou", "1", "--memory", "0")
    labels = [np.load(path).max() for path in sorted((tmp_path / "experiments").rglob("*.npy"))]
    different = len(set(labels)) + len(labels) - len(inodes(tmp_path / "experiments"))
    assert len(set(inodes(tmp_path / "experiments"))) >= different
    for path in (tmp_path / "experiments").rglob("*.npy"):
        assert len(np.unique(np.load(path))) == 2


def test_a_run_that_is_continued_links_the_same_files(data, tmp_path, monkeypatch):
    where = ["--data-path", str(data), "--exp-name", "e", "--quiet", "--link-unchanged"]
    assert mark_label.main([*where, "--experiments", str(tmp_path / "whole")]) == 0
    true, count = journal._append, iter(range(100))

    def append(path, record):
        true(path, record)
        if next(count) == 3:  # measured, and some of the frames are written
            raise Interrupted(15)

    monkeypatch.setattr(journal, "_append", append)
    assert mark_label.main([*where, "--experiments", str(tmp_path / "cut")]) != 0
    assert list((tmp_path / "cut").rglob("*.npy")), "the premise"
    monkeypatch.setattr(journal, "_append", true)
    assert mark_label.main([*where, "--experiments", str(tmp_path / "cut"), "--resume"]) == 0
    whole, cut = (content(tmp_path / name) for name in ("whole", "cut"))
    for files in (whole, cut):
        files.pop("e/run.json")
    assert cut == whole
    assert len(set(inodes(tmp_path / "cut"))) == sum(map(len, FRAMES)) - 8


def test_a_file_with_as_many_names_as_it_may_have_is_copied(mark, data, tmp_path, monkeypatch):
    true = os.link

    def link(old, new):
        if os.stat(old).st_nlink == 3:
            raise OSError(errno.EMLINK, "Too many links")
        true(old, new)

    monkeypatch.setattr(mask_files.os, "link", link)
    plain = mark(data, name="plain")
    linked = mark(data, "--link-unchanged", name="linked")
    for one, other in zip(sorted(plain.rglob("*.npy")), sorted(linked.rglob("*.npy")), strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert len(set(inodes(linked))) == sum(map(len, FRAMES)) - 6


def test_a_file_system_without_links_is_one_line(fails, data, monkeypatch):
    def link(old, new):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(mask_files.os, "link", link)
    assert "leave --link-unchanged out" in fails(data, "--link-unchanged")


def test_blocks_are_drawn_bright_where_masks_came_or_went(data, tmp_path):
    flags = ["--data-path", str(data), "--out", str(tmp_path / "out"), "--quiet"]
    assert vis.main([*flags, "--format", "blocks"]) == 0
    with Image.open(tmp_path / "out" / "data_blocks.gif") as film:
        pictures = [np.array(f.convert("RGB")).astype(int) for f in ImageSequence.Iterator(film)]
    assert len(pictures) == len(FRAMES)
    scene = unlabelled(open_dataset(data))
    for t, picture in enumerate(pictures[1:], 1):
        changed = executed(scene.views[t - 1], scene.views[t], scene.layout)
        assert changed.any()
        assert not changed.all()
        ground = ~np.any(FRAMES[t], axis=0)
        for (y, x), lit in np.ndenumerate(changed):
            block = slice(64 * y + 2, 64 * y + 64), slice(64 * x + 2, 64 * x + 64)
            shades = picture[block][ground[block]]
            assert shades.size == 0 or (shades.min() > 40) == lit
