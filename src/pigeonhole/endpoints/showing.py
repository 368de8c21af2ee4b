"""What state endpoints are in. Believes the records only as far as the processes behind them still run."""

from __future__ import annotations

from typing import Any

from pigeonhole.core.database import Database, Row
from pigeonhole.core.errors import NotFoundError
from pigeonhole.core.workspace import Workspace
from pigeonhole.endpoints import changes, records
from pigeonhole.endpoints.child import answers, reachable
from pigeonhole.endpoints.plans import DONE, REFUSED, ROLLBACK, Change
from pigeonhole.endpoints.processes import Identity, is_alive
from pigeonhole.endpoints.states import FAILED, HEALTHY, TRANSITIONING, UNHEALTHY
from pigeonhole.endpoints.status import DeploymentStatus, EndpointStatus
from pigeonhole.endpoints.tables import declare
from pigeonhole.serving.tls import TlsFiles


def show(workspace: Workspace, name: str) -> EndpointStatus:
    """One endpoint.

    Raises:
        NotFoundError: there is none of that name.
    """
    database = declare(workspace.database)
    row = records.endpoint(database, name)
    if row is None:
        raise not_found(database, name)
    return status_of(database, row)


def list_endpoints(workspace: Workspace) -> list[EndpointStatus]:
    """All endpoints of the workspace, by name."""
    database = declare(workspace.database)
    return [status_of(database, row) for row in records.endpoints(database)]


def events(workspace: Workspace, name: str) -> list[dict[str, Any]]:
    """Every change of an endpoint's state, the oldest first: at, generation, state, reason. Outlives the endpoint."""
    return records.events(declare(workspace.database), name)


def last_deployment(workspace: Workspace, name: str) -> DeploymentStatus:
    """The deployment that answers, or of a stopped endpoint the one that answered last: for looking back.

    Raises:
        NotFoundError: there never was such an endpoint.
    """
    database = declare(workspace.database)
    row = records.last_deployment(database, name)
    if row is None:
        raise not_found(database, name)
    return _deployment(row, False, name, None)


def status_of(database: Database, row: Row) -> EndpointStatus:
    """The state of one endpoint from its row, its deployments and the processes behind them."""
    name = row["name"]
    supervisor = Identity.parse(row["supervisor"])
    lost = supervisor is not None and not is_alive(supervisor)
    rows = records.deployments(database, name)
    newest, present = changes.newest(database, name), changes.in_effect(database, name)
    asked = present or newest
    tls = asked.tls if asked else None
    statuses = tuple(_deployment(each, lost, name, supervisor, tls) for each in rows)
    keyed = bool(asked and asked.key_hashes)
    if not statuses:
        again = f"pigeonhole deploy MODEL --endpoint {name}"
        return EndpointStatus(name, "", FAILED, "it has no deployment", again, (), (), needs_key=keyed)
    live = [index for index, each in enumerate(rows) if each["live"]]
    place = rows[live[0] if live else -1]
    answering = [statuses[index] for index in live]
    main = _main(answering) if answering else statuses[-1]
    processes = [supervisor] if supervisor and not lost else []
    processes += [server for server in records.servers(database, name) if is_alive(server)]
    return EndpointStatus(
        name=name,
        url=url_of(place["host"], place["port"], is_tls=bool(asked and asked.tls)),
        state=main.state,
        reason="; ".join(filter(None, [_reason(main, answering), *_news(statuses, answering, newest)])),
        remedy=main.remedy,
        deployments=statuses,
        pids=tuple(process.pid for process in processes),
        needs_key=keyed,
        workers=asked.workers if asked else (1, 1),
    )


def _main(answering: list[DeploymentStatus]) -> DeploymentStatus:
    """Whose state is the endpoint's: of those with traffic (or of all where none has any) one that is not well."""
    asked = [status for status in answering if status.share] or answering
    return next((status for status in asked if status.state != HEALTHY), asked[0])


