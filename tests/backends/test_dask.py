"""What is peculiar to a cluster of Dask; ``test_backends.py`` has what all backends share."""

import os
import re
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from experiments import OPTIONS, content, mark, waiting
from launch import HANGS, PIPES_ARE_FILES, ROOT, start
from places import DASK_WORKERS, SHARED, Place, cluster, skip_if_missing

import mark_label
from backends import dask, open_backend

pytestmark = pytest.mark.usefixtures("nothing_left_behind")

PAGE = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
DASK = Place("dask", DASK_WORKERS)


@pytest.fixture
def needs_dask() -> None:
    """Skip where there is no Dask."""
    skip_if_missing(DASK)


def holder(pipe: Path):
    """Wait for the worker that has ``pipe`` open; its open() may not have returned yet."""
    until = time.monotonic() + HANGS
    while time.monotonic() < until:
        for process in SHARED.processes():
            for link in Path(f"/proc/{process.pid}/fd").iterdir():
                with suppress(FileNotFoundError):  # closed in between
                    if os.readlink(link) == str(pipe.resolve()):
                        return process
        time.sleep(0.05)
    raise AssertionError("nobody reads the pipe")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.usefixtures("needs_dask")
def test_a_killed_worker_ends_the_run_with_one_line_and_exit_code_1(endless, tmp_path):
    with waiting(endless, tmp_path / "out", DASK.options()) as run:
        holder(endless / "numpy_masks" / "9" / "1.npy").kill()
        _, message = run.communicate(timeout=HANGS)
    assert run.returncode == 1
    assert message.count("\n") == 1
    assert message.startswith("error: worker tcp://")
    assert " died, " in message
    assert not list((tmp_path / "out").glob("[!.]*"))


@pytest.mark.usefixtures("needs_dask")
def test_an_interrupted_run_leaves_the_cluster_usable(endless, data, expected, tmp_path):
    with waiting(endless, tmp_path / "out", DASK.options()) as run:
        os.killpg(run.pid, signal.SIGINT)
        _, message = run.communicate(timeout=HANGS)
    assert run.returncode == 130
    assert message.count("\n") == 1
    assert not list((tmp_path / "out").glob("[!.]*"))
    again = tmp_path / "again"
    assert mark(data, again, *OPTIONS, *DASK.options()).returncode == 0
    assert content(again) == expected


@pytest.mark.usefixtures("needs_dask")
def test_a_scheduler_that_ends_is_one_line(endless, tmp_path):
    with cluster(1, PIPES_ARE_FILES["PYTHONPATH"]) as own:
        options = ["--multi", "dask", "--scheduler", own.address]
        with waiting(endless, tmp_path / "out", options) as run:
            for process in own.processes():
                process.kill()
            _, message = run.communicate(timeout=HANGS)
    assert run.returncode == 1
    assert message.count("\n") == 1
    assert "error: the Dask scheduler is gone" in message


@pytest.mark.usefixtures("needs_dask")
def test_relative_paths_are_those_of_the_command(data, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(data.parent)  # the workers are elsewhere
    arguments = ["--data-path", data.name, "--exp-name", "e", "--experiments", "out", "--quiet"]
    assert mark_label.main([*arguments, *OPTIONS, *DASK.options()]) == 0
    assert content(data.parent / "out").keys() == expected.keys()


@pytest.mark.usefixtures("needs_dask")
def test_too_few_workers_are_named_after_a_while(monkeypatch):
    monkeypatch.setattr(dask, "JOIN", 1)
    with (
        pytest.raises(OSError, match="has 2 workers, not 5, after 1 seconds; start more"),
        open_backend("dask", 5, scheduler=SHARED.address()),
    ):
        pass


@pytest.mark.usefixtures("needs_dask")
def test_workers_of_another_version_are_refused(monkeypatch):
    monkeypatch.setattr(dask, "__version__", "0.0")
    with (
        pytest.raises(ValueError, match=r"worker tcp://.* runs version .*, not 0\.0"),
        open_backend("dask", scheduler=SHARED.address()),
    ):
        pass


@pytest.mark.usefixtures("needs_dask")
def test_workers_that_lack_a_module_are_told_apart():
    with (
        pytest.raises(ImportError, match=r"does not find this project .*no_such.*: pip install \."),
        open_backend("dask", scheduler=SHARED.address(), preload=["no_such_module"]),
    ):
        pass


REFUSED = [
    ("dask", None, "needs the address of a running scheduler: --scheduler tcp://HOST:8786"),
    ("dask", "nonsense", "--scheduler 'nonsense' is not an address"),
    ("multi", "tcp://here:8786", "--scheduler with --multi multi, which has none"),
]


@pytest.mark.parametrize(("name", "scheduler", "message"), REFUSED)
def test_addresses_that_cannot_be_meant_are_refused(name, scheduler, message):
    with pytest.raises(ValueError, match=message), open_backend(name, scheduler=scheduler):
        pass


def test_without_dask_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(ImportError, match=r"pip install -r requirements-dask\.txt"),
        open_backend("dask", scheduler="tcp://here:8786"),
    ):
        pass


@pytest.mark.usefixtures("needs_dask")
def test_a_missing_scheduler_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(dask, "CONNECT", 0.5)
    where = ["--multi", "dask", "--scheduler", "tcp://127.0.0.1:1"]
    assert mark_label.main([*where, "--data-path", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith("error: no Dask scheduler answers at --scheduler tcp://127.0.0.1:1")


@pytest.mark.usefixtures("needs_dask")
def test_the_example_of_the_page_runs(data, expected, tmp_path):
    example = re.search(r"```bash\n(dask scheduler.*?)```", PAGE, re.DOTALL).group(1)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    words = {
        "8786": port,
        "DATA": str(data),
        "NAME": f"e --experiments {tmp_path} {' '.join(OPTIONS)}",
    }
    for word, value in words.items():
        assert word in example
        example = example.replace(word, value)
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # Workers first: they look for a scheduler that has ended for a while.
    script = f"trap 'kill %2; wait %2; kill %1; wait' EXIT\n{example}"
    done = start(["env", "-u", "PYTHONPATH", f"PATH={tools}", "bash", "-c", script])
    assert done.returncode == 0, done.stderr
    assert content(tmp_path) == expected
