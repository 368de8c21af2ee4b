"""Processes by number and start time: a number alone may belong to another process by now."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

_SAME_S = 0.02
_LOOK_S = 0.01


@dataclass(frozen=True)
class Identity:
    """One process, and no later one with the same number."""

    pid: int
    started_s: float

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """The identity of a living process, `None` if there is none."""
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.Error:
            return None

    @classmethod
    def parse(cls, text: str | None) -> Identity | None:
        """What `str` wrote."""
        if not text:
            return None
        pid, _, started_s = text.partition("@")
        return cls(int(pid), float(started_s))

    @classmethod
    def parse_all(cls, text: str | None) -> list[Identity]:
        """What several `str`, with spaces between, wrote."""
        return [found for part in (text or "").split() if (found := cls.parse(part))]

    def __str__(self) -> str:
        return f"{self.pid}@{self.started_s:.3f}"


def is_alive(identity: Identity | None) -> bool:
    """Whether that very process still runs; one that ended and was not collected yet does not."""
    if identity is None:
        return False
    try:
        process = psutil.Process(identity.pid)
        same = abs(process.create_time() - identity.started_s) < _SAME_S
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def send(identity: Identity, number: signal.Signals) -> None:
    """Sends a signal, if that very process still runs."""
    if is_alive(identity):
        with contextlib.suppress(ProcessLookupError):
            os.kill(identity.pid, number)


def wait_gone(identity: Identity, timeout_s: float) -> bool:
    """Waits for the end of a process that need not be our child; False if it still runs."""
    end = time.perf_counter() + timeout_s
    while is_alive(identity):
        if time.perf_counter() > end:
            return False
        time.sleep(_LOOK_S)
    return True


def end(identity: Identity, timeout_s: float) -> bool:
    """Ends a process: SIGTERM, and after `timeout_s` seconds SIGKILL.

    Returns:
        Whether SIGTERM was enough.
    """
    send(identity, signal.SIGTERM)
    if wait_gone(identity, timeout_s):
        return True
    send(identity, signal.SIGKILL)
    wait_gone(identity, timeout_s)
    return False


def memory_bytes(pid: int) -> int:
    """The memory a process really holds; 0 if it is gone."""
    try:
        info: Any = psutil.Process(pid).memory_info()
        return int(info.rss)
    except psutil.Error:
        return 0


def demand_s(pid: int) -> float:
    """The processor time that a process has used or waited for, in seconds; 0 if it is gone.

    What it waited for counts too: where other processes take the processor, a server that could do more uses little.
    """
    total_ns = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            ran, waited, _ = path.read_text().split()
            total_ns += int(ran) + int(waited)
    return total_ns / 1e9


def holder_of(port: int) -> str:
    """Who listens on a port: ` by process 123 (nginx)`, or nothing where the system does not tell."""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                if connection.pid is None:
                    return ""
                return f" by process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return ""
