"""Keeps the server processes of a rollout running: started, looked at, started again, added and removed.

What becomes of a rollout that cannot be kept running is decided elsewhere.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pigeonhole.endpoints.child import Child
from pigeonhole.endpoints.leaving import Leaving
from pigeonhole.endpoints.plans import Slot
from pigeonhole.endpoints.records import Report
from pigeonhole.endpoints.rollout import DRAIN_S, Rollout
from pigeonhole.endpoints.scaling import Scaler
from pigeonhole.endpoints.states import FAILED
from pigeonhole.endpoints.worker import STEADY_S, Worker

logger = logging.getLogger("pigeonhole.endpoints")
# Not answering this many looks in a row is being stuck: the process is ended and started again.
STUCK_LOOKS = 5
# A server that ends this often within less than a minute each time does not get well by starting it again.
CRASH_LIMIT = 5
Tell = Callable[[int, Report], None]


@dataclass(frozen=True)
class Failure:
    """Why a rollout cannot be kept running.

    Attributes:
        reason: under Azure's name for it, with the end of the log.
        remedy: what the server itself says is to be done, if it said so.
        culprit: the deployment that could not be loaded, where that is known.
    """

    reason: str
    remedy: str
    culprit: Slot | None = None

    @classmethod
    def of(cls, child: Child, why: str, culprit: Slot | None = None) -> Failure:
        """Made from a process that has ended."""
        child.wait(DRAIN_S)
        name = "PodOutOfMemory" if "GiB of memory" in why else "ResourceNotReady"
        log = child.log_tail()
        return cls(f"{name}: {why}" + (f"; the end of its log:\n{log}" if log else ""), child.remedy(), culprit)


class Keeper:
    """Starts and watches server processes.

    Args:
        endpoint: its name.
        database_url: the workspace's records, which the servers write to.
        folder: the endpoint's files.
        leaving: where processes go that are removed.
        tell: records the state of a deployment.
    """

    def __init__(self, endpoint: str, database_url: str, folder: Path, leaving: Leaving, tell: Tell) -> None:
        self._endpoint = endpoint
        self._url = database_url
        self._folder = folder
        self._leaving = leaving
        self._tell = tell
        self._scaler = Scaler()
        self._no_more_before = 0.0
        # Deployments that answered once and cannot be loaded any more: left out, so that the others answer.
        self.failed: set[int] = set()

    def start(self, rollout: Rollout) -> None:
        """Starts the processes of a rollout that are not there."""
        for worker in rollout.workers:
            if worker.child is None:
                self._start(rollout, worker)

    def tend_start(self, rollout: Rollout) -> Failure | None:
        """Watches a rollout that was not ready so far."""
        for worker in rollout.workers:
            child = worker.child
            if child is None:
                continue
            child.listen()
            why = ""
            if child.returncode is not None:
                child.listen()
                why = child.ending()
            elif why := rollout.excess(worker, child):
                child.kill()
            if why:
                return self._on_failed_start(rollout, child, why)
        return None

    def tend(self, rollout: Rollout) -> Failure | None:
        """Watches a rollout that answers, and starts again what has ended."""
        for worker in list(rollout.workers):
            if worker.is_due:
                worker.restarts += 1
                self._start(rollout, worker)
            elif worker.child and (failure := self._look(rollout, worker, worker.child)):
                return failure
        self._scale(rollout)
        return None

    def part(self, rollout: Rollout) -> Rollout | None:
        """Where a script cannot be started any more: the others without it, in processes that are starting.

        Those that run answer on until then: not a request is lost to a script that somebody else wrote.
        """
        found = rollout.lost()
        if found is None or len(rollout.slots) == 1 or time.perf_counter() < rollout.part_again_at:
            return None
        slot, child = found
        if slot.generation not in rollout.given_up:
            log = child.log_tail()
            reason = f"ResourceNotReady: {_lost(slot, child)}; the end of its log:\n{log}"
            self._give_up(slot, Failure(reason, "", slot))
        parted = rollout.parted(slot)
        self.start(parted)
        return parted

    def _give_up(self, slot: Slot, failure: Failure) -> None:
        """A deployment that cannot answer any more must not take the others with it."""
        self.failed.add(slot.generation)
        remedy = failure.remedy or f"mend the cause, and deploy {slot.model} as {slot.name} again"
        self._tell(slot.generation, Report(FAILED, failure.reason, remedy))
        logger.warning("%s is left out, and the others answer its share: %s", slot.name, failure.reason)

    def _start(self, rollout: Rollout, worker: Worker) -> None:
        child = rollout.start(worker, self._endpoint, self._url, self._folder)
        logger.info("server process %d of %s starts", child.pid, rollout.title)

    def _on_failed_start(self, rollout: Rollout, child: Child, why: str) -> Failure | None:
        slot = rollout.failing(child)
        failure = Failure.of(child, why, slot)
        if slot is None or slot.brought or len(rollout.slots) == 1:
            return failure
        self._leave_out(rollout, slot, failure)
        return None

    def _leave_out(self, rollout: Rollout, slot: Slot, failure: Failure) -> None:
        self._give_up(slot, failure)
        rollout.leave_out(slot)
        for worker in rollout.workers:
            if worker.child and worker.is_ready:
                self._leaving.ask(worker.child)
                worker.child = None
            worker.discard(DRAIN_S)
            self._start(rollout, worker)

    def _look(self, rollout: Rollout, worker: Worker, child: Child) -> Failure | None:
        child.listen()
        if child.returncode is not None:
            child.listen()
            return self._on_crash(rollout, worker, child)
        for script in child.scripts.values():
            script.look()
        if reason := rollout.excess(worker, child):
            worker.killed_because = reason
            child.kill()
        elif child.stopped is None and len(rollout.slots) == 1 and (found := rollout.lost()) and found[1] is child:
            # Nothing else answers here; what it refused is on its way out, and need not be lost.
            worker.killed_because = _lost(*found)
            child.stop()
        elif child.is_ready:
            if child.answers():
                self._on_answer(rollout, worker)
            elif child.returncode is None:
                self._on_missed_look(worker, child)
        return None

    def _on_answer(self, rollout: Rollout, worker: Worker) -> None:
        if not worker.was_ready:
            # One that was added. Clients that keep their connections would never come to it by themselves.
            for other in rollout.workers:
                if other.child and other is not worker:
                    other.child.shed()
        worker.answered()

    def _on_missed_look(self, worker: Worker, child: Child) -> None:
        worker.missed()
        logger.warning("%s", worker.trouble)
        if worker.missed_looks >= STUCK_LOOKS:
            worker.killed_because = worker.trouble
            child.kill()

    def _on_crash(self, rollout: Rollout, worker: Worker, child: Child) -> Failure | None:
        why = worker.killed_because or child.ending()
        slot = rollout.failing(child)
        if slot and len(rollout.slots) > 1:
            self._leave_out(rollout, slot, Failure.of(child, why, slot))
            return None
        backoff_s = worker.crashed(why)
        others = [other for other in rollout.workers if other is not worker and other.is_ready]
        if others and not worker.was_ready:
            self._remove(rollout, worker, f"it could not be started: {why}")
            self._no_more_before = time.perf_counter() + STEADY_S
            return None
        if worker.crashes >= CRASH_LIMIT and not others:
            return Failure.of(child, f"{worker.crashes} ends in a row, lastly because {why}")
        worker.empty()
        logger.warning("%s; starting it again in %.1f s", why, backoff_s)
        return None

    def _scale(self, rollout: Rollout) -> None:
        """One worker more where requests wait, one less where they do not."""
        low, high = rollout.change.workers
        if low == high or not all(worker.is_well for worker in rollout.workers):
            return
        demand_s = {child.pid: child.demand_s() for child in rollout.children}
        more, why = self._scaler.look(demand_s, (low, high), rollout.threads)
        if more > 0 and time.perf_counter() >= self._no_more_before:
            worker = rollout.add_worker()
            logger.info("worker %d of at most %d is added: %s", len(rollout.workers), high, why)
            self._start(rollout, worker)
        elif more < 0:
            self._remove(rollout, rollout.workers[-1], why)

    def _remove(self, rollout: Rollout, worker: Worker, why: str) -> None:
        rollout.workers.remove(worker)
        logger.info("a worker is removed, and %d stay: %s", len(rollout.workers), why)
        if worker.child and worker.child.returncode is None:
            self._leaving.ask(worker.child)
        else:
            worker.empty()


def _lost(slot: Slot, child: Child) -> str:
    return f"the script of {slot.model} could not be started again: {child.scripts[slot.name].why}"
