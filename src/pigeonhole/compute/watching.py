"""A job under its keeper's eyes: its time, its memory, and how it ended. Ends nothing itself."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pigeonhole.compute import descent
from pigeonhole.compute.job import State

# Memory is looked at this often where it is limited, and else. Where a look takes long (thousands of processes), seldom
# enough to cost 2% of a core.
_LOOK_S, _IDLE_LOOK_S = 0.2, 1.0
_LOOK_SHARE = 0.02
_GIB = 1 << 30
# Sent by others; with any other a program ends itself.
_FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT}
_SHELL_SAYS_SIGNAL = 128


@dataclass
class Watched:
    """A job that runs.

    Attributes:
        number: the owner's for it.
        deadline_s: seconds from its start.
        memory_bytes: the most that it may hold.
        ending: the state and the reason that it is ended with, once it is.
    """

    number: int
    deadline_s: float | None
    memory_bytes: int | None
    ending: tuple[State, str] | None = None
    _started: float = field(default_factory=time.monotonic)
    _next_look: float = 0.0
    _grace_end: float | None = None
    _peak_bytes: int = 0

    def __post_init__(self) -> None:
        self._next_look = self._started + self._look_s

    @classmethod
    def of(cls, order: Mapping[str, Any]) -> Watched:
        """The job that is ordered."""
        return cls(order["number"], order["deadline_s"], order["memory_bytes"])

    def end(self, state: State, why: str, grace_s: float) -> None:
        """It has been asked to end."""
        self.ending, self._grace_end = (state, why), time.monotonic() + grace_s

    def wait_s(self) -> float:
        """Until there is something to look at."""
        times = [self._next_look]
        if self._grace_end is not None:
            times.append(self._grace_end)
        elif self.deadline_s is not None:
            times.append(self._started + self.deadline_s)
        return min(times) - time.monotonic()

    def is_overdue(self) -> bool:
        """Whether its time of grace is over."""
        return self._grace_end is not None and time.monotonic() >= self._grace_end

    def lateness(self) -> str | None:
        """In words, where it has to be ended for it now."""
        if self.ending is not None or self.deadline_s is None or time.monotonic() < self._started + self.deadline_s:
            return None
        return f"it ran longer than its {self.deadline_s:g} s"

    def excess(self) -> str | None:
        """In words, where it holds more memory than it may; looked at now and then."""
        if time.monotonic() < self._next_look:
            return None
        begun = time.monotonic()
        now = descent.resident_bytes()
        ended = time.monotonic()
        self._next_look = ended + max(self._look_s, (ended - begun) / _LOOK_SHARE)
        self.saw(now)
        if self.memory_bytes is None or now <= self.memory_bytes:
            return None
        return f"it used {now / _GIB:.2f} GiB of memory, and may use {self.memory_bytes / _GIB:.2f} GiB"

    @property
    def _look_s(self) -> float:
        return _IDLE_LOOK_S if self.memory_bytes is None else _LOOK_S

    def saw(self, resident_bytes: int) -> None:
        """Takes note of what it holds or held."""
        self._peak_bytes = max(self._peak_bytes, resident_bytes)

    def outcome(self, state: State, why: str | None, exit_code: int | None) -> dict[str, Any]:
        """What its owner is told at its end."""
        return {
            "state": state,
            "error": why,
            "exit_code": exit_code,
            "seconds": time.monotonic() - self._started,
            "peak_memory_bytes": self._peak_bytes,
        }


def ending_of(code: int, is_command: bool) -> tuple[State, str | None]:
    """The state and the reason of a job whose process ended by itself.

    Args:
        code: its exit code, negative for a signal.
        is_command: a command may end; a worker has to say something before.
    """
    by = signal_of(code)
    if by is not None:
        state: State = "Lost" if by in _FROM_OUTSIDE or not is_command else "Failed"
        return state, f"its process was ended by {by.name}{_HINTS.get(by, '')}"
    if not is_command:
        return "Lost", f"its process ended with exit code {code} and without a result"
    return ("Completed", None) if code == 0 else ("Failed", f"the command ended with exit code {code}")


_HINTS = {signal.SIGKILL: " (from outside, or by the kernel for want of memory)"}


def signal_of(code: int) -> signal.Signals | None:
    """The signal that ended a process; also one that a shell tells of, as 128 and its number."""
    number = code - _SHELL_SAYS_SIGNAL if code > _SHELL_SAYS_SIGNAL else -code
    return signal.Signals(number) if number in set(signal.Signals) else None
