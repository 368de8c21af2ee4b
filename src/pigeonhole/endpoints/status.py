"""What state endpoints are in. Believes the records only as far as the processes behind them still run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from pigeonhole.core.database import Database, Row
from pigeonhole.core.errors import NotFoundError
from pigeonhole.core.workspace import Workspace
from pigeonhole.endpoints import records
from pigeonhole.endpoints.child import answers, reachable
from pigeonhole.endpoints.processes import Identity, is_alive
from pigeonhole.endpoints.states import FAILED, TRANSITIONING, UNHEALTHY


@dataclass(frozen=True)
class DeploymentStatus:
    """One deployment behind an endpoint.

    Attributes:
        name: `blue`, unless it was given another.
        model: the model version.
        state: one of the five states.
        reason: why it is in that state.
        remedy: what to do about it; empty where nothing is to be done.
        share: percent of the requests that it answers.
        pid: its server process, `None` while there is none.
        cpu: cores asked for.
        memory_gib: memory asked for.
        restarts: how often its server was started again.
        generation: counts the endpoint's deployments.
        bundle_folder: the bundle it serves …
        bundle_sha256: … and its content hash.
        created_at: when it was asked for.
        updated_at: when its state was last recorded.
    """

    name: str
    model: str
    state: str
    reason: str
    remedy: str
    share: int
    pid: int | None
    cpu: float
    memory_gib: float
    restarts: int
    generation: int
    bundle_folder: str
    bundle_sha256: str
    created_at: str
    updated_at: str


@dataclass(frozen=True)
class EndpointStatus:
    """An endpoint as it is now.

    Attributes:
        name: its name.
        url: where it answers; `url + "/score"` takes images.
        state: that of the deployment that answers, or of the newest where none does.
        reason: why it is in that state.
        remedy: what to do about it; empty where nothing is to be done.
        deployments: the one that answers, and one that is coming or failed to come.
        pids: the processes that make it up, the supervisor first.
        needs_key: whether requests need `Authorization: Bearer KEY`.
        key: the key, if `deploy` made one just now: it is shown this once.
        deployed: from `deploy`: whether what was asked for answers now.
        unchanged: from `deploy`: it answered already, and nothing was started.
    """

    name: str
    url: str
    state: str
    reason: str
    remedy: str
    deployments: tuple[DeploymentStatus, ...]
    pids: tuple[int, ...]
    needs_key: bool
    key: str | None = None
    deployed: bool = True
    unchanged: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        value = dataclasses.asdict(self)
        return {**value, "deployments": list(value["deployments"]), "pids": list(self.pids)}


def show(workspace: Workspace, name: str) -> EndpointStatus:
    """One endpoint.

    Raises:
        NotFoundError: there is none of that name.
    """
    database = records.declare(workspace.database)
    row = records.endpoint(database, name)
    if row is None:
        raise _not_found(database, name)
    return status_of(database, row)


def list_endpoints(workspace: Workspace) -> list[EndpointStatus]:
    """All endpoints of the workspace, by name."""
    database = records.declare(workspace.database)
    return [status_of(database, row) for row in records.endpoints(database)]


def events(workspace: Workspace, name: str) -> list[dict[str, Any]]:
    """Every change of an endpoint's state, the oldest first: at, generation, state, reason. Outlives the endpoint."""
    return records.events(records.declare(workspace.database), name)


def last_deployment(workspace: Workspace, name: str) -> DeploymentStatus:
    """The deployment that answers, or of a stopped endpoint the one that answered last: for looking back.

    Raises:
        NotFoundError: there never was such an endpoint.
    """
    database = records.declare(workspace.database)
    row = records.last_deployment(database, name)
    if row is None:
        raise _not_found(database, name)
    return _deployment(row, False, name, None)


def status_of(database: Database, row: Row) -> EndpointStatus:
    """The state of one endpoint from its row, its deployments and the processes behind them."""
    supervisor = Identity.parse(row["supervisor"])
    lost = supervisor is not None and not is_alive(supervisor)
    rows = records.deployments(database, row["name"])
    statuses = tuple(_deployment(each, lost, row["name"], supervisor) for each in rows)
    keyed = row["key_hashes"] != "[]"
    if not statuses:
        again = f"pigeonhole deploy MODEL --endpoint {row['name']}"
        return EndpointStatus(row["name"], "", FAILED, "it has no deployment", again, (), (), needs_key=keyed)
    answering = next((index for index, each in enumerate(rows) if each["live"]), len(rows) - 1)
    main, place = statuses[answering], rows[answering]
    pids = [supervisor.pid] if supervisor and not lost else []
    return EndpointStatus(
        name=row["name"],
        url=url_of(place["host"], place["port"]),
        state=main.state,
        reason=_with_news(main, statuses),
        remedy=main.remedy,
        deployments=statuses,
        pids=(*pids, *(status.pid for status in statuses if status.pid is not None)),
        needs_key=keyed,
    )


def _not_found(database: Database, name: str) -> NotFoundError:
    known = [row["name"] for row in records.endpoints(database)]
    return NotFoundError(
        f"the endpoint {name!r}",
        f"one of {', '.join(known)}" if known else "an endpoint that was deployed",
        f"pigeonhole deploy MODEL --endpoint {name}",
    )


def url_of(host: str, port: int) -> str:
    """Where this machine reaches a server."""
    address = reachable(host)
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def _deployment(row: Row, lost: bool, endpoint: str, supervisor: Identity | None) -> DeploymentStatus:
    server = Identity.parse(row["server"])
    running = is_alive(server)
    state, reason, remedy = row["state"], row["reason"], row["remedy"]
    if lost and supervisor and (running or row["live"] or state == TRANSITIONING):
        state, reason, remedy = _unsupervised(row, running, endpoint, supervisor)
    return DeploymentStatus(
        name=row["deployment"],
        model=row["model"],
        state=state,
        reason=reason,
        remedy=remedy,
        share=100 if row["live"] else 0,
        pid=server.pid if server and running else None,
        cpu=row["cpu"],
        memory_gib=row["memory_gib"],
        restarts=row["restarts"],
        generation=row["generation"],
        bundle_folder=row["bundle_folder"],
        bundle_sha256=row["bundle_sha256"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _unsupervised(row: Row, running: bool, endpoint: str, supervisor: Identity) -> tuple[str, str, str]:
    again = f"pigeonhole deploy {row['model']} --endpoint {endpoint} --port {row['port']}"
    gone = f"its supervisor (process {supervisor.pid}) is gone"
    remedy = f"{again}; or pigeonhole endpoints stop {endpoint}"
    if running and answers(row["host"], row["port"]):
        server = Identity.parse(row["server"])
        number = server.pid if server else 0
        return (
            UNHEALTHY,
            f"{gone}; its server (process {number}) still answers, but nobody would start it again",
            remedy,
        )
    if running:
        return UNHEALTHY, f"{gone}, and its server does not answer", remedy
    return UNHEALTHY, f"{gone}, and so is its server: they were killed, or the machine was started anew", again


def _with_news(main: DeploymentStatus, statuses: tuple[DeploymentStatus, ...]) -> str:
    """The reason, and what is to be known of a newer deployment that does not answer (yet)."""
    newest = statuses[-1]
    if newest is main:
        return main.reason
    if newest.state == TRANSITIONING:
        return f"{main.reason}; {newest.model} is on its way"
    return f"{main.reason}; the deployment of {newest.model} is {newest.state}: {newest.reason}"
