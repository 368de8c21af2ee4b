"""The tables of this room. A row a request: a batch's classes and figures are packed arrays, so that logging keeps up.

Packed columns, N images a request: `classes` int16 [N], `probability` float32 [N] (of that class), `statistics`
float16 [N, S] with S names in the source's row. All little-endian.
"""

from __future__ import annotations

from pigeonhole.core.database import Database

ROOM = "predictions"
CLASSES_TYPE, PROBABILITY_TYPE, STATISTICS_TYPE = "<i2", "<f4", "<f2"
MIGRATIONS = {
    1: [
        # One row each time a server starts; its id begins every request id that the server gives out.
        "CREATE TABLE prediction_sources (id TEXT PRIMARY KEY, endpoint TEXT NOT NULL, deployment TEXT NOT NULL,"
        " model TEXT NOT NULL, bundle_sha256 TEXT NOT NULL, class_names TEXT NOT NULL, statistic_names TEXT NOT NULL,"
        " started_at TEXT NOT NULL)",
        "CREATE TABLE prediction_requests (request_id TEXT PRIMARY KEY, source TEXT NOT NULL REFERENCES"
        " prediction_sources (id), endpoint TEXT NOT NULL, received_at_s REAL NOT NULL, latency_ms REAL NOT NULL,"
        " status INTEGER NOT NULL, error_code TEXT, n_images INTEGER NOT NULL, classes BLOB, probability BLOB,"
        " statistics BLOB)",
        "CREATE INDEX prediction_requests_by_time ON prediction_requests (endpoint, received_at_s)",
        "CREATE TABLE prediction_feedback (request_id TEXT NOT NULL REFERENCES prediction_requests (request_id),"
        " position INTEGER NOT NULL, endpoint TEXT NOT NULL, label TEXT NOT NULL, given_at TEXT NOT NULL,"
        " PRIMARY KEY (request_id, position))",
    ],
}


def declare(database: Database) -> None:
    """Makes the tables, or brings them up to date."""
    database.declare(ROOM, MIGRATIONS)
