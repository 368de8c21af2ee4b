"""The supervisor of one endpoint: brings about the newest change asked for, and keeps what answers running.

A process of its own, small, detached from whoever deployed. It owns the listening socket: a new server takes over,
and a crashed one is replaced, while connections wait in the socket's queue instead of being refused.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from pigeonhole.core.errors import UsageError
from pigeonhole.endpoints.child import Child
from pigeonhole.endpoints.plans import DONE, Change, Slot
from pigeonhole.endpoints.processes import holder_of
from pigeonhole.endpoints.records import Report
from pigeonhole.endpoints.resources import shortage
from pigeonhole.endpoints.rollout import CRASH_LIMIT, DRAIN_S, Rollout, failure
from pigeonhole.endpoints.states import FAILED, HEALTHY, TRANSITIONING, UNHEALTHY, UNSCHEDULABLE
from pigeonhole.endpoints.telling import Line
from pigeonhole.serving.listening import listen

logger = logging.getLogger("pigeonhole.endpoints")
POLL_S = 1.0
# Not answering this many looks in a row is being stuck: the process is ended and started again.
STUCK_LOOKS = 5


class Supervisor:
    """The main loop and its steps.

    Args:
        database_url: the workspace's records, where wishes come from and states go.
        name: the endpoint.
        folder: its files.
    """

    def __init__(self, database_url: str, name: str, folder: Path) -> None:
        self._line = Line(database_url, name)
        self._name = name
        self._folder = folder
        self._live: Rollout | None = None
        self._coming: Rollout | None = None
        self._leaving: list[Child] = []
        self._handled = 0
        # Deployments that answered once and cannot be loaded any more: left out, so that the others answer.
        self._failed: set[int] = set()
        self._stop = False
        self._wake_fd, self._wake_write_fd = os.pipe()

    def run(self) -> None:
        """Works until told to stop, or until nothing is left that could run."""
        self._take_signals()
        try:
            while not self._stop and self._folder.is_dir():
                self._step()
                if self._is_idle() and self._line.leave(self._handled):
                    return
                self._sleep()
        finally:
            self._end_all()
            if self._folder.is_dir():
                self._line.leave()
            self._line.close()

    def _step(self) -> None:
        for child in list(self._leaving):
            self._tend_leaving(child)
        self._look_for_a_change()
        if self._coming:
            self._tend_coming(self._coming)
        if self._live:
            self._settle(self._live)
            self._tend_live(self._live)
        self._line.retry()

    def _tend_leaving(self, child: Child) -> None:
        child.listen()
        if child.returncode is not None:
            logger.info("server process %d has left", child.pid)
            child.close()
            self._leaving.remove(child)
        elif child.stopped and time.perf_counter() - child.stopped > DRAIN_S + 2.0:
            child.kill()

    def _is_idle(self) -> bool:
        return self._live is None and self._coming is None and not self._leaving and self._handled > 0

    def _sleep(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_fd, selectors.EVENT_READ)
            for child in self._speaking():
                selector.register(child.status_fd, selectors.EVENT_READ)
            selector.select(self._sleep_s())
        try:
            while os.read(self._wake_fd, 512):
                pass
        except BlockingIOError:
            pass

    def _speaking(self) -> list[Child]:
        """The processes from whose pipes something is to be heard next: that they are ready, or have closed."""
        starting = [each.child for each in (self._live, self._coming) if each and each.child and not each.child.news]
        leaving = [child for child in self._leaving if not child.has_closed]
        return [child for child in (*starting, *leaving) if child.returncode is None]

    def _sleep_s(self) -> float:
        due = [deployment.start_again_at for deployment in (self._live,) if deployment and not deployment.child]
        return max(0.0, min([POLL_S, *(moment - time.perf_counter() for moment in due)]))

    def _take_signals(self) -> None:
        for descriptor in (self._wake_fd, self._wake_write_fd):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self._wake_write_fd, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _only_wake)
        signal.signal(signal.SIGHUP, _only_wake)  # somebody asked for something: look at once
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop = True

    def _look_for_a_change(self) -> None:
        change = self._line.newest()
        if change is None or change.generation <= self._handled:
            return
        self._handled = change.generation
        if self._coming:
            logger.info("change %d is given up for %d", self._coming.generation, change.generation)
            self._discard(self._coming)
            self._line.give_up(self._coming.generation)
            self._coming = None
        lacking = shortage(change.slots)
        if lacking:
            self._refuse(change, UNSCHEDULABLE, *lacking)
            return
        self._bring(change)

    def _bring(self, change: Change) -> None:
        listener = self._listener(change)
        if listener:
            known = [slot for slot in change.slots if slot.brought or slot.generation not in self._failed]
            left_out = [slot for slot in change.slots if slot not in known]
            self._coming = Rollout(change, known or change.slots, listener)
            for slot in left_out if known else ():
                self._coming.leave_out(slot)
            self._start(self._coming)

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
        self._line.refuse(change.generation, reason, remedy)
        running = {slot.generation for slot in self._live.slots} if self._live else set()
        for slot in [culprit] if culprit else change.slots:
            if slot.generation not in running:
                self._line.tell(slot.generation, Report(state, reason, remedy))

    def _start(self, rollout: Rollout) -> None:
        child = rollout.start(self._name, self._line.url, self._folder)
        logger.info("server process %d of %s starts", child.pid, rollout.title)
        if rollout.was_ready:
            self._tell(rollout, UNHEALTHY, lambda _: rollout.trouble, self._restart_remedy())
        else:
            self._tell(rollout, TRANSITIONING, lambda slot: f"the server of {slot.model} is starting")

    def _tend_coming(self, rollout: Rollout) -> None:
        child = rollout.child
        if child is None:
            return
        child.listen()
        if child.returncode is not None:
            child.listen()
            self._on_failed_start(rollout, child, child.ending())
        elif reason := rollout.excess(child):
            child.kill()
            self._on_failed_start(rollout, child, reason)
        elif child.is_ready:
            self._swap(rollout)

    def _on_failed_start(self, rollout: Rollout, child: Child, why: str) -> None:
        child.wait(DRAIN_S)
        slot = rollout.failing(child)
        if slot and not slot.brought and len(rollout.slots) > 1:
            self._leave_out(rollout, child, slot, why)
        else:
            self._give_up(rollout, child, why, slot)

    def _leave_out(self, rollout: Rollout, child: Child, slot: Slot, why: str) -> None:
        """A deployment that cannot be loaded any more must not take the others with it."""
        remedy = child.remedy() or f"mend the cause, and deploy {slot.model} as {slot.name} again"
        self._failed.add(slot.generation)
        self._line.tell(slot.generation, Report(FAILED, failure(child, why), remedy))
        rollout.leave_out(slot)
        logger.warning("%s is left out, and the others answer its share: %s", slot.name, why)
        child.close()
        self._start(rollout)

    def _swap(self, rollout: Rollout) -> None:
        before, self._live, self._coming = self._live, rollout, None
        kept = {slot.generation for slot in before.slots} if before else set()
        if before:
            if before.child:
                before.child.stop()
                self._leaving.append(before.child)
            self._close_listener(before)
        logger.info("%s answers", rollout.title)
        rollout.is_well()
        for slot in rollout.slots:
            if self._leaving and slot.generation not in kept:
                self._tell_slot(rollout, slot, TRANSITIONING, f"{slot.model} answers, and takes over")
            else:
                self._tell_slot(rollout, slot, HEALTHY, rollout.wellness(slot))
        self._settle(rollout)

    def _settle(self, rollout: Rollout) -> None:
        """A change is done once nobody answers any more who does not know of it."""
        if rollout.is_settled or any(not child.has_closed for child in self._leaving):
            return
        rollout.is_settled = True
        if rollout.change.outcome != DONE:
            self._line.take_effect(rollout.generation, rollout.address[1])

    def _give_up(self, rollout: Rollout, child: Child, why: str, culprit: Slot | None = None) -> None:
        child.wait(DRAIN_S)
        reason = failure(child, why)
        remedy = child.remedy() or f"read pigeonhole endpoints logs {self._name}, mend the cause, and deploy again"
        logger.warning("%s is given up: %s", rollout.title, why)
        self._discard(rollout)
        if rollout is self._coming:
            self._coming = None
        else:
            self._live = None
        if rollout.is_settled:
            for slot in rollout.slots:
                self._line.tell(slot.generation, Report(FAILED, reason, remedy, restarts=rollout.restarts))
        else:
            self._refuse(rollout.change, FAILED, reason, remedy, culprit)

    def _discard(self, rollout: Rollout) -> None:
        if rollout.child:
            rollout.child.kill()
            rollout.child.wait(DRAIN_S)
            rollout.child.close()
            rollout.child = None
        self._close_listener(rollout)

    def _close_listener(self, rollout: Rollout) -> None:
        """Stops listening, unless another rollout listens on the same socket."""
        others = [other for other in (self._live, self._coming) if other and other is not rollout]
        if all(other.listener is not rollout.listener for other in others):
            rollout.listener.close()

    def _tend_live(self, rollout: Rollout) -> None:
        child = rollout.child
        if child is None:
            if time.perf_counter() >= rollout.start_again_at:
                rollout.restarts += 1
                self._start(rollout)
            return
        child.listen()
        if child.returncode is not None:
            child.listen()
            self._on_crash(rollout, child)
        elif reason := rollout.excess(child):
            rollout.killed_because = reason
            child.kill()
        elif not child.is_ready or any(not other.has_closed for other in self._leaving):
            return  # a look might meet the one that leaves: they share the socket
        elif child.answers():
            self._is_well(rollout)
        else:
            self._on_missed_look(rollout, child)

    def _is_well(self, rollout: Rollout) -> None:
        rollout.is_well()
        self._tell(rollout, HEALTHY, rollout.wellness)

    def _on_missed_look(self, rollout: Rollout, child: Child) -> None:
        if child.returncode is not None or self._stop:
            return  # the next step sees to it
        rollout.missed_looks += 1
        rollout.trouble = f"the server process {child.pid} did not answer {rollout.missed_looks} looks in a row"
        logger.warning("%s", rollout.trouble)
        if rollout.missed_looks >= STUCK_LOOKS:
            rollout.killed_because = rollout.trouble
            child.kill()
            return
        again = f"after {STUCK_LOOKS} looks it is started again"
        self._tell(rollout, UNHEALTHY, lambda _: rollout.trouble, again)

    def _on_crash(self, rollout: Rollout, child: Child) -> None:
        why = rollout.killed_because or child.ending()
        slot = rollout.failing(child)
        if slot and len(rollout.slots) > 1:
            self._leave_out(rollout, child, slot, why)
            return
        backoff_s = rollout.crashed(why)
        if rollout.crashes >= CRASH_LIMIT:
            self._give_up(rollout, child, f"{rollout.crashes} ends in a row, lastly because {why}")
            return
        child.close()
        rollout.child = None
        logger.warning("%s; starting it again in %.1f s", why, backoff_s)
        self._tell(rollout, UNHEALTHY, lambda _: why, self._restart_remedy())

    def _restart_remedy(self) -> str:
        return f"it is being started again; if that does not last, read pigeonhole endpoints logs {self._name}"

    def _tell(self, rollout: Rollout, state: str, reason: Callable[[Slot], str], remedy: str = "") -> None:
        """Says so of each deployment; of one that comes with a change, only if it does not answer already."""
        running = {slot.generation for slot in self._live.slots} if self._live and rollout is not self._live else set()
        for slot in rollout.slots:
            if slot.generation not in running:
                self._tell_slot(rollout, slot, state, reason(slot), remedy)

    def _tell_slot(self, rollout: Rollout, slot: Slot, state: str, reason: str, remedy: str = "") -> None:
        live = rollout is self._live
        report = Report(
            state=state,
            reason=reason,
            remedy=remedy,
            live=live,
            servers=(rollout.child.identity,) if rollout.child and rollout.child.identity else (),
            restarts=rollout.restarts,
            address=rollout.address,
            traffic=slot.traffic if live else 0,
            mirror=slot.mirror if live else 0,
        )
        self._line.tell(slot.generation, report)

    def _end_all(self) -> None:
        children = [rollout.child for rollout in (self._live, self._coming) if rollout and rollout.child]
        for child in [*children, *self._leaving]:
            child.stop()
        for rollout in (self._live, self._coming):
            if rollout:
                rollout.listener.close()
        for child in [*children, *self._leaving]:
            child.wait(DRAIN_S + 2.0)
        logger.info("supervisor %d has stopped its servers", os.getpid())


def _only_wake(number: int, frame: FrameType | None) -> None:
    """The signal's number in the wake-up pipe is all that is wanted."""
