"""One of the server processes of a rollout: kept running, with what it has been through. Decides nothing."""

from __future__ import annotations

import time

from pigeonhole.endpoints.child import Child

START_LIMIT_S = 120.0
STEADY_S = 60.0
BACKOFF_S, BACKOFF_LIMIT_S = 0.1, 10.0


class Worker:
    """A place for a server process: the process that fills it, and how often it ended.

    Args:
        number: counts the workers of a rollout; names its files.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.child: Child | None = None
        self.was_ready = False
        self.is_proven = False
        self.ready_since = 0.0
        self.crashes = 0
        self.restarts = 0
        self.start_again_at = 0.0
        self.missed_looks = 0
        self.trouble = ""
        self.killed_because = ""

    @property
    def is_ready(self) -> bool:
        """Whether its process has said that it answers."""
        return self.child is not None and self.child.is_ready

    @property
    def is_well(self) -> bool:
        """Whether it answered when it was last looked at."""
        return self.is_ready and self.ready_since > 0 and not self.missed_looks

    @property
    def is_due(self) -> bool:
        """Whether it is time to start its process again."""
        return self.child is None and time.perf_counter() >= self.start_again_at

    def fill(self, child: Child) -> None:
        """Takes a process that was started."""
        self.child = child
        self.missed_looks = 0

    def crashed(self, why: str) -> float:
        """Notes an end of the process; the seconds to wait before it is started again."""
        self.trouble, self.killed_because = why, ""
        self.crashes += 1
        self.ready_since = 0.0
        backoff_s: float = min(BACKOFF_LIMIT_S, BACKOFF_S * 2 ** (self.crashes - 1))
        self.start_again_at = time.perf_counter() + backoff_s
        return backoff_s

    def answered(self) -> None:
        """Notes that the server answers; after a minute of that, earlier ends are forgiven."""
        now = time.perf_counter()
        self.ready_since = self.ready_since or now
        self.was_ready = True
        self.missed_looks = 0
        if now - self.ready_since > STEADY_S:
            self.crashes, self.is_proven = 0, True

    def missed(self) -> None:
        """Notes that the server did not answer a look."""
        self.missed_looks += 1
        number = self.child.pid if self.child else 0
        self.trouble = f"the server process {number} did not answer {self.missed_looks} looks in a row"

    def is_late(self, child: Child) -> bool:
        """Whether its process takes too long in starting."""
        return not child.is_ready and time.perf_counter() - child.started > START_LIMIT_S

    def empty(self) -> None:
        """Lets go of a process that has ended."""
        if self.child:
            self.child.close()
            self.child = None

    def discard(self, wait_s: float) -> None:
        """Ends the process at once."""
        if self.child:
            self.child.kill()
            self.child.wait(wait_s)
            self.empty()
