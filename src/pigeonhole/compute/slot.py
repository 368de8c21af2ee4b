"""A slot as the compute's owner sees it: its keeper, and the job that runs there. Holds no job to any limit."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Mapping
from typing import Any

from pigeonhole.compute import marking
from pigeonhole.compute.job import Event, Job, Report
from pigeonhole.compute.lines import Lines, pack
from pigeonhole.compute.orders import Running, order
from pigeonhole.compute.shares import Share
from pigeonhole.core.errors import ConflictError, UnavailableError

# How long a keeper that has nothing to wait for may take to end.
_LEAVING_S = 10.0


class Slot:
    """Where one job at a time runs; starts its keeper.

    Args:
        share: the cores for its jobs.
        grace_s: how long a job may take to end when it is asked to.

    Attributes:
        has_worker: whether there is one that has imported things already.
        is_lost: whether its keeper is gone, and with it the slot.

    Raises:
        UnavailableError: the system has no room for a keeper.
    """

    def __init__(self, share: Share, grace_s: float) -> None:
        self._share = share
        self._grace_s = grace_s
        self._mark = uuid.uuid4().hex
        self._keeper, self._lines = _keeper(share, grace_s, self._mark)
        self._running: Running | None = None
        self._numbers = 0
        self.has_worker = self.is_lost = False

    @property
    def key(self) -> str | None:
        """Of the job that runs here."""
        return self._running.job.key if self._running else None

    @property
    def is_dead(self) -> bool:
        """Whether its keeper has ended."""
        return self._keeper.poll() is not None

    def fileno(self) -> int:
        """Of the connection to the keeper."""
        return self._lines.fileno()

    def start(self, job: Job) -> None:
        """Gives the job to the keeper.

        Raises:
            UsageError: its arguments are not JSON-ready.
        """
        line = order(job, self._numbers + 1, self._share)
        self._numbers += 1
        self._running = Running.of(job, self._numbers)
        self.has_worker = job.function is not None
        self._say(line)

    def answer(self, record: Mapping[str, Any]) -> None:
        """Answers the question of the job.

        Raises:
            ConflictError: it has not asked.
        """
        if self._running is None or not self._running.has_asked:
            raise ConflictError(f"an answer for the job {self.key!r}, which has not asked", "one answer a question", "")
        line = pack({"answer": {"number": self._running.number, "record": dict(record)}})
        self._running.has_asked = False
        self._say(line)

    def cancel(self) -> None:
        """Has the job ended."""
        self._say(pack({"end": self._numbers}))

    def hear(self) -> list[Event]:
        """What the keeper has said."""
        events = [event for line in self._lines.take() for event in self._read(line)]
        return events + self.lose() if self._lines.has_ended else events

    def leave(self) -> None:
        """Has the job ended, and then the keeper; does not wait."""
        self._say(pack({"close": None}))

    def wait(self) -> None:
        """Waits until the keeper is gone, with everything below it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._keeper.wait(self._grace_s + _LEAVING_S)

    def lose(self) -> list[Event]:
        """Lets the keeper go, which takes everything below it with it; a job that runs there is lost."""
        if self.is_lost:
            return []
        self.is_lost = True
        self._lines.close()
        how = self._last_of_keeper()
        running, self._running = self._running, None
        if running is None:
            return []
        return [running.outcome({"state": "Lost", "error": f"the process that kept it ended with {how}"})]

    def _last_of_keeper(self) -> str:
        """How it ended, in words."""
        try:
            code = self._keeper.wait(_LEAVING_S)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            code = self._keeper.wait()
        if code == 0:
            return "exit code 0"
        marking.kill(self._mark)  # it could not end what it kept
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def _say(self, line: bytes) -> None:
        with contextlib.suppress(OSError):  # it has gone, and is missed when it is heard
            self._lines.send(line)

    def _read(self, line: bytes) -> list[Event]:
        (kind, content), *_ = json.loads(line).items()
        running = self._running
        if running is None:
            raise ValueError(f"a keeper said something of no job: {line[:200]!r}")
        if kind == "ended":
            self._running = None
            return [running.outcome(content)]
        if kind in ("report", "ask"):
            running.has_asked = running.has_asked or kind == "ask"
            return [Report(running.job.key, content, kind == "ask")]
        running.last = content if kind == "failure" else {"value": content}
        return []


def _keeper(share: Share, grace_s: float, mark: str) -> tuple[subprocess.Popen[bytes], Lines]:
    ours, theirs = socket.socketpair()
    settings = json.dumps({"cpus": share.cpus, "grace_s": grace_s})
    told = (str(theirs.fileno()), str(os.getpid()), settings)
    try:
        with theirs:
            keeper = subprocess.Popen(
                # -P: the folder that the owner happens to run in is no place to import from.
                [sys.executable, "-P", "-m", "pigeonhole.compute.keeper", *told],
                env={**share.environment(os.environ), marking.VARIABLE: mark},
                stdin=subprocess.DEVNULL,
                stdout=2,
                pass_fds=[theirs.fileno()],
                # Out of the terminal's reach: what a Ctrl-C ends is the owner's affair.
                start_new_session=True,
            )
    except OSError as error:
        ours.close()
        raise UnavailableError(
            f"no process can be started: {error}", "", "end other programs, and try again"
        ) from error
    return keeper, Lines(ours)
