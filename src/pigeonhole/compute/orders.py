"""A job as its keeper is told it, and its outcome as its owner is told it. Sends nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pigeonhole.compute.job import Job, Outcome
from pigeonhole.compute.lines import pack
from pigeonhole.compute.shares import Share
from pigeonhole.core.errors import UsageError

_TAIL_BYTES, _TAIL_LINES = 16384, 20


def order(job: Job, number: int, share: Share) -> bytes:
    """The line that has a job started.

    Raises:
        UsageError: its arguments are not JSON-ready.
    """
    content: dict[str, Any] = {
        "number": number,
        "log": _absolute(job.log),
        "function": job.function,
        "deadline_s": job.deadline_s,
        "memory_bytes": job.memory_bytes,
    }
    if job.function is None:
        content["command"] = job.command
        content["working_folder"] = _absolute(job.working_folder or Path())
        content["environment"] = {**share.environment(os.environ), **job.environment}
    else:
        content["arguments"] = job.arguments
        # What the owner can import its worker can.
        content["path"] = [os.path.abspath(part) for part in sys.path]  # noqa: PTH100
    try:
        return pack({"run": content})
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"the job {job.key!r} has arguments that are not JSON-ready: {error}",
            "numbers, text, true, false, null, and lists and mappings of them",
            "give paths as text, and arrays as lists or by the name of a file",
        ) from error


@dataclass
class Running:
    """A job that was ordered.

    Attributes:
        job: it.
        number: its keeper's for it.
        log_start: where in the log it begins.
        last: its result or its failure, once it has told of one.
        has_asked: whether it waits for an answer.
    """

    job: Job
    number: int
    log_start: int
    last: Mapping[str, Any]
    has_asked: bool = False

    @classmethod
    def of(cls, job: Job, number: int) -> Running:
        """The job, not yet begun."""
        return cls(job, number, _size(job.log), {})

    def outcome(self, facts: Mapping[str, Any]) -> Outcome:
        """With what its keeper says of its end."""
        error = facts["error"] or self.last.get("error")
        trace = self.last.get("traceback", "")
        if error and not trace:
            trace = _tail(self.job.log, self.log_start)
        told = {**facts, "error": error, "traceback": trace, "value": self.last.get("value")}
        return Outcome(self.job.key, **told)


def _absolute(path: Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - pathlib's does not take `..` away


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except OSError:
        return 0


def _tail(log: Path, start: int) -> str:
    """The last lines of a log after a place in it; nothing of what is no file, and might never end."""
    if not log.is_file():
        return ""
    try:
        with log.open("rb") as file:
            file.seek(max(start, _size(log) - _TAIL_BYTES))
            text = file.read(_TAIL_BYTES).decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-_TAIL_LINES:])
