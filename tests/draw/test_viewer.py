"""The viewer: its blocks against a slow decoder, and the page in a real browser."""

import base64
import csv
import json
import re
import zlib

import numpy as np
import pytest
from conftest import write_dataset
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from strategies import frames, orders
from viewer_fixtures import (
    FRAMES,
    SHAPE,
    at,
    canvas,
    frame_of,
    painted,
    shown_labels,
    wait_until,
)

import vis
from consistency.dataset import Frame
from consistency.draw import colours, history
from consistency.draw.scene import View
from consistency.draw.viewer import blocks
from consistency.masks.packing import pack


def decoded(block: bytes, line: int) -> list[dict]:
    """The slow obvious decoder of a block."""
    numbers, value, shift = [], 0, 0
    for octet in block:
        value |= (octet & 127) << shift
        shift += 7
        if octet < 128:
            numbers.append(value)
            value, shift = 0, 0
    assert shift == 0
    rest = iter(numbers)
    keys = ("track", "number", "area", "iou", "runs")
    masks = [{key: next(rest) for key in keys} for _ in range(next(rest))]
    for mask in masks:
        start, starts = -line, []
        for _ in range(mask["runs"]):
            a = next(rest)
            start += line + (-(a + 1) // 2 if a % 2 else a // 2)
            starts.append(start)
        mask["runs"] = starts
    for mask in masks:
        length, runs = 0, []
        for start in mask["runs"]:
            b = next(rest)
            length += -(b + 1) // 2 if b % 2 else b // 2
            runs.append((start, start + length))
        mask["runs"] = runs
    assert next(rest, None) is None
    return masks


@given(frames, orders)
def test_blocks_hold_every_pixel_and_number(masks, order):
    shape = masks.shape[1:]
    labels = tuple(i % 3 * 10 for i in range(len(masks)))
    view = View(Frame("x", ()), tuple(range(len(masks))), labels)
    overlap = np.where(np.arange(len(masks)) % 2, np.nan, 0.25)
    tracks = {10: 0, 20: 1}
    packed = pack(masks, shape, order)
    block = blocks.encode_block(packed, view, overlap, shape, tracks)
    found = decoded(block, shape[1] if order == "C" else shape[0])
    assert [m["area"] for m in found] == sorted((int(m.sum()) for m in masks), reverse=True)
    for mask in found:
        i = mask["number"] - 1
        flat = np.zeros(masks[i].size, bool)
        for start, stop in mask["runs"]:
            flat[start:stop] = True
        np.testing.assert_array_equal(flat.reshape(shape, order=order), masks[i])
        assert mask["track"] == (tracks[labels[i]] + 1 if labels[i] else 0)
        assert mask["iou"] == (0 if i % 2 else 251)


@given(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=20))
def test_varints_are_leb128(values):
    expected = b""
    for value in values:
        while value > 127:
            expected += bytes([value & 127 | 128])
            value >>= 7
        expected += bytes([value])
    assert blocks.varints(np.array(values, np.int64)) == expected


def block_of(path, frame):
    """The block of a frame, inflated."""
    return zlib.decompress(base64.b64decode(embedded(path, f"masks{frame}")))


def embedded(path, name):
    """Text of the script element ``name``."""
    return re.search(rf'<script type="[^"]*" id="{name}">(.*?)</script>', path.read_text())[1]


@pytest.mark.parametrize("stretch", [1, 2, 12])
def test_iou_to_the_frame_before_does_not_depend_on_the_cut(write, monkeypatch, stretch):
    monkeypatch.setattr("consistency.draw.viewer.page.STRETCH_FRAMES", stretch)
    path = write()
    found = decoded(block_of(path, 1), SHAPE[1])
    values = {mask["number"]: (mask["track"], mask["iou"]) for mask in found}
    shift_by_one = 1 + round(1000 * 29 / 31)  # a square of 30 moved by a pixel
    assert values[2] == (1, shift_by_one)
    dropped = [mask for mask in found if mask["track"] == 0]
    assert len(dropped) == 1
    assert all(m["iou"] == 0 for m in decoded(block_of(path, 0), 60))


