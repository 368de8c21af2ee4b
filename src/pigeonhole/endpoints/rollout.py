"""One change in its supervisor's hands: the deployments that it serves, where, and the server process that does."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from pathlib import Path

from pigeonhole.endpoints.child import Child
from pigeonhole.endpoints.plans import Change, Slot
from pigeonhole.endpoints.resources import GIB
from pigeonhole.endpoints.traffic import without
from pigeonhole.serving import ServedDeployment, ServingConfig

START_LIMIT_S = 120.0
DRAIN_S = 10.0
# A server that ends this often within less than STEADY_S each time does not get well by starting it again.
CRASH_LIMIT = 5
STEADY_S = 60.0
BACKOFF_S, BACKOFF_LIMIT_S = 0.1, 10.0


class Rollout:
    """A change as its supervisor handles it: what is served, by which process, and how often that ended.

    Args:
        change: what was asked for.
        slots: the deployments to serve; those of the change, less any that is known to fail.
        listener: the socket to accept from.
    """

    def __init__(self, change: Change, slots: Sequence[Slot], listener: socket.socket) -> None:
        self.change = change
        self.generation = change.generation
        self.slots = tuple(slots)
        self.listener = listener
        self.child: Child | None = None
        self.is_settled = False
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
        return self.change.host, int(self.listener.getsockname()[1])

    @property
    def title(self) -> str:
        """What it serves, for the log."""
        return " and ".join(f"{slot.model} ({slot.name} {slot.traffic}%)" for slot in self.slots)

    def start(self, endpoint: str, database_url: str, folder: Path) -> Child:
        """Starts the server process."""
        config = ServingConfig(
            deployments=tuple(
                ServedDeployment(
                    name=slot.name,
                    model=slot.model,
                    bundle_folder=Path(slot.bundle_folder),
                    traffic=slot.traffic,
                    mirror=slot.mirror,
                    threads=max(1, int(slot.cpu)),
                )
                for slot in self.slots
            ),
            endpoint=endpoint,
            database_url=database_url,
            host=self.change.host,
            port=self.address[1],
            key_hashes=self.change.key_hashes,
            drain_s=DRAIN_S,
        )
        self.child = Child(config, self.listener, folder, str(self.generation))
        self.missed_looks = 0
        return self.child

    def failing(self, child: Child) -> Slot | None:
        """The deployment that a process which never became ready was about to load; `None` where it is not known."""
        return next((slot for slot in self.slots if slot.name == child.loading and not child.is_ready), None)

    def leave_out(self, slot: Slot) -> None:
        """Serves the others alone from now on."""
        self.slots = without(self.slots, slot.generation)

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

    def wellness(self, slot: Slot) -> str:
        """What to say of a deployment that answers."""
        if not self.restarts:
            return f"{slot.model} answers"
        times = "once" if self.restarts == 1 else f"{self.restarts} times"
        return f"{slot.model} answers; started again {times}, lastly because {self.trouble}"

    def excess(self, child: Child) -> str:
        """Why the process has to be ended: too long in starting, or too much memory. Empty where it need not."""
        if not child.is_ready and time.perf_counter() - child.started > START_LIMIT_S:
            return f"the server process {child.pid} was not ready after {START_LIMIT_S:.0f} s"
        used, allowed_gib = child.memory_bytes(), sum(slot.memory_gib for slot in self.slots)
        if used <= allowed_gib * GIB:
            return ""
        return (
            f"the server process {child.pid} used {used / GIB:.2f} GiB of memory"
            f" where {allowed_gib:g} GiB were asked for (--memory)"
        )


def failure(child: Child, why: str) -> str:
    """Why a deployment failed, under Azure's name for that, with the end of its log."""
    name = "PodOutOfMemory" if "GiB of memory" in why else "ResourceNotReady"
    log = child.log_tail()
    return f"{name}: {why}" + (f"; the end of its log:\n{log}" if log else "")
