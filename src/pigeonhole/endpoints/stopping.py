"""`stop`: ends an endpoint's processes, and looks until they are gone."""

from __future__ import annotations

from dataclasses import dataclass

from pigeonhole.core.locks import exclusive
from pigeonhole.core.workspace import Workspace
from pigeonhole.endpoints import records
from pigeonhole.endpoints.logfile import folder_of, switch_access_log
from pigeonhole.endpoints.processes import Identity, end
from pigeonhole.endpoints.showing import show

# The supervisor lets its servers answer what is under way first.
_SUPERVISOR_S = 15.0
_SERVER_S = 5.0


@dataclass(frozen=True)
class Stopped:
    """What `stop` did.

    Attributes:
        name: the endpoint.
        pids: the processes that ran and are gone.
        forced: whether one of them had to be killed.
    """

    name: str
    pids: tuple[int, ...]
    forced: bool


def stop(workspace: Workspace, name: str) -> Stopped:
    """Ends an endpoint: answers under way are given, then nothing of it runs any more. Its log and records stay.

    Raises:
        NotFoundError: there is no such endpoint.
    """
    pids = show(workspace, name).pids
    database = workspace.database
    with exclusive(folder_of(workspace, name) / "deploy.lock", f"endpoint {name}", wait=True):
        row = records.endpoint(database, name)
        # Read before the supervisor goes: when it goes by force, its servers stay behind.
        servers = records.servers(database, name)
        supervisor = Identity.parse(row["supervisor"]) if row else None
        gentle = end(supervisor, _SUPERVISOR_S) if supervisor else True
        for server in dict.fromkeys([*servers, *records.servers(database, name)]):
            gentle = end(server, _SERVER_S) and gentle
        records.forget(database, name)
        switch_access_log(folder_of(workspace, name), False)
    return Stopped(name, pids, not gentle)
