"""Server processes on their way out: they answer what they have accepted, and go. Decides nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

from pigeonhole.endpoints.child import Child

logger = logging.getLogger("pigeonhole.endpoints")
_GRACE_S = 2.0


class Leaving:
    """The processes that were asked to end.

    Args:
        drain_s: how long a client may hold an idle connection to them, and how long their last answers may take.
    """

    def __init__(self, drain_s: float) -> None:
        self._drain_s = drain_s
        self._children: list[Child] = []

    def __iter__(self) -> Iterator[Child]:
        return iter(list(self._children))

    def __bool__(self) -> bool:
        return bool(self._children)

    @property
    def accepting(self) -> list[Child]:
        """Those that have not yet said that they accept nothing more."""
        return [child for child in self._children if not child.has_closed]

    def ask(self, child: Child) -> None:
        """Asks a process to go, now that others accept what comes."""
        child.hand_over()
        self._children.append(child)

    def tend(self) -> None:
        """Sees who has gone, and ends those that take too long."""
        for child in self:
            child.listen()
            if child.returncode is not None:
                logger.info("server process %d has left", child.pid)
                child.close()
                self._children.remove(child)
            elif child.stopped and time.perf_counter() - child.stopped > 2 * self._drain_s + _GRACE_S:
                child.kill()
