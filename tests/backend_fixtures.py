"""Fixtures for the tests of backends; a plugin, so that a session has each of them once."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from experiments import FRAMES, OPTIONS, command_of, content, mark
from places import SHARED


@pytest.fixture
def nothing_left_behind() -> Iterator[None]:
    """Fail a test that leaves a process running."""
    yield
    kept = SHARED.processes()
    children = psutil.Process().children(recursive=True)
    # Python itself keeps one process to clean up after others.
    mine = [p for p in children if p not in kept and "resource_tracker" not in command_of(p)]
    assert psutil.wait_procs(mine, timeout=10)[1] == []


@pytest.fixture(scope="session", autouse=True)
def cluster_ends() -> Iterator[None]:
    """End the cluster that tests have shared."""
    yield
    SHARED.stop()


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """Eleven frames of drifting, nested and doubled discs; one frame has none, one mask is empty.

    Objects leave and return, so that a frame lost between two chunks changes labels.
    """
    root = tmp_path_factory.mktemp("data") / "discs"
    random = np.random.default_rng(5)
    start, drift = random.uniform(8, 56, (9, 2)), random.uniform(-2, 2, (9, 2))
    radius = random.uniform(3, 9, 9)
    y, x = np.mgrid[:64, :90]
    content = {}
    for t in range(FRAMES):
        records = content.setdefault(f"{t}.png", [])
        (root / "numpy_masks" / str(t)).mkdir(parents=True)
        for i in random.permutation(9) if t != 4 else ():
            if (t + i) % 5 == 3:  # each object is missing now and then
                continue
            centre = start[i] + t * drift[i]
            disc = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius[i] ** 2
            for mask in (disc, disc & (x % 9 > 0))[: 1 + (i == t % 9)]:
                path = f"numpy_masks/{t}/{len(records)}.npy"
                np.save(root / path, mask & (t != 7 or i != 2))
                records.append({"segmentation": path, "object": int(i)})
    (root / "sk_masks.json").write_text(json.dumps(content))
    return root


@pytest.fixture(scope="session")
def expected(data, tmp_path_factory) -> dict[str, bytes | dict]:
    """The experiment as one process writes it."""
    folder = tmp_path_factory.mktemp("serial")
    done = mark(data, folder, *OPTIONS)
    assert done.returncode == 0, done.stderr
    files = content(folder)
    assert files["e/run.json"]["counters"]["duplicates"] > 0
    assert b"return" in files["e/events.csv"]
    return files


@pytest.fixture
def endless(data, tmp_path) -> Path:
    """The data with a mask that never arrives: a pipe that nobody writes to."""
    copy = tmp_path / "endless"
    shutil.copytree(data, copy)
    mask = copy / "numpy_masks" / "9" / "1.npy"
    mask.unlink()
    os.mkfifo(mask)
    return copy
