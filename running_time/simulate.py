#!/usr/bin/env python3
"""What many videos take on a cluster: which part is full first, and what to ask for.

    python running_time/simulate.py                    # 10 000 videos, figures of the stored run
    python running_time/simulate.py --results FILE --videos 2000 --frames 900 --nodes 4 16

Jobs of some ranks each label one video after the other, first come, first served, on nodes that
share one file system.  A job goes as fast as the slowest of its parts lets it: its ranks, its
sequential stage, and its share of the storage, which is divided so that nobody who wants more gets
less than another (max-min fairness; Bertsekas and Gallager 1992, section 6.5).  Between the
start of one job and the end of another nothing changes, so only these moments are looked at.
"""

import argparse
import heapq
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results" / "amd-epyc-2-cpus-room45x10-none.json"
PARTS = ("ranks", "storage", "link", "sequential")
SPREAD = 0.5  # standard deviation of the logarithm of a video's number of frames


@dataclass(frozen=True)
class Costs:
    """What a frame takes.

    Attributes
    ----------
    rank, sequential : seconds of a rank that measures, and of the one that labels.
    size : bytes that are read.
    start : seconds that a job takes before its first frame.
    """

    rank: float
    sequential: float
    size: float
    start: float = 1.0


@dataclass(frozen=True)
class Cluster:
    """What there is.

    Attributes
    ----------
    jobs : that run at once.
    ranks : of each job.
    storage, link : bytes a second of the file system, and of one job.
    """

    jobs: int
    ranks: int
    storage: float
    link: float


@dataclass(frozen=True)
class Outcome:
    """How it went.

    Attributes
    ----------
    seconds : until the last job is done.
    ranks, storage, link, sequential : mean shares of what there is that were busy, 0-1.
    """

    seconds: float
    ranks: float
    storage: float
    link: float
    sequential: float

    @property
    def full(self) -> str:
        """The part that is busiest."""
        return max(PARTS, key=lambda part: getattr(self, part))


def rates(active: int, cluster: Cluster, costs: Costs) -> float:
    """Frames a second of each of ``active`` jobs, which are all alike."""
    # One of the ranks labels, beside what it measures.
    ranks = cluster.ranks / (costs.rank + costs.sequential)
    own = min(ranks, 1 / costs.sequential, cluster.link / costs.size)
    return min(own, cluster.storage / costs.size / max(active, 1))


def run(frames: np.ndarray, cluster: Cluster, costs: Costs) -> Outcome:
    """Label videos of so many frames, int (n,)."""
    waiting = iter(frames.tolist())
    # A job that starts needs no storage yet; its end is (moment, number of frames).
    starting: list[tuple[float, float]] = []
    # All active jobs have the same rate, so one sum of frames done orders their ends.
    active: list[float] = []
    now = done = busy = 0.0
    for length in (next(waiting, None) for _ in range(cluster.jobs)):
        if length is not None:
            heapq.heappush(starting, (costs.start, length))
    while starting or active:
        rate = rates(len(active), cluster, costs)
        first_end = now + (active[0] - done) / rate if active else np.inf
        moment = min(first_end, starting[0][0] if starting else np.inf)
        busy += (moment - now) * rate * len(active)
        done += (moment - now) * rate
        now = moment
        if moment == first_end:
            heapq.heappop(active)
            length = next(waiting, None)
            if length is not None:
                heapq.heappush(starting, (now + costs.start, length))
        else:
            heapq.heappush(active, done + heapq.heappop(starting)[1])
    return Outcome(
        seconds=now,
        ranks=busy * (costs.rank + costs.sequential) / (now * cluster.jobs * cluster.ranks),
        storage=busy * costs.size / (now * cluster.storage),
        link=busy * costs.size / (now * cluster.jobs * cluster.link),
        sequential=busy * costs.sequential / (now * cluster.jobs),
    )


def costs_of(results: dict) -> Costs:
    """Take them from what get_results.py has kept, of one process."""
    one = {k: v["median"] for k, v in results["backends"]["no"]["ms a frame"].items()}
    return Costs(
        rank=(one["read"] + one["measure"] + one["write"]) / 1000,
        sequential=one["propagate"] / 1000,
        size=results["about"]["bytes a frame"],
    )


def table(args: argparse.Namespace, costs: Costs) -> str:
    """Markdown: hours for each number of nodes and of ranks a job."""
    random = np.random.default_rng(0)
    frames = np.maximum(random.lognormal(np.log(args.frames), SPREAD, args.videos), 1).astype(int)
    lines = [
        f"{args.videos} videos, {frames.sum()} frames of {costs.size / 1e6:.1f} MB; a frame takes "
        f"{1000 * costs.rank:.1f} ms of a rank and {1000 * costs.sequential:.1f} ms of labelling; "
        f"nodes of {args.cores} cores and {args.link} GB/s, storage of {args.storage} GB/s",
        "",
        "Hours (what is busiest, and how busy):",
        "",
        f"| nodes | {' | '.join(f'{ranks} ranks a job' for ranks in args.ranks)} |",
        "|---|" + "---|" * len(args.ranks),
    ]
    for nodes in args.nodes:
        cells = []
        for ranks in args.ranks:
            jobs = max(nodes * args.cores // ranks, 1)
            # The jobs of a node share its link; a job of several nodes has several.
            link = args.link * 1e9 * ranks / args.cores
            found = run(frames, Cluster(jobs, ranks, args.storage * 1e9, link), costs)
            share = 100 * getattr(found, found.full)
            cells.append(f"{found.seconds / 3600:.2f} ({found.full} {share:.0f} %)")
        lines.append(f"| {nodes} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    add = parser.add_argument
    add(
        "--results",
        type=Path,
        default=RESULTS,
        help="JSON of get_results.py, for what a frame takes",
    )
    add("--videos", type=int, default=10_000)
    add("--frames", type=int, default=300, help="of the median video")
    add("--nodes", type=int, nargs="+", default=[1, 4, 16, 64])
    add("--cores", type=int, default=16, help="of a node")
    add("--ranks", type=int, nargs="+", default=[1, 4, 16], help="of a job, one video at a time")
    add("--storage", type=float, default=10.0, help="GB/s of the shared file system")
    add("--size", type=float, help="MB of a frame, where they are stored otherwise, as run lengths")
    add("--link", type=float, default=3.0, help="GB/s of a node")
    args = parser.parse_args(argv)
    if min(args.videos, args.frames, args.cores, *args.nodes, *args.ranks) < 1:
        parser.error("videos, frames, cores, nodes and ranks are counted from 1")
    if min(args.storage, args.link, args.size or 1) <= 0:
        parser.error("--storage, --link and --size are above 0")
    costs = costs_of(json.loads(args.results.read_text()))
    if args.size is not None:
        costs = replace(costs, size=args.size * 1e6)
    print(table(args, costs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
