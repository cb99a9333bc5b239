"""The example commands of docs/formats.md are run as they stand."""

import json
import re
import shlex
from pathlib import Path

import pytest
import samples
import sequences

import mark_label
from consistency import convert
from consistency.formats import READERS, WRITERS, writing

TEXT = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"\| `(python [^`]+)` \|", TEXT)
DATA = {
    "native": sequences.disjoint,
    "amg": samples.amg_png,
    "sa1b": samples.sa1b,
    "sav": samples.sav_json,
    "coco": samples.coco_json,
    "ytvis": samples.ytvis_json,
    "mots": samples.mots_text,
    "davis": samples.davis,
    "labelmaps": samples.labels_8bit,
    "panoptic": samples.panoptic_deva,
    "ctc": samples.ctc,
    "tiff": samples.tiff_stack,
    "npz": samples.npz_masks,
    "png": samples.png_folders,
}


@pytest.mark.parametrize("command", COMMANDS)
def test_example_of_the_table(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = shlex.split(command)
    try:
        writing.require_extras(set(words) & set(WRITERS))
    except ImportError as error:
        pytest.skip(str(error))
    main = {"mark_label.py": mark_label.main}.get(words[1], convert.main)
    name = re.search(r"data/(\w+)", command).group(1)
    (tmp_path / "data").mkdir()
    DATA[name](tmp_path / "data" / name)
    frames = [{"file_path": f"images/{t:04d}.png"} for t in range(4)]
    (tmp_path / "data" / "transforms.json").write_text(json.dumps({"frames": frames}))
    arguments = words[2:] if main is mark_label.main else words[3:]
    assert main([*arguments, "--quiet"]) == 0
    assert len(list(tmp_path.rglob("run.json"))) == 1


def test_the_table_is_complete():
    for name in READERS:
        assert any(f"data/{name}" in command for command in COMMANDS)
        assert f"| `{name}`" in TEXT
    for name in WRITERS:
        assert f"`{name}" in TEXT or name in TEXT
    used = " ".join(COMMANDS)
    assert not [name for name in WRITERS if name not in ("none",) and name not in used]
