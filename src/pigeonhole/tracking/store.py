"""Opens MLflow's store of a workspace: quietly, once, and wherever the workspace stands now. Logs nothing itself."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import logging
import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from pigeonhole.core.errors import MissingDependencyError
from pigeonhole.core.files import fsync_tree, read_json, staged_folder, sweep_staging, write_json
from pigeonhole.core.optional import require
from pigeonhole.core.workspace import Workspace

ARTIFACTS = "mlruns"
_FILE = "mlflow.db"
_PLACE = "mlflow.json"
# The columns in which MLflow keeps absolute places; `_follow_move` corrects them (docs/adr/0005).
_PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def require_mlflow() -> None:
    """Says at once, without the second that importing takes, whether MLflow is installed.

    Raises:
        MissingDependencyError: it is not.
    """
    if importlib.util.find_spec("mlflow") is None:
        raise MissingDependencyError(
            "the package 'mlflow' is not installed",
            "an installation with the extra 'tracking'",
            "pip install 'pigeonhole[tracking]'",
        )


def exists(workspace: Workspace) -> bool:
    """Whether MLflow may hold anything of this workspace; False without importing MLflow."""
    return bool(os.environ.get("PIGEONHOLE_DATABASE_URL")) or (workspace.root / _FILE).is_file()


def open_client(workspace: Workspace) -> Any:
    """An `MlflowClient` on the workspace's store, which is made if absent. Takes about a second the first time.

    Raises:
        MissingDependencyError: MLflow is not installed.
    """
    _silence()
    mlflow = require("mlflow", extra="tracking")
    _hush()
    uri = workspace.mlflow_uri
    # Two first users at once would both make the tables; one waits for the other here.
    with workspace.opening("mlflow"):
        _follow_move(workspace)
        if uri.startswith("sqlite") and not (workspace.root / _FILE).is_file():
            _make(workspace, mlflow)
        return _client(mlflow, uri)


def _client(mlflow: Any, uri: str) -> Any:
    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    client.search_registered_models(max_results=1)  # opens the registry's store as well
    return client


def _make(workspace: Workspace, mlflow: Any) -> None:
    """Makes the file aside: MLflow makes its tables one by one, and could not go on with what a kill leaves of them."""
    sweep_staging(workspace.root)
    with staged_folder(workspace.root) as staged:
        _client(mlflow, f"sqlite:///{staged / _FILE}")
        fsync_tree(staged)
        (staged / _FILE).rename(workspace.root / _FILE)


def experiment_id(client: Any, workspace: Workspace, name: str) -> str:
    """The experiment of that name whose artifacts lie in this workspace; made if absent.

    Where another workspace on the same server has the name, ours gets the workspace's own mark behind it.
    """
    place = (workspace.folder(ARTIFACTS) / name).as_uri()
    found = _experiment(client, name, place)
    if found.artifact_location != place:
        mark = hashlib.sha256(workspace.root.as_uri().encode()).hexdigest()[:6]
        found = _experiment(client, f"{name}-{mark}", place)
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _experiment(client: Any, name: str, place: str) -> Any:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        # Refused where another process made it since we looked; then there is one now.
        with contextlib.suppress(MlflowException):
            client.create_experiment(name, artifact_location=place)
        found = client.get_experiment_by_name(name)
    return found


def is_local(uri: str) -> bool:
    """Whether a place of artifacts is a folder of this machine."""
    return urlparse(uri).scheme in {"", "file"}


def local_path(uri: str) -> Path:
    """The folder that a `file:` URI or a plain path names."""
    return Path(unquote(urlparse(uri).path))


def _silence() -> None:
    # MLflow reads these when it is imported. A command line tool phones nobody and keeps stderr for its own words.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")


def _hush() -> None:
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _follow_move(workspace: Workspace) -> None:
    """MLflow stores absolute places; where the workspace was moved since, they are led to where it stands now."""
    note = workspace.root / _PLACE
    here = workspace.root.as_uri()
    before = read_json(note)["root"] if note.is_file() else here
    database = workspace.root / _FILE
    if before != here and database.is_file():
        with contextlib.closing(sqlite3.connect(database)) as connection, connection:
            for table, column in _PLACES:
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",  # noqa: S608 - constants
                    (f"{here}/", len(before) + 2, len(before) + 1, f"{before}/"),
                )
    if before != here or not note.is_file():
        write_json(note, {"root": here})
