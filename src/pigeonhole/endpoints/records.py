"""The rows of endpoints and their deployments: what became of each, when it changed, and whose processes they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pigeonhole.core.clock import utc_now
from pigeonhole.core.database import Database, Row, Transaction
from pigeonhole.endpoints.plans import Slot
from pigeonhole.endpoints.processes import Identity
from pigeonhole.endpoints.states import HEALTHY, TRANSITIONING
from pigeonhole.endpoints.tables import SUPERVISOR_FORMAT

_ASKED = "asked for"


@dataclass(frozen=True)
class Report:
    """What became of a deployment, as its supervisor sees it."""

    state: str
    reason: str
    remedy: str = ""
    live: bool = False
    servers: tuple[Identity, ...] = ()
    restarts: int = 0
    address: tuple[str, int] | None = None
    traffic: int = 0
    mirror: int = 0


def endpoint(database: Database | Transaction, name: str) -> Row | None:
    """The endpoint's row."""
    rows = database.execute("SELECT * FROM endpoints WHERE name = ?", (name,))
    return rows[0] if rows else None


def endpoints(database: Database) -> list[Row]:
    """All endpoints by name."""
    return database.execute("SELECT * FROM endpoints ORDER BY name")


def deployments(database: Database | Transaction, name: str) -> list[Row]:
    """The endpoint's deployments that were not replaced or stopped, the oldest first."""
    return database.execute(
        "SELECT * FROM endpoint_deployments WHERE endpoint = ? AND ended_at IS NULL ORDER BY generation", (name,)
    )


def last_deployment(database: Database, name: str) -> Row | None:
    """Of the deployments that ever were Healthy the one that answers, or the last that did; else the newest."""
    rows = database.execute(
        "SELECT d.*, (SELECT COUNT(*) FROM endpoint_events e WHERE e.endpoint = d.endpoint"
        " AND e.generation = d.generation AND e.state = ?) AS healthy FROM endpoint_deployments d"
        " WHERE d.endpoint = ?"
        " ORDER BY d.live DESC, COALESCE(d.ended_at, '9') DESC, d.traffic DESC, d.generation DESC",
        (HEALTHY, name),
    )
    return next((row for row in rows if row["healthy"]), rows[0] if rows else None)


def events(database: Database, name: str) -> list[Row]:
    """Every change of state, the oldest first."""
    return database.execute(
        "SELECT at, generation, state, reason FROM endpoint_events WHERE endpoint = ? ORDER BY at, generation", (name,)
    )


def put_endpoint(transaction: Transaction, name: str, generation: int, key_hashes: Sequence[str], now: str) -> None:
    """Makes the endpoint's row, or brings it up to its newest change."""
    transaction.execute(
        "INSERT INTO endpoints (name, generation, first_generation, key_hashes, supervisor, created_at)"
        " VALUES (?, ?, ?, ?, NULL, ?)"
        " ON CONFLICT (name) DO UPDATE SET generation = excluded.generation, key_hashes = excluded.key_hashes",
        (name, generation, generation, json.dumps(key_hashes), now),
    )


def put_deployment(
    transaction: Transaction, name: str, generation: int, slot: Slot, address: tuple[str, int], now: str
) -> None:
    """Records a new deployment as asked for."""
    transaction.execute(
        # A deployment's own keys were those of format 1; the endpoint's count.
        "INSERT INTO endpoint_deployments (endpoint, generation, deployment, model, bundle_folder, bundle_sha256,"
        " host, port, key_hashes, cpu, memory_gib, state, reason, remedy, live, server, restarts, created_at,"
        " updated_at, traffic, mirror, log_images, limits)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, '[]', ?, ?, ?, ?, '', 0, NULL, 0, ?, ?, 0, 0, ?, ?)",
        (
            name,
            generation,
            slot.name,
            slot.model,
            slot.bundle_folder,
            slot.bundle_sha256,
            *address,
            slot.cpu,
            slot.memory_gib,
            TRANSITIONING,
            _ASKED,
            now,
            now,
            int(slot.log_images),
            json.dumps(slot.limits.to_dict()),
        ),
    )
    _event(transaction, name, generation, TRANSITIONING, _ASKED, now)