def test_page_names_no_address_and_asks_for_none(write):
    text = write().read_text()
    assert "default-src 'none'" in text
    assert not re.search(r"(https?:)?//[a-z]+\.", text)


def test_text_of_the_data_cannot_end_its_element(write):
    names = ["</script ><script>document.title='x'</script>.png", "b", "c", "d", "e"]
    path = write(names=names)
    (line,) = (line for line in path.read_text().splitlines() if 'id="about"' in line)
    assert line.count("<") == 2
    assert json.loads(embedded(path, "about"))["frames"][0] == names[0]


@pytest.mark.parametrize("output", ["none", "rle", "masks"])
def test_masks_are_painted_in_the_colours_of_their_labels(write, visit, output):
    page = visit(write(output=output))
    np.testing.assert_array_equal(canvas(page, "after"), painted(FRAMES[0], (1, 2)))
    page.keyboard.press("ArrowRight")
    after, before = (2, 1, 3, None), (1, 2, 3, 4)
    np.testing.assert_array_equal(canvas(page, "after"), painted(FRAMES[1], after))
    page.keyboard.press("b")
    np.testing.assert_array_equal(canvas(page, "before"), painted(FRAMES[1], before))


def test_run_lengths_in_columns_are_turned(tmp_path, write, visit, mark):
    path = write(output="rle")
    (tmp_path / "data").rename(tmp_path / "gone")
    where = ["--experiments", str(tmp_path / "experiments"), "--out", str(tmp_path / "out")]
    again = ["--exp-name", "exp", "--quiet", "--overwrite", "--format", "html"]
    assert vis.main([*where, *again]) == 0
    assert json.loads(embedded(path, "about"))["order"] == "F"
    page = visit(path, "#frame=1")
    assert "duplicates are not shown" in page.inner_text("#note")
    np.testing.assert_array_equal(canvas(page, "after"), painted(FRAMES[1], (2, 1, 3, None)))
    page.mouse.move(*at(page, 50, 30))
    assert page.inner_text("#tip").startswith("label 3\n")


def test_keys_step_and_play_runs(write, visit):
    page = visit(write(), "#frame=0")
    for key, frame in [("ArrowRight", 1), ("End", 4), ("ArrowLeft", 3), ("Home", 0)]:
        page.keyboard.press(key)
        assert frame_of(page) == frame
    page.keyboard.press("Shift+ArrowRight")
    assert frame_of(page) == 4
    assert page.inner_text("#frame") == "5 / 5 4.png"
    page.fill("#fps", "60")
    page.click("#play")
    wait_until(page, "document.body.dataset.frame === '2'")
    wait_until(page, "document.body.dataset.frame === '0'")
    page.keyboard.press(" ")
    stopped = frame_of(page)
    page.wait_for_timeout(150)
    assert frame_of(page) == stopped


def test_hover_tells_label_area_iou_and_track(write, visit):
    page = visit(write(), "#frame=1")
    page.mouse.move(*at(page, 15, 15))
    lines = page.inner_text("#tip").split("\n")
    iou = 12 * 11 / (12 * 13)
    assert lines == [
        "label 2",
        "area 144 pixels",
        f"IoU to the frame before {iou:.3f}",
        "track of 3 frames, 1 gap",
    ]
    assert (canvas(page, "marks")[15, 15] > 0).all()
    page.mouse.move(*at(page, 55, 2))
    assert page.is_hidden("#tip")
    assert not canvas(page, "marks").any()


def test_hover_on_the_input_tells_its_mask_and_duplicates(write, visit):
    page = visit(write(), "#frame=1")
    page.keyboard.press("b")
    page.keyboard.press("b")
    page.mouse.move(*at(page, 11, 10))
    assert "label 2\nmask 0 of the input" in page.inner_text("#tip")
    page.mouse.move(*at(page, 15, 15))  # the near-duplicate is smaller and lies on top
    assert "left out as a duplicate\nmask 3 of the input" in page.inner_text("#tip")


