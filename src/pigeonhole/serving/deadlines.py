"""Ends requests that take too long. Looks at all of them a few times a second: a timer for each would cost more."""

from __future__ import annotations

import asyncio
import time
from typing import Any

_LOOKS_A_LIMIT = 4
_LOOK_S = 0.25


class Deadlines:
    """The requests under way, oldest first.

    Args:
        limit_s: how long each may take.
    """

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._started: dict[asyncio.Task[Any], float] = {}
        self._overdue: set[asyncio.Task[Any]] = set()
        self._is_looking = False

    def __len__(self) -> int:
        return len(self._started)

    def begin(self) -> asyncio.Task[Any]:
        """Notes that the running task has begun a request, and cancels it when its time is over."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request outside of a task")
        self._started[task] = time.monotonic()
        if not self._is_looking:
            self._is_looking = True
            self._look_later()
        return task

    def end(self, task: asyncio.Task[Any]) -> None:
        """Notes that the task's request is answered."""
        self._started.pop(task, None)
        self._overdue.discard(task)

    def passed(self, task: asyncio.Task[Any]) -> bool:
        """Whether the task was cancelled from here, in which case it may go on and say so."""
        if task not in self._overdue:
            return False
        task.uncancel()
        return True

    def _look_later(self) -> None:
        asyncio.get_running_loop().call_later(min(_LOOK_S, self.limit_s / _LOOKS_A_LIMIT), self._look)

    def _look(self) -> None:
        latest = time.monotonic() - self.limit_s
        for task, started in self._started.items():
            if started > latest:
                break
            if task not in self._overdue:
                self._overdue.add(task)
                task.cancel()
        self._is_looking = bool(self._started)
        if self._is_looking:
            self._look_later()
