"""The part of the contract of computes that is about ends: by limits, by the owner, from outside, and what is left."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

from pigeonhole.compute import Compute, Outcome
from pigeonhole.testing.submitting import Make, command, end_of, events, is_alive, job, outcome, report

_MIB = 1 << 20


def check_deadlines(make: Make, folder: Path) -> None:
    """A job that takes longer than it may is ended with all that it started."""
    with make(1) as compute:
        for one in (
            job("a", "sleep", folder, deadline_s=0.5),
            command("b", "sleep 3600 & wait", folder, deadline_s=0.1),
        ):
            compute.submit(one)
            *reports, end = events(compute)  # the report may not have come so soon
            assert isinstance(end, Outcome)
            assert end.state == "TimedOut"
            assert end.seconds >= (one.deadline_s or 0)
            assert f"{one.deadline_s} s" in (end.error or "")
            assert not any(is_alive(pid) for told in reports for pid in told.record["pids"])  # type: ignore[union-attr]


def check_memory(make: Make, folder: Path) -> None:
    """A job that holds more memory than it may is ended; the most that it held is told, with its children's."""
    with make(1) as compute:
        compute.submit(job("a", "grow", folder, {"bytes": 150 * _MIB}, memory_bytes=100 * _MIB))
        end = outcome(compute)
        assert end.state == "OutOfMemory"
        assert "0.10 GiB" in (end.error or "")
        assert end.peak_memory_bytes > 100 * _MIB
        assert end_of(compute, job("a", "echo", folder, memory_bytes=100 * _MIB)).state == "Completed"


def check_cancel(make: Make, folder: Path) -> None:
    """A canceled job hears of it, also while it waits for an answer, and ends with all that it started."""
    with make(1) as compute:
        compute.submit(job("a", "wait", folder, {"farewell": str(folder / "farewell")}))
        pid = report(compute).record["pid"]
        compute.cancel("a")
        compute.cancel("a")
        assert outcome(compute).state == "Canceled"
        assert (folder / "farewell").read_text() == "canceled"
        assert not is_alive(pid)
        compute.submit(job("a", "sleep", folder))
        _ended(compute, "Canceled", "canceled", lambda: compute.cancel("a"))
        compute.cancel("a")
        compute.submit(job("a", "breed", folder, {"times": 500}))
        _ended(compute, "Canceled", "canceled", lambda: compute.cancel("a"))  # who is just being born hears it too
        assert end_of(compute, job("a", "echo", folder)).state == "Completed"


def check_lost(make: Make, folder: Path) -> None:
    """A process that ends without a word, or is killed from outside, is told of as lost; the next job is well."""
    with make(1) as compute:
        compute.submit(job("a", "sleep", folder))
        pids = report(compute).record["pids"]
        os.kill(pids[0], signal.SIGKILL)
        end = outcome(compute)
        assert (end.state, end.value) == ("Lost", None)
        assert "SIGKILL" in (end.error or "")
        assert not any(map(is_alive, pids))
        ways: dict[str, dict[str, int]] = {
            "SIGSEGV": {"signal": signal.SIGSEGV},
            "SIGTERM": {"signal": signal.SIGTERM},
            "exit code 0": {"code": 0},
        }
        for words, arguments in ways.items():
            end = end_of(compute, job("a", "vanish", folder, arguments))
            assert end.state == "Lost"
            assert words in (end.error or "")
        end = end_of(compute, command("b", "kill -9 $$", folder))
        assert (end.state, end.exit_code) == ("Lost", -9)
        assert end_of(compute, job("a", "echo", folder)).state == "Completed"


def check_leftovers(make: Make, folder: Path) -> None:
    """What a command leaves running, even a daemon, is ended with it."""
    with make(1) as compute:
        line = "sleep 3600 & echo $! > pids; setsid sh -c 'echo $$ >> pids; echo > up; exec sleep 3600' & "
        compute.submit(command("a", line + "while [ ! -e up ]; do sleep 0.05; done", folder))
        assert outcome(compute).state == "Completed"
        pids = [int(line) for line in (folder / "pids").read_text().split()]
        assert len(pids) == 2
        assert not any(map(is_alive, pids))


def check_close(make: Make, folder: Path) -> None:
    """Closing ends what runs, also by an exception, and can be done twice."""
    pids: list[int] = []
    with contextlib.suppress(ZeroDivisionError), make(2) as compute:
        for key in ("a", "b"):
            compute.submit(job(key, "sleep", folder))
            pids += report(compute).record["pids"]
        raise ZeroDivisionError
    assert len(pids) == 6
    assert not any(map(is_alive, pids))
    compute.close()


def _ended(compute: Compute, state: str, words: str, act: Callable[[], None] = lambda: None) -> None:
    pids = report(compute).record["pids"]
    assert all(map(is_alive, pids))
    act()
    end = outcome(compute)
    assert end.state == state
    assert words in (end.error or "")
    assert not any(map(is_alive, pids))
