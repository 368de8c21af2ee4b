"""The contract of every compute, as plain functions: each raises AssertionError where a compute breaks it.

Run them on a compute of your own: `for check in computes.CHECKS: check(MyCompute, tmp_path / check.__name__)`, where
`MyCompute(slots)` makes one. Its jobs are processes of this machine, and can import `pigeonhole.testing.jobs`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pigeonhole.compute import Job, Outcome, Report
from pigeonhole.core.errors import ConflictError, UsageError
from pigeonhole.testing import compute_ends as ends
from pigeonhole.testing.submitting import Make, command, end_of, events, job, outcome, refused, report

_MIB = 1 << 20


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
        ended = {}
        for event in events(compute):
            if isinstance(event, Outcome):
                ended[event.key] = event.value
                compute.answer(event.key, {"answer": "too late, and no error"})
            else:
                assert event.question
                compute.answer(event.key, {"answer": f"{event.key}{event.record['number']}"})
    assert ended == {key: [f"{key}{number}" for number in range(20)] for key in ("a", "b")}


def check_slots(make: Make, folder: Path) -> None:
    """As many run at once as there are slots; a key is one job's; a slot is free once its outcome is told."""
    with make(2) as compute:
        assert (compute.slots, compute.free) == (2, 2)
        compute.submit(job("a", "inquire", folder, {"times": 1}))
        assert compute.free == 1
        refused(ConflictError, lambda: compute.submit(job("a", "echo", folder)))
        compute.submit(job("b", "inquire", folder, {"times": 1}))
        assert compute.free == 0
        refused(ConflictError, lambda: compute.submit(job("c", "echo", folder)))
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
        refused(UsageError, lambda: compute.submit(Job("a", folder / "log")))
        refused(UsageError, lambda: compute.submit(Job("a", folder / "log", function="a:b", command="true")))
        refused(UsageError, lambda: compute.submit(Job("a", folder / "log", function="no_colon")))
        refused(UsageError, lambda: compute.submit(job("a", "echo", folder, {"path": folder})))
        assert compute.free == 1
    refused(ConflictError, lambda: compute.submit(job("a", "echo", folder)))


def check_failures(make: Make, folder: Path) -> None:
    """What goes wrong in a function is told with its kind, its words and its traceback, and harms no other job."""
    with make(1) as compute:
        end = end_of(compute, job("a", "fail", folder, {"words": "no such luck"}))
        assert (end.state, end.error) == ("Failed", "ValueError: no such luck")
        assert "in fail" in end.traceback
        assert end.traceback.count("File ") == 1, "the frames of a compute are not the user's"
        end = end_of(compute, job("a", "leave", folder, {"code": 3}))
        assert (end.state, end.error) == ("Failed", "SystemExit: 3")
        for name, words in (
            ("unready", "JSON"),
            ("misreport", "JSON"),
            ("no_such_module:f", "no_such_module"),
            ("pigeonhole.testing.jobs:nothing", "nothing"),
            ("pigeonhole.testing.jobs:Arguments.x", "Arguments"),
        ):
            end = end_of(compute, job("a", name, folder))
            assert end.state == "Failed", name
            assert words in (end.error or ""), end.error
        assert end_of(compute, job("a", "echo", folder)).state == "Completed"


def check_printing(make: Make, folder: Path) -> None:
    """What a job prints, by whatever way, is in its own log; logs are appended to, in folders that need not exist."""
    with make(1) as compute:
        for key in ("new/a", "b", "b"):
            assert end_of(compute, job(key, "say", folder, {"words": f"{key} ü"})).state == "Completed"
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
        end = end_of(compute, job("b", "say", folder, {"words": "again"}))
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
        end = end_of(compute, command("a", line, folder, environment={"GREETING": "Grüße"}))
        assert (end.state, end.exit_code) == ("Failed", 7)
        assert end.traceback.splitlines()[-1] == "100"
        assert (folder / "here" / "greeting").read_text() == "Grüße\n"
        end = end_of(compute, command("a", "true", folder))
        assert (end.state, end.exit_code, end.error, end.traceback) == ("Completed", 0, None, "")
        end = end_of(compute, Job("a", folder / "a.log", command="true", working_folder=folder / "nowhere"))
        assert end.state == "Failed"
        assert "nowhere" in (end.error or "")


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
    ends.check_deadlines,
    ends.check_memory,
    ends.check_cancel,
    ends.check_lost,
    ends.check_leftovers,
    ends.check_close,
)
