"""Submits jobs to a compute under test and waits for what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

from pigeonhole.compute import Compute, Job, Outcome, Report

Make = Callable[[int], Compute]
# Long enough for any machine: nothing waits for it that goes well.
PATIENCE_S = 300.0


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


def end_of(compute: Compute, one: Job) -> Outcome:
    """The outcome of a job that runs alone."""
    compute.submit(one)
    return outcome(compute)


def refused(kind: type[Exception], attempt: Callable[[], object]) -> None:
    """Makes sure that the attempt raises."""
    try:
        attempt()
    except kind:
        return
    raise AssertionError(f"a {kind.__name__} was due")
