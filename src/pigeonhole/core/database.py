"""The workspace's own records: SQLite by default, PostgreSQL by URL. Holds no queries; each room brings its tables.

Statements are written once, with `?` for parameters and SQL that both systems read. SQLAlchemy would do
this too, but the serving process opens this database and must stay small and quick to start
(docs/adr/0002-records-without-an-orm.md).
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from pigeonhole.core.errors import UsageError
from pigeonhole.core.optional import require

Row = dict[str, Any]
Parameters = Sequence[Any]
SCHEMA = "pigeonhole"
BUSY_TIMEOUT_S = 30.0
_ONE_AT_A_TIME = 7041776


class Transaction:
    """Statements that take effect together or not at all. Made by `Database.transaction`."""

    def __init__(self, connection: Any, dialect: _Dialect) -> None:
        self._connection = connection
        self._dialect = dialect

    def execute(self, statement: str, parameters: Parameters = ()) -> list[Row]:
        """Runs one statement and returns its rows as dicts (none for a statement that returns none)."""
        cursor = self._connection.cursor()
        cursor.execute(self._dialect.adapt(statement), tuple(parameters))
        if cursor.description is None:
            return []
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]

    def execute_many(self, statement: str, rows: Sequence[Parameters]) -> None:
        """Runs one statement for each row of parameters."""
        self._connection.cursor().executemany(self._dialect.adapt(statement), rows)


# A step of a migration: a statement, or what no statement can do.
Step = str | Callable[[Transaction], None]


class _Dialect(Protocol):
    def connect(self) -> Any: ...
    def is_lost(self, connection: Any) -> bool: ...
    def begin(self, connection: Any) -> None: ...
    def roll_back(self, connection: Any) -> None: ...
    def adapt(self, statement: str) -> str: ...
    def queue(self, transaction: Transaction) -> None: ...


class _Sqlite:
    def __init__(self, path: str, durable: bool, busy_timeout_s: float) -> None:
        self._path = path
        self._synchronous = "FULL" if durable else "NORMAL"
        self._busy_timeout_s = busy_timeout_s

    def connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=self._busy_timeout_s, isolation_level=None, check_same_thread=False
        )
        # Of a new file: images are written in fewer pieces, which takes a third less of the processor than 4 KiB.
        connection.execute("PRAGMA page_size=16384")
        _use_wal(connection)
        connection.execute(f"PRAGMA synchronous={self._synchronous}")
        connection.execute("PRAGMA foreign_keys=ON")
        return connection

    def is_lost(self, connection: sqlite3.Connection) -> bool:  # noqa: ARG002 - a file stays where it is
        return False

    def begin(self, connection: sqlite3.Connection) -> None:
        # IMMEDIATE takes the write lock at once, so two writers wait for each other instead of failing halfway.
        connection.execute("BEGIN IMMEDIATE")

    def roll_back(self, connection: sqlite3.Connection) -> None:
        # A full disk makes SQLite roll back by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")

    def adapt(self, statement: str) -> str:
        return statement

    def queue(self, transaction: Transaction) -> None:
        """Nothing to do: BEGIN IMMEDIATE lets one writer through at a time."""


def _use_wal(connection: sqlite3.Connection) -> None:
    """Turns the write-ahead log on. SQLite does not wait its timeout for this one: two first users would collide."""
    end = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


class _Postgres:
    def __init__(self, url: str) -> None:
        self._url = url
        self._psycopg = require("psycopg", extra="postgres")

    def connect(self) -> Any:
        connection = self._psycopg.connect(self._url, autocommit=True)
        # Two first users at once would collide on the catalogue; the advisory lock lets one through at a time.
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_ONE_AT_A_TIME,))
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        connection.execute(f"SET search_path TO {SCHEMA}")
        return connection

    def is_lost(self, connection: Any) -> bool:
        """Whether the server, or the way to it, went away: psycopg closes a connection when it finds that out."""
        return bool(connection.closed)

    def begin(self, connection: Any) -> None:
        connection.execute("BEGIN")

    def roll_back(self, connection: Any) -> None:
        if not connection.closed:
            connection.execute("ROLLBACK")

    def adapt(self, statement: str) -> str:
        return (
            statement.replace("%", "%%")
            .replace("?", "%s")
            .replace(" BLOB", " BYTEA")
            .replace(" REAL", " DOUBLE PRECISION")
        )

    def queue(self, transaction: Transaction) -> None:
        # `IF NOT EXISTS` looks and makes in two steps, and two first users at once would collide between them.
        transaction.execute("SELECT pg_advisory_xact_lock(?)", (_ONE_AT_A_TIME,))


class Database:
    """One connection to the workspace's records; threads of one process may share it and take turns.

    Every kind of commit outlives the process, killed or not. A connection that a server dropped is made anew by the
    next statement.

    Args:
        url: `sqlite:///PATH` or `postgresql://…`.
        durable: True forces each commit onto the disk before it returns. False leaves that to SQLite's next
            checkpoint, and a power cut may undo the last commits (never break the file); PostgreSQL always forces.
        busy_timeout_s: how long a statement waits for another process that writes (SQLite).

    Raises:
        UsageError: another kind of URL.
        MissingDependencyError: PostgreSQL is asked for and psycopg is not installed.
    """

    def __init__(self, url: str, *, durable: bool = False, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.url = url
        self._dialect = _dialect_of(url, durable, busy_timeout_s)
        self._connection = self._dialect.connect()
        self._closed = False
        self._turn = threading.RLock()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Statements inside the block are kept when it ends and undone when it raises."""
        with self._turn:
            connection = self._live()
            self._dialect.begin(connection)
            try:
                yield Transaction(connection, self._dialect)
                connection.execute("COMMIT")
            except BaseException:
                self._dialect.roll_back(connection)
                raise

    def execute(self, statement: str, parameters: Parameters = ()) -> list[Row]:
        """Runs one statement by itself and returns its rows as dicts."""
        with self._turn:
            return Transaction(self._live(), self._dialect).execute(statement, parameters)

    def declare(self, room: str, migrations: Mapping[int, Sequence[Step]]) -> None:
        """Brings a room's tables up to its newest format version, once.

        Args:
            room: the room that owns the tables.
            migrations: format version (from 1, without gaps) → the steps that lead to it from the one before.

        Raises:
            UsageError: the tables were written by a later release.
        """
        newest = max(migrations)
        if self._version(room) == newest:
            return
        with self.transaction() as transaction:
            self._dialect.queue(transaction)
            transaction.execute(
                "CREATE TABLE IF NOT EXISTS format_versions (room TEXT PRIMARY KEY, version INTEGER NOT NULL)"
            )
            rows = transaction.execute("SELECT version FROM format_versions WHERE room = ?", (room,))
            current = rows[0]["version"] if rows else 0
            if current > newest:
                raise UsageError(
                    f"the records of {room} have format version {current}",
                    f"format versions up to {newest}",
                    "use the pigeonhole release that wrote this workspace, or a later one",
                )
            for version in range(current + 1, newest + 1):
                for step in migrations[version]:
                    _take(step, transaction)
            transaction.execute(
                "INSERT INTO format_versions (room, version) VALUES (?, ?)"
                " ON CONFLICT (room) DO UPDATE SET version = excluded.version",
                (room, newest),
            )

    def create_schema(self, name: str) -> None:
        """Makes a schema for another tool's tables on a PostgreSQL server; SQLite keeps those in files of their own."""
        if self.url.startswith("postgres"):
            with self.transaction() as transaction:
                self._dialect.queue(transaction)
                transaction.execute(f"CREATE SCHEMA IF NOT EXISTS {name}")

    def close(self) -> None:
        """Ends the connection."""
        self._closed = True
        self._connection.close()

    def _live(self) -> Any:
        if not self._closed and self._dialect.is_lost(self._connection):
            self._connection = self._dialect.connect()
        return self._connection

    def _version(self, room: str) -> int | None:
        try:
            rows = self.execute("SELECT version FROM format_versions WHERE room = ?", (room,))
        except Exception as error:  # the two drivers share no error class; only «no such table» is expected here
            if "format_versions" not in str(error):
                raise
            return None
        return rows[0]["version"] if rows else None


def _take(step: Step, transaction: Transaction) -> None:
    if isinstance(step, str):
        transaction.execute(step)
    else:
        step(transaction)


def _dialect_of(url: str, durable: bool, busy_timeout_s: float) -> _Dialect:
    if url.startswith("sqlite:///"):
        return _Sqlite(url.removeprefix("sqlite:///"), durable, busy_timeout_s)
    if url.startswith(("postgresql://", "postgres://")):
        return _Postgres(url)
    raise UsageError(
        f"the database URL {url!r}",
        "sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE",
        "correct PIGEONHOLE_DATABASE_URL, or unset it to use SQLite files in the workspace",
    )
