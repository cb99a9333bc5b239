"""The viewer's controls in a real browser: zoom, numbers, search, sizes, keyboard, readers."""

import io
from importlib.resources import files

import numpy as np
import pytest
from conftest import squares
from PIL import Image
from scipy import ndimage
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

from consistency.draw import colours

DOZEN = [squares(*((5 * (i % 6), 10 * (i // 6), 4) for i in range(12))) for _ in range(2)]
PHONES = [(667, 375), (844, 390), (568, 320), (390, 844), (360, 640)]


def scale_of(page):
    return page.locator("#view").bounding_box()["width"] / SHAPE[1]


def drawn(page, name):
    """Whether there is anything on a canvas."""
    return bool(canvas(page, name).any())


# --------------------------------------------------------------------------------- zoom and pan


def test_the_wheel_zooms_about_the_pointer_and_a_drag_moves(write, visit):
    page = visit(write())
    fitted = page.locator("#view").bounding_box()
    x, y = at(page, 15, 15)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    assert scale_of(page) > 2 * fitted["width"] / SHAPE[1]
    assert at(page, 15, 15) == pytest.approx((x, y), abs=3)
    x, y = at(page, 15, 15)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 50, y - 30, steps=3)
    page.mouse.up()
    assert at(page, 15, 15) == pytest.approx((x - 50, y - 30), abs=2)
    assert page.locator(".row.selected").count() == 0, "a drag is not a click"
    page.keyboard.press("0")
    assert page.locator("#view").bounding_box() == pytest.approx(fitted)


def test_keys_buttons_and_a_double_click_zoom_and_nothing_leaves_the_window(write, visit):
    page = visit(write())
    fitted = scale_of(page)
    page.keyboard.press("+")
    page.click("#zoom-in")
    assert scale_of(page) == pytest.approx(1.25**2 * fitted)
    page.keyboard.press("-")
    page.click("#zoom-out")
    page.click("#zoom-out")
    assert scale_of(page) == pytest.approx(fitted), "never smaller than the window"
    page.mouse.dblclick(*at(page, 50, 38))
    assert scale_of(page) == pytest.approx(2 * fitted)
    for key in "jjjjjjjjjjjjiiiiiiiiiiii":
        page.keyboard.press(key)
    stage, view = (page.locator(name).bounding_box() for name in ("#stage", "#view"))
    assert view["x"] == pytest.approx(stage["x"], abs=1)
    assert view["y"] == pytest.approx(stage["y"], abs=1)
    before = view["x"]
    page.keyboard.press("l")
    assert page.locator("#view").bounding_box()["x"] < before


def test_two_fingers_zoom(write, visit):
    page = visit(write(), has_touch=True)
    fitted = scale_of(page)
    x, y = at(page, 30, 20)
    page.evaluate(
        """([x, y]) => {
          const stage = document.getElementById("stage");
          stage.setPointerCapture = () => {};
          const send = (kind, id, dx) => stage.dispatchEvent(new PointerEvent(kind, {
            pointerId: id, clientX: x + dx, clientY: y, bubbles: true, pointerType: "touch",
          }));
          send("pointerdown", 1, -40); send("pointerdown", 2, 40);
          send("pointermove", 1, -80); send("pointermove", 2, 80);
          send("pointerup", 1, -80); send("pointerup", 2, 80);
        }""",
        [x, y],
    )
    assert scale_of(page) == pytest.approx(2 * fitted)
    assert at(page, 30, 20) == pytest.approx((x, y), abs=2)


def test_what_is_pointed_at_stays_true_when_zoomed(write, visit):
    page = visit(write(), "#frame=1")
    page.mouse.move(*at(page, 50, 32))
    page.mouse.wheel(0, -500)
    page.mouse.move(*at(page, 46, 28))
    assert page.inner_text("#tip").startswith("label 3\n")
    page.mouse.move(*at(page, 45, 28))
    assert page.is_hidden("#tip")


def test_the_divider_cuts_what_is_seen_when_zoomed(write, visit):
    page = visit(write())
    page.mouse.move(*at(page, 0, 0))
    page.mouse.wheel(0, -450)
    page.keyboard.press("b")
    stage, view = (page.locator(name).bounding_box() for name in ("#stage", "#view"))
    cut = page.evaluate("Number(before.style.clipPath.split(' ')[1].replace('%', ''))")
    middle = (stage["x"] + stage["width"] / 2 - view["x"]) / view["width"]
    assert cut == pytest.approx(100 - 100 * middle, abs=0.1)


# ---------------------------------------------------------------------- what lies on the masks


def test_numbers_stand_in_the_masks_and_can_be_turned_off(write, visit):
    page = visit(write(), "#frame=1")
    canvas(page, "after")
    assert page.get_attribute("#names", "data-count") == "3"
    names = canvas(page, "names")
    stage = page.locator("#stage").bounding_box()
    written = np.argwhere(names[..., 3] > 0)
    inside = {2: (11, 10, 12), 1: (3, 2, 30), 3: (46, 28, 9)}
    found = 0
    for x, y, side in inside.values():
        left, top = at(page, x, y)
        right, bottom = at(page, x + side, y + side)
        rows = (written[:, 0] > top - stage["y"]) & (written[:, 0] < bottom - stage["y"])
        columns = (written[:, 1] > left - stage["x"]) & (written[:, 1] < right - stage["x"])
        assert (rows & columns).any()
        found |= rows & columns
    assert found.all(), "nothing is written beside the masks"
    page.keyboard.press("t")
    assert not drawn(page, "names")


def test_outlines_are_the_pixels_beside_the_outside(write, visit):
    page = visit(write(), "#frame=2")
    page.keyboard.press("o")
    mask = FRAMES[2][0]
    expected = painted(FRAMES[2], (1,))
    edge = mask & ~ndimage.binary_erosion(mask, np.ones((3, 3)))
    expected[edge] = [0, 0, 0, 255] if colours.colours([1])[0] @ [0.3, 0.6, 0.1] > 140 else 255
    np.testing.assert_array_equal(canvas(page, "after"), expected)


@pytest.mark.parametrize("order", ["C", "F"])
def test_outlines_of_any_shape(write, visit, order):
    rng = np.random.default_rng(5)
    blob = ndimage.zoom(rng.random((8, 12)), 5, order=1)[: SHAPE[0], : SHAPE[1]] > 0.5
    page = visit(write([[blob], [blob]], output="rle" if order == "F" else "none"))
    page.keyboard.press("o")
    shown = canvas(page, "after")
    cross = ndimage.generate_binary_structure(2, 1)
    padded = np.pad(blob, 1)
    # Over the border of the picture nothing is known: lines end there, so it counts as outside.
    edge = (padded & ~ndimage.binary_erosion(padded, cross))[1:-1, 1:-1]
    np.testing.assert_array_equal(shown[..., 3] > 0, blob)
    colour = colours.colours([1])[0]
    inner = (shown[..., :3] == colour).all(axis=2)
    np.testing.assert_array_equal(inner, blob & ~edge)


def test_sliders_and_boxes_take_their_keys_themselves(write, visit):
    page = visit(write())
    page.focus("#opacity")
    page.keyboard.press("ArrowLeft")
    assert (page.input_value("#opacity"), frame_of(page)) == ("99", 0)
    assert page.evaluate("after.style.opacity") == "0.99"
    page.focus("#divider")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    assert page.get_attribute("#divider", "aria-valuenow") == "10"
    assert frame_of(page) == 0
    page.focus("#outlines")
    page.keyboard.press(" ")
    assert page.is_checked("#outlines")
    assert page.get_attribute("#play", "aria-label") == "play"
    page.focus("#scrub")
    page.keyboard.press("ArrowRight")
    assert frame_of(page) == 1
    page.focus("#lane")
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("#lane", "aria-valuenow") == "3"


# ------------------------------------------------------------------------------ search and names


def test_search_means_labels_ranges_and_names(write, visit):
    classes = [["cat" if i in (3, 4) else "red car" for i in range(12)] for _ in range(2)]
    page = visit(write(DOZEN, extra={"class_name": classes}))
    for text, expected in [
        ("1", ["1"]),
        ("2-4", ["2", "3", "4"]),
        ("11, 3", ["3", "11"]),
        ("10-", ["10", "11", "12"]),
        ("99", []),
        ("CAT", ["4", "5"]),
    ]:
        page.fill("#search", text)
        assert shown_labels(page) == expected, text
    page.fill("#search", "4")
    page.press("#search", "Enter")
    assert page.get_attribute(".row.selected", "data-label") == "4"
    assert page.inner_text("#details").startswith("label 4 cat · ")
    page.mouse.move(*at(page, 17, 2))
    assert page.inner_text("#tip").startswith("label 4 cat\n")


def test_details_have_no_empty_fields(write, visit):
    page = visit(write())
    page.click("#rows .row >> nth=2")
    first = page.inner_text("#details").split("\n")[0]
    assert "parent" not in first
    assert all(part.split()[-1] != "" and " " in part for part in first.split(" · "))


# ---------------------------------------------------------------------- events and the timeline


def test_event_text_follows_the_frame_and_the_layout_stays(write, visit):
    page = visit(write())
    boxes = page.evaluate("['stage', 'lane', 'table'].map(i => $rect(i))".replace("$rect(i)", RECT))
    for frame, text in [(0, ""), (1, ""), (2, "gap · label 2"), (4, "return · label 2")]:
        page.evaluate(f"location.hash = 'frame={frame}.png'")
        wait_until(page, f"document.body.dataset.frame === '{frame}'")
        assert page.inner_text("#event").startswith(text)
        assert bool(text) == bool(page.inner_text("#event"))
        now = page.evaluate(
            "['stage', 'lane', 'table'].map(i => $rect(i))".replace("$rect(i)", RECT)
        )
        assert now == boxes


RECT = "JSON.stringify(document.getElementById(i).getBoundingClientRect())"


def long_sequence(frames=60):
    """One mask throughout, one for half of it, ten short ones one after the other."""
    found = []
    for t in range(frames):
        boxes = [(2, 2, 8)]
        if t < frames // 2 - 5:
            boxes.append((30, 2, 8))
        if t % 5 < 2 and t < 50:
            boxes.append((48 * (t // 5 % 2), 30 * (t // 10 % 2), 6 + t // 10))
        found.append(squares(*boxes))
    return found


def test_timeline_packs_short_labels_and_zooms(write, visit):
    page = visit(write(long_sequence()))
    count = int(page.inner_text("#shown").split()[-1])
    text = page.get_attribute("#matrix", "aria-label")
    assert text.startswith(f"{count} labels in ")
    assert int(text.split()[3]) < count, "short labels share lines"
    assert text.endswith("frames 1 to 60")
    page.click("#time-in")
    page.click("#time-in")
    first, last = map(
        int, page.get_attribute("#matrix", "aria-label").split("frames ")[1].split(" to ")
    )
    assert (first, last) == (1, 22), "0.36 of 60 frames, from the start on"
    for frame in (40, 41):
        page.evaluate(f"location.hash = 'frame={frame}.png'")
        wait_until(page, f"document.body.dataset.frame === '{frame}'")
    first, last = map(
        int, page.get_attribute("#matrix", "aria-label").split("frames ")[1].split(" to ")
    )
    assert first <= 42 <= last, "the shown frame stays in sight"
    page.click("#time-fit")
    box = page.locator("#lane").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 5)
    page.mouse.wheel(0, -300)
    first, last = map(
        int, page.get_attribute("#matrix", "aria-label").split("frames ")[1].split(" to ")
    )
    assert 10 < first < 30 < last < 50, "zoomed about the pointer"


def test_a_bar_of_the_timeline_selects_its_label(write, visit):
    page = visit(write())
    box = page.locator("#matrix").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + 14 + 7)
    assert page.get_attribute(".row.selected", "data-label") == "1"
    assert frame_of(page) == 4


def test_families_of_cells_are_a_tree(write, visit, tmp_path):
    path = write()
    table = tmp_path / "experiments" / "exp" / "tracks.csv"
    lines = table.read_text().splitlines()
    column = lines[0].split(",").index("parent")
    for i, line in enumerate(lines):
        if line.split(",")[0] in "23":
            lines[i] = ",".join(v if k != column else "1" for k, v in enumerate(line.split(",")))
    table.write_text("\n".join(lines) + "\n")
    page = visit(write.draw())
    page.click("#tab-lineage")
    named = [g.get_attribute("aria-label") for g in page.locator("#lineage g").all()]
    assert named == [
        "label 1, mother of 2, 3",
        "label 2, daughter of 1",
        "label 3, daughter of 1",
    ]
    page.focus("#lineage g[data-label='3']")
    page.keyboard.press("Enter")
    assert frame_of(page) == 1
    assert page.get_attribute("#lineage g[data-label='3']", "aria-pressed") == "true"
    assert path.exists()


# ------------------------------------------------------------------- sizes, light, keys, readers


@pytest.mark.parametrize("size", PHONES)
def test_a_phone_shows_the_picture(write, visit, size):
    page = visit(write(), size=size, has_touch=True, is_mobile=True)
    view = page.locator("#view").bounding_box()
    assert min(view["width"], view["height"]) >= 120
    assert view["x"] >= 0
    assert view["x"] + view["width"] <= size[0] + 1
    assert view["y"] + view["height"] <= size[1] + 1
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    for name in ("#play", "#show-panel", "#theme"):
        box = page.locator(name).bounding_box()
        assert box["x"] + box["width"] <= size[0]
        assert box["y"] + box["height"] <= size[1]
    page.touchscreen.tap(*at(page, 15, 15))
    assert page.inner_text("#details").startswith("label 2")


def luminance(page):
    red, green, blue = page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)"
    )[:3]
    return red + green + blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_follow_the_system_until_switched(write, visit, scheme):
    page = visit(write(), color_scheme=scheme)
    bright = luminance(page) > 600
    assert bright == (scheme == "light")
    page.click("#theme")
    assert (luminance(page) > 600) != bright
    assert page.inner_text("#theme") == scheme
    page.reload()
    page.wait_for_selector("body[data-ready=yes]")
    assert (luminance(page) > 600) != bright, "the choice is remembered"


def test_the_keyboard_alone_reaches_and_selects_a_label(write, visit):
    page = visit(write())
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('#rows .row') !== null"):
            break
    assert page.evaluate("document.activeElement.dataset.label") == "1"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    assert page.get_attribute(".row.selected", "data-label") == "2"
    assert page.evaluate("document.activeElement.dataset.label") == "2", "the focus stays"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "the focus can be seen"
    page.keyboard.press("]")
    assert page.inner_text("#details").startswith("label 1")
    page.focus("#tab-labels")
    page.keyboard.press("ArrowRight")
    assert page.is_visible("#corrections")
    assert page.evaluate("document.activeElement.id") == "tab-corrections"
    page.keyboard.press("?")
    assert page.is_visible("#help")
    page.keyboard.press("Escape")
    assert page.is_hidden("#help")


def violations(page):
    """What axe finds wrong, [(rule, elements)]."""
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [(v["id"], [n["target"] for n in v["nodes"]]) for v in found["violations"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong(write, visit, scheme):
    pytest.importorskip("axe_playwright_python", reason="pip install axe-playwright-python")
    page = visit(write(), "#frame=2", color_scheme=scheme, bypass_csp=True)
    page.add_script_tag(content=(files("axe_playwright_python") / "axe.min.js").read_text())
    assert violations(page) == []
    page.click("#rows .row >> nth=1")
    page.keyboard.press("m")
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    page.keyboard.press("Enter")
    page.click("#tab-corrections")
    assert violations(page) == []
    page.keyboard.press("c")
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert violations(page) == []
    page.keyboard.press("?")
    page.evaluate("document.getElementById('opacity').parentElement.replaceWith(opacity)")
    assert violations(page) == [("label", [["#opacity"]])], "axe looks"


def test_a_screenshot_is_the_picture_that_numpy_paints(write, visit):
    page = visit(write(), "#frame=1")
    page.uncheck("#numbers")
    canvas(page, "after")
    shot = Image.open(io.BytesIO(page.locator("#view").screenshot())).convert("RGB")
    found = np.asarray(shot.resize(SHAPE[::-1], Image.Resampling.BOX)).astype(int)
    expected = painted(FRAMES[1], (2, 1, 3, None))[..., :3].astype(int)
    wrong = np.abs(found - expected).max(axis=2) > 40
    # The divider stands over the first column, and at the borders pixels of two masks are mixed.
    assert wrong.mean() < 0.05
    assert not wrong[:, 2:][~ndimage.binary_dilation(edges(expected))[:, 2:]].any()


def edges(picture):
    grey = picture.sum(axis=2)
    return ndimage.maximum_filter(grey, 3) != ndimage.minimum_filter(grey, 3)
