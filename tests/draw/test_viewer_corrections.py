"""Corrections made in the viewer: what the page shows of them, and the file that it saves."""

import json

import numpy as np
import pytest
from conftest import labels_of, squares
from viewer_fixtures import at, canvas, painted, shown_labels

import mark_label
from consistency import correct

# Labels 1 and 2 throughout; 3 in the first three frames, 4 in the last three: one object.
BROKEN = [
    squares((2, 2, 14), (2, 26, 12), *(((40, 4, 10),) if t < 3 else ((40, 24, 10),)))
    for t in range(6)
]

BY_OVERLAP = ("--matching", "optimal", "--memory", "1")  # which breaks 3 where it jumps


def saved(page):
    """Content of the file that "save" downloads."""
    page.click("#tab-corrections")
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename == "corrections.json"
    return json.loads(download.value.path().read_text())


def choose(page, label):
    page.click("#tab-labels")
    page.click(f"#rows .row[data-label='{label}']")


def go_to(page, frame):
    page.evaluate(f"scrub.value = {frame}; scrub.dispatchEvent(new Event('input'))")
    page.wait_for_selector(f"body[data-frame='{frame}'][data-drawn='{frame}']")


def test_a_merge_is_shown_saved_undone_and_made_again(write, visit, tmp_path):
    page = visit(write(BROKEN, marks=BY_OVERLAP))
    assert shown_labels(page) == ["1", "2", "3", "4"]
    choose(page, 3)
    page.keyboard.press("m")
    page.keyboard.type("4")
    page.keyboard.press("Enter")
    page.click("#tab-labels")
    assert shown_labels(page) == ["1", "2", "3"]
    page.keyboard.press("Escape")
    go_to(page, 5)
    np.testing.assert_array_equal(canvas(page, "after"), painted(BROKEN[5], (1, 2, 3)))
    content = saved(page)
    assert content == {
        "format": "mask label corrections",
        "version": 1,
        "sequence": "exp",
        "input": json.loads((tmp_path / "experiments/exp/run.json").read_text())["labels"],
        "corrections": [{"do": "merge", "labels": [3, 4]}],
    }
    page.keyboard.press("u")
    assert page.is_disabled("#save")
    np.testing.assert_array_equal(canvas(page, "after"), painted(BROKEN[5], (1, 2, 4)))
    page.keyboard.press("Shift+U")
    np.testing.assert_array_equal(canvas(page, "after"), painted(BROKEN[5], (1, 2, 3)))
    assert page.inner_text("#correction-list").startswith("4 becomes 3")
    page.click("#correction-list [aria-label^=remove]")
    np.testing.assert_array_equal(canvas(page, "after"), painted(BROKEN[5], (1, 2, 4)))


@pytest.mark.parametrize("again", ["mark_label", "correct"])
def test_a_wrong_label_is_mended_in_the_viewer_and_right_in_the_next_run(
    write, visit, tmp_path, again
):
    page = visit(write(BROKEN, marks=BY_OVERLAP))
    folder = tmp_path / "experiments" / "exp"
    wrong = [[1, 2, 3]] * 3 + [[1, 2, 4]] * 3
    assert list(labels_of(folder).values()) == wrong
    go_to(page, 2)
    page.mouse.click(*at(page, 44, 8))  # label 3, which becomes 4 in the next frame
    page.keyboard.press("m")
    go_to(page, 3)
    page.mouse.click(*at(page, 44, 28))
    page.keyboard.press("Enter")
    page.keyboard.press("r")
    page.keyboard.type("jumper")
    page.keyboard.press("Enter")
    path = tmp_path / "corrections.json"
    path.write_text(json.dumps(saved(page)))
    if again == "correct":
        assert correct.main([str(folder), str(path), "--overwrite", "--quiet"]) == 0
    else:
        where = ["--data-path", str(tmp_path / "data"), "--experiments", str(folder.parent)]
        given = ["--exp-name", "exp", "--overwrite", "--quiet", *BY_OVERLAP, "--output", "none"]
        assert mark_label.main([*where, *given, "--corrections", str(path)]) == 0
    assert list(labels_of(folder).values()) == [[1, 2, 3]] * 6
    after = visit(write.draw(), "#frame=5.png&label=3")
    assert shown_labels(after) == ["1", "2", "3"]
    assert after.inner_text("#details").startswith("label 3 jumper · ")
    assert after.evaluate("frame.textContent").startswith("6 / 6")


