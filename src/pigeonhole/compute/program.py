"""A slot's main process, as its keeper sees it: a worker for functions, or a command's shell. Decides nothing.

Each leads a session of its own.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from pigeonhole.compute import marking
from pigeonhole.compute.lines import Lines

Settle = Callable[[], None]


class Program:
    """A process that has been started.

    Args:
        process: it.
        channel: to a worker; `None` for a command.

    Attributes:
        pid: its number, and its group's.
        peak_bytes: the most resident memory of it or of one that it waited for, where the system told at its end.
    """

    def __init__(self, process: subprocess.Popen[bytes], channel: Lines | None) -> None:
        self._process = process
        self.channel = channel
        self.pid = process.pid
        self.peak_bytes = 0

    @property
    def is_collected(self) -> bool:
        """Whether its end was taken note of, so that its number may be another's."""
        return self._process.returncode is not None

    @property
    def is_worker(self) -> bool:
        """Whether it can be given a job: a worker that has not ended."""
        return self.channel is not None and not self.is_collected

    def collect(self) -> int:
        """Takes note of its end, which has come; its exit code, negative for a signal."""
        _, status, usage = os.wait4(self.pid, 0)
        self._process.returncode = code = os.waitstatus_to_exitcode(status)
        # A new process counts the memory of the one that started it as its own: less than that tells nothing.
        if usage.ru_maxrss > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss:
            self.peak_bytes = usage.ru_maxrss << 10
        return code

    def forget(self) -> None:
        """It is gone, and was collected with all the rest."""
        if not self.is_collected:
            self._process.returncode = -signal.SIGKILL
        if self.channel is not None:
            self.channel.close()


def worker(settle: Settle) -> Program:
    """A process that waits for functions to call.

    Raises:
        OSError: the system has no room for it.
    """
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            process = subprocess.Popen(
                # -P: the folder that the owner happens to run in comes in with the owner's own path, or not at all.
                [sys.executable, "-P", "-m", "pigeonhole.compute.worker", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                preexec_fn=settle,
            )
    except OSError:
        ours.close()
        raise
    return Program(process, Lines(ours))


def command(order: Mapping[str, Any], settle: Settle) -> Program:
    """A shell that runs a command line.

    Raises:
        OSError: its log or its folder cannot be used.
    """
    with opened(Path(order["log"])) as log:
        process = subprocess.Popen(
            ["/bin/sh", "-c", order["command"]],
            cwd=order["working_folder"],
            env=marking.passed_on(order["environment"]),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=settle,
        )
    return Program(process, None)


def opened(log: Path) -> IO[bytes]:
    """A job's log, to be appended to; its folder is made.

    Raises:
        OSError: that is not possible.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    return log.open("ab", buffering=0)
