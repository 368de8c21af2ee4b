"""Opens Optuna's store of a workspace: quietly, and without two first users in each other's way. Reads no study."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Any

from pigeonhole.core.database import BUSY_TIMEOUT_S
from pigeonhole.core.optional import require
from pigeonhole.core.workspace import Workspace

_FILE = "optuna.db"


def open_storage(workspace: Workspace) -> Any:
    """Optuna's `RDBStorage` on the workspace's store, which is made if absent.

    Raises:
        MissingDependencyError: Optuna is not installed.
    """
    optuna = require("optuna", extra="search")
    # Its lines about each study would stand between ours; what goes wrong it raises.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # Optuna fills {…} in a URL; a folder may be named so.
    url = workspace.optuna_uri.replace("{", "{{").replace("}", "}}")
    # Two first users at once would both make the tables; one waits for the other here.
    with workspace.opening("optuna"):
        if url.startswith("sqlite"):
            _use_wal(workspace)
            storage = optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": BUSY_TIMEOUT_S}})
            _sync_less(storage.engine)
            return storage
        return optuna.storages.RDBStorage(url, engine_kwargs={"pool_pre_ping": True})


def exists(workspace: Workspace) -> bool:
    """Whether there may be a study; False without importing Optuna."""
    return not workspace.optuna_uri.startswith("sqlite") or (workspace.root / _FILE).is_file()


def _use_wal(workspace: Workspace) -> None:
    """A write-ahead log, so that a dashboard that reads never holds up a sweep that writes."""
    with contextlib.closing(sqlite3.connect(workspace.root / _FILE, timeout=BUSY_TIMEOUT_S)) as connection:
        if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            connection.execute("PRAGMA journal_mode=WAL")


def _sync_less(engine: Any) -> None:
    """No wait for the disk at each commit. A kill loses nothing by it; a power cut may take the last trials, which are
    tried again then, and whose finished runs are found again.
    """
    event = require("sqlalchemy.event", extra="search")

    def choose(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")

    event.listen(engine, "connect", choose)
    engine.dispose()  # those that were opened before
