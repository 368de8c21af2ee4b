"""The supervisor of one endpoint: brings about the newest change asked for, and keeps what answers running.

A process of its own, small, detached from whoever deployed. It owns the listening socket: new servers take over, and
crashed ones are replaced, while connections wait in the socket's queue instead of being refused.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import time
from pathlib import Path

from pigeonhole.core.errors import UsageError
from pigeonhole.endpoints.child import SHARED, Child
from pigeonhole.endpoints.keeping import STUCK_LOOKS, Failure, Keeper
from pigeonhole.endpoints.leaving import Leaving
from pigeonhole.endpoints.logfile import rotate
from pigeonhole.endpoints.plans import DONE, Change, Slot
from pigeonhole.endpoints.processes import holder_of
from pigeonhole.endpoints.records import Report
from pigeonhole.endpoints.resources import shortage
from pigeonhole.endpoints.rollout import DRAIN_S, Rollout
from pigeonhole.endpoints.states import FAILED, HEALTHY, TRANSITIONING, UNHEALTHY, UNSCHEDULABLE
from pigeonhole.endpoints.telling import Line
from pigeonhole.endpoints.waking import Waking
from pigeonhole.serving.listening import listen

logger = logging.getLogger("pigeonhole.endpoints")
POLL_S = 1.0


class Supervisor:
    """The main loop and its steps.

    Args:
        database_url: the workspace's records, where changes are asked for and states go.
        name: the endpoint.
        folder: its files.
    """

    def __init__(self, database_url: str, name: str, folder: Path) -> None:
        self._line = Line(database_url, name)
        self._name = name
        self._folder = folder
        self._leaving = Leaving(DRAIN_S)
        self._keeper = Keeper(name, database_url, folder, self._leaving, self._line.tell)
        self._live: Rollout | None = None
        self._coming: Rollout | None = None
        self._handled = 0
        self._waking = Waking()

    def run(self) -> None:
        """Works until told to stop, or until nothing is left that could run."""
        self._waking.take_signals()
        # Counters begin with the endpoint; how an earlier one of the name did is not told.
        shutil.rmtree(self._folder / SHARED, ignore_errors=True)
        try:
            while not self._waking.is_told_to_stop and self._folder.is_dir():
                self._step()
                if self._is_idle() and self._line.leave(self._handled):
                    return
                self._waking.sleep(self._sleep_s(), self._speaking())
        finally:
            self._end_all()
            if self._folder.is_dir():
                self._line.leave()
            self._line.close()

    def _step(self) -> None:
        self._keep_log_small()
        self._leaving.tend()
        self._look_for_a_change()
        if self._coming:
            self._tend_coming(self._coming)
        if self._live:
            self._settle(self._live)
            self._tend_live(self._live)
        self._line.retry()

    def _keep_log_small(self) -> None:
        if rotate(self._folder / "log.txt"):
            for rollout in filter(None, (self._live, self._coming)):
                for child in rollout.children:
                    child.log_was_cut()

    def _is_idle(self) -> bool:
        return self._live is None and self._coming is None and not self._leaving and self._handled > 0

    def _speaking(self) -> list[Child]:
        """The processes from whose pipes something is to be heard next: that they are ready, or have closed."""
        starting = [
            child
            for rollout in (self._live, self._coming)
            for child in (rollout.children if rollout else ())
            if not child.news
        ]
        return [child for child in (*starting, *self._leaving.accepting) if child.returncode is None]

    def _sleep_s(self) -> float:
        waiting = [worker for worker in self._live.workers if not worker.child] if self._live else []
        return max(0.0, min([POLL_S, *(worker.start_again_at - time.perf_counter() for worker in waiting)]))

    def _look_for_a_change(self) -> None:
        change = self._line.newest()
        if change is None or change.generation <= self._handled:
            return
        self._handled = change.generation
        if self._coming:
            logger.info("change %d is given up for %d", self._coming.generation, change.generation)
            self._discard(self._coming)
            if self._coming.change.outcome != DONE:
                self._line.give_up(self._coming.generation)
            self._coming = None
        lacking = shortage(change.slots, change.workers[1])
        if lacking:
            self._refuse(change, UNSCHEDULABLE, *lacking)
        else:
            self._bring(change)

    def _bring(self, change: Change) -> None:
        listener = self._listener(change)
        if listener is None:
            return
        known = [slot for slot in change.slots if slot.brought or slot.generation not in self._keeper.failed]
        self._coming = Rollout(change, change.slots, listener, len(self._live.workers) if self._live else 1)
        for slot in change.slots if known else ():
            if slot not in known:
                self._coming.leave_out(slot)
        self._keeper.start(self._coming)
        self._tell(self._coming)

    def _listener(self, change: Change) -> socket.socket | None:
        """The live rollout's own socket where the address is the same, else a new one."""
        if self._live and self._live.address == (change.host, change.port):
            return self._live.listener
        try:
            return listen(change.host, change.port)
        except UsageError as error:
            reason = f"{error.received}{holder_of(change.port)}"
            self._refuse(change, UNSCHEDULABLE, reason, f"deploy again: {error.remedy}")
            return None

    def _refuse(self, change: Change, state: str, reason: str, remedy: str, culprit: Slot | None = None) -> None:
        """Says so of the change, and of those of its deployments that do not answer already."""
        running = {slot.generation for slot in self._live.slots} if self._live else set()
        for slot in change.slots:
            # Where one is to blame, those that ran before are not; what came together with it goes together.
            if slot.generation not in running and (culprit is None or slot.brought):
                self._line.tell(slot.generation, Report(state, reason, remedy))
        if change.outcome != DONE:
            # The last word: whoever waits for the change looks at its deployments as soon as it is decided.
            self._line.refuse(change.generation, reason, remedy)
            if self._live is None:
                self._bring_back(change)

    def _bring_back(self, refused: Change) -> None:
        """What answered before everything was killed answers again, though what was asked for then cannot come."""
        before = self._line.in_effect()
        if before:
            logger.info("change %d is brought back, since %d was refused", before.generation, refused.generation)
            self._bring(before)

    def _tend_coming(self, rollout: Rollout) -> None:
        failure = self._keeper.tend_start(rollout)
        if failure:
            self._coming = None
            self._discard(rollout)
            logger.warning("%s is given up: %s", rollout.title, failure.reason)
            self._refuse(rollout.change, FAILED, failure.reason, self._remedy(failure), failure.culprit)
        elif rollout.is_ready:
            self._swap(rollout)

    def _swap(self, rollout: Rollout) -> None:
        before, self._live, self._coming = self._live, rollout, None
        kept = {slot.generation for slot in before.slots} if before else set()
        if before:
            for child in before.children:
                self._leaving.ask(child)
            self._close_listener(before)
        logger.info("%s answers", rollout.title)
        for worker in rollout.workers:
            worker.answered()
        for slot in rollout.slots:
            if self._leaving and slot.generation not in kept:
                self._tell_slot(rollout, slot, TRANSITIONING, f"{slot.model} answers, and takes over")
            else:
                self._tell_slot(rollout, slot, HEALTHY, rollout.reason(slot))
        self._settle(rollout)

    def _settle(self, rollout: Rollout) -> None:
        """A change is done once nobody answers any more who does not know of it."""
        if rollout.is_settled or self._leaving.accepting:
            return
        rollout.is_settled = True
        if rollout.change.outcome != DONE:
            self._line.take_effect(rollout.generation, rollout.address[1])

    def _tend_live(self, rollout: Rollout) -> None:
        failure = self._keeper.tend(rollout)
        if failure:
            self._on_lost(rollout, failure)
            return
        if not self._coming and not self._leaving.accepting:
            self._coming = self._keeper.part(rollout)
        if rollout.is_settled:
            self._tell(rollout)

    def _on_lost(self, rollout: Rollout, failure: Failure) -> None:
        """Nothing answers any more; a change that never proved itself is taken back."""
        logger.warning("%s is given up: %s", rollout.title, failure.reason)
        for worker in rollout.workers:
            worker.discard(DRAIN_S)
        for slot in rollout.slots:
            report = Report(FAILED, failure.reason, self._remedy(failure), restarts=rollout.restarts)
            self._line.tell(slot.generation, report)
        if not rollout.is_proven and self._line.take_back(rollout.generation, failure.reason):
            # At once, while the socket is open: those who wait in its queue are answered by what comes back.
            self._look_for_a_change()
        self._live = None
        self._close_listener(rollout)

    def _remedy(self, failure: Failure) -> str:
        return failure.remedy or f"read pigeonhole endpoints logs {self._name}, mend the cause, and deploy again"

    def _discard(self, rollout: Rollout) -> None:
        for worker in rollout.workers:
            worker.discard(DRAIN_S)
        self._close_listener(rollout)

    def _close_listener(self, rollout: Rollout) -> None:
        """Stops listening, unless another rollout listens on the same socket."""
        others = [other for other in (self._live, self._coming) if other and other is not rollout]
        if all(other.listener is not rollout.listener for other in others):
            rollout.listener.close()

    def _tell(self, rollout: Rollout) -> None:
        """Says how each deployment is; of one that comes with a change, only if it does not answer already."""
        running = {slot.generation for slot in self._live.slots} if self._live and rollout is not self._live else set()
        for slot in rollout.slots:
            if slot.generation not in running and slot.generation not in rollout.given_up:
                state = rollout.state_of(slot)
                remedy = self._remedy_of_trouble(rollout) if state == UNHEALTHY else ""
                self._tell_slot(rollout, slot, state, rollout.reason(slot), remedy)

    def _remedy_of_trouble(self, rollout: Rollout) -> str:
        missed = any(worker.missed_looks for worker in rollout.workers)
        again = f"after {STUCK_LOOKS} looks it is started again" if missed else "it is being started again"
        return f"{again}; if that does not help, read pigeonhole endpoints logs {self._name}"

    def _tell_slot(self, rollout: Rollout, slot: Slot, state: str, reason: str, remedy: str = "") -> None:
        live = rollout is self._live
        report = Report(
            state=state,
            reason=reason,
            remedy=remedy,
            live=live,
            servers=rollout.servers,
            restarts=rollout.restarts_of(slot),
            address=rollout.address,
            traffic=slot.traffic if live else 0,
            mirror=slot.mirror if live else 0,
        )
        self._line.tell(slot.generation, report)

    def _end_all(self) -> None:
        rollouts = [rollout for rollout in (self._live, self._coming) if rollout]
        children = [child for rollout in rollouts for child in rollout.children]
        for child in [*children, *self._leaving]:
            child.stop()
        for rollout in rollouts:
            rollout.listener.close()
        for child in [*children, *self._leaving]:
            child.wait(DRAIN_S + 2.0)
            child.close()
        logger.info("supervisor %d has stopped its servers", os.getpid())
