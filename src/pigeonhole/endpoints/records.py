"""The tables of this room: what endpoints there are to be, what became of each deployment, and when it changed."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pigeonhole.core.clock import utc_now
from pigeonhole.core.database import Database, Row, Transaction
from pigeonhole.endpoints.processes import Identity
from pigeonhole.endpoints.states import FAILED, HEALTHY, TRANSITIONING, UNSCHEDULABLE

ROOM = "endpoints"
MIGRATIONS = {
    1: [
        # `generation` is the newest deployment asked for; a supervisor brings it about.
        "CREATE TABLE endpoints (name TEXT PRIMARY KEY, generation INTEGER NOT NULL, key_hashes TEXT NOT NULL,"
        " supervisor TEXT, created_at TEXT NOT NULL)",
        "CREATE TABLE endpoint_deployments (endpoint TEXT NOT NULL, generation INTEGER NOT NULL,"
        " deployment TEXT NOT NULL, model TEXT NOT NULL, bundle_folder TEXT NOT NULL, bundle_sha256 TEXT NOT NULL,"
        " host TEXT NOT NULL, port INTEGER NOT NULL, key_hashes TEXT NOT NULL,"
        " cpu REAL NOT NULL, memory_gib REAL NOT NULL,"
        " state TEXT NOT NULL, reason TEXT NOT NULL, remedy TEXT NOT NULL, live INTEGER NOT NULL, server TEXT,"
        " restarts INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, ended_at TEXT,"
        " PRIMARY KEY (endpoint, generation))",
        "CREATE TABLE endpoint_events (endpoint TEXT NOT NULL, generation INTEGER NOT NULL, at TEXT NOT NULL,"
        " state TEXT NOT NULL, reason TEXT NOT NULL)",
        "CREATE INDEX endpoint_events_by_time ON endpoint_events (endpoint, at)",
    ],
}


@dataclass(frozen=True)
class Wish:
    """One deployment as it was asked for."""

    deployment: str
    model: str
    bundle_folder: str
    bundle_sha256: str
    host: str
    port: int
    cpu: float
    memory_gib: float


@dataclass(frozen=True)
class Report:
    """What became of a deployment, as its supervisor sees it."""

    state: str
    reason: str
    remedy: str = ""
    live: bool = False
    server: Identity | None = None
    restarts: int = 0
    port: int = 0


def declare(database: Database) -> Database:
    """Makes the tables, or brings them up to date."""
    database.declare(ROOM, MIGRATIONS)
    return database


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
    """The newest deployment that ever was Healthy, else the newest one, ended or not."""
    rows = database.execute(
        "SELECT d.*, (SELECT COUNT(*) FROM endpoint_events e WHERE e.endpoint = d.endpoint"
        " AND e.generation = d.generation AND e.state = ?) AS healthy FROM endpoint_deployments d"
        " WHERE d.endpoint = ? ORDER BY d.generation DESC",
        (HEALTHY, name),
    )
    return next((row for row in rows if row["healthy"]), rows[0] if rows else None)


def events(database: Database, name: str) -> list[Row]:
    """Every change of state, the oldest first."""
    return database.execute(
        "SELECT at, generation, state, reason FROM endpoint_events WHERE endpoint = ? ORDER BY at, generation", (name,)
    )


def ask(database: Database, name: str, wish: Wish, key_hashes: list[str]) -> tuple[int, Identity | None]:
    """Asks for a deployment.

    Returns:
        Its generation, and the supervisor that was on record.
    """
    with database.transaction() as transaction:
        rows = transaction.execute(
            "SELECT MAX(generation) AS newest FROM endpoint_deployments WHERE endpoint = ?", (name,)
        )
        generation = (rows[0]["newest"] or 0) + 1
        now = utc_now()
        transaction.execute(
            "INSERT INTO endpoints (name, generation, key_hashes, supervisor, created_at) VALUES (?, ?, ?, NULL, ?)"
            " ON CONFLICT (name) DO UPDATE SET generation = excluded.generation, key_hashes = excluded.key_hashes",
            (name, generation, json.dumps(key_hashes), now),
        )
        # What failed before is told no longer, now that something new is tried; it stays as history.
        transaction.execute(
            "UPDATE endpoint_deployments SET ended_at = ? WHERE endpoint = ? AND ended_at IS NULL AND live = 0"
            " AND state IN (?, ?)",
            (now, name, FAILED, UNSCHEDULABLE),
        )
        reason = "asked for"
        transaction.execute(
            "INSERT INTO endpoint_deployments (endpoint, generation, deployment, model, bundle_folder, bundle_sha256,"
            " host, port, key_hashes, cpu, memory_gib, state, reason, remedy, live, server, restarts, created_at,"
            " updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', 0, NULL, 0, ?, ?)",
            (
                name,
                generation,
                wish.deployment,
                wish.model,
                wish.bundle_folder,
                wish.bundle_sha256,
                wish.host,
                wish.port,
                json.dumps(key_hashes),
                wish.cpu,
                wish.memory_gib,
                TRANSITIONING,
                reason,
                now,
                now,
            ),
        )
        _event(transaction, name, generation, TRANSITIONING, reason, now)
        row = endpoint(transaction, name)
    return generation, Identity.parse(row["supervisor"] if row else None)


def tell(database: Database, name: str, generation: int, report: Report) -> None:
    """Records what became of a deployment; a change of state or reason is also kept as an event."""
    with database.transaction() as transaction:
        where = (name, generation)
        rows = transaction.execute(
            "SELECT state, reason, port FROM endpoint_deployments WHERE endpoint = ? AND generation = ?", where
        )
        if not rows:
            return
        now = utc_now()
        transaction.execute(
            "UPDATE endpoint_deployments SET state = ?, reason = ?, remedy = ?, live = ?, server = ?, restarts = ?,"
            " port = ?, updated_at = ? WHERE endpoint = ? AND generation = ?",
            (
                report.state,
                report.reason,
                report.remedy,
                int(report.live),
                str(report.server) if report.server else None,
                report.restarts,
                report.port or rows[0]["port"],
                now,
                *where,
            ),
        )
        if (report.state, report.reason) != (rows[0]["state"], rows[0]["reason"]):
            _event(transaction, name, generation, report.state, report.reason, now)


def end_others(database: Database, name: str, kept: int | None) -> None:
    """Marks deployments as ended: all that came before the generation `kept`, or every one."""
    database.execute(
        "UPDATE endpoint_deployments SET ended_at = ?, live = 0, server = NULL WHERE endpoint = ? AND ended_at IS NULL"
        " AND generation < ?",
        (utc_now(), name, 2**31 - 1 if kept is None else kept),
    )


def end_one(database: Database, name: str, generation: int) -> None:
    """Marks one deployment as ended: a newer one was asked for before it was ready."""
    database.execute(
        "UPDATE endpoint_deployments SET ended_at = ?, live = 0, server = NULL WHERE endpoint = ? AND generation = ?",
        (utc_now(), name, generation),
    )


def set_supervisor(database: Database, name: str, identity: Identity) -> None:
    """Records who supervises the endpoint."""
    database.execute("UPDATE endpoints SET supervisor = ? WHERE name = ?", (str(identity), name))


def leave(database: Database, name: str, handled: int) -> bool:
    """A supervisor says goodbye, unless a newer deployment was asked for meanwhile; then False."""
    with database.transaction() as transaction:
        row = endpoint(transaction, name)
        if row is not None and row["generation"] > handled:
            return False
        transaction.execute("UPDATE endpoints SET supervisor = NULL WHERE name = ?", (name,))
        return True


def forget(database: Database, name: str) -> None:
    """Removes a stopped endpoint; its deployments and events stay as history."""
    end_others(database, name, None)
    database.execute("DELETE FROM endpoints WHERE name = ?", (name,))


def _event(transaction: Transaction, name: str, generation: int, state: str, reason: str, at: str) -> None:
    transaction.execute(
        "INSERT INTO endpoint_events (endpoint, generation, at, state, reason) VALUES (?, ?, ?, ?, ?)",
        (name, generation, at, state, reason),
    )
