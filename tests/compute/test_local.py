"""What is the local compute's own: its workers, their shares of the cores, its logs, and how it ends what refuses."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import psutil
import pytest

from pigeonhole.compute import Job, LocalCompute, Outcome, Report
from pigeonhole.compute.shares import Share, shares
from pigeonhole.core.errors import ConflictError, ParameterError
from pigeonhole.testing.submitting import PATIENCE_S, command, events, is_alive, job, outcome, report

CORES = sorted(os.sched_getaffinity(0))


@pytest.fixture
def compute():
    with LocalCompute(1, grace_s=0.1) as compute:
        yield compute


def _value(compute, one):
    compute.submit(one)
    end = outcome(compute)
    assert end.state == "Completed", end
    return end.value


def test_a_worker_goes_from_job_to_job_until_one_is_ended_by_force(compute, tmp_path):
    first = _value(compute, job("a", "process", tmp_path))
    compute.submit(job("a", "fail", tmp_path, {"words": ""}))
    assert outcome(compute).state == "Failed"
    assert _value(compute, job("a", "process", tmp_path)) == first
    compute.submit(job("a", "sleep", tmp_path))
    compute.cancel("a")
    assert outcome(compute).state == "Canceled"
    assert _value(compute, job("a", "process", tmp_path)) != first


def test_a_free_worker_is_taken_before_another_is_started(tmp_path):
    with LocalCompute(3) as compute:
        pids = {_value(compute, job("a", "process", tmp_path)) for _ in range(3)}
        _value(compute, command("b", "true", tmp_path))
        assert {_value(compute, job("a", "process", tmp_path))} == pids


def test_what_refuses_to_end_is_killed(compute, tmp_path):
    for one in (job("a", "sleep", tmp_path, {"ignoring": True}), job("a", "spin", tmp_path)):
        compute.submit(one)
        pids = report(compute).record["pids"]
        compute.cancel("a")
        assert outcome(compute).state == "Canceled"
        assert not any(map(is_alive, pids))


def test_a_worker_or_keeper_that_is_killed_while_it_rests_is_nobodys_loss(compute, tmp_path):
    worker = _value(compute, job("a", "process", tmp_path))
    for which in ("worker", "keeper"):
        process = psutil.Process(worker if which == "worker" else psutil.Process(worker).ppid())
        process.kill()
        process.wait(PATIENCE_S)
        before, worker = worker, _value(compute, job("a", "process", tmp_path))
        assert worker != before


def test_a_job_goes_on_while_its_owner_does_not_listen(compute, tmp_path):
    os.mkfifo(tmp_path / "done")
    done = os.open(tmp_path / "done", os.O_RDONLY | os.O_NONBLOCK)
    arguments = {"times": 20, "padding": "x" * 200_000, "farewell": str(tmp_path / "done")}
    compute.submit(job("a", "speak", tmp_path, arguments))
    assert select.select([done], [], [], PATIENCE_S)[0], "it has reported more than any pipe holds"
    os.close(done)
    reports = [event for event in events(compute) if isinstance(event, Report)]
    assert [told.record["number"] for told in reports] == list(range(20))


def test_two_computes_do_not_meet(tmp_path):
    with LocalCompute(1) as one, LocalCompute(1) as other:
        for compute in (one, other):
            compute.submit(job("same", "inquire", tmp_path, {"times": 1}))
            report(compute)
        one.answer("same", {"answer": 1})
        assert outcome(one).value == [1]
        other.answer("same", {"answer": 2})
        assert outcome(other).value == [2]


def test_answers_that_were_not_asked_for_are_refused(compute, tmp_path):
    compute.submit(job("a", "inquire", tmp_path, {"times": 1}))
    with pytest.raises(ConflictError, match="has not asked"):
        compute.answer("a", {"answer": 0})
    report(compute)
    compute.answer("a", {"answer": 1})
    with pytest.raises(ConflictError, match="has not asked"):
        compute.answer("a", {"answer": 2})
    assert outcome(compute).value == [1]


def test_a_log_that_takes_no_more_fails_the_job_and_no_other(compute, tmp_path):
    compute.submit(Job("a", Path("/dev/full"), function="pigeonhole.testing.jobs:say", arguments={"words": "lost"}))
    end = outcome(compute)
    assert end.state == "Failed"
    assert "No space left" in end.error
    _value(compute, job("b", "say", tmp_path, {"words": "kept"}))
    assert "lost" not in (tmp_path / "b.log").read_text()


@pytest.mark.parametrize("more", [{"command": "true"}, {"function": "pigeonhole.testing.jobs:echo"}])
def test_a_log_that_cannot_be_opened_fails_the_job(compute, tmp_path, more):
    compute.submit(Job("a", tmp_path, **more))
    end = outcome(compute)
    assert end.state == "Failed"
    assert "Is a directory" in end.error


def test_what_no_shell_can_be_given_fails_the_job(compute, tmp_path):
    compute.submit(command("a", "echo a\0b", tmp_path))
    assert "null byte" in outcome(compute).error


def test_the_slots_share_the_cores(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with LocalCompute(len(CORES)) as compute:
        for n in range(len(CORES)):
            compute.submit(job(str(n), "surroundings", tmp_path))
        told = []
        for event in events(compute):
            if isinstance(event, Outcome):
                told.append(event.value)
            else:
                compute.answer(event.key, {})
    assert [one["threads"] for one in told] == ["1"] * len(CORES)
    assert sorted(core for one in told for core in one["cores"]) == CORES


@pytest.mark.parametrize(("slots", "cores", "threads"), [(1, 8, 8), (3, 8, 2), (4, 2, 1), (1, None, len(CORES))])
def test_cores_are_divided(slots, cores, threads):
    divided = shares(slots, cores)
    assert [share.threads for share in divided] == [threads] * slots


def test_more_slots_than_cores_are_held_to_none(monkeypatch):
    monkeypatch.setattr("pigeonhole.compute.shares.allowed_cores", lambda: [2, 3, 5, 7])
    assert {share.cpus for share in shares(8, None)} == {None}
    assert {share.cpus for share in shares(3, None)} == {None}
    assert sorted(share.cpus for share in shares(2, None)) == [(2, 3), (5, 7)]


def test_who_asked_for_fewer_threads_keeps_them():
    given = {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "64", "LOKY_MAX_CPU_COUNT": "2", "RAYON_NUM_THREADS": "many"}
    environment = Share(4).environment({**given, "PATH": "/bin"})
    assert [environment[name] for name in (*given, "PATH")] == ["3", "3", "2", "3", "/bin"]
    assert Share(4).environment({})["OPENBLAS_NUM_THREADS"] == "4"


@pytest.mark.parametrize("wrong", [{"slots": 0}, {"slots": 1, "cores": 0}])
def test_nothing_to_share_is_refused(wrong):
    with pytest.raises(ParameterError):
        LocalCompute(**wrong)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_signals_that_a_command_is_sent_are_named(compute, tmp_path, by):
    compute.submit(command("a", f"sh -c 'kill -{by.value} $$'; exit $?", tmp_path))
    end = outcome(compute)
    assert (end.state, end.exit_code) == ("Lost", 128 + by)
    assert by.name in end.error
