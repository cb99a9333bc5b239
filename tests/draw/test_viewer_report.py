"""A report that a run has made, and its moments in the viewer: looked at and clicked through."""

import csv
import re

import pytest
from conftest import write_dataset
from labelling import boxes
from viewer_fixtures import frame_of, wait_until

import mark_label
import vis

FRAMES, AT = 26, 14  # in frame AT objects 1 and 4 exchange their identities
SHAPE = (130, 260)
PLACES = [  # x, y, width, height of each object in each frame
    [(5 + (k % 3 + 2) * t, 4 + 19 * k, 14 + 2 * k, 16 - k) for k in range(6)] for t in range(FRAMES)
]


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """A folder with an experiment with a report, and its viewer where the report expects it."""
    folder = tmp_path_factory.mktemp("checked")
    other = {1: 4, 4: 1}
    labels = [[1 + (other.get(k, k) if t >= AT else k) for k in range(6)] for t in range(FRAMES)]
    masks = [boxes(*frame, shape=SHAPE) for frame in PLACES]
    data = write_dataset(folder / "data", masks, label=labels)
    how = ["--keep-ids", "--report", "--output", "rle", "--quiet"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # both commands put their files there unless they are told otherwise
        assert mark_label.main([str(data), "--exp-name", "exp", *how]) == 0
        assert vis.main(["--exp-name", "exp", "--format", "html", "--quiet"]) == 0
    return folder


def rows(folder):
    with open(folder / "experiments" / "exp" / "report.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_each_moment_of_a_run_opens_its_frame_and_label(checked, visit):
    lines = rows(checked)
    assert (lines[0]["frame"], lines[0]["label"] in "25") == (f"{AT}.png", True), "the fault"
    page = visit(checked / "vis_consistent" / "exp.html")
    page.click("#tab-moments")
    buttons = page.locator("#moment-list button")
    assert buttons.count() == len(lines) > 0
    for number, line in enumerate(lines):
        button = buttons.nth(number)
        assert f"label {line['label']} in {line['frame']}" in button.inner_text()
        button.click()
        wait_until(page, "document.body.dataset.drawn === document.body.dataset.frame")
        assert str(frame_of(page)) == line["frame"].removesuffix(".png")
        wait_until(page, f"location.hash.endsWith('&label={line['label']}')")
        assert page.inner_text("#details").startswith(f"label {line['label']} ")
        assert page.locator("#moment-list [aria-current=true]").all_inner_texts() == [
            button.inner_text()
        ]


def test_a_moment_beyond_the_picture_is_brought_into_view(checked, visit):
    page = visit(checked / "vis_consistent" / "exp.html")
    page.click("#tab-moments")
    for _ in range(6):
        page.click("#zoom-in")
    k = {"2": 4, "5": 1}[rows(checked)[0]["label"]]
    x, y, width, height = PLACES[AT][k]

    def is_seen():
        stage, view = (page.locator(name).bounding_box() for name in ("#stage", "#view"))
        scale = view["width"] / SHAPE[1]
        across = view["x"] + (x + width / 2) * scale - stage["x"]
        down = view["y"] + (y + height / 2) * scale - stage["y"]
        return 0 < across < stage["width"] and 0 < down < stage["height"]

    assert not is_seen(), "the premise"
    page.locator("#moment-list button").first.click()
    wait_until(page, "document.body.dataset.drawn === document.body.dataset.frame")
    assert is_seen()


def test_links_of_the_report_open_the_viewer_there(checked, visit):
    lines = rows(checked)
    page = visit(checked / "vis_consistent" / "exp.html")
    page.goto((checked / "experiments" / "exp" / "report.html").as_uri())
    assert page.locator("li").count() == len(lines)
    for picture in page.locator("img").all():
        assert picture.evaluate("image => image.complete && image.naturalWidth > 0")
    page.locator("a").first.click()
    page.wait_for_selector("body[data-ready=yes]")
    frame = lines[0]["frame"]
    assert re.search(rf"/vis_consistent/exp\.html#frame={re.escape(frame)}&label=", page.url)
    assert str(frame_of(page)) == frame.removesuffix(".png")
    assert page.inner_text("#details").startswith(f"label {lines[0]['label']} ")
