"""How faults are brought about.

Each function provokes one in a ``Scene`` and returns what was observed; an AssertionError says that
something else was.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest.mock import patch

import numpy as np
from fault_scene import STRIKE, Done, Scene, Skipped
from launch import HANGS, ROOT, start
from places import Place, cluster

from consistency import disk, experiment, journal, kept_work, publishing
from consistency.formats import npy, writing

CONTINUED = "continued, same bytes"


def killed(stage: str, place: Place, scene: Scene) -> str:
    done = scene.struck(stage, place)
    if place.backend == "mpi":  # the launcher has something to say of it
        assert done.code != 0
    else:
        done.check(-signal.SIGKILL)
    if stage == "while clearing up":
        assert scene.visible() == scene.expected
        said = "new one complete"
    elif stage == "between the changes of a name":
        assert not (scene.out / "e").exists()
        said = "old and new one complete beside the name"
    else:
        scene.check_old()
        said = "old one untouched"
    scene.recover()
    return f"{said}; {CONTINUED}"


def worker_killed(fault: str, place: Place, scene: Scene) -> str:
    done = scene.struck(fault, place, STRUCK_ONCE=str(scene.root / "struck"))
    assert (scene.root / "struck").exists(), "the premise: a worker was struck"
    if place.backend == "mpi":
        assert done.code != 0
        said = "launcher ends all ranks"
    elif "memory" in fault:
        said = done.check(1, "Unable to allocate", "--resume continues it")
    else:
        said = done.check(1, "a worker process died", "--resume continues it")
    scene.check_old()
    scene.recover()
    return f"{said}; {CONTINUED}"


def dask_worker_killed(scene: Scene) -> str:
    """Workers of a cluster are not started by the run: they are told what will strike them."""
    from distributed import Client

    mark = scene.root / "struck"
    struck = (
        f"import os, sys; sys.path.insert(0, {str(STRIKE.parent)!r}); "
        f"os.environ['STRUCK_ONCE'] = {str(mark)!r}; "
        f"import strike; strike.kill_worker_when_kept({str(scene.out)!r})"
    )
    with cluster(2, str(ROOT)) as own:
        with Client(own.address) as client:
            client.run(exec, struck)
        command = [sys.executable, "mark_label.py", *scene.flags("--overwrite")]
        done = start([*command, "--multi", "dask", "--scheduler", own.address])
    assert mark.exists(), "the premise: a worker was struck"
    said = Done(done.returncode, done.stderr).check(1, " died, ", "--resume continues it")
    scene.check_old()
    scene.recover()
    return f"{said}; {CONTINUED}"


def slow(place: Place, scene: Scene) -> str:
    """The reader hangs for a minute; SIGTERM does not wait for it."""
    mark = scene.root / "struck"
    command = [sys.executable, STRIKE, "worker is slow", *scene.flags("--overwrite")]
    with subprocess.Popen(
        [str(part) for part in [*command, *place.options()]],
        cwd=ROOT,
        env=os.environ | {"STRUCK_ONCE": str(mark)},
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        until = time.monotonic() + HANGS
        while not mark.exists() and time.monotonic() < until:
            time.sleep(0.02)
        run.send_signal(signal.SIGTERM)
        said = Done(0, run.communicate(timeout=HANGS)[1])
    assert run.returncode == 128 + signal.SIGTERM
    scene.check_old()
    scene.recover()
    return f"{Done(143, said.said).check(143, 'interrupted; ')}; {CONTINUED}"


def fails(number: int):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    return fail


# Where something is written: the function that does it, and which of its calls fails.
WRITES = {
    "lock file": (publishing, "_write", 0),
    "journal, input": (Path, "write_text", 0),
    "journal, first record": (journal, "_append", 0),
    "journal, last record": (journal, "_append", 5),
    "first mask": (npy, "write_all", 0),
    "mask in the middle": (npy, "write_all", 20),
    "tracks.csv": (experiment, "write_csv", 0),
    "NAME.json": (experiment, "write_json", 0),
    "files brought to the disk": (disk, "sync", 0),
    "first change of a name": (Path, "rename", 0),
    "second change of a name": (Path, "rename", 1),
}


def write_fails(where: str, number: int, scene: Scene) -> str:
    module, name, count = WRITES[where]
    true, calls = getattr(module, name), iter(range(10_000))

    def called(*args, **kwargs):
        return (fails(number) if next(calls) == count else true)(*args, **kwargs)

    with patch.object(module, name, called):
        done = scene.run("--overwrite")
    assert next(calls) > count, "the premise: it was called"
    scene.check_old()
    said = done.check(2, os.strerror(number))
    kept = "--resume continues it" in done.said
    scene.recover()
    return f"{said}; old one untouched; {CONTINUED if kept else 'run again, same bytes'}"


@contextmanager
def small_disk(scene: Scene):
    """Yield a folder on a file system of half a megabyte; skips where none can be mounted."""
    folder = scene.root / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        raise Skipped("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def disk_is_full(scene: Scene) -> str:
    with small_disk(scene) as folder:
        scene.out = folder
        (folder / "somebody.else").write_bytes(bytes(400_000))
        done = scene.run("--overwrite")
        said = done.check(2, "No space left", "--resume continues it")
        (folder / "somebody.else").unlink()
        done = scene.run("--overwrite", "--resume")
        assert done.code == 0, done.said
        scene.check_whole()
    return f"{said}; {CONTINUED} when there is room"


def interrupted(scene: Scene, record: int = 4) -> None:
    """Leave unfinished work."""
    true, calls = journal._append, iter(range(1000))

    def append(*args):
        true(*args)
        if next(calls) == record:
            raise KeyboardInterrupt

    with patch.object(journal, "_append", append):
        scene.run("--overwrite").check(130, "--resume continues it")


def torn(name: str, scene: Scene) -> str:
    interrupted(scene)
    path = scene.journal / name
    os.truncate(path, path.stat().st_size - 7)
    scene.recover()
    return f"the torn record is done again; {CONTINUED}"


def torn_mask(scene: Scene) -> str:
    interrupted(scene)
    path = scene.journal.with_suffix("") / "numpy_masks" / "1" / "0.npy"
    os.truncate(path, path.stat().st_size // 2)
    scene.recover()
    return f"written again; {CONTINUED}"


def corrupted(name: str, scene: Scene) -> str:
    interrupted(scene)
    path = scene.journal / name
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 255
    path.write_bytes(data)
    scene.recover()
    return f"done again from the damage on; {CONTINUED}"


def corrupted_about(scene: Scene) -> str:
    interrupted(scene)
    (scene.journal / "about.json").write_text('{"made_by": ')
    said = scene.run("--overwrite", "--resume").check(2, "cannot be read", "--overwrite")
    scene.check_old()
    assert scene.run("--overwrite").code == 0
    scene.check_whole()
    return f"{said}; old one untouched; started anew"


def changes_while_read(scene: Scene) -> str:
    path = scene.data / "numpy_masks" / "8" / "0.npy"
    begins = kept_work.measure_chunk

    def measure(chunk, **how):
        np.save(path, np.zeros((40, 60), bool))
        return begins(chunk, **how)

    with patch.object(kept_work, "measure_chunk", measure):
        done = scene.run("--overwrite")
    said = done.check(0, "note: ", "the input has changed since the run began", "8/0.npy")
    return f"{said} that names the file"


def vanishes(scene: Scene) -> str:
    path = scene.data / "numpy_masks" / "8" / "0.npy"
    kept, times, begins = path.read_bytes(), path.stat().st_mtime_ns, kept_work.measure_chunk

    def measure(chunk, **how):
        path.unlink(missing_ok=True)
        return begins(chunk, **how)

    with patch.object(kept_work, "measure_chunk", measure):
        said = scene.run("--overwrite").check(2, "frame '8.png'", "8/0.npy: no such mask file")
    scene.check_old()
    assert [p.name for p in scene.out.iterdir()] == ["e"]
    path.write_bytes(kept)
    os.utime(path, ns=(times, times))
    scene.recover()
    return f"{said} that names file and frame; old one untouched; run again, same bytes"


def vanishes_while_written(scene: Scene) -> str:
    path, true = scene.data / "numpy_masks" / "8" / "0.npy", writing.write_chunk
    kept, times = path.read_bytes(), path.stat().st_mtime_ns

    def write(chunk, **how):
        path.unlink(missing_ok=True)
        return true(chunk, **how)

    with patch.object(writing, "write_chunk", write):
        said = scene.run("--overwrite").check(2, "frame '8.png'")
    scene.check_old()
    path.write_bytes(kept)
    os.utime(path, ns=(times, times))
    scene.recover()
    return f"{said} that names file and frame; old one untouched; run again, same bytes"


def clock_jumps(scene: Scene) -> str:
    interrupted(scene)
    later = time.time() + 86_400
    for path in scene.out.rglob("*"):
        os.utime(path, (later, later))
    with patch("time.time", lambda: later - 2 * 86_400):
        scene.recover()
    return f"written again; {CONTINUED}"


def duplicate_frame(scene: Scene) -> str:
    path = scene.data / "sk_masks.json"
    kept = path.read_text()
    records = json.dumps(json.loads(kept)["8.png"])
    path.write_text(f'{kept[:-1]}, "8.png": {records}}}')
    said = scene.run("--overwrite").check(2, "'8.png' appears twice")
    scene.check_old()
    return f"{said} that names it; old one untouched"


def two_at_once(scene: Scene) -> str:
    with experiment.writing(scene.out / "e", overwrite=True) as folder:
        for flags in ((), ("--overwrite",), ("--overwrite", "--resume")):
            said = scene.run(*flags).check(2, "another run is writing it")
        scene.check_old()
        shutil.copytree(scene.root / "once" / "e", folder, dirs_exist_ok=True)
    scene.check_whole()
    return f"second one: {said}; first one whole"


def two_resumed_at_once(scene: Scene) -> str:
    interrupted(scene)
    with suppress(KeyboardInterrupt), experiment.writing(scene.out / "e", True, resume=True):
        said = scene.run("--overwrite", "--resume").check(2, "another run is writing it")
        raise KeyboardInterrupt
    scene.check_old()
    scene.recover()
    return f"second one: {said}; first one {CONTINUED}"
