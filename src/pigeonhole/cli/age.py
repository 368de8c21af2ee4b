"""How long ago the command line was typed: starting Python and reading what it imports are a part of a budget too."""

from __future__ import annotations

import os
import time
from pathlib import Path

_STARTED = 19  # of the fields of /proc/self/stat behind the program's name: clock ticks since the system's start
# What is longer is no start of a command, but a clock that cannot be compared.
_AT_MOST_S = 60.0


class Age:
    """Nothing, until `begin` says that this process is one command and nothing else."""

    def __init__(self) -> None:
        self._began_s: float | None = None

    def begin(self) -> None:
        """This process was started for the command that now runs."""
        self._began_s = time.monotonic() - min(_seconds_since_start(), _AT_MOST_S)

    @property
    def seconds(self) -> float:
        """Since the process was started; 0 within a process that does other things too."""
        return 0.0 if self._began_s is None else time.monotonic() - self._began_s


COMMAND = Age()


def _seconds_since_start() -> float:
    """As the system counts them; 0 where it does not tell."""
    try:
        fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        started_s = int(fields[_STARTED]) / os.sysconf("SC_CLK_TCK")
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started_s)
    except (OSError, AttributeError, ValueError, IndexError):
        return 0.0
