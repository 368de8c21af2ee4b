"""One change of an endpoint at a time: its turn awaited, asked for, a supervisor seen to, the outcome awaited."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pigeonhole.core.database import Database
from pigeonhole.core.errors import ConflictError, NotFoundError, PigeonholeError
from pigeonhole.core.locks import exclusive
from pigeonhole.core.workspace import Workspace
from pigeonhole.endpoints import changes, records
from pigeonhole.endpoints.logfile import folder_of, rotate, tail
from pigeonhole.endpoints.plans import DONE, GIVEN_UP, PENDING, Change, Draft, Slot
from pigeonhole.endpoints.processes import Identity, end, is_alive, send
from pigeonhole.endpoints.showing import not_found, show
from pigeonhole.endpoints.states import FAILED, HEALTHY, TRANSITIONING, UNSCHEDULABLE
from pigeonhole.endpoints.status import EndpointStatus
from pigeonhole.endpoints.tables import SUPERVISOR_FORMAT, declare

WAIT_S = 30.0
_LOOK_S = 0.02
_END_S = 12.0


@dataclass(frozen=True)
class Turn:
    """An endpoint as it stands, while nobody else can change it.

    Attributes:
        workspace: where it is recorded.
        name: its name.
        present: what answers, or answered before everything was killed; `None` where nothing ever did.
        newest: the newest change asked for; `None` for an endpoint that is new.
    """

    workspace: Workspace
    name: str
    present: Change | None
    newest: Change | None

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The deployments that answer."""
        return self.present.slots if self.present else ()

    @property
    def database(self) -> Database:
        """The records."""
        return self.workspace.database

    def draft(self, kind: str, slots: tuple[Slot, ...]) -> Draft:
        """A change to other deployments or shares, with all else as it is."""
        if self.present is None:
            raise ConflictError(
                f"the endpoint {self.name}, on which nothing answers yet",
                "an endpoint with a deployment that answers",
                f"pigeonhole endpoints show {self.name}",
            )
        place = self.present
        return Draft(kind, place.host, place.port, place.key_hashes, slots, place.workers, tls=place.tls)

    def ask(self, draft: Draft) -> int:
        """Asks for a change, and sees that somebody brings it about.

        Returns:
            Its generation.
        """
        row = records.endpoint(self.database, self.name)
        supervisor = Identity.parse(row["supervisor"]) if row else None
        if row and supervisor and is_alive(supervisor) and row["supervisor_format"] < SUPERVISOR_FORMAT:
            # An earlier release's: it could not read what is asked here, and ends its server in good order.
            end(supervisor, _END_S)
        generation = changes.ask(self.database, self.name, draft)
        if supervisor and is_alive(supervisor):
            send(supervisor, signal.SIGHUP)
        else:
            self._end_orphans()
            start_supervisor(self.workspace.database_url, self.name, folder_of(self.workspace, self.name))
        return generation

    def _end_orphans(self) -> None:
        """Ends servers whose supervisor was killed: they hold the port, and nobody would look after them."""
        for server in records.servers(self.database, self.name):
            end(server, _END_S)
        records.end_all(self.database, self.name)


@contextlib.contextmanager
def turn(workspace: Workspace, name: str, *, replacing: str = "", wait_s: float = WAIT_S) -> Iterator[Turn]:
    """Waits until no change of the endpoint is under way, and keeps others from asking for one inside the block.

    Args:
        workspace: where the endpoint is recorded.
        name: its name.
        replacing: a deployment whose coming need not be waited for, since it is to be replaced by another.
        wait_s: how long to wait.

    Raises:
        ConflictError: another change took longer than that.
    """
    end_s = time.perf_counter() + wait_s
    database = declare(workspace.database)
    while True:
        with exclusive(folder_of(workspace, name) / "deploy.lock", f"endpoint {name}", wait=True):
            newest = changes.newest(database, name)
            if newest is None or not _is_in_the_way(database, name, newest, replacing):
                yield Turn(workspace, name, changes.in_effect(database, name), newest)
                return
        if time.perf_counter() > end_s:
            raise ConflictError(
                f"the endpoint {name}, which is being changed ({newest.kind}, since {newest.asked_at})",
                "one change at a time",
                f"wait for it (pigeonhole endpoints show {name}), then run the same command again",
            )
        time.sleep(_LOOK_S)


@contextlib.contextmanager
def turn_of_known(workspace: Workspace, name: str) -> Iterator[Turn]:
    """As `turn`, for an endpoint that must be there.

    Raises:
        NotFoundError: there is no such endpoint.
        ConflictError: another change takes too long.
    """
    if records.endpoint(declare(workspace.database), name) is None:
        raise not_found(workspace.database, name)
    with turn(workspace, name) as mine:
        if mine.newest is None:  # stopped while this waited
            raise not_found(workspace.database, name)
        yield mine


def _is_in_the_way(database: Database, name: str, newest: Change, replacing: str) -> bool:
    """Whether a change is under way; not one whose supervisor was killed, nor one that is to be replaced."""
    if newest.outcome != PENDING or [slot.name for slot in newest.slots if slot.brought] == [replacing]:
        return False
    row = records.endpoint(database, name)
    return is_alive(Identity.parse(row["supervisor"]) if row else None)


def outcome(workspace: Workspace, name: str, generation: int, wait_s: float) -> EndpointStatus:
    """The endpoint once a change has come to rest, or after `wait_s` seconds; `deployed` says whether it was done.

    Raises:
        NotFoundError: somebody else stopped the endpoint, or asked for something else before this was done.
    """
    database = workspace.database
    end_s = time.perf_counter() + wait_s
    while True:
        change = changes.find(database, name, generation)
        if change is None or change.outcome == GIVEN_UP:
            raise NotFoundError(
                f"the change {generation} of the endpoint {name}, which somebody else stopped or replaced",
                "one change at a time",
                f"pigeonhole endpoints show {name}",
            )
        states = _states(database, name, change)
        if _is_at_rest(change, states) or time.perf_counter() > end_s:
            done = change.outcome == DONE and states <= {HEALTHY}
            status = dataclasses.replace(show(workspace, name), deployed=done)
            # Where nothing came of it and no server is left, the supervisor is about to leave.
            is_leaving = status.state in (FAILED, UNSCHEDULABLE) and len(status.pids) == 1
            if not is_leaving or time.perf_counter() > end_s:
                return status
        time.sleep(_LOOK_S)


def _states(database: Database, name: str, change: Change) -> set[str]:
    """Those that count: one that failed long ago and gets no traffic stands in the way of nothing."""
    wanted = {slot.generation for slot in change.slots if slot.brought or slot.traffic}
    return {row["state"] for row in records.deployments(database, name) if row["generation"] in wanted}


def _is_at_rest(change: Change, states: set[str]) -> bool:
    return change.outcome != PENDING and (change.outcome != DONE or TRANSITIONING not in states)


def start_supervisor(database_url: str, endpoint: str, folder: Path) -> None:
    """Starts the process that brings about what is asked of an endpoint."""
    rotate(folder / "log.txt")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pigeonhole.endpoints", endpoint, str(folder)],
        input=database_url,
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        check=False,
    )
    if done.returncode:
        log = "\n".join([done.stderr.strip(), *tail(folder / "log.txt", 15)]).strip()
        raise PigeonholeError(
            f"the supervisor of the endpoint {endpoint} did not start:\n{log}",
            "",
            "report this as a bug, with these lines",
        )
