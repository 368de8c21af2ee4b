"""A request as a script is asked it, and what it answered. Plain values; starts and sends nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Unanswered:
    """Why there is no answer.

    Attributes:
        why: in words, for the log.
        is_late: whether the script's time was over, and not the process at its end.
        has_waited: whether its turn did not come in time; it was not asked.
    """

    why: str
    is_late: bool = False
    has_waited: bool = False


@dataclass(frozen=True)
class Answer:
    """What came back for one request.

    Attributes:
        status: the HTTP status: 200 unless the script made its own response, or something failed.
        content: the body; of a failure its text.
        content_type: of the body; empty for a failure, whose body the server writes.
        headers: those that the script set.
        failed: whether run() itself failed.
        exec_ms: how long run() took, milliseconds.
        error_code: a short name of a failure, else `None`.
    """

    status: int
    content: bytes
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    failed: bool = False
    exec_ms: float = 0.0
    error_code: str | None = None

    @classmethod
    def read(cls, head: Mapping[str, Any], body: bytes) -> Answer:
        """The answer in a message.

        Raises:
            ValueError: it is none; so does KeyError or TypeError.
        """
        status = int(head["status"])
        if not 200 <= status <= 599:
            raise ValueError(f"the status {status}")
        return cls(
            status,
            body,
            str(head["content_type"]),
            tuple((str(name), str(value)) for name, value in head["headers"]),
            bool(head["failed"]),
            float(head["exec_ms"]),
            head.get("error_code"),
        )


Outcome = Answer | Unanswered


@dataclass
class Question:
    """A request on its way to a script.

    Attributes:
        request_id: what to call it in the log.
        method: in capitals.
        path: as it was asked.
        query: the query string.
        headers: by lower-case name.
        content: the body.
        deliver: takes the outcome, in the runner's own thread.
        until_s: its turn must have come by then (monotonic); `None` lets it wait.
        is_dropped: nobody waits any more: it is not asked, or what it takes is cut short.
    """

    request_id: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    content: bytes = field(repr=False)
    deliver: Callable[[Outcome], None] = field(repr=False)
    until_s: float | None = None
    is_dropped: bool = False

    def head(self) -> dict[str, Any]:
        """What stands before the body in the message."""
        names = ("request_id", "method", "path", "query")
        return {**{name: getattr(self, name) for name in names}, "headers": dict(self.headers)}
