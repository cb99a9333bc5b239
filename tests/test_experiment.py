"""An experiment's folder is written whole or not at all."""

import pytest

from consistency import experiment


def whole(folder):
    """What is in the folders beside ``folder``, {path: text}."""
    return {p.relative_to(folder.parent): p.read_text() for p in folder.parent.rglob("*.*")}


def write(folder, text, overwrite=False):
    with experiment.writing(folder, overwrite) as partial:
        (partial / "exp.json").write_text(text)
        if text == "fail":
            raise ValueError("in the middle")


def test_a_failure_in_the_middle_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="in the middle"):
        write(tmp_path / "exp", "fail")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_in_the_middle_leaves_the_old_experiment_whole(tmp_path):
    write(tmp_path / "exp", "old")
    before = whole(tmp_path / "exp")
    with pytest.raises(ValueError, match="in the middle"):
        write(tmp_path / "exp", "fail", overwrite=True)
    assert whole(tmp_path / "exp") == before
    assert [p.name for p in tmp_path.iterdir()] == ["exp"]


def test_success_replaces_the_old_experiment_and_what_a_killed_run_left(tmp_path):
    write(tmp_path / "exp", "old")
    for rest in ("exp.partial", "exp.old"):
        (tmp_path / rest).mkdir()
        (tmp_path / rest / "half.npy").write_text("")
    write(tmp_path / "exp", "new", overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["exp"]
    assert (tmp_path / "exp" / "exp.json").read_text() == "new"
    assert not (tmp_path / "exp" / "half.npy").exists()
