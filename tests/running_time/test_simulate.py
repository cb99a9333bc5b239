"""The simulation against what can be worked out by hand."""

import numpy as np
import pytest
import simulate
from simulate import Cluster, Costs, run

COSTS = Costs(rank=0.04, sequential=0.005, size=1e8, start=0.0)
PLENTY = 1e15


@pytest.mark.parametrize(
    ("ranks", "storage", "link", "seconds"),
    [
        (1, PLENTY, PLENTY, 45.0),  # 0.04 s a frame, and 0.005 s for its label
        (4, PLENTY, PLENTY, 11.25),
        (16, PLENTY, PLENTY, 5.0),  # the sequential stage
        (16, 1e9, PLENTY, 100.0),  # 100 GB
        (16, PLENTY, 2e9, 50.0),
    ],
)
def test_one_video_takes_what_its_slowest_part_takes(ranks, storage, link, seconds):
    found = run(np.array([1000]), Cluster(1, ranks, storage, link), COSTS)
    assert found.seconds == pytest.approx(seconds)
    parts = {"ranks": 45 / ranks / seconds, "sequential": 5 / seconds}
    parts |= {"storage": 1e11 / storage / seconds, "link": 1e11 / link / seconds}
    for part, share in parts.items():
        assert getattr(found, part) == pytest.approx(share)


def test_jobs_share_the_storage_and_those_that_are_left_go_faster():
    # 1 GB/s is 10 frames a second: both at 5 until the short one is done, then 10 a second.
    found = run(np.array([100, 300]), Cluster(2, 16, 1e9, PLENTY), COSTS)
    assert found.seconds == pytest.approx(20 + 200 / 10)
    assert found.storage == pytest.approx(1)
    assert found.full == "storage"


def test_videos_wait_for_a_job_to_end():
    found = run(np.array([100, 300, 100]), Cluster(2, 1, PLENTY, PLENTY), COSTS)
    assert found.seconds == pytest.approx(13.5)  # the third begins when the first ends, at 4.5 s
    alone = run(np.array([100] * 7), Cluster(1, 1, PLENTY, PLENTY), COSTS)
    assert alone.seconds == pytest.approx(31.5)


def test_each_job_has_to_start():
    slow = Costs(COSTS.rank, COSTS.sequential, COSTS.size, start=3.0)
    found = run(np.array([100] * 2), Cluster(1, 1, PLENTY, PLENTY), slow)
    assert found.seconds == pytest.approx(15)


def test_frames_by_small_steps_give_the_same():
    """An independent way: time in steps of a millisecond."""
    random = np.random.default_rng(1)
    frames = random.integers(20, 200, 12)
    cluster, step = Cluster(3, 2, 3.5e9, 2e9), 1e-3
    left, queue, time = [0.0] * 3, frames.tolist(), 0.0
    while queue or any(x > 0 for x in left):
        left = [x if x > 0 or not queue else float(queue.pop(0)) for x in left]
        active = sum(x > 0 for x in left)
        rate = min(2 / 0.045, 1 / 0.005, 2e9 / 1e8, 3.5e9 / 1e8 / max(active, 1))
        left = [x - rate * step for x in left]
        time += step
    assert run(frames, cluster, COSTS).seconds == pytest.approx(time, rel=0.01)


def test_the_table_is_of_the_stored_run(capsys):
    assert simulate.main(["--videos", "50", "--nodes", "1", "2", "--ranks", "1", "4"]) == 0
    out = capsys.readouterr().out
    assert "50 videos" in out
    assert out.count("\n| ") == 3
    with pytest.raises(SystemExit):
        simulate.main(["--nodes", "0"])
