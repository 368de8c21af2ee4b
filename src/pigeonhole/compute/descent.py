"""The processes below this one: adopted, measured and ended, also those that left their group. Knows no jobs."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_DIE_WITH_PARENT, _ADOPT = 1, 36
# How often it is looked for those who left their group while it was asked to end; the time of grace ends the rest.
_LOOKS = 3
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def adopt() -> None:
    """Makes this process the parent of every process below it whose own parent ends (Linux; else the system's)."""
    if _LIBC is not None:
        _LIBC.prctl(_ADOPT, 1)


def follow(parent: int, by: signal.Signals) -> None:
    """Has the system send this process a signal when its parent has ended (Linux), which may be already."""
    if _LIBC is not None:
        _LIBC.prctl(_DIE_WITH_PARENT, by)
        if os.getppid() != parent:
            os.kill(os.getpid(), by)


def settling(cpus: tuple[int, ...] | None) -> Callable[[], None]:
    """What a new process does before its program is loaded, in a process without threads."""
    parent = os.getpid()

    def settle() -> None:
        follow(parent, signal.SIGKILL)
        if cpus is not None:
            os.sched_setaffinity(0, cpus)
        # Where memory runs out, the kernel is to end this one, and neither its keeper nor its owner.
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")

    return settle


def descendants() -> list[Any]:
    """All processes below this one, as psutil's, zombies too."""
    import psutil

    return list(psutil.Process().children(recursive=True))


def resident_bytes() -> int:
    """The resident memory of all processes below this one together; pages that they share count for each."""
    import psutil

    total = 0
    for process in descendants():
        with contextlib.suppress(psutil.Error):
            total += int(process.memory_info().rss)
    return total


def ended() -> int | None:
    """One that has ended and is not collected yet; `None` where there is none now.

    Raises:
        ChildProcessError: there is no child at all.
    """
    found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return None if found is None else found.si_pid


def terminate(group: int) -> None:
    """Asks the group, and the groups below this process of those who left it, to end: each once.

    A group hears it with the process that is just being born into it; who leaves it meanwhile is looked for again.
    """
    asked: set[int] = set()
    groups = {group} | _groups()
    for _ in range(_LOOKS):
        for one in groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(one, signal.SIGTERM)
        asked |= groups
        if not (groups := _groups() - asked):
            return


def kill_group(group: int) -> None:
    """Ends a group, whose first process has not been collected yet."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def kill(group: int | None) -> None:
    """Ends everything below this process and collects it; none is left afterwards.

    Args:
        group: that of a process that has not been collected; `None` where it has.
    """
    if group is not None:
        kill_group(group)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(group, 0)
    try:
        while True:
            if ended() is None:
                for process in descendants():
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(process.pid, signal.SIGKILL)
            os.waitpid(-1, 0)
    except ChildProcessError:
        return


def _groups() -> set[int]:
    """Those of the processes below this one, but for its own."""
    found: set[int] = set()
    for process in descendants():
        with contextlib.suppress(ProcessLookupError):
            found.add(os.getpgid(process.pid))
    return found - {os.getpgrp()}
