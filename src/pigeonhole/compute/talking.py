"""A function's conversation with the owner of its compute, in its worker; and how it hears that it was canceled."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from pigeonhole.compute.job import CanceledError
from pigeonhole.compute.lines import Lines, pack
from pigeonhole.core.errors import ConflictError, UsageError


class Cancellation:
    """Turns SIGTERM into a `CanceledError` in the main thread, but never in the middle of a message.

    SIGINT is the owner's affair. Between jobs SIGTERM ends the process.
    """

    def __init__(self) -> None:
        self._is_working = self._is_asked = self._held = False
        self._listen()
        # What the job forks (a pool, say) is to end as any process does.
        os.register_at_fork(after_in_child=_as_usual)

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Within, a job runs."""
        self._is_working = True
        self._listen()  # the last job may have done so itself
        try:
            yield
        finally:
            self._is_working = False

    def _listen(self) -> None:
        signal.signal(signal.SIGTERM, self._hear)
        # A function, since "ignored" would be passed on to what the job starts.
        signal.signal(signal.SIGINT, lambda *_: None)

    def _hear(self, *_: object) -> None:
        if not self._is_working:
            raise SystemExit(0)
        if not self._held:
            raise CanceledError
        self._is_asked = True

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Within, a SIGTERM waits."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread hears signals
            return
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._is_asked:
            self._is_asked = False
            raise CanceledError


def _as_usual() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Talk:
    """The `Conversation` of one job. Its threads may use it, too."""

    def __init__(self, lines: Lines, number: int, cancellation: Cancellation) -> None:
        self._lines = lines
        self._number = number
        self._cancellation = cancellation
        self._saying, self._asking = threading.Lock(), threading.Lock()
        self._is_closed = False

    def report(self, record: Mapping[str, Any]) -> None:
        """Tells the owner."""
        self._say("report", record)

    def ask(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """Tells the owner, and waits for its answer."""
        with self._asking:
            self._say("ask", record)
            while line := self._lines.receive():
                answer = json.loads(line).get("answer")
                if answer is not None and answer["number"] == self._number:
                    return answer["record"]  # type: ignore[no-any-return]
        raise CanceledError

    def close(self) -> None:
        """The job is at its end."""
        with self._saying:
            self._is_closed = True

    @property
    def is_over(self) -> bool:
        """False where a thread still waits for an answer."""
        return not self._asking.locked()

    def _say(self, kind: str, record: Mapping[str, Any]) -> None:
        try:
            line = pack({kind: dict(record)})
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"a record that is not JSON-ready: {error}",
                "numbers, text, true, false, null, and lists and mappings of them",
                "turn arrays into lists and their numbers into Python's before they are reported",
            ) from error
        with self._cancellation.held(), self._saying:
            if self._is_closed:
                raise ConflictError("a report of a job that has ended", "reports before the function returns", "")
            self._lines.send(line)
