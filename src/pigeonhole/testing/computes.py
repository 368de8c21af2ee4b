"""The contract of every compute, as plain functions: each raises AssertionError where a compute breaks it.

Run them on a compute of your own: `for check in computes.CHECKS: check(MyCompute, tmp_path / check.__name__)`, where
`MyCompute(slots)` makes one. Its jobs are processes of this machine, and can import `pigeonhole.testing.jobs`.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

from pigeonhole.compute import Compute, Job, Outcome, Report
from pigeonhole.core.errors import ConflictError, UsageError

Make = Callable[[int], Compute]
# Long enough for any machine: nothing waits for it that goes well.
PATIENCE_S = 300.0
_MIB = 1 << 20


def job(key: str, name: str, folder: Path, arguments: Mapping[str, Any] | None = None, **limits: Any) -> Job:
    """A job that calls one of `pigeonhole.testing.jobs`; its log is named as its key."""
    function = name if ":" in name else f"pigeonhole.testing.jobs:{name}"
    return Job(key, folder / f"{key}.log", function=function, arguments=arguments or {}, **limits)


def command(key: str, line: str, folder: Path, **more: Any) -> Job:
    """A job that runs a command line in the folder."""
    return Job(key, folder / f"{key}.log", command=line, working_folder=folder, **more)


def events(compute: Compute) -> Iterator[Report | Outcome]:
    """What happens, until nothing runs."""
    while compute.free < compute.slots:
        happened = compute.events(PATIENCE_S)
        assert happened, f"nothing happened for {PATIENCE_S:.0f} s"
        yield from happened


def outcome(compute: Compute) -> Outcome:
    """The only outcome of what runs; questions are not answered."""
    (found,) = [event for event in events(compute) if isinstance(event, Outcome)]
    return found


def report(compute: Compute) -> Report:
    """The next event, which is a report."""
    (found,) = compute.events(PATIENCE_S)
    assert isinstance(found, Report), found
    return found


def is_alive(pid: int) -> bool:
    """Whether there is such a process, and it has not ended."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def check_results(make: Make, folder: Path) -> None:
    """A function's value comes back as it is, with its time."""
    values = {"text": "Käse 木 \ud800\n", "numbers": [1, -2.5, 1e300, None, True], "nested": {"": {}}}
    with make(1) as compute:
        compute.submit(job("a", "echo", folder, values))
        end = outcome(compute)
    assert (end.key, end.state, end.value, end.error, end.traceback) == ("a", "Completed", values, None, "")
    assert end.seconds > 0
    assert end.exit_code is None


def check_reports(make: Make, folder: Path) -> None:
    """Reports come in order, whatever their size, before the outcome, which comes once."""
    with make(1) as compute:
        for padding, times in (("", 500), ("x" * _MIB, 20)):
            compute.submit(job("a", "speak", folder, {"times": times, "padding": padding}))
            happened = list(events(compute))
            assert [event.record["number"] for event in happened[:-1] if isinstance(event, Report)] == list(
                range(times)
            )
            assert isinstance(happened[-1], Outcome)
            assert happened[-1].state == "Completed"
        assert compute.events(0) == []


def check_questions(make: Make, folder: Path) -> None:
    """Each job gets the answers to its own questions, and nothing else."""
    with make(2) as compute:
        for key in ("a", "b"):
            compute.submit(job(key, "inquire", folder, {"times": 20}))
        ends = {}
        for event in events(compute):
            if isinstance(event, Outcome):
                ends[event.key] = event.value
                compute.answer(event.key, {"answer": "too late, and no error"})
            else:
                assert event.question
                compute.answer(event.key, {"answer": f"{event.key}{event.record['number']}"})
    assert ends == {key: [f"{key}{number}" for number in range(20)] for key in ("a", "b")}


def check_slots(make: Make, folder: Path) -> None:
    """As many run at once as there are slots; a key is one job's; a slot is free once its outcome is told."""
    with make(2) as compute:
        assert (compute.slots, compute.free) == (2, 2)
        compute.submit(job("a", "inquire", folder, {"times": 1}))
        assert compute.free == 1
        _refused(ConflictError, lambda: compute.submit(job("a", "echo", folder)))
        compute.submit(job("b", "inquire", folder, {"times": 1}))
        assert compute.free == 0
        _refused(ConflictError, lambda: compute.submit(job("c", "echo", folder)))
        for event in events(compute):
            if isinstance(event, Outcome):
                assert compute.free > 0
            else:
                compute.answer(event.key, {"answer": 0})
        assert compute.free == 2
        compute.submit(job("a", "echo", folder))
        assert outcome(compute).state == "Completed"


def check_refusals(make: Make, folder: Path) -> None:
    """What cannot be run is refused before it runs, and takes no slot."""
    with make(1) as compute:
        _refused(UsageError, lambda: compute.submit(Job("a", folder / "log")))
        _refused(UsageError, lambda: compute.submit(Job("a", folder / "log", function="a:b", command="true")))
        _refused(UsageError, lambda: compute.submit(Job("a", folder / "log", function="no_colon")))
        _refused(UsageError, lambda: compute.submit(job("a", "echo", folder, {"path": folder})))
        assert compute.free == 1
    _refused(ConflictError, lambda: compute.submit(job("a", "echo", folder)))


