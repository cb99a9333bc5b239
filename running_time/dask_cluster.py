#!/usr/bin/env python3
"""A Dask cluster of processes of this machine, to try and to measure the backend "dask" on.

As a program it prints the scheduler's address and runs until its standard input ends.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Running:
    """A cluster, and the process that holds it."""

    address: str
    process: psutil.Process

    def processes(self) -> list[psutil.Process]:
        """The process that holds the cluster, and all below it."""
        return [self.process, *self.process.children(recursive=True)]

    def processor_seconds(self) -> float:
        """Processor seconds of all its processes so far."""
        times = [process.cpu_times() for process in self.processes()]
        return sum(time.user + time.system for time in times)


@contextmanager
def cluster(workers: int, path: Path | str = ROOT) -> Iterator[Running]:
    """Yield a cluster with so many worker processes, which find modules of ``path``, too.

    It is held by a process of its own.
    """
    command = [sys.executable, __file__, "--workers", str(workers)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield Running(process.stdout.readline().strip(), psutil.Process(process.pid))
        finally:
            process.stdin.close()


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2, help="number of processes")
    args = parser.parse_args(argv)
    import dask
    from distributed import LocalCluster

    # Its records grow with the seconds of work, and would pass for a leak.
    dask.config.set({"distributed.worker.profile.enabled": False})
    sys.path.insert(0, str(ROOT))  # the workers' path is that of this process
    with LocalCluster(args.workers, threads_per_worker=1, dashboard_address=None) as local:
        print(local.scheduler_address, flush=True)
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
