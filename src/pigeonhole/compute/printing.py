"""Leads what a worker's job prints, from Python and from C, into the job's log; and measures its memory."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import resource
import sys
from pathlib import Path
from typing import TextIO

from pigeonhole.compute.program import opened


class Printing:
    """The standard streams of a worker."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None)
        self._streams = [_stream(1), _stream(2)]
        self._is_measured = False

    def lead(self, log: str) -> None:
        """From now on everything printed is appended to the log.

        Raises:
            OSError: it cannot be opened.
        """
        with opened(Path(log)) as file:
            # The last job may have closed a stream, whose number the file has now.
            apart = fcntl.fcntl(file.fileno(), fcntl.F_DUPFD_CLOEXEC, 3)
        # While what the last job's log did not take could only come there.
        self._streams = [stream if _is_usable(stream) else _stream(n) for n, stream in enumerate(self._streams, 1)]
        for number in (1, 2):
            os.dup2(apart, number)
        os.close(apart)
        sys.stdout, sys.stderr = self._streams
        self._is_measured = _forget_peak()

    def flush(self) -> None:
        """Writes what was printed and is not in the log yet, also by what a job put in the place of the streams.

        Raises:
            OSError: the log takes no more.
        """
        self._libc.fflush(None)
        for stream in (sys.stdout, sys.stderr, *self._streams):
            with contextlib.suppress(ValueError, AttributeError):  # closed, or none
                stream.flush()

    def peak_bytes(self) -> int:
        """The most resident memory of this process since `lead`; 0 where the system does not tell."""
        if not self._is_measured:
            return 0
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _stream(number: int) -> TextIO:
    return open(number, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


def _is_usable(stream: TextIO) -> bool:
    """Whether it is open and has nothing left of the last job, whose log took no more."""
    try:
        stream.flush()
    except (OSError, ValueError):
        _drop(stream)
        return False
    return True


def _drop(stream: TextIO) -> None:
    """What it has left must not come into the next job's log."""
    with contextlib.suppress(AttributeError, ValueError):
        stream.buffer.raw.close()  # type: ignore[attr-defined]


def _forget_peak() -> bool:
    """Whether the system counts the most memory anew from now on."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True