def check_failures(make: Make, folder: Path) -> None:
    """What goes wrong in a function is told with its kind, its words and its traceback, and harms no other job."""
    with make(1) as compute:
        end = _end(compute, job("a", "fail", folder, {"words": "no such luck"}))
        assert (end.state, end.error) == ("Failed", "ValueError: no such luck")
        assert "in fail" in end.traceback
        assert end.traceback.count("File ") == 1, "the frames of a compute are not the user's"
        end = _end(compute, job("a", "leave", folder, {"code": 3}))
        assert (end.state, end.error) == ("Failed", "SystemExit: 3")
        for name, words in (
            ("unready", "JSON"),
            ("misreport", "JSON"),
            ("no_such_module:f", "no_such_module"),
            ("pigeonhole.testing.jobs:nothing", "nothing"),
            ("pigeonhole.testing.jobs:Arguments.x", "Arguments"),
        ):
            end = _end(compute, job("a", name, folder))
            assert end.state == "Failed", name
            assert words in (end.error or ""), end.error
        assert _end(compute, job("a", "echo", folder)).state == "Completed"


def check_printing(make: Make, folder: Path) -> None:
    """What a job prints, by whatever way, is in its own log; logs are appended to, in folders that need not exist."""
    with make(1) as compute:
        for key in ("new/a", "b", "b"):
            assert _end(compute, job(key, "say", folder, {"words": f"{key} ü"})).state == "Completed"
        compute.submit(command("c", "echo out ü; echo err ü >&2", folder))
        assert outcome(compute).state == "Completed"
    for key, times in (("new/a", 1), ("b", 2)):
        lines = sorted(f"{way} {key} ü" for way in ("out", "err", "raw", "child") * times)
        assert sorted((folder / f"{key}.log").read_text().splitlines()) == lines
    assert sorted((folder / "c.log").read_text().split("\n")) == ["", "err ü", "out ü"]


def check_closed_streams(make: Make, folder: Path) -> None:
    """A job that closes its streams and leaves its folder takes nothing from the next."""
    with make(1) as compute:
        compute.submit(job("a", "mute", folder))
        outcome(compute)
        end = _end(compute, job("b", "say", folder, {"words": "again"}))
        assert end.state == "Completed", end
    assert len((folder / "b.log").read_text().splitlines()) == 4


def check_threads(make: Make, folder: Path) -> None:
    """A thread that a job leaves waiting for an answer takes nothing from the next job."""
    with make(1) as compute:
        compute.submit(job("a", "abandon", folder))
        for event in events(compute):
            assert isinstance(event, Report) or event.value == "done", event
        compute.submit(job("a", "inquire", folder, {"times": 1}))
        report(compute)
        compute.answer("a", {"answer": 5})
        assert outcome(compute).value == [5]


def check_commands(make: Make, folder: Path) -> None:
    """A command runs in its folder with its variables; its exit code and the end of its log come back."""
    (folder / "here").mkdir(parents=True)
    with make(1) as compute:
        line = 'cd here && echo "$GREETING" > greeting; seq 100; exit 7'
        end = _end(compute, command("a", line, folder, environment={"GREETING": "Grüße"}))
        assert (end.state, end.exit_code) == ("Failed", 7)
        assert end.traceback.splitlines()[-1] == "100"
        assert (folder / "here" / "greeting").read_text() == "Grüße\n"
        end = _end(compute, command("a", "true", folder))
        assert (end.state, end.exit_code, end.error, end.traceback) == ("Completed", 0, None, "")
        end = _end(compute, Job("a", folder / "a.log", command="true", working_folder=folder / "nowhere"))
        assert end.state == "Failed"
        assert "nowhere" in (end.error or "")


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
        compute.submit(job("a", "grow", folder, {"bytes": 300 * _MIB}, memory_bytes=200 * _MIB))
        end = outcome(compute)
        assert end.state == "OutOfMemory"
        assert "0.20 GiB" in (end.error or "")
        assert end.peak_memory_bytes > 200 * _MIB
        assert _end(compute, job("a", "echo", folder, memory_bytes=200 * _MIB)).state == "Completed"


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
        assert _end(compute, job("a", "echo", folder)).state == "Completed"


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
        for arguments, words in (({"signal": signal.SIGSEGV}, "SIGSEGV"), ({"code": 0}, "exit code 0")):
            end = _end(compute, job("a", "vanish", folder, arguments))
            assert end.state == "Lost"
            assert words in (end.error or "")
        end = _end(compute, command("b", "kill -9 $$", folder))
        assert (end.state, end.exit_code) == ("Lost", -9)
        assert _end(compute, job("a", "echo", folder)).state == "Completed"


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


def _end(compute: Compute, one: Job) -> Outcome:
    compute.submit(one)
    return outcome(compute)


def _ended(compute: Compute, state: str, words: str, act: Callable[[], None] = lambda: None) -> None:
    pids = report(compute).record["pids"]
    assert all(map(is_alive, pids))
    act()
    end = outcome(compute)
    assert end.state == state
    assert words in (end.error or "")
    assert not any(map(is_alive, pids))


def _refused(kind: type[Exception], attempt: Callable[[], object]) -> None:
    try:
        attempt()
    except kind:
        return
    raise AssertionError(f"a {kind.__name__} was due")


CHECKS: tuple[Callable[[Make, Path], None], ...] = (
    check_results,
    check_reports,
    check_questions,
    check_slots,
    check_refusals,
    check_failures,
    check_printing,
    check_closed_streams,
    check_threads,
    check_commands,
    check_deadlines,
    check_memory,
    check_cancel,
    check_lost,
    check_leftovers,
    check_close,
)
