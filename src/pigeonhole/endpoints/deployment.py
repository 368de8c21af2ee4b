"""One deployment in its supervisor's hands: what was asked for, its process, and what it has been through."""

from __future__ import annotations

import socket
import time

from pigeonhole.core.database import Row
from pigeonhole.endpoints.child import Child
from pigeonhole.endpoints.resources import GIB

START_LIMIT_S = 120.0
# A server that ends this often within less than STEADY_S each time does not get well by starting it again.
CRASH_LIMIT = 5
STEADY_S = 60.0
BACKOFF_S, BACKOFF_LIMIT_S = 0.1, 10.0


class Deployment:
    """One generation as this supervisor handles it: what was asked for, its process, and how often that ended."""

    def __init__(self, row: Row, listener: socket.socket) -> None:
        self.row = row
        self.generation: int = row["generation"]
        self.model: str = row["model"]
        self.listener = listener
        self.child: Child | None = None
        self.was_ready = False
        self.ready_since = 0.0
        self.crashes = 0
        self.restarts = 0
        self.start_again_at = 0.0
        self.missed_looks = 0
        self.trouble = ""
        self.killed_because = ""

    @property
    def address(self) -> tuple[str, int]:
        """As asked for, with the port that it really is."""
        return str(self.row["host"]), int(self.listener.getsockname()[1])

    def crashed(self, why: str) -> float:
        """Notes an end of the process; the seconds to wait before it is started again."""
        self.trouble, self.killed_because = why, ""
        self.crashes += 1
        self.ready_since = 0.0
        backoff_s: float = min(BACKOFF_LIMIT_S, BACKOFF_S * 2 ** (self.crashes - 1))
        self.start_again_at = time.perf_counter() + backoff_s
        return backoff_s

    def is_well(self) -> None:
        """Notes that the server answers; after a minute of that, earlier ends are forgiven."""
        now = time.perf_counter()
        self.ready_since = self.ready_since or now
        self.was_ready = True
        self.missed_looks = 0
        if now - self.ready_since > STEADY_S:
            self.crashes = 0

    def wellness(self) -> str:
        """What to say of a server that answers."""
        if not self.restarts:
            return f"{self.model} answers"
        times = "once" if self.restarts == 1 else f"{self.restarts} times"
        return f"{self.model} answers; started again {times}, lastly because {self.trouble}"


def failure(child: Child, why: str) -> str:
    """Why a deployment failed, under Azure's name for that, with the end of its log."""
    name = "PodOutOfMemory" if "GiB of memory" in why else "ResourceNotReady"
    log = child.log_tail()
    return f"{name}: {why}" + (f"; the end of its log:\n{log}" if log else "")


def excess(deployment: Deployment, child: Child) -> str:
    """Why the process has to be ended: it takes too long to start, or too much memory. Empty where it need not."""
    if not child.is_ready and time.perf_counter() - child.started > START_LIMIT_S:
        return f"the server process {child.pid} was not ready after {START_LIMIT_S:.0f} s"
    used, allowed_gib = child.memory_bytes(), deployment.row["memory_gib"]
    if used <= allowed_gib * GIB:
        return ""
    return (
        f"the server process {child.pid} used {used / GIB:.2f} GiB of memory"
        f" where {allowed_gib:g} GiB were asked for (--memory)"
    )