def test_what_cannot_be_is_said_and_not_kept(write, visit):
    page = visit(write(BROKEN, marks=BY_OVERLAP))
    choose(page, 1)

    def objection(key, text=""):
        page.keyboard.press(key)
        page.keyboard.type(text)
        page.keyboard.press("Enter")
        found = page.inner_text("#ask .problem")
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        choose(page, 1)
        return found

    assert objection("m", "2") == "Labels 1 and 2 are two masks of frame 0.png."
    assert objection("m", "77") == "There is no label 77."
    assert objection("m", "1") == "That is the same label."
    assert objection("m") == "Which label?"
    assert objection("s") == "Label 1 needs masks before this frame and from it on."
    assert objection("r") == "A name has 1 to 200 characters."
    assert objection("e", "2") == "Both are in one frame; go to another frame first."
    assert page.inner_text("#tab-corrections") == "corrections"


def test_every_kind_by_keys_reads_as_the_tool_reads_it(write, visit):
    page = visit(write(BROKEN, marks=BY_OVERLAP))
    choose(page, 1)
    go_to(page, 2)
    for keys in (["x", "2"], ["r", "left thing"]):
        page.keyboard.press(keys[0])
        page.keyboard.type(keys[1])
        page.keyboard.press("Enter")
    page.keyboard.press("s")
    page.keyboard.press("Enter")  # 1 has two masks before this frame: label 5 from here on
    choose(page, 2)
    page.keyboard.press("d")
    page.select_option("#ask select", "here")
    page.click("#ask [type=submit]")
    choose(page, 3)
    page.keyboard.press("e")
    go_to(page, 3)
    page.keyboard.type("4")
    page.keyboard.press("Enter")
    choose(page, 1)
    go_to(page, 0)
    page.keyboard.press("f")
    go_to(page, 3)
    page.keyboard.type("5")
    page.keyboard.press("Enter")
    assert saved(page)["corrections"] == [
        {"do": "swap", "labels": [1, 2], "at": "2.png"},
        {"do": "rename", "label": 1, "name": "left thing"},
        {"do": "split", "label": 1, "at": "2.png"},
        {"do": "drop", "label": 2, "frames": ["2.png", "2.png"]},
        {"do": "same", "masks": [{"frame": "2.png", "mask": 2}, {"frame": "3.png", "mask": 2}]},
        {
            "do": "different",
            "masks": [{"frame": "0.png", "mask": 0}, {"frame": "3.png", "mask": 1}],
        },
    ]
    page.click("#tab-labels")
    assert shown_labels(page) == ["1", "2", "3", "5"]
    assert "left thing" in page.inner_text("#rows .row[data-label='1']")


def test_masks_answer_the_form_and_the_menu_asks(write, visit):
    page = visit(write(BROKEN, marks=BY_OVERLAP))
    page.mouse.click(*at(page, 45, 8), button="right")
    assert page.is_visible("#menu")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    assert page.is_hidden("#menu")
    go_to(page, 4)
    page.mouse.click(*at(page, 45, 28))
    assert page.input_value("#ask [name=other]") == "4"
    page.check("#ask [name=only]")
    page.click("#ask [type=submit]")
    assert saved(page)["corrections"] == [{"do": "merge", "labels": [3, 4], "from": "4.png"}]
    page.click("#tab-labels")
    assert shown_labels(page) == ["1", "2", "3", "4"], "4 keeps its first frame"


def test_a_saved_file_is_opened_and_a_wrong_one_refused(write, visit, tmp_path):
    page = visit(write(BROKEN, marks=BY_OVERLAP))
    items = [
        {"do": "split", "label": 1, "at": "3.png"},
        {"do": "same", "masks": [{"frame": "2.png", "mask": 2}, {"frame": "3.png", "mask": 2}]},
    ]
    head = {"format": "mask label corrections", "version": 1, "sequence": "exp", "input": None}
    page.click("#tab-corrections")

    def read(content):
        path = tmp_path / "given.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        page.set_input_files("#file", path)
        page.wait_for_timeout(150)
        return page.inner_text("#note")

    read(head | {"corrections": items})
    assert saved(page)["corrections"] == items
    for content, problem in [
        ("{", "not a JSON file"),
        (head | {"version": 2, "corrections": []}, "version 1"),
        (head | {"corrections": [{"do": "merge", "labels": [1, 2]}]}, "two masks of frame 0.png"),
        (head | {"corrections": [{"do": "split", "label": 9, "at": "2.png"}]}, "no label 9"),
    ]:
        assert problem in read(content)
        assert page.inner_text("#tab-corrections") == "corrections (2)", "what was there stays"