def test_click_isolates_a_track_and_marks_its_gap(write, visit):
    page = visit(write())
    page.mouse.click(*at(page, 15, 15))
    image = canvas(page, "after")
    assert image[15, 15].tolist() == [*colours.colours([2])[0], 255]
    assert image[5, 5, 3] == 0x38
    lane = canvas(page, "lane")
    strip = lane[-8]  # cells of five frames: present, present, gap, gap, present
    cells = [strip[int((t + 0.7) * strip.shape[0] / 5)] for t in range(5)]
    ink = [*colours.colours([2])[0], 255]
    assert [cell.tolist() == ink for cell in cells] == [True, True, False, False, True]
    third = strip.shape[0] // 5
    assert (strip[2 * third + 4 : 4 * third, 3] > 0).any(), "no hatching in the gap"
    assert "return" in page.inner_text("#details")
    assert page.locator(".row.selected").get_attribute("data-label") == "2"
    page.keyboard.press("Escape")
    assert canvas(page, "after")[5, 5, 3] == 255


def test_list_sorts_filters_and_searches(write, visit):
    page = visit(write())
    assert shown_labels(page) == ["1", "2", "3"]
    page.click("#titles [data-key=frames]")
    assert shown_labels(page) == ["3", "2", "1"]
    page.click("#titles [data-key=frames]")
    assert shown_labels(page) == ["1", "2", "3"]
    for choice, expected in [
        ("short", ["3"]),
        ("gaps", ["2"]),
        ("split", []),
        ("here", ["1", "2"]),
    ]:
        page.select_option("#filter", choice)
        assert shown_labels(page) == expected
    page.keyboard.press("End")
    page.select_option("#filter", "all")
    page.keyboard.press("Tab")
    page.locator("body").press("/")
    page.keyboard.type("3")
    assert shown_labels(page) == ["3"]
    page.keyboard.press("Escape")
    page.click("#rows .row")
    assert frame_of(page) == 1, "a track that is not in the frame is gone to"


def test_jump_to_the_next_event(write, visit):
    page = visit(write())
    page.keyboard.press("n")
    assert (frame_of(page), page.inner_text("#event")) == (2, "gap · label 2")
    page.click("#next")
    assert frame_of(page) == 4
    assert page.inner_text("#event").startswith("return · label 2")
    assert (canvas(page, "marks")[15, 18] > 0).all()
    page.keyboard.press("n")
    assert page.inner_text("#event") == "no further event"
    page.select_option("#kind", "birth")
    page.click("#previous")
    assert frame_of(page) == 1
    assert "birth · label 3" in page.inner_text("#event")


def add_to_table(path, rows, columns=lambda row: {}):
    """Add rows and columns to a CSV file, whichever columns it has."""
    rows = [row | columns(row) for row in [*history.read_table(path), *rows]]
    names = dict.fromkeys(name for row in rows for name in row)
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def test_splits_belong_to_mother_and_daughter(write, visit, tmp_path):
    write()
    folder = tmp_path / "experiments" / "exp"
    add_to_table(
        folder / "events.csv", [{"frame": "1.png", "event": "split", "label": 2, "other": 3}]
    )
    add_to_table(
        folder / "tracks.csv", [], lambda row: {"parent": 2 if row["label"] == "3" else ""}
    )
    where = ["--experiments", str(tmp_path / "experiments"), "--out", str(tmp_path / "out")]
    flags = ["--exp-name", "exp", "--quiet", "--overwrite", "--format", "html", "timeline"]
    assert vis.main([*where, *flags]) == 0
    page = visit(tmp_path / "out" / "exp.html")
    page.select_option("#filter", "split")
    assert page.inner_text("#shown") == "2 of 3"
    page.keyboard.press("Escape")
    page.locator("body").press("n")
    assert page.inner_text("#event") == "split · label 2 · other 3"
    marks = canvas(page, "marks")
    assert marks[15, 15].any(), "mother"
    assert marks[30, 50].any(), "daughter"
    page.click("#rows .row[data-label='3']")
    assert "parent 2" in page.inner_text("#details")
    assert "split · label 2 · other 3" in page.inner_text("#details")


