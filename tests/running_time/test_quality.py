"""The study of how well labels hold runs, and tells right from wrong."""

import json
import sys
from pathlib import Path

import pytest
from conftest import squares, write_dataset

sys.path.append(str(Path(__file__).resolve().parents[2] / "running_time"))

import quality


def test_it_scores_every_matching_and_every_part(tmp_path, capsys):
    frames = [squares((5 + 11 * t, 5, 10), (30, 24, 12)) for t in range(4)]
    write_dataset(tmp_path / "one" / "data", frames)
    truth = {f"{t}.png": [1, 2] for t in range(4)}
    (tmp_path / "one" / "truth.json").write_text(json.dumps(truth))
    file = tmp_path / "charts.json"
    assert quality.main([f"toy={tmp_path / 'one'}", "--steps", "1", "2", "--json", str(file)]) == 0
    found = json.loads(file.read_text())
    assert set(found) == {"toy", "toy, every 2. frame"}
    assert set(found["toy"]) == {*quality.METHODS, *quality.ABLATIONS}
    assert found["toy"]["track"] == {"AssA": 100.0, "IDF1": 100.0, "IDSW": 0, "labels": 2}
    # The small square never touches itself: by IoU alone each of its masks is another object.
    assert found["toy"]["optimal"]["labels"] == 5
    assert found["toy"]["optimal"]["AssA"] == pytest.approx(100 * (4 + 4 / 4) / 8)
    assert "| track | 100.0 / 100.0 / 0 |" in capsys.readouterr().out
