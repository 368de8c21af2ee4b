"""Several server processes on one socket: more of them where requests wait, fewer where not, none that is missed."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from pigeonhole import endpoints
from pigeonhole.core.errors import UsageError
from pigeonhole.endpoints.resources import cores
from pigeonhole.endpoints.scaling import BUSY_FOR_S, IDLE_FOR_S, Scaler
from tests.endpoints.asking import deploy, score, under_load
from tests.endpoints.waiting import wait_for

SMALL = {"cpu": 0.25, "memory_gib": 0.25}


def judged(steps, limits=(1, 3), threads=1):
    """What the scaler says at each step: (seconds since the last one, the share that each worker was busy)."""
    scaler, now_s, used, said = Scaler(), 100.0, {}, []
    for passed_s, busy in steps:
        now_s += passed_s
        used = {pid: used.get(pid, 0.0) + share * passed_s for pid, share in enumerate(busy, 1)}
        said.append(scaler.look(used, limits, threads, now_s)[0])
    return said


def test_a_worker_is_added_once_all_were_busy_for_a_while():
    assert judged([(1, [1.0])] * 5) == [0, 0, 0, 1, 0]
    assert judged([(1, [1.0]), (1, [1.0]), (1, [0.2]), (1, [1.0]), (1, [1.0]), (1, [1.0])]) == [0, 0, 0, 0, 0, 1]
    assert judged([(1, [1.0, 0.3])] * 10) == [0] * 10
    assert judged([(1, [1.0, 1.0, 1.0])] * 10) == [0] * 10
    # Of a worker that may use two processors, one busy processor is half.
    assert judged([(1, [1.0])] * 10, threads=2) == [0] * 10


def test_a_worker_is_removed_once_the_others_would_do_for_long():
    steps = [(1, [0.2, 0.2])] * (int(IDLE_FOR_S) + 3)
    assert judged(steps) == [0] * (int(IDLE_FOR_S) + 1) + [-1, 0]
    assert judged(steps, limits=(2, 3)) == [0] * len(steps)
    assert judged([(1, [0.4, 0.4])] * 60) == [0] * 60  # 80% would be too much for one


def test_a_process_that_comes_or_goes_begins_the_count_anew():
    assert judged([(1, [1.0])] * 3 + [(1, [1.0, 1.0])] * 4) == [0, 0, 0, 0, 0, 0, 1]
    assert judged([(0.1, [1.0])] * 25)[: int(BUSY_FOR_S / 0.1)] == [0] * int(BUSY_FOR_S / 0.1)


def test_workers_come_and_go_under_load_and_one_that_ends_is_not_missed(workspace, tiny):
    status = deploy(workspace, tiny, **SMALL)
    with under_load(status) as load:
        more = endpoints.update(workspace, "bands", workers=2)
        assert (more.deployed, more.workers, len(more.pids)) == (True, (2, 2), 3)
        load.go_on()
        fewer = endpoints.update(workspace, "bands", workers="1:1")
        assert (fewer.workers, len(fewer.pids)) == ((1, 1), 2)
        two = endpoints.update(workspace, "bands", workers="2")
    assert load.lost == []
    supervisor, first, second = two.pids
    os.kill(second, signal.SIGSTOP)
    try:
        # The other answers for it, so only a look at each process by itself finds the one that hangs.
        # Told by the events: once it is ended and started again, the state of the moment is another.
        unhealthy = wait_for(
            lambda: [event for event in endpoints.events(workspace, "bands") if event["state"] == "Unhealthy"],
            "Unhealthy",
        )
        assert f"the server process {second} did not answer" in unhealthy[0]["reason"]
    finally:
        os.kill(second, signal.SIGKILL)
    back = wait_for(
        lambda: (now := endpoints.show(workspace, "bands")).state == "Healthy" and len(now.pids) == 3 and now,
        "a second worker again",
    )
    assert back.pids[:2] == (supervisor, first)
    assert score(back).status_code == 200
    kinds = [change.kind for change in endpoints.history(workspace, "bands")]
    assert kinds == ["deploy", "workers", "workers", "workers"]


@pytest.mark.parametrize("workers", ["0", "2:1", "1:", "many", "-1", "1:2:3", "", 0, (2, 1), "9999"])
def test_unfit_workers_are_refused(workers):
    from pigeonhole.endpoints.updating import worker_limits

    with pytest.raises(UsageError, match="a range such as 1:4"):
        worker_limits(workers)


def test_more_workers_than_there_are_cores_for_are_unschedulable(workspace, tiny):
    deploy(workspace, tiny, **SMALL)
    status = endpoints.update(workspace, "bands", workers=f"1:{int(cores() * 4) + 1}")
    assert (status.deployed, status.state, len(status.pids)) == (False, "Healthy", 2)
    assert "the last change (workers) was refused" in status.reason
    assert f"by {int(cores() * 4) + 1} workers" in status.reason
    assert "ask for fewer workers" in status.reason


@pytest.mark.full
def test_a_worker_is_added_under_load_and_removed_when_idle(workspace, tiny):
    deploy(workspace, tiny, **SMALL)
    status = endpoints.update(workspace, "bands", workers="1:2")
    with under_load(status, clients=8, images=300) as load:
        wait_for(lambda: len(endpoints.show(workspace, "bands").pids) == 3, "a second worker", 300)
        wait_for(lambda: "is added: requests wait" in "\n".join(endpoints.logs(workspace, "bands")), "the reason")
        second = psutil.Process(endpoints.show(workspace, "bands").pids[2])
        before_s = second.cpu_times().user
        load.go_on(400)
        assert second.cpu_times().user > before_s, "clients that keep their connections come to it too"
    assert load.lost == []
    wait_for(lambda: len(endpoints.show(workspace, "bands").pids) == 2, "one worker again", 300)
    assert "a worker is removed, and 1 stay: busy at only" in "\n".join(endpoints.logs(workspace, "bands"))