def test_divider_shows_before_on_the_left_and_after_on_the_right(write, visit):
    page = visit(write())
    assert page.evaluate("getComputedStyle(before).clipPath") == "inset(0px 100% 0px 0px)"
    page.mouse.move(*at(page, 0, 20))
    page.mouse.down()
    page.mouse.move(*at(page, 29.5, 20))
    page.mouse.up()
    assert page.evaluate("getComputedStyle(before).clipPath") == "inset(0px 50% 0px 0px)"
    np.testing.assert_array_equal(canvas(page, "before"), painted(FRAMES[0], (1, 2)))
    page.keyboard.press("b")
    assert page.evaluate("getComputedStyle(before).clipPath").startswith("inset(0px")
    assert page.input_value("#split") == "100"


def test_timeline_click_goes_to_the_frame(write, visit):
    page = visit(write())
    for name, frame in (("lane", 3), ("matrix", 2)):
        box = page.locator(f"#{name}").bounding_box()
        page.mouse.click(box["x"] + (frame + 0.5) / 5 * box["width"], box["y"] + 10)
        assert frame_of(page) == frame


def test_address_remembers_frame_and_label(write, visit):
    path = write()
    page = visit(path, "#frame=3&label=1")
    assert frame_of(page) == 3
    assert page.locator(".row.selected").get_attribute("data-label") == "1"
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**#frame=4.png&label=1")
    page.evaluate("location.hash = 'frame=nonsense'")
    wait_until(page, "document.body.dataset.frame === '0'")
    page.evaluate("location.hash = 'frame=99'")
    wait_until(page, "document.body.dataset.frame === '4'")


def test_names_are_text(write, visit):
    names = ["<script>document.title='taken'</script>.png", "<b>b</b>", "c", "d", "e&amp;"]
    path = write(names=names)
    page = visit(path, "#frame=0&label=1")
    listed = json.loads(embedded(path, "about"))["frames"]
    assert set(listed) == set(names)
    for name in listed:
        assert page.inner_text("#frame").endswith(name)
        page.keyboard.press("ArrowRight")
    assert page.title() == "exp"
    assert page.locator("b b").count() == 0
    assert page.locator("#details script").count() == 0


def test_photographs_lie_under_the_masks(write, visit, tmp_path):
    folder = tmp_path / "rgb"
    folder.mkdir()
    for t in range(5):
        Image.new("RGB", SHAPE[::-1], (200, 40 * t, 50)).save(folder / f"{t}.png")
    page = visit(write(flags=["--frames-path", str(folder), "--alpha", "0.25"]), "#frame=4")
    wait_until(page, "photograph.complete && photograph.naturalWidth > 0")
    colour = page.evaluate(
        """() => {
          const c = document.createElement("canvas").getContext("2d");
          c.drawImage(photograph, 0, 0);
          return Array.from(c.getImageData(30, 35, 1, 1).data);
        }"""
    )
    assert np.abs(np.array(colour[:3]) - [200, 160, 50]).max() < 6
    assert page.evaluate("getComputedStyle(after).opacity") == "0.25"


def test_thousands_of_tracks_keep_the_page_light(write, visit):
    masks = [[np.zeros((60, 60), bool) for _ in range(900)] for _ in range(2)]
    for t in range(2):
        for i in range(900):
            masks[t][i][2 * (i // 30) : 2 * (i // 30) + 1 + t, 2 * (i % 30)] = True
    page = visit(write(masks))
    assert page.inner_text("#shown").endswith("of 900")
    assert page.locator("#rows .row").count() < 80
    page.evaluate("document.getElementById('list').scrollTop = 1e6")
    wait_until(page, "document.querySelector('#rows .row[data-label=\"900\"]')")
    assert page.locator("#rows .row").count() < 80


def test_data_without_labels_is_shown_as_it_is(tmp_path, visit):
    data = write_dataset(tmp_path / "data", FRAMES)
    flags = ["--data-path", str(data), "--out", str(tmp_path), "--quiet", "--format", "html"]
    assert vis.main(flags) == 0
    page = visit(tmp_path / "data.html")
    page.keyboard.press("ArrowRight")
    np.testing.assert_array_equal(canvas(page, "before"), painted(FRAMES[1], (1, 2, 3, 4)))
    page.mouse.move(*at(page, 50, 30))
    assert page.inner_text("#tip") == "mask 2\narea 81 pixels"
    assert page.is_hidden("#right")