def bring_back(transaction: Transaction, name: str, generation: int, now: str) -> bool:
    """Asks for a deployment that was ended before; False where it has not ended."""
    where = (name, generation)
    rows = transaction.execute("SELECT ended_at FROM endpoint_deployments WHERE endpoint = ? AND generation = ?", where)
    if not rows or rows[0]["ended_at"] is None:
        return False
    transaction.execute(
        "UPDATE endpoint_deployments SET ended_at = NULL, state = ?, reason = ?, remedy = '', updated_at = ?"
        " WHERE endpoint = ? AND generation = ?",
        (TRANSITIONING, _ASKED, now, *where),
    )
    _event(transaction, name, generation, TRANSITIONING, _ASKED, now)
    return True


def tell(database: Database, name: str, generation: int, report: Report) -> None:
    """Records the state of a deployment, unless it has ended; a change of state or reason is also kept as an event."""
    with database.transaction() as transaction:
        where = (name, generation)
        rows = transaction.execute(
            "SELECT state, reason, host, port FROM endpoint_deployments WHERE endpoint = ? AND generation = ?"
            " AND ended_at IS NULL",
            where,
        )
        if not rows:
            return
        now = utc_now()
        host, port = report.address or (rows[0]["host"], rows[0]["port"])
        transaction.execute(
            "UPDATE endpoint_deployments SET state = ?, reason = ?, remedy = ?, live = ?, server = ?, restarts = ?,"
            " host = ?, port = ?, traffic = ?, mirror = ?, updated_at = ? WHERE endpoint = ? AND generation = ?",
            (
                report.state,
                report.reason,
                report.remedy,
                int(report.live),
                " ".join(map(str, report.servers)) or None,
                report.restarts,
                host,
                port,
                report.traffic,
                report.mirror,
                now,
                *where,
            ),
        )
        if (report.state, report.reason) != (rows[0]["state"], rows[0]["reason"]):
            _event(transaction, name, generation, report.state, report.reason, now)


def servers(database: Database, name: str) -> list[Identity]:
    """The server processes of an endpoint that are on record, each once; several deployments share one."""
    found = [identity for row in deployments(database, name) for identity in Identity.parse_all(row["server"])]
    return list(dict.fromkeys(found))


def end_all(database: Database, name: str) -> None:
    """Marks the servers of all deployments as gone."""
    database.execute(
        "UPDATE endpoint_deployments SET live = 0, server = NULL WHERE endpoint = ? AND ended_at IS NULL", (name,)
    )


def set_supervisor(database: Database, name: str, identity: Identity) -> None:
    """Records who supervises the endpoint."""
    database.execute(
        "UPDATE endpoints SET supervisor = ?, supervisor_format = ? WHERE name = ?",
        (str(identity), SUPERVISOR_FORMAT, name),
    )


def leave(database: Database, name: str, handled: int) -> bool:
    """A supervisor says goodbye, unless a newer change was asked for meanwhile; then False."""
    with database.transaction() as transaction:
        row = endpoint(transaction, name)
        if row is not None and row["generation"] > handled:
            return False
        transaction.execute("UPDATE endpoints SET supervisor = NULL WHERE name = ?", (name,))
        return True


def forget(database: Database, name: str) -> None:
    """Removes a stopped endpoint; its deployments and events stay as history."""
    with database.transaction() as transaction:
        transaction.execute(
            "UPDATE endpoint_deployments SET ended_at = ?, live = 0, server = NULL WHERE endpoint = ?"
            " AND ended_at IS NULL",
            (utc_now(), name),
        )
        transaction.execute("DELETE FROM endpoints WHERE name = ?", (name,))


def _event(transaction: Transaction, name: str, generation: int, state: str, reason: str, at: str) -> None:
    transaction.execute(
        "INSERT INTO endpoint_events (endpoint, generation, at, state, reason) VALUES (?, ?, ?, ?, ?)",
        (name, generation, at, state, reason),
    )
