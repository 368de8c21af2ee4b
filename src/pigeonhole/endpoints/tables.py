"""The tables of this room, and how each format version follows from the one before. Reads and writes no row."""

from __future__ import annotations

from pigeonhole.core.database import Database

ROOM = "endpoints"
# What a supervisor understands: an older one does not know of changes (1), or of TLS and limits (2), and is
# replaced by the next.
SUPERVISOR_FORMAT = 3
MIGRATIONS = {
    1: [
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
    2: [
        # What a deployment gets now; with an only one, that was everything.
        "ALTER TABLE endpoint_deployments ADD COLUMN traffic INTEGER NOT NULL DEFAULT 100",
        "ALTER TABLE endpoint_deployments ADD COLUMN mirror INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE endpoints ADD COLUMN supervisor_format INTEGER NOT NULL DEFAULT 1",
        # Where this endpoint's history begins: one of the same name may have been stopped before.
        "ALTER TABLE endpoints ADD COLUMN first_generation INTEGER NOT NULL DEFAULT 1",
        "UPDATE endpoints SET first_generation = COALESCE((SELECT MIN(d.generation) FROM endpoint_deployments d"
        " WHERE d.endpoint = endpoints.name AND d.created_at >= endpoints.created_at), 1)",
        # `generation` counts changes; a deployment bears the number of the change that made it.
        "CREATE TABLE endpoint_changes (endpoint TEXT NOT NULL, generation INTEGER NOT NULL, kind TEXT NOT NULL,"
        " host TEXT NOT NULL, port INTEGER NOT NULL, key_hashes TEXT NOT NULL,"
        " workers_min INTEGER NOT NULL DEFAULT 1, workers_max INTEGER NOT NULL DEFAULT 1, restores INTEGER,"
        " outcome TEXT NOT NULL, reason TEXT NOT NULL, remedy TEXT NOT NULL,"
        " asked_at TEXT NOT NULL, settled_at TEXT, PRIMARY KEY (endpoint, generation))",
        "CREATE TABLE endpoint_shares (endpoint TEXT NOT NULL, generation INTEGER NOT NULL,"
        " deployment_generation INTEGER NOT NULL, traffic INTEGER NOT NULL, mirror INTEGER NOT NULL,"
        " brought INTEGER NOT NULL, PRIMARY KEY (endpoint, generation, deployment_generation))",
        "INSERT INTO endpoint_changes (endpoint, generation, kind, host, port, key_hashes, restores, outcome, reason,"
        " remedy, asked_at, settled_at) SELECT d.endpoint, d.generation, 'deploy', d.host, d.port, d.key_hashes, NULL,"
        " CASE WHEN EXISTS (SELECT 1 FROM endpoint_events e WHERE e.endpoint = d.endpoint"
        " AND e.generation = d.generation AND e.state = 'Healthy') THEN 'done' ELSE 'refused' END,"
        " d.reason, d.remedy, d.created_at, d.updated_at FROM endpoint_deployments d",
        "INSERT INTO endpoint_shares (endpoint, generation, deployment_generation, traffic, mirror, brought)"
        " SELECT endpoint, generation, generation, 100, 0, 1 FROM endpoint_deployments",
    ],
    3: ["ALTER TABLE endpoint_deployments ADD COLUMN log_images INTEGER NOT NULL DEFAULT 1"],
    4: [
        "ALTER TABLE endpoint_changes ADD COLUMN tls_certificate TEXT",
        "ALTER TABLE endpoint_changes ADD COLUMN tls_key TEXT",
        # JSON: what a deployment's request_settings and image log are limited to, where it was told.
        "ALTER TABLE endpoint_deployments ADD COLUMN limits TEXT NOT NULL DEFAULT '{}'",
    ],
}


def declare(database: Database) -> Database:
    """Makes the tables, or brings them up to date."""
    database.declare(ROOM, MIGRATIONS)
    return database