def _reason(main: DeploymentStatus, answering: list[DeploymentStatus]) -> str:
    """Why the endpoint is in its state; where several deployments are well, what each of them gets."""
    if len(answering) < 2 or main.state != HEALTHY:
        return main.reason
    copies = {status.name: f" and a copy of {status.mirror}%" if status.mirror else "" for status in answering}
    return ", ".join(f"{status.name} {status.share}%{copies[status.name]} ({status.reason})" for status in answering)


def _news(
    statuses: tuple[DeploymentStatus, ...], answering: list[DeploymentStatus], newest: Change | None
) -> list[str]:
    """What is to be known of deployments that do not answer (yet), and of a change that came to nothing."""
    if not answering:
        return []
    waiting = [status for status in statuses if status not in answering]
    news = [
        f"{status.model} is on its way"
        if status.state == TRANSITIONING
        else f"the deployment of {status.model} is {status.state}: {status.reason}"
        for status in waiting
    ]
    if newest and newest.kind == ROLLBACK and newest.outcome == DONE and newest.reason:
        news.append(newest.reason)
    if newest and newest.outcome == REFUSED and not waiting:
        news.append(f"the last change ({newest.kind}) was refused: {newest.reason}; {newest.remedy}".rstrip("; "))
    return news


def not_found(database: Database, name: str) -> NotFoundError:
    """What to say of an endpoint that is not there."""
    known = [row["name"] for row in records.endpoints(database)]
    return NotFoundError(
        f"the endpoint {name!r}",
        f"one of {', '.join(known)}" if known else "an endpoint that was deployed",
        f"pigeonhole deploy MODEL --endpoint {name}",
    )


def url_of(host: str, port: int, *, is_tls: bool = False) -> str:
    """Where this machine reaches a server."""
    address = reachable(host)
    scheme = "https" if is_tls else "http"
    return f"{scheme}://[{address}]:{port}" if ":" in address else f"{scheme}://{address}:{port}"


def _deployment(
    row: Row, lost: bool, endpoint: str, supervisor: Identity | None, tls: TlsFiles | None = None
) -> DeploymentStatus:
    running = [server for server in Identity.parse_all(row["server"]) if is_alive(server)]
    state, reason, remedy = row["state"], row["reason"], row["remedy"]
    if lost and supervisor and (running or row["live"] or state == TRANSITIONING):
        state, reason, remedy = _unsupervised(row, running, endpoint, supervisor, tls)
    return DeploymentStatus(
        name=row["deployment"],
        model=row["model"],
        state=state,
        reason=reason,
        remedy=remedy,
        share=row["traffic"] if row["live"] else 0,
        mirror=row["mirror"] if row["live"] else 0,
        pid=running[0].pid if running else None,
        cpu=row["cpu"],
        memory_gib=row["memory_gib"],
        restarts=row["restarts"],
        generation=row["generation"],
        bundle_folder=row["bundle_folder"],
        bundle_sha256=row["bundle_sha256"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _unsupervised(
    row: Row, running: list[Identity], endpoint: str, supervisor: Identity, tls: TlsFiles | None
) -> tuple[str, str, str]:
    again = f"pigeonhole deploy {row['model']} --endpoint {endpoint} --port {row['port']}"
    if row["deployment"] != "blue":
        again += f" --deployment {row['deployment']}"
    gone = f"its supervisor (process {supervisor.pid}) is gone"
    remedy = f"{again}; or pigeonhole endpoints stop {endpoint}"
    if running and answers(row["host"], row["port"], tls.certificate if tls else None):
        return (
            UNHEALTHY,
            f"{gone}; its server (process {running[0].pid}) still answers, but nobody would start it again",
            remedy,
        )
    if running:
        return UNHEALTHY, f"{gone}, and its server does not answer", remedy
    return UNHEALTHY, f"{gone}, and so is its server: they were killed, or the machine was started anew", again
