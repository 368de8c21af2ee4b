"""One change in its supervisor's hands: the deployments that it serves, where, and the server processes that do."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pigeonhole.endpoints.child import Child
from pigeonhole.endpoints.plans import DONE, Change, Slot
from pigeonhole.endpoints.processes import Identity
from pigeonhole.endpoints.resources import GIB
from pigeonhole.endpoints.script_health import ScriptHealth
from pigeonhole.endpoints.states import HEALTHY, TRANSITIONING, UNHEALTHY
from pigeonhole.endpoints.traffic import without
from pigeonhole.endpoints.worker import START_LIMIT_S, Worker
from pigeonhole.serving import ServedDeployment, ServingConfig

DRAIN_S = 10.0
PART_AGAIN_S = 10.0


class Rollout:
    """A change as its supervisor handles it: what is served, and by which processes.

    Args:
        change: what was asked for.
        slots: the deployments to serve; those of the change, less any that is known to fail.
        listener: the socket to accept from.
        workers: how many server processes answer now; as many are begun with, within the limits of the change.
    """

    def __init__(self, change: Change, slots: Sequence[Slot], listener: socket.socket, workers: int = 1) -> None:
        self.change = change
        self.generation = change.generation
        self.slots = tuple(slots)
        self.listener = listener
        low, high = change.workers
        self.workers = [Worker(number) for number in range(min(max(workers, low), high))]
        self.is_settled = False
        # Deployments that it serves still, though they were given up: another rollout without them is on its way.
        self.given_up: set[int] = set()
        self.part_again_at = 0.0

    @property
    def address(self) -> tuple[str, int]:
        """As asked for, with the port that it really is."""
        return self.change.host, int(self.listener.getsockname()[1])

    @property
    def title(self) -> str:
        """What it serves, for the log."""
        return " and ".join(f"{slot.model} ({slot.name} {slot.traffic}%)" for slot in self.slots)

    @property
    def threads(self) -> int:
        """How many processors one of its processes can keep busy."""
        return max(max(1, int(slot.cpu)) for slot in self.slots)

    @property
    def children(self) -> list[Child]:
        """Its server processes."""
        return [worker.child for worker in self.workers if worker.child]

    @property
    def servers(self) -> tuple[Identity, ...]:
        """Who they are."""
        return tuple(child.identity for child in self.children if child.identity)

    @property
    def restarts(self) -> int:
        """How often a process was started again."""
        return sum(worker.restarts for worker in self.workers)

    @property
    def is_ready(self) -> bool:
        """Whether all its processes have said that they answer."""
        return all(worker.is_ready for worker in self.workers)

    @property
    def is_proven(self) -> bool:
        """Whether it has answered for longer than the ends of a process are held against it."""
        return any(worker.is_proven for worker in self.workers)

    @property
    def state(self) -> str:
        """Unhealthy if a process that answered does not; a further one that is starting is no trouble."""
        if self.troubles:
            return UNHEALTHY
        return HEALTHY if any(worker.is_well for worker in self.workers) else TRANSITIONING

    @property
    def troubles(self) -> list[str]:
        """What is wrong with processes that answered before."""
        return [worker.trouble for worker in self.workers if worker.was_ready and not worker.is_well]

    def scripts(self, slot: Slot) -> list[ScriptHealth]:
        """What its processes told of a deployment's script."""
        return [child.scripts[slot.name] for child in self.children if slot.name in child.scripts]

    def state_of(self, slot: Slot) -> str:
        """That of one deployment: a script can be in trouble while its server answers."""
        return UNHEALTHY if any(script.is_troubled for script in self.scripts(slot)) else self.state

    def restarts_of(self, slot: Slot) -> int:
        """How often a server process of a deployment, or the process of its script, was started again."""
        return self.restarts + sum(script.restarts for script in self.scripts(slot))

    def lost(self) -> tuple[Slot, Child] | None:
        """A deployment whose script cannot be started any more, and where."""
        for slot in self.slots:
            for child in self.children:
                if slot.name in child.scripts and child.scripts[slot.name].is_lost:
                    return slot, child
        return None

    def parted(self, slot: Slot) -> Rollout:
        """The same without a deployment, which has yet to be started; what the workers went through is kept."""
        self.given_up.add(slot.generation)
        self.part_again_at = time.perf_counter() + PART_AGAIN_S  # where that comes to nothing
        change = replace(self.change, outcome=DONE)
        parted = Rollout(change, without(self.slots, slot.generation), self.listener, len(self.workers))
        for before, worker in zip(self.workers, parted.workers, strict=True):
            worker.restarts, worker.is_proven = before.restarts, before.is_proven
            worker.trouble = before.trouble
        return parted

    def config(self, endpoint: str, database_url: str) -> ServingConfig:
        """What its server processes are told."""
        return ServingConfig(
            deployments=tuple(
                ServedDeployment(
                    name=slot.name,
                    model=slot.model,
                    bundle_folder=Path(slot.bundle_folder),
                    traffic=slot.traffic,
                    mirror=slot.mirror,
                    threads=max(1, int(slot.cpu)),
                    log_images=slot.log_images,
                    memory_gib=slot.memory_gib,
                    limits=slot.limits,
                )
                for slot in self.slots
            ),
            endpoint=endpoint,
            database_url=database_url,
            host=self.change.host,
            port=self.address[1],
            key_hashes=self.change.key_hashes,
            tls_certificate=self.change.tls.certificate if self.change.tls else None,
            tls_key=self.change.tls.key if self.change.tls else None,
            drain_s=DRAIN_S,
            # Several workers would stay awake at each other's cost; and where they come and go with the load, that is
            # told by their processor time.
            linger=self.change.workers == (1, 1),
        )

    def start(self, worker: Worker, endpoint: str, database_url: str, folder: Path) -> Child:
        """Starts a server process in a worker's place."""
        config = self.config(endpoint, database_url)
        child = Child(config, self.listener, folder, f"{self.generation}-{worker.number}")
        worker.fill(child)
        return child

    def add_worker(self) -> Worker:
        """A further place for a server process."""
        worker = Worker(1 + max(worker.number for worker in self.workers))
        self.workers.append(worker)
        return worker

    def failing(self, child: Child) -> Slot | None:
        """The deployment that a process which never became ready was about to load; `None` where it is not known."""
        return next((slot for slot in self.slots if slot.name == child.loading and not child.is_ready), None)

    def leave_out(self, slot: Slot) -> None:
        """Serves the others alone from now on."""
        self.slots = without(self.slots, slot.generation)

    def reason(self, slot: Slot) -> str:
        """What to say of a deployment in the state that the rollout is in."""
        if self.state == TRANSITIONING:
            return f"the server of {slot.model} is starting"
        if self.state == UNHEALTHY:
            return "; ".join(self.troubles)
        whys = [script.why for script in self.scripts(slot) if script.restarts]
        if self.state_of(slot) == UNHEALTHY:
            return f"the script of {slot.model} does not answer: {whys[-1]}"
        restarts = self.restarts_of(slot)
        if not restarts:
            return f"{slot.model} answers"
        times = "once" if restarts == 1 else f"{restarts} times"
        why = "; ".join([worker.trouble for worker in self.workers if worker.restarts] + whys[-1:])
        return f"{slot.model} answers; started again {times}, lastly because {why}"

    def excess(self, worker: Worker, child: Child) -> str:
        """Why a process has to be ended: too long in starting, or too much memory. Empty where it need not."""
        if worker.is_late(child):
            return f"the server process {child.pid} was not ready after {START_LIMIT_S:.0f} s"
        used, allowed_gib = child.memory_bytes(), sum(slot.memory_gib for slot in self.slots)
        if used <= allowed_gib * GIB:
            return ""
        return (
            f"the server process {child.pid} used {used / GIB:.2f} GiB of memory"
            f" where {allowed_gib:g} GiB were asked for (--memory)"
        )
