"""The viewer in a real browser: fixtures, a plugin, and what its tests ask of the page."""

import json
import shutil

import numpy as np
import pytest
from conftest import squares, write_dataset

import mark_label
import vis
from consistency.draw import colours

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SHAPE = (40, 60)
# Labels 1 (large, with 2 on it), 2 (missing in frames 2 and 3), 3 (once); in frame 1 the input
# holds a near-duplicate of 2, and its order is another.
FRAMES = [
    squares((2, 2, 30), (10, 10, 12)),
    squares((11, 10, 12), (3, 2, 30), (46, 28, 9), (12, 11, 11)),
    squares((4, 2, 30)),
    squares((5, 2, 30)),
    squares((6, 2, 30), (13, 10, 12)),
]


@pytest.fixture(scope="session")
def viewer_of_frames(tmp_path_factory):
    """A folder with FRAMES, their experiment and its viewer, made once."""
    folder = tmp_path_factory.mktemp("viewer")
    _make(folder, write_dataset(folder / "data", FRAMES))
    return folder


def _make(folder, data, marks=("--memory", "3"), output="none", flags=()):
    where = ["--experiments", str(folder / "experiments"), "--exp-name", "exp", "--quiet"]
    given = ["--data-path", str(data), "--overwrite", *marks, "--output", output]
    assert mark_label.main([*where, *given]) == 0
    return _draw(folder, flags)


def _draw(folder, flags=()):
    where = ["--experiments", str(folder / "experiments"), "--out", str(folder / "out")]
    always = ["--exp-name", "exp", "--quiet", "--overwrite", "--format", "html"]
    assert vis.main([*where, *always, *flags]) == 0
    return folder / "out" / "exp.html"


@pytest.fixture
def write(tmp_path, viewer_of_frames):
    """Mark frames and write their viewer; returns the file."""

    def run(masks=FRAMES, names=None, flags=(), extra=None, **how):
        if masks is FRAMES and not (names or flags or extra or how):
            shutil.copytree(viewer_of_frames, tmp_path, dirs_exist_ok=True)
            return tmp_path / "out" / "exp.html"
        data = write_dataset(tmp_path / "data", masks, **(extra or {}))
        if names:
            path = data / "sk_masks.json"
            records = list(json.loads(path.read_text()).values())
            path.write_text(json.dumps(dict(zip(names, records, strict=True))))
        return _make(tmp_path, data, flags=flags, **how)

    run.draw = lambda flags=(): _draw(tmp_path, flags)  # the experiment as it is by now, again
    return run


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install chromium")
    api = pytest.importorskip("playwright.sync_api", reason="no Playwright: pip install playwright")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser):
    """Open a file; at the end no error was logged and nothing was asked of the network."""
    errors, requests, pages = [], [], []

    def run(path, hash="", size=(1300, 850), **context):
        page = browser.new_page(viewport={"width": size[0], "height": size[1]}, **context)
        pages.append(page)
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri() + hash)
        page.wait_for_selector("body[data-ready=yes]")
        return page

    yield run
    for page in pages:
        page.close()
    assert errors == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []


def canvas(page, name):
    """Pixels of a canvas, uint8 (h, w, 4), as soon as the frame is drawn."""
    wait_until(page, "document.body.dataset.drawn === document.body.dataset.frame")
    text = page.evaluate(
        """name => {
          const c = document.getElementById(name);
          const d = c.getContext("2d").getImageData(0, 0, c.width, c.height);
          return [c.height, c.width, Array.from(d.data)];
        }""",
        name,
    )
    return np.array(text[2], np.uint8).reshape(text[0], text[1], 4)


def painted(masks, labels):
    """Opaque RGBA picture, large masks first; label None is not painted."""
    image = np.zeros((*SHAPE, 4), np.uint8)
    for mask, label in sorted(zip(masks, labels, strict=True), key=lambda p: -p[0].sum()):
        if label is not None:
            image[mask] = [*colours.colours([label])[0], 255]
    return image


def at(page, x, y):
    """Place on the screen of mask pixel x, y."""
    box = page.locator("#view").bounding_box()
    return (
        box["x"] + (x + 0.5) / SHAPE[1] * box["width"],
        box["y"] + (y + 0.5) / SHAPE[0] * box["height"],
    )


def wait_until(page, condition):
    """Wait for a JavaScript condition; Playwright's own way needs eval, which the page forbids."""
    for _ in range(200):
        if page.evaluate(f"Boolean({condition})"):
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"never came true: {condition}")


def frame_of(page):
    """Number of the frame that is shown."""
    return int(page.evaluate("document.body.dataset.frame"))


def shown_labels(page):
    """Labels in the list, from top to bottom."""
    return [row.get_attribute("data-label") for row in page.locator("#rows .row").all()]
