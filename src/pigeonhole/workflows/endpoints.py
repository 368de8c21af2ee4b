"""The noun `endpoints`: listed, shown, their logs read, stopped."""

from __future__ import annotations

from pathlib import Path

from pigeonhole import endpoints as room
from pigeonhole.core.workspace import Workspace

WorkspaceLike = Workspace | str | Path | None


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


def stop(name: str, *, workspace: WorkspaceLike = None) -> room.Stopped:
    """Stops an endpoint after it answered what it had accepted; nothing is left running."""
    return room.stop(Workspace.find(workspace), name)
