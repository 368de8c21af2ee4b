"""The supervisor of one endpoint: brings about the newest deployment asked for, and keeps it running.

A process of its own, small, detached from whoever deployed. It owns the listening socket: a new server takes over,
and a crashed one is replaced, while connections wait in the socket's queue instead of being refused.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import socket
import time
from pathlib import Path
from types import FrameType

from pigeonhole.core.database import Row
from pigeonhole.core.errors import UsageError
from pigeonhole.endpoints.child import Child
from pigeonhole.endpoints.deployment import CRASH_LIMIT, Deployment, excess, failure
from pigeonhole.endpoints.processes import holder_of
from pigeonhole.endpoints.records import Report
from pigeonhole.endpoints.resources import shortage
from pigeonhole.endpoints.states import FAILED, HEALTHY, TRANSITIONING, UNHEALTHY, UNSCHEDULABLE
from pigeonhole.endpoints.telling import Line
from pigeonhole.serving import ServingConfig
from pigeonhole.serving.listening import listen

logger = logging.getLogger("pigeonhole.endpoints")
POLL_S = 1.0
DRAIN_S = 10.0
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
        self._live: Deployment | None = None
        self._coming: Deployment | None = None
        self._leaving: list[Child] = []
        self._handled = 0
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
        self._look_for_a_wish()
        if self._coming:
            self._tend_coming(self._coming)
        if self._live:
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

    def _look_for_a_wish(self) -> None:
        row = self._line.newest()
        if row is None or row["generation"] <= self._handled:
            return
        self._handled = row["generation"]
        if self._coming:
            logger.info("generation %d is given up for %d", self._coming.generation, row["generation"])
            self._discard(self._coming)
            self._line.end_one(self._coming.generation)
            self._coming = None
        lacking = shortage(row["cpu"], row["memory_gib"])
        if lacking:
            self._line.tell(row["generation"], Report(UNSCHEDULABLE, *lacking))
            return
        listener = self._listener(row)
        if listener:
            self._coming = Deployment(row, listener)
            self._start(self._coming)

    def _listener(self, row: Row) -> socket.socket | None:
        """The live deployment's own socket where the address is the same, else a new one."""
        if self._live and self._live.address == (row["host"], row["port"]):
            return self._live.listener
        try:
            return listen(row["host"], row["port"])
        except UsageError as error:
            reason = f"{error.received}{holder_of(row['port'])}"
            self._line.tell(row["generation"], Report(UNSCHEDULABLE, reason, f"deploy again: {error.remedy}"))
            return None

    def _start(self, deployment: Deployment) -> None:
        row = deployment.row
        config = ServingConfig.of_bundle(
            Path(row["bundle_folder"]),
            model=row["model"],
            deployment=row["deployment"],
            endpoint=self._name,
            database_url=self._line.url,
            host=row["host"],
            port=deployment.address[1],
            key_hashes=tuple(json.loads(row["key_hashes"])),
            threads=max(1, int(row["cpu"])),
            drain_s=DRAIN_S,
        )
        deployment.child = Child(config, deployment.listener, self._folder, str(deployment.generation))
        deployment.missed_looks = 0
        logger.info("server process %d of %s starts", deployment.child.pid, deployment.model)
        if deployment.was_ready:
            self._tell_of(deployment, UNHEALTHY, deployment.trouble, self._restart_remedy())
        else:
            self._tell_of(deployment, TRANSITIONING, f"the server of {deployment.model} is starting")

    def _tend_coming(self, deployment: Deployment) -> None:
        child = deployment.child
        if child is None:
            return
        child.listen()
        if child.returncode is not None:
            child.listen()
            self._give_up(deployment, child, child.ending())
        elif reason := excess(deployment, child):
            child.kill()
            self._give_up(deployment, child, reason)
        elif child.is_ready:
            self._swap(deployment)

    def _swap(self, deployment: Deployment) -> None:
        before, self._live, self._coming = self._live, deployment, None
        if before:
            if before.child:
                before.child.stop()
                self._leaving.append(before.child)
            self._close_listener(before)
        logger.info("%s answers", deployment.model)
        if self._leaving:
            self._tell_of(deployment, TRANSITIONING, f"{deployment.model} answers, and takes over")
        else:
            self._is_well(deployment)
        self._line.end_before(deployment.generation)

    def _give_up(self, deployment: Deployment, child: Child, why: str) -> None:
        child.wait(DRAIN_S)
        reason = failure(child, why)
        remedy = child.remedy() or f"read pigeonhole endpoints logs {self._name}, mend the cause, and deploy again"
        logger.warning("%s is given up: %s", deployment.model, why)
        self._discard(deployment)
        self._line.tell(deployment.generation, Report(FAILED, reason, remedy, restarts=deployment.restarts))
        if deployment is self._coming:
            self._coming = None
        else:
            self._live = None

    def _discard(self, deployment: Deployment) -> None:
        if deployment.child:
            deployment.child.kill()
            deployment.child.wait(DRAIN_S)
            deployment.child.close()
            deployment.child = None
        self._close_listener(deployment)

    def _close_listener(self, deployment: Deployment) -> None:
        """Stops listening, unless another deployment listens on the same socket."""
        others = [other for other in (self._live, self._coming) if other and other is not deployment]
        if all(other.listener is not deployment.listener for other in others):
            deployment.listener.close()

    def _tend_live(self, deployment: Deployment) -> None:
        child = deployment.child
        if child is None:
            if time.perf_counter() >= deployment.start_again_at:
                deployment.restarts += 1
                self._start(deployment)
            return
        child.listen()
        if child.returncode is not None:
            self._on_crash(deployment, child)
        elif reason := excess(deployment, child):
            deployment.killed_because = reason
            child.kill()
        elif not child.is_ready or any(not other.has_closed for other in self._leaving):
            return  # a look might meet the one that leaves: they share the socket
        elif child.answers():
            self._is_well(deployment)
        else:
            self._on_missed_look(deployment, child)

    def _is_well(self, deployment: Deployment) -> None:
        deployment.is_well()
        self._tell_of(deployment, HEALTHY, deployment.wellness())

    def _on_missed_look(self, deployment: Deployment, child: Child) -> None:
        if child.returncode is not None or self._stop:
            return  # the next step sees to it
        deployment.missed_looks += 1
        deployment.trouble = f"the server process {child.pid} did not answer {deployment.missed_looks} looks in a row"
        logger.warning("%s", deployment.trouble)
        if deployment.missed_looks >= STUCK_LOOKS:
            deployment.killed_because = deployment.trouble
            child.kill()
            return
        self._tell_of(deployment, UNHEALTHY, deployment.trouble, f"after {STUCK_LOOKS} looks it is started again")

    def _on_crash(self, deployment: Deployment, child: Child) -> None:
        why = deployment.killed_because or child.ending()
        backoff_s = deployment.crashed(why)
        if deployment.crashes >= CRASH_LIMIT:
            self._give_up(deployment, child, f"{deployment.crashes} ends in a row, lastly because {why}")
            return
        child.close()
        deployment.child = None
        logger.warning("%s; starting it again in %.1f s", why, backoff_s)
        self._tell_of(deployment, UNHEALTHY, why, self._restart_remedy())

    def _restart_remedy(self) -> str:
        return f"it is being started again; if that does not last, read pigeonhole endpoints logs {self._name}"

    def _tell_of(self, deployment: Deployment, state: str, reason: str, remedy: str = "") -> None:
        report = Report(
            state=state,
            reason=reason,
            remedy=remedy,
            live=deployment is self._live,
            server=deployment.child.identity if deployment.child else None,
            restarts=deployment.restarts,
            port=deployment.address[1],
        )
        self._line.tell(deployment.generation, report)

    def _end_all(self) -> None:
        children = [deployment.child for deployment in (self._live, self._coming) if deployment and deployment.child]
        for child in [*children, *self._leaving]:
            child.stop()
        for deployment in (self._live, self._coming):
            if deployment:
                deployment.listener.close()
        for child in [*children, *self._leaving]:
            child.wait(DRAIN_S + 2.0)
        logger.info("supervisor %d has stopped its servers", os.getpid())


def _only_wake(number: int, frame: FrameType | None) -> None:
    """The signal's number in the wake-up pipe is all that is wanted."""
