"""Signals on record, so that a later reading can be set beside an earlier one."""

from __future__ import annotations

import json
from typing import Any

from pigeonhole.core.clock import utc_now
from pigeonhole.core.database import Database
from pigeonhole.monitoring.measuring import Signals

ROOM = "monitoring"
MIGRATIONS = {
    1: [
        "CREATE TABLE signals (endpoint TEXT NOT NULL, at TEXT NOT NULL, content TEXT NOT NULL)",
        "CREATE INDEX signals_by_time ON signals (endpoint, at)",
    ],
}


def keep(database: Database, endpoint: str, signals: Signals) -> None:
    """Records a reading with its time."""
    database.declare(ROOM, MIGRATIONS)
    database.execute(
        "INSERT INTO signals (endpoint, at, content) VALUES (?, ?, ?)",
        (endpoint, utc_now(), json.dumps(signals.to_dict(), allow_nan=False)),
    )


def kept(database: Database, endpoint: str) -> list[dict[str, Any]]:
    """All readings of an endpoint, the oldest first: `Signals.to_dict()` with `at`, its time."""
    database.declare(ROOM, MIGRATIONS)
    rows = database.execute("SELECT at, content FROM signals WHERE endpoint = ? ORDER BY at", (endpoint,))
    return [{"at": row["at"], **json.loads(row["content"])} for row in rows]