def test_the_command_can_be_copied(write, visit):
    page = visit(write())
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#tab-corrections")
    page.click("#copy")
    text = page.evaluate("navigator.clipboard.readText()")
    assert text == page.input_value("#command")
    assert text.endswith("corrections.json")
    assert "exp" in text


def test_names_of_corrections_are_text(write, visit):
    page = visit(write())
    choose(page, 1)
    page.keyboard.press("r")
    page.keyboard.type("<img src=x onerror=alert(1)>")
    page.keyboard.press("Enter")
    page.keyboard.press("n")
    assert page.locator("img").count() == 1, "the photograph alone"
    assert "<img" in page.inner_text("#rows .row[data-label='1']")


def model(labels, items, frames):
    """Labels {(frame, mask): label} after corrections, the slow obvious way."""
    labels = dict(labels)
    fresh = max(labels.values())
    for item in items:
        at_frame = frames.index(item.get("at") or item.get("from") or frames[0])
        named = item.get("labels") or [item["label"]]
        later = [key for key in labels if key[0] >= at_frame]
        if item["do"] == "merge":
            labels |= {key: named[0] for key in later if labels[key] == named[1]}
        if item["do"] == "swap":
            other = {named[0]: named[1], named[1]: named[0]}
            labels |= {key: other[labels[key]] for key in later if labels[key] in other}
        if item["do"] == "split":
            fresh += 1
            labels |= {key: fresh for key in later if labels[key] == named[0]}
        if item["do"] == "drop":
            first, last = (frames.index(name) for name in item["frames"])
            gone = [k for k in labels if labels[k] == named[0] and first <= k[0] <= last]
            labels = {key: label for key, label in labels.items() if key not in gone}
    return labels


@pytest.mark.parametrize("seed", range(3))
def test_lists_of_corrections_show_what_a_slow_model_says(write, visit, seed, tmp_path):
    rng = np.random.default_rng(seed)
    page = visit(write(BROKEN, marks=BY_OVERLAP))
    frames = [f"{t}.png" for t in range(6)]
    given = {(t, i): (i + 1 if i < 2 else 3 + (t > 2)) for t in range(6) for i in range(3)}
    items = []
    while len(items) < 6:
        known = sorted(set(model(given, items, frames).values()))
        a, b = (int(v) for v in rng.choice(known, 2, replace=False))
        at_frame = frames[int(rng.integers(1, 6))]
        item = [
            {"do": "merge", "labels": [a, b], "from": at_frame},
            {"do": "swap", "labels": [a, b], "at": at_frame},
            {"do": "split", "label": a, "at": at_frame},
            {"do": "drop", "label": a, "frames": [at_frame, at_frame]},
        ][int(rng.integers(4))]
        before = model(given, items, frames)
        now = model(given, [*items, item], frames)
        here = [key[0] for key in before if before[key] == a]
        alone = all(
            len(set(v)) == len(v) for v in ([now[k] for k in now if k[0] == t] for t in range(6))
        )
        cut = frames.index(at_frame)
        whole = item["do"] != "split" or min(here) < cut <= max(here)
        if now != before and alone and whole:
            items.append(item)
    head = {"format": "mask label corrections", "version": 1, "sequence": "exp", "input": None}
    path = tmp_path / "given.json"
    path.write_text(json.dumps(head | {"corrections": items}))
    page.click("#tab-corrections")
    page.set_input_files("#file", path)
    page.wait_for_selector("#correction-list li")
    assert page.inner_text("#note") == ""
    labels = model(given, items, frames)
    for t in range(6):
        go_to(page, t)
        shown = page.get_attribute("#stage", "aria-label").partition("labels ")[2]
        expected = sorted(labels[key] for key in labels if key[0] == t)
        assert sorted(int(v) for v in shown.split(", ") if v) == expected
