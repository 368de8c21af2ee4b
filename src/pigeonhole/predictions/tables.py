"""The tables of this room. A row a block: the requests of a moment as packed columns, so that logging keeps up.

Packed columns of R requests with N images, all little-endian: `received_at_s` and `latency_ms` float64 [R], `status`
int16 [R], `counts` (images in each request) int32 [R], `request_ids` lines of text [R], `error_codes` JSON pairs of a
row and its code; `classes` int16 [N], `probability` float32 [N] (of that class), `statistics` float16 [N, S] with S
names in the source's row. The images, uint8 [N, H, W, C] a block, have a table of their own, so that the oldest can be
dropped (docs/adr/0018-prediction-log-in-blocks.md); it holds them, or says in which file they are (`pixels`).
"""

from __future__ import annotations

from pigeonhole.core.database import Database, Step
from pigeonhole.predictions.earlier import into_blocks

ROOM = "predictions"
MIGRATIONS: dict[int, list[Step]] = {
    1: [
        # One row each time a server starts with a deployment.
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
    2: [
        # [H, W, C] as JSON; NULL where an earlier release did not say.
        "ALTER TABLE prediction_sources ADD COLUMN shape TEXT",
        # `number` counts the blocks of a source: a block that is written again after a lost answer is no second one.
        # Ids are compared as bytes (`blocks.key_of`), since texts sort by the server's language on PostgreSQL.
        "CREATE TABLE prediction_blocks (source TEXT NOT NULL REFERENCES prediction_sources (id), number INTEGER NOT"
        " NULL, endpoint TEXT NOT NULL, first_at_s REAL NOT NULL, last_at_s REAL NOT NULL, beginning TEXT NOT NULL,"
        " first_key BLOB NOT NULL, last_key BLOB NOT NULL, n_requests INTEGER NOT NULL, n_images INTEGER NOT NULL,"
        " request_ids TEXT NOT NULL, counts BLOB NOT NULL, received_at_s BLOB NOT NULL, latency_ms BLOB NOT NULL,"
        " status BLOB NOT NULL, error_codes TEXT, classes BLOB NOT NULL, probability BLOB NOT NULL,"
        " statistics BLOB NOT NULL, PRIMARY KEY (source, number))",
        "CREATE INDEX prediction_blocks_by_time ON prediction_blocks (endpoint, first_at_s, source, number)",
        "CREATE INDEX prediction_blocks_by_id ON prediction_blocks (endpoint, beginning, last_key, first_key)",
        # The pixels stand behind the others: what looks at those does not read over them.
        "CREATE TABLE prediction_images (source TEXT NOT NULL, number INTEGER NOT NULL, endpoint TEXT NOT NULL,"
        " last_at_s REAL NOT NULL, n_images INTEGER NOT NULL, size_bytes BIGINT NOT NULL, pixels BLOB NOT NULL,"
        " PRIMARY KEY (source, number))",
        "CREATE INDEX prediction_images_by_time ON prediction_images (endpoint, last_at_s, size_bytes)",
        # What is missing from the log: `entries` that were never written, `images` that a limit dropped.
        "CREATE TABLE prediction_losses (endpoint TEXT NOT NULL, source TEXT NOT NULL, kind TEXT NOT NULL,"
        " n BIGINT NOT NULL, recorded_at_s REAL NOT NULL)",
        "CREATE INDEX prediction_losses_by_time ON prediction_losses (endpoint, recorded_at_s)",
        "ALTER TABLE prediction_feedback RENAME TO prediction_feedback_1",
        "CREATE TABLE prediction_feedback (request_id TEXT NOT NULL, position INTEGER NOT NULL, endpoint TEXT NOT NULL,"
        " source TEXT NOT NULL, block INTEGER NOT NULL, label TEXT NOT NULL, given_at TEXT NOT NULL,"
        " PRIMARY KEY (request_id, position))",
        "CREATE INDEX prediction_feedback_by_block ON prediction_feedback (source, block)",
        into_blocks,
        "DROP TABLE prediction_feedback_1",
        "DROP TABLE prediction_requests",
    ],
    3: [
        # Where the pixels lie, in a file of `pixels.folder_of`; NULL where they are in the row itself.
        "ALTER TABLE prediction_images ADD COLUMN file TEXT",
        "ALTER TABLE prediction_images ADD COLUMN first_byte BIGINT",
        "CREATE INDEX prediction_images_by_file ON prediction_images (file)",
    ],
}


def declare(database: Database) -> None:
    """Makes the tables, or brings them up to date."""
    database.declare(ROOM, MIGRATIONS)
