"""The noun `endpoints`: listed, shown, their logs read; their traffic, deployments and keys changed; stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pigeonhole import endpoints as room
from pigeonhole.core.workspace import Workspace

WorkspaceLike = Workspace | str | Path | None
Shares = Mapping[str, int] | str


@dataclass(frozen=True)
class RolledBack:
    """An endpoint after a rollback.

    Attributes:
        endpoint: as it is now; `endpoint.deployed` says whether the rollback took effect.
        to: what it went back to, in words.
    """

    endpoint: room.EndpointStatus
    to: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**self.endpoint.to_dict(), "rolled_back_to": self.to}


def list_endpoints(*, workspace: WorkspaceLike = None) -> list[room.EndpointStatus]:
    """All endpoints with their states, as they are now."""
    return room.list_endpoints(Workspace.find(workspace))


def endpoint(name: str, *, workspace: WorkspaceLike = None) -> room.EndpointStatus:
    """One endpoint: state, reason, remedy, URL, deployments, processes.

    Raises:
        NotFoundError: there is none of that name.
    """
    return room.show(Workspace.find(workspace), name)


def logs(name: str, *, lines: int = 50, workspace: WorkspaceLike = None) -> list[str]:
    """The last lines of an endpoint's log."""
    return room.logs(Workspace.find(workspace), name, lines)


def update(
    name: str,
    *,
    traffic: Shares | None = None,
    mirror: Shares | None = None,
    workers: int | str | None = None,
    access_log: bool | None = None,
    workspace: WorkspaceLike = None,
) -> room.EndpointStatus:
    """Divides an endpoint's traffic anew, or gives it more or fewer workers, without losing a request.

    Args:
        name: the endpoint.
        traffic: percent of the requests by deployment, 0 or 100 in all, or `blue=90,green=10`; a deployment not named
            gets none. `None` leaves the traffic as it is.
        mirror: percent of the requests of which one deployment gets a copy, unanswered: at most 50. `None` leaves it.
        workers: the number of server processes: `2`, or `1:4` for one, and up to four where requests wait. `None`
            leaves it.
        access_log: whether the endpoint's servers write a line for each answer into `access.jsonl` beside its log.
            `None` leaves it; a new endpoint writes none.
        workspace: where the endpoint is recorded.

    Raises:
        UsageError: nothing to change, or shares or workers that are unfit; all problems are named.
        NotFoundError: there is no such endpoint.
        ConflictError: nothing answers there yet, or another change takes too long.
    """
    space = Workspace.find(workspace)
    return room.update(space, name, traffic=traffic, mirror=mirror, workers=workers, access_log=access_log)


def remove_deployment(name: str, deployment: str, *, workspace: WorkspaceLike = None) -> room.EndpointStatus:
    """Takes a deployment without traffic away from its endpoint.

    Raises:
        NotFoundError: there is no such endpoint or deployment.
        ConflictError: it gets traffic, or is the only one.
    """
    return room.remove_deployment(Workspace.find(workspace), name, deployment)


def rollback(name: str, *, to: int | None = None, workspace: WorkspaceLike = None) -> RolledBack:
    """Brings back an endpoint's deployments and their shares as they were before the last change. Keys and port stay.

    Args:
        name: the endpoint.
        to: the number of a change, as `history` lists them; `None` goes behind the last one, and one further back
            each time.
        workspace: where the endpoint is recorded.

    Raises:
        NotFoundError: there is no such endpoint, or no change of that number.
        ConflictError: nothing came before, or a bundle that was served then is not there any more.
    """
    return RolledBack(*room.rollback(Workspace.find(workspace), name, to=to))


def history(name: str, *, workspace: WorkspaceLike = None) -> list[room.Change]:
    """The changes of an endpoint, the oldest first, with what became of each."""
    return room.history(Workspace.find(workspace), name)


def keys(name: str, *, regenerate: str | None = None, workspace: WorkspaceLike = None) -> room.EndpointKeys:
    """Which keys an endpoint takes; `regenerate` (primary or secondary) makes one anew while the other goes on working.

    Raises:
        UsageError: neither primary nor secondary.
        NotFoundError: there is no such endpoint.
        ConflictError: a secondary key where there is no primary one, or another change takes too long.
    """
    space = Workspace.find(workspace)
    return room.regenerate(space, name, regenerate) if regenerate else room.show_keys(space, name)


def stop(name: str, *, workspace: WorkspaceLike = None) -> room.Stopped:
    """Stops an endpoint after it answered what it had accepted; nothing is left running."""
    return room.stop(Workspace.find(workspace), name)
