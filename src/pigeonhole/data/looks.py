"""Every look at a dataset's test split, dated, in the workspace's records. The table is this room's own."""

from __future__ import annotations

import uuid

from pigeonhole.core.clock import utc_now
from pigeonhole.core.database import Database, Row

_MIGRATIONS = {
    1: [
        """CREATE TABLE test_looks (
            look_id TEXT PRIMARY KEY, dataset_name TEXT NOT NULL, dataset_version INTEGER NOT NULL,
            dataset_sha256 TEXT NOT NULL, looker TEXT NOT NULL, why TEXT NOT NULL, looked_at TEXT NOT NULL)""",
        "CREATE INDEX test_looks_of ON test_looks (dataset_name, dataset_version)",
    ]
}


def record_look(database: Database, name: str, version: int, sha256: str, looker: str, why: str) -> None:
    """Notes that `looker` (a run, a command) scored the test split, and why."""
    database.declare("data", _MIGRATIONS)
    database.execute(
        "INSERT INTO test_looks (look_id, dataset_name, dataset_version, dataset_sha256, looker, why, looked_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (uuid.uuid4().hex, name, version, sha256, looker, why, utc_now()),
    )


def looks_at(database: Database, name: str, version: int) -> list[Row]:
    """The looks at one dataset version, oldest first, as dicts of `looker`, `why`, `looked_at`."""
    database.declare("data", _MIGRATIONS)
    return database.execute(
        "SELECT looker, why, looked_at FROM test_looks WHERE dataset_name = ? AND dataset_version = ?"
        " ORDER BY looked_at, look_id",
        (name, version),
    )
