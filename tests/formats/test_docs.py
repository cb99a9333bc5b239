"""The example commands of docs/formats.md are run as they stand."""

import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import mark_label
from consistency import convert
from consistency.formats import READERS, WRITERS, writing

TEXT = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"\| `(python [^`]+)` \|", TEXT)
DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A folder with the samples, in which all commands run one after the other."""
    folder = tmp_path_factory.mktemp("checkout")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DATA)
        assert importlib.import_module("make_samples").main(["--out", str(folder / "data")]) == 0
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_example_of_the_table(command, here, monkeypatch):
    monkeypatch.chdir(here)
    words = shlex.split(command)
    try:
        writing.require_extras(set(words) & set(WRITERS))
    except ImportError as error:
        pytest.skip(str(error))
    main = {"mark_label.py": mark_label.main}.get(words[1], convert.main)
    arguments = words[2:] if main is mark_label.main else words[3:]
    before = set(here.rglob("run.json"))
    assert main([*arguments, "--quiet"]) == 0
    assert len(set(here.rglob("run.json")) - before) == 1


def test_samples_that_exist_are_left_as_they_are(here):
    """As a user's own data may have the name of a format."""
    for path in (here / "data" / "coco" / "coco.json", here / "data" / "transforms.json"):
        path.write_text(path.read_text() + "\n")
        before = path.read_bytes()
        done = [sys.executable, DATA / "make_samples.py", "--out", here / "data"]
        subprocess.run(done, check=True, capture_output=True)
        assert path.read_bytes() == before


def test_the_table_is_complete():
    for name in READERS:
        assert any(f"data/{name}" in command for command in COMMANDS)
        assert f"| `{name}`" in TEXT
    for name in WRITERS:
        assert f"`{name}" in TEXT or name in TEXT
    used = " ".join(COMMANDS)
    assert not [name for name in WRITERS if name not in ("none",) and name not in used]
