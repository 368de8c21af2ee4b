"""What a compute is given, and what it tells: the contract of every compute. Runs nothing itself.

A job is a function of ours, called in a long-lived worker process, or a user's command in a process of its own. Both
write what they print into the job's log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, Self

# As Azure ML names the states of a job; TimedOut and OutOfMemory are Failed with a reason that callers ask for.
State = Literal["Completed", "Failed", "Canceled", "TimedOut", "OutOfMemory", "Lost"]


class CanceledError(BaseException):
    """The job is to end now. No `Exception`, so that nobody takes it for a failure and goes on."""


class Conversation(Protocol):
    """What a function of ours, running as a job, may say and hear."""

    def report(self, record: Mapping[str, Any]) -> None:
        """Tells the owner of the compute; JSON-ready. Does not wait."""

    def ask(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """Tells the owner, and waits for the answer that it gives with `Compute.answer`.

        Raises:
            CanceledError: the job was canceled meanwhile.
        """


@dataclass(frozen=True)
class Job:
    """Something to run.

    Attributes:
        key: its name, unique among the jobs of this compute.
        function: `package.module:name` of a function `(arguments, conversation) -> JSON-ready value`; or `None`.
        arguments: what the function gets; JSON-ready.
        command: a shell command line, where there is no function.
        working_folder: where a command runs.
        environment: variables added for a command.
        log: the file that gets what the job prints; appended to.
        deadline_s: seconds from its start; `None` for no limit.
        memory_bytes: resident memory of the job's processes together; `None` for no limit.
    """

    key: str
    log: Path
    function: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    command: str | None = None
    working_folder: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    deadline_s: float | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True)
class Report:
    """What a running job said.

    Attributes:
        key: the job's.
        record: JSON-ready.
        question: whether the job waits for `Compute.answer`.
    """

    key: str
    record: Mapping[str, Any]
    question: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        key: the job's.
        state: `Lost` where its process died without a word (killed from outside, say).
        value: what the function returned.
        exit_code: of a command; negative for a signal.
        error: what went wrong in a sentence, or `None`.
        traceback: the exception's, or the last lines of the log; empty where nothing went wrong.
        seconds: from start to end, of a monotonic clock.
        peak_memory_bytes: resident, of its processes together, as far as it was seen.
    """

    key: str
    state: State
    value: Any = None
    exit_code: int | None = None
    error: str | None = None
    traceback: str = ""
    seconds: float = 0.0
    peak_memory_bytes: int = 0


Event = Report | Outcome


class Compute(Protocol):
    """Where jobs run. One owner, one thread. Closing it (also by an exception) leaves no process behind."""

    @property
    def slots(self) -> int:
        """How many jobs run at once."""

    @property
    def free(self) -> int:
        """How many more could be submitted now and start at once."""

    def submit(self, job: Job) -> None:
        """Starts a job.

        Raises:
            ConflictError: a job of that key is running, or no slot is free.
        """

    def events(self, timeout_s: float | None) -> Sequence[Event]:
        """What happened since the last call, in order for each job; waits up to that long (`None`: for ever) for one.

        Every job submitted gives exactly one `Outcome`, after all its reports. While no job runs nothing is waited for.
        """

    def answer(self, key: str, record: Mapping[str, Any]) -> None:
        """Answers the job's question. A job that has ended meanwhile is no error."""

    def cancel(self, key: str) -> None:
        """Stops a job and every process it started: politely, then by force.

        Its outcome is `Canceled`, unless it had come to its own end before it could be told.
        """

    def close(self) -> None:
        """Stops everything."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...
