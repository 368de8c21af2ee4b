"""A mark that everything below a keeper inherits, by which it is found again when the keeper was killed."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Mapping

VARIABLE = "PIGEONHOLE_COMPUTE_MARK"
_DYING_S = 1.0


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with this process's own mark."""
    return {**environment, VARIABLE: os.environ[VARIABLE]}


def kill(mark: str) -> None:
    """Ends all processes that have the mark, and what they start meanwhile."""
    while found := _marked(mark):
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                _kill(pid)


def _marked(mark: str) -> list[int]:
    """Those that can be ended: neither zombies nor other users'."""
    import psutil

    found = psutil.process_iter(["environ"])
    return [process.pid for process in found if (process.info["environ"] or {}).get(VARIABLE) == mark]


def _kill(pid: int) -> None:
    """Also waits for the end, which does not wait for whoever is to collect it."""
    file = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(file, signal.SIGKILL)
        select.select([file], [], [], _DYING_S)
    finally:
        os.close(file)
